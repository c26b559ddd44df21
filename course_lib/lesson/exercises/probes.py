"""What exercises hand to a learner's program: things to use, each of which writes down its use.

They write to a file, so that they work in threads, in coroutines and in other processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Coroutine, Iterable
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from course_lib.programs.notes import note, notes
from course_lib.record import clock
from course_lib.tasks import spin, whole

__all__ = ["MOST", "Fetch", "Serve", "Served", "Station", "Tally", "advise_early", "most_at_once"]

WAIT = 0.1  # seconds
MOMENT = 0.0005  # seconds
MOST = 10**15  # no number that is written down is larger
HANDS = 30_000  # rounds of computing: two milliseconds or so


class Fetch:
    """Fetch something, which takes 0.1 s, all of it waiting; each fetch is written down.

    It may be used in threads, in coroutines and in other processes.
    """

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __call__(self, number: int = 0) -> str:
        """Fetch number so-and-so; the thread that asks waits."""
        start, kind = clock(), blocking()
        time.sleep(WAIT)
        self._note(start, kind)
        return f"page {number}"

    def later(self, number: int = 0) -> Coroutine[Any, Any, str]:
        """Fetch number so-and-so; only the coroutine that asks waits. The call itself is noted."""
        note(f"{self.path}-later", str(number))
        return self._later(number)

    async def _later(self, number: int) -> str:
        start = clock()
        await asyncio.sleep(WAIT)
        self._note(start, "loop")
        return f"page {number}"

    def _note(self, start: int, kind: str) -> None:
        note(self.path, f"{start} {clock()} {kind}")

    def done(self) -> list[tuple[int, int, str]]:
        """Return what was written down, a fetch a row: start, stop, how it waited."""
        rows = (line.split() for line in notes(self.path))
        return [(int(start), int(stop), kind) for start, stop, kind in rows]

    def lost(self) -> int:
        """Return how many calls of `later` nothing has awaited to their end."""
        return len(notes(f"{self.path}-later")) - sum(kind == "loop" for *_, kind in self.done())


class Station:
    """One station of a line: it does something to a cup, which takes 0.1 s, and hands it back."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = str(path), name

    def __call__(self, cup: str) -> str:
        """Work on a cup; whoever asks waits."""
        start = clock()
        time.sleep(WAIT)
        words = " ".join(f"{cup}".split())  # on one line, whatever it is that was given
        note(self.path, f"{start} {clock()} {self.name} {words}")
        return f"{cup}+{self.name}"

    def done(self) -> list[tuple[int, int, str]]:
        """Return what this station did: start, stop, cup (as text)."""
        rows = (line.split(" ", 3) for line in notes(self.path))
        return [
            (int(start), int(stop), cup) for start, stop, name, cup in rows if name == self.name
        ]


class Served(NamedTuple):
    """An order that was served: which, when, how its brewing was waited for, and by which thread."""

    number: int
    start: int
    stop: int
    kind: str
    thread: str


class Serve:
    """Serve an order: a moment of hands, then brewing, 0.1 s or, every fourth, 0.2 s.

    It may be used in threads, in coroutines and in other processes.
    """

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __call__(self, number: int) -> str:
        """Serve order number so-and-so; the thread waits while it brews."""
        start, kind = clock(), blocking()
        spin(HANDS)
        time.sleep(self.brewing(number))
        return self._note(number, start, kind)

    def later(self, number: int) -> Coroutine[Any, Any, str]:
        """Serve order number so-and-so; only the coroutine waits. The call itself is noted."""
        note(f"{self.path}-later", str(number))
        return self._later(number)

    async def _later(self, number: int) -> str:
        start = clock()
        spin(HANDS)
        await asyncio.sleep(self.brewing(number))
        return self._note(number, start, "loop")

    def brewing(self, number: int) -> float:
        """Return for how many seconds an order brews."""
        return WAIT if number % 4 else 2 * WAIT

    def _note(self, number: int, start: int, kind: str) -> str:
        if not isinstance(number, int):
            raise TypeError(f"it takes a number, not {number!r:.80}")
        thread = f"{os.getpid()}/{threading.get_ident()}"
        note(self.path, f"{number} {start} {clock()} {kind} {thread}")
        return f"coffee {number}"

    def done(self) -> list[Served]:
        """Return what was written down."""
        rows = (line.split() for line in notes(self.path))
        return [Served(int(n), int(start), int(stop), *rest) for n, start, stop, *rest in rows]

    def lost(self) -> int:
        """Return how many calls of `later` nothing has awaited to their end."""
        return len(notes(f"{self.path}-later")) - sum(one.kind == "loop" for one in self.done())


class Tally:
    """A number to count with, which takes a moment to read: others may write meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._value = 0

    @property
    def value(self) -> int:
        """How much has been counted."""
        value = self._value
        time.sleep(MOMENT)  # here another thread may get its turn
        return value

    @value.setter
    def value(self, value: int) -> None:
        self._value = value = whole("value", value, -MOST, MOST)
        note(self.path, f"{value} {whose()}")

    def done(self) -> list[tuple[int, str, str]]:
        """Return the updates: the value that was written, by which process, by which thread."""
        rows = (line.split(maxsplit=2) for line in notes(self.path))
        return [(int(value), process, thread) for value, process, thread in rows]

    def lost(self) -> int:
        """Return how many of the updates, each by one, are not in the last value."""
        done = self.done()
        return len(done) - done[-1][0] if done else 0


def whose() -> str:
    """Return which process and thread this is: by name, too, for a number may be given twice."""
    return f"{os.getpid()} {threading.get_ident()}/{threading.current_thread().name}"


def blocking() -> str:
    """Return what a call that waits blocks: its "thread", or with it an event loop ("blocked")."""
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        return "blocked"
    return "thread"


def most_at_once(starts: Iterable[int], stops: Iterable[int]) -> int:
    """Return how many things were under way at most, by when each started and when each stopped."""
    edges = sorted([*((at, 1) for at in starts), *((at, -1) for at in stops)])
    return max([0, *accumulate(change for _, change in edges)])


def advise_early(late: int, what: str, ways: str = "") -> str:
    """Say that a program has returned before all was done, and how to wait; nothing if it hasn't."""
    if not late:
        return ""
    return f"Your program returned before {late} {what}. Wait for what you start{ways}."

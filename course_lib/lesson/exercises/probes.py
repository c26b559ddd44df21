"""What exercises hand to a learner's program: things to use, each of which writes down its use.

They write to a file, so that they work in threads, in coroutines and in other processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

from course_lib.record import clock
from course_lib.tasks import digest, spin

__all__ = ["Book", "Fetch", "Serve", "Served", "Station", "Tally"]

WAIT = 0.1  # seconds
DIGESTS = 30  # blocks of 64 KiB to hash: a millisecond or so
HANDS = 30_000  # rounds of computing: two milliseconds or so

_BOOK = threading.Lock()


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

    async def later(self, number: int = 0) -> str:
        """Fetch number so-and-so; only the coroutine that asks waits."""
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


class Station:
    """One station of a line: it does something to a cup, which takes 0.1 s, and hands it back."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = str(path), name

    def __call__(self, cup: str) -> str:
        """Work on a cup; whoever asks waits."""
        start = clock()
        time.sleep(WAIT)
        note(self.path, f"{start} {clock()} {self.name} {cup}")
        return f"{cup}+{self.name}"

    def done(self) -> list[tuple[int, int, str]]:
        """Return what this station did: start, stop, cup."""
        rows = (line.split() for line in notes(self.path))
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

    async def later(self, number: int) -> str:
        """Serve order number so-and-so; only the coroutine waits while it brews."""
        start = clock()
        spin(HANDS)
        await asyncio.sleep(self.brewing(number))
        return self._note(number, start, "loop")

    def brewing(self, number: int) -> float:
        """Return for how many seconds an order brews."""
        return WAIT if number % 4 else 2 * WAIT

    def _note(self, number: int, start: int, kind: str) -> str:
        thread = f"{os.getpid()}/{threading.get_ident()}"
        note(self.path, f"{number} {start} {clock()} {kind} {thread}")
        return f"coffee {number}"

    def done(self) -> list[Served]:
        """Return what was written down."""
        rows = (line.split() for line in notes(self.path))
        return [Served(int(n), int(start), int(stop), *rest) for n, start, stop, *rest in rows]


class Book:
    """A book that all write in: `price` tells what an item costs, `add` enters an amount.

    Both may be used in threads and in other processes; both are written down.
    """

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def price(self, item: int) -> int:
        """Return what item number so-and-so costs; it takes a moment to find out."""
        digest(DIGESTS)
        time.sleep(0.002)  # so that other threads have their turn, however few the cores
        note(self.path, f"price {item} {os.getpid()}/{threading.get_ident()}")
        return 100 + item * item % 97

    def add(self, amount: int) -> None:
        """Enter an amount. One enters at a time; the others wait."""
        with _BOOK:
            time.sleep(0.001)
            note(self.path, f"add {amount} {os.getpid()}/{threading.get_ident()}")

    def done(self) -> tuple[list[tuple[int, str]], list[int]]:
        """Return the items priced, each with its thread, and the amounts entered."""
        rows = [line.split() for line in notes(self.path)]
        priced = [(int(number), thread) for kind, number, thread in rows if kind == "price"]
        return priced, [int(number) for kind, number, _ in rows if kind == "add"]


class Tally:
    """A number to count with, which takes a moment to read: others may write meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._value = 0

    @property
    def value(self) -> int:
        """How much has been counted."""
        value = self._value
        time.sleep(0)  # here another thread may get its turn
        return value

    @value.setter
    def value(self, value: int) -> None:
        self._value = value
        note(self.path, f"{value}")

    def lost(self) -> int:
        """Return how many of the updates, each by one, are not in the last value."""
        values = [int(line) for line in notes(self.path)]
        return len(values) - values[-1] if values else 0


def blocking() -> str:
    """Return what a call that waits blocks: its "thread", or with it an event loop ("blocked")."""
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        return "blocked"
    return "thread"


def note(path: str, line: str) -> None:
    """Add a line to a file; whoever else writes at the same time, it stays whole."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)


def notes(path: str) -> list[str]:
    """Return the lines of such a file; none if nothing was written."""
    with contextlib.suppress(FileNotFoundError):
        return Path(path).read_text().splitlines()
    return []

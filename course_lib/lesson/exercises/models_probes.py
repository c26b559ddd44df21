"""What the exercises of lesson 6 hand to a program: visitors to listen to, pages, a tally."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import NamedTuple

from course_lib.lesson.exercises.probes import Serve, blocking
from course_lib.programs.notes import note, notes
from course_lib.record import clock
from course_lib.tasks import spin

__all__ = ["Crunch", "Crunched", "Listen"]

LISTEN = 0.08  # seconds


class Listen(Serve):
    """Listen to a visitor for 0.08 s, all of it waiting."""

    def __call__(self, number: int) -> str:
        """Listen to visitor so-and-so; the thread waits."""
        start, kind = clock(), blocking()
        time.sleep(LISTEN)
        return self._note(number, start, kind)

    async def later(self, number: int) -> str:
        """Listen to visitor so-and-so; only the coroutine waits."""
        start = clock()
        await asyncio.sleep(LISTEN)
        return self._note(number, start, "loop")


class Crunched(NamedTuple):
    """A page that was computed on: when, how many CPU nanoseconds, what it blocked, where, which."""

    start: int
    stop: int
    cpu: int
    kind: str
    process: int
    page: str


class Crunch:
    """Compute on a page, in pure Python, for so many rounds; each time is written down."""

    def __init__(self, path: Path, rounds: int) -> None:
        self.path, self.rounds = str(path), rounds

    def __call__(self, page: str) -> int:
        """Compute on a page; whoever asks does the work."""
        start, cpu, kind = clock(), time.thread_time_ns(), blocking()
        found = spin(self.rounds)
        cpu = time.thread_time_ns() - cpu
        word = "_".join(str(page).split()) or "_"
        note(self.path, f"{start} {clock()} {cpu} {kind} {os.getpid()} {word}")
        return found

    def done(self) -> list[Crunched]:
        """Return what was written down."""
        rows = (line.split() for line in notes(self.path))
        return [
            Crunched(int(start), int(stop), int(cpu), kind, int(process), word.replace("_", " "))
            for start, stop, cpu, kind, process, word in rows
        ]

"""What the exercises of lesson 5 hand to a program: a long job, and many short pieces of work."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Sequence
from hashlib import pbkdf2_hmac
from pathlib import Path
from typing import NamedTuple

from course_lib.lesson.exercises.probes import blocking
from course_lib.programs.notes import note, notes
from course_lib.record import clock
from course_lib.tasks import spin

__all__ = ["JOB", "Batch", "Batches", "Job"]

JOB = 0.4  # seconds of CPU time
PIECE = 60  # rounds of hashing: some tens of microseconds


class Job:
    """A long computation in Python: 0.4 s of CPU time, and no wait."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __call__(self) -> str:
        """Compute; whoever asks is busy with it."""
        kind, end = blocking(), time.thread_time() + JOB
        while time.thread_time() < end:
            spin(1000)
        if kind == "thread" and multiprocessing.parent_process():
            kind = "process"
        note(self.path, kind)
        return self.result

    @property
    def result(self) -> str:
        """What the job returns: another word each time that a program is checked."""
        return f"done for {Path(self.path).parent.name}"

    def done(self) -> list[str]:
        """Return for each time that it was done what it kept busy.

        That is a "thread" with no event loop, one with a loop ("blocked"), or a "process" of a pool.
        """
        return notes(self.path)


class Batch(NamedTuple):
    """Pieces that were done in one call: when, where, by whom, and which."""

    start: int
    stop: int
    kind: str
    worker: str
    pieces: tuple[int, ...]


class Batches:
    """Do some pieces of work, each of which takes some tens of microseconds, in C, without the GIL."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __call__(self, pieces: Sequence[int]) -> list[str]:
        """Do these pieces, one after the other."""
        start, kind, thread = clock(), blocking(), threading.current_thread()
        pieces = list(pieces)  # an iterator can be gone through once
        # A number may be given again to a later thread, and a name has spaces.
        worker = f"{os.getpid()}/{thread.ident}/{thread.name.replace(' ', '_')}"
        found = [pbkdf2_hmac("sha256", b"%d" % n, b"", PIECE).hex()[:8] for n in pieces]
        note(self.path, f"{start} {clock()} {kind} {worker} {' '.join(map(str, pieces))}")
        return found

    def done(self) -> list[Batch]:
        """Return what was done, a call a row."""
        rows = (line.split() for line in notes(self.path))
        return [
            Batch(int(start), int(stop), kind, worker, tuple(map(int, n)))
            for start, stop, kind, worker, *n in rows
        ]

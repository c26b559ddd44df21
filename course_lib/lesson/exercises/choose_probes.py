"""What the exercises of lesson 5 hand to a program: a long job, and many short pieces of work."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from hashlib import pbkdf2_hmac
from pathlib import Path
from typing import NamedTuple

from course_lib.lesson.exercises.probes import blocking
from course_lib.programs.notes import note, notes
from course_lib.tasks import spin

__all__ = ["JOB", "Batch", "Batches", "Job"]

JOB = 0.4  # seconds of CPU time
PIECE = 60  # rounds of hashing: some 30 microseconds


class Job:
    """A long computation in Python: 0.4 s of CPU time, and no wait."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __call__(self) -> str:
        """Compute; whoever asks is busy with it."""
        kind, end = blocking(), time.thread_time() + JOB
        while time.thread_time() < end:
            spin(1000)
        note(self.path, kind)
        return "done"

    def done(self) -> list[str]:
        """Return for each time that it was done what it blocked, as `blocking` says."""
        return notes(self.path)


class Batch(NamedTuple):
    """Pieces that were done in one call: where, by whom, and which."""

    kind: str
    worker: str
    pieces: tuple[int, ...]


class Batches:
    """Do some pieces of work, each of which takes some 30 microseconds, in C, without the GIL."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __call__(self, pieces: Sequence[int]) -> list[str]:
        """Do these pieces, one after the other."""
        kind, worker = blocking(), f"{os.getpid()}/{threading.get_ident()}"
        found = [pbkdf2_hmac("sha256", b"%d" % n, b"", PIECE).hex()[:8] for n in pieces]
        note(self.path, f"{kind} {worker} {' '.join(map(str, pieces))}")
        return found

    def done(self) -> list[Batch]:
        """Return what was done, a call a row."""
        rows = (line.split() for line in notes(self.path))
        return [Batch(kind, worker, tuple(map(int, n))) for kind, worker, *n in rows]

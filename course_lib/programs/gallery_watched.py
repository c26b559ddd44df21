"""A gallery under watch. Other processes import it, so it needs little."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass

from course_lib.programs.gallery import Gallery
from course_lib.programs.notes import note, notes
from course_lib.record import clock

__all__ = ["Watched"]


@dataclass(frozen=True)
class Watched(Gallery):
    """A gallery that writes down who made thumbnails, and what was saved when."""

    journal: str = ""

    def fetch(self, number: int) -> bytes:
        """Return a picture."""
        self._go_on()
        return super().fetch(number)

    async def later(self, number: int) -> bytes:
        """Return a picture; only the coroutine that asks waits."""
        self._go_on()
        return await super().later(number)

    def dither(self, picture: bytes) -> bytes:
        """Return a picture's thumbnail."""
        self._go_on()
        cpu = time.thread_time()
        thumbnail = super().dither(picture)
        note(f"{self.journal}-dithered", f"{time.thread_time() - cpu} {_worker()}")
        return thumbnail

    def save(self, number: int, thumbnail: bytes) -> str:
        """Write a thumbnail, and return its line of the index."""
        line = super().save(number, thumbnail)
        note(f"{self.journal}-saved", f"{number} {clock()}")
        return line

    def _go_on(self) -> None:
        if os.path.exists(f"{self.journal}-stopped"):
            raise KeyboardInterrupt

    def dithered(self) -> list[tuple[float, str]]:
        """Return for each thumbnail that was made its CPU seconds, and by whom."""
        rows = (line.split(maxsplit=1) for line in notes(f"{self.journal}-dithered"))
        return [(float(cpu), worker) for cpu, worker in rows]

    def saved(self) -> list[tuple[int, int]]:
        """Return what was saved: number, and when."""
        rows = (line.split() for line in notes(f"{self.journal}-saved"))
        return [(int(number), int(at)) for number, at in rows]


def _worker() -> str:
    """Return who computes: a process or, where threads don't share a GIL, a thread."""
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    return f"{os.getpid()}" + f" {threading.get_ident()}" * (not gil)

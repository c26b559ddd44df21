"""What an exercise of lesson 7 hands to a program: seats for sale."""

from __future__ import annotations

import time
from pathlib import Path

from course_lib.lesson.exercises.probes import MOMENT, whose
from course_lib.programs.notes import note, notes

__all__ = ["Seats"]


class Seats:
    """Some seats for sale: to look how many are left takes a moment; others may buy meanwhile."""

    def __init__(self, path: Path, count: int) -> None:
        self.path, self.count = str(path), count

    @property
    def left(self) -> int:
        """How many seats aren't sold; below 0 if too many were."""
        left = self.count - len(self.sold())
        time.sleep(MOMENT)  # here another thread may get its turn
        note(self.path, f"looked {whose()}")
        return left

    def sell(self, buyer: str) -> None:
        """Sell a seat, whether there is one or not."""
        note(self.path, f"sold {buyer}")

    def sold(self) -> list[str]:
        """Return who has bought a seat."""
        return self._noted("sold")

    def looked(self) -> list[str]:
        """Return who looked how many are left: process and thread."""
        return self._noted("looked")

    def _noted(self, what: str) -> list[str]:
        rows = (line.partition(" ") for line in notes(self.path))
        return [rest for kind, _, rest in rows if kind == what]

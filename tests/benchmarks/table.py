"""What a benchmark says: rows, each with its spread over the rounds, and perhaps an aim."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

HEADINGS = ("", "min", "median", "max", "unit", "at most", "met")


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured, once a round; rows without an aim are the peers of one that has it."""

    name: str
    unit: str
    rounds: Sequence[float]
    aim: float | None = None  # the median shall be at most this

    @property
    def met(self) -> str:
        """Whether the aim was met, in a word; empty without one."""
        if self.aim is None:
            return ""
        return "yes" if median(self.rounds) <= self.aim else "NO"

    def cells(self) -> tuple[str, ...]:
        """Return the row as it stands under the headings."""
        spread = (min(self.rounds), median(self.rounds), max(self.rounds))
        aim = "" if self.aim is None else f"{self.aim:g}"
        return (self.name, *(f"{figure:.1f}" for figure in spread), self.unit, aim, self.met)


def table(title: str, rows: Iterable[Row]) -> str:
    """Return the rows under a title, in columns: words to the left, figures to the right."""
    lines = [(title, *HEADINGS[1:]), *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            f"{cell:<{width}}" if at in (0, 4) else f"{cell:>{width}}"
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )

"""Compare: predictions beside measurements, in one picture and one table."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from course_lib.lesson.calibration import came_true
from course_lib.machine import machine
from course_lib.tables import html_table
from course_lib.trace import ROOMS, WALL, Trace

if TYPE_CHECKING:
    from course_lib.lesson.predict import Prediction
    from course_lib.pictures import Picture

__all__ = ["HOW", "Comparison"]

#: How what stands beside a prediction was found, and what the table is called then.
HOW = {
    "measured": "measurement",
    "simulated": "simulation",
    "calculated": "calculation",
    "counted": "count",
}
NONE = "no prediction"
Measured = Trace | float | str | Sequence[str]


class Comparison:
    """Predictions beside what was found: one picture where there are runs, and a table."""

    def __init__(self, pairs: Sequence[tuple[Prediction, Measured]], how: str = "measured") -> None:
        self.pairs = list(pairs)
        simulated = [run for _, run in self.runs if run.simulated]
        self.how = "simulated" if simulated and len(simulated) == len(self.pairs) else how

    def __add__(self, other: Comparison) -> Comparison:
        """Show two comparisons as one: of one kind, or as measured, with simulated runs marked."""
        return Comparison(
            [*self.pairs, *other.pairs], self.how if self.how == other.how else "measured"
        )

    @property
    def runs(self) -> list[tuple[Prediction, Trace]]:
        """The predictions about runs, and the runs."""
        return [(guess, run) for guess, run in self.pairs if isinstance(run, Trace)]

    def picture(self) -> Picture | None:
        """Return the quadrant with all runs, else a line for each predicted number; None without."""
        from course_lib.pictures import numbers, quadrant

        runs = {guess.name: run for guess, run in self.runs}
        guesses: dict[str, tuple[float, float] | str] = {}
        for guess, _ in self.runs:
            if guess.kind == "point" and guess.answer is not None:
                guesses[guess.name] = (guess.answer[0], guess.answer[1])
            elif guess.answer in ROOMS.values():
                guesses[guess.name] = guess.answer
        if runs:
            return quadrant(runs, guesses)
        lines = [
            (guess.name, float(guess.answer), float(measured), guess.unit)
            for guess, measured in self.pairs
            if isinstance(guess.answer, int | float)
            and isinstance(measured, int | float)
            and math.isfinite(measured)
        ]
        return numbers(lines, self.how) if lines else None

    def table(self) -> str:
        """Return the table: what was predicted, what was found."""
        head = ["experiment", "predicted", self.how]
        head += ["in flight", "cores busy"] * bool(self.runs)
        return html_table(
            f"prediction and {HOW[self.how]}", head, [row(*pair) for pair in self.pairs]
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        picture = self.picture()
        bundle = picture._repr_mimebundle_() if picture else {"text/html": "", "text/plain": ""}
        noise = "".join(
            f"<p>{html.escape(guess.name)}: {html.escape(run.noise)}</p>"
            for guess, run in self.runs
            if run.noise
        )
        bundle["text/html"] += self.table() + noise + self._cannot_show()
        return bundle

    def _cannot_show(self) -> str:
        """Say what this machine can't show, where that matters."""
        if all(run.simulated for _, run in self.runs) or machine().usable_cores > WALL:
            return ""
        return (
            f"<p><b>What can't be seen here:</b> this machine has {machine().usable_cores:g} usable "
            "core, so a run can keep no more than one busy on average, and its mark stays left of "
            "the wall. On two or more cores, programs made for several would move right.</p>"
        )


def row(guess: Prediction, measured: Measured) -> list[str]:
    """Return one experiment's row of the table."""
    said = in_words(guess.answer, guess.unit)
    if not isinstance(measured, Trace):
        digits = ".2f" if isinstance(measured, float) else "" if isinstance(measured, int) else None
        seen = in_words(measured if digits is None else f"{measured:{digits}}", guess.unit)
        if isinstance(measured, list | tuple) and guess.answer is not None:
            right = list(measured) == guess.answer
            seen += judged(right) + ("" if right else f": {in_order(guess.answer, measured)}")
        elif guess.kind == "choice" and guess.answer is not None:
            seen += judged(measured == guess.answer)
        return [guess.name, said, seen]
    pair = (measured.concurrency, measured.parallelism)
    seen = measured.room + " (simulated)" * measured.simulated
    if guess.answer is not None:
        met = pair if guess.kind == "point" else measured.room
        seen += judged(came_true(guess.kind, guess.answer, met))
    return [guess.name, said, seen, *(f"{number:.2f}" for number in pair)]


def judged(right: bool) -> str:
    """Say whether it was as predicted, by a sign and in words."""
    return " ✓ as predicted" if right else " ✗ not as predicted"


def in_order(guess: Sequence[str], seen: Sequence[str]) -> str:
    """Say how many pairs stand in the predicted order."""
    pairs = list(combinations(seen, 2))
    right = sum(guess.index(one) < guess.index(other) for one, other in pairs)
    return f"{right} of {len(pairs)} pairs are in this order"


def in_words(value: Any, unit: str) -> str:
    """Return a prediction or measurement as the table has it."""
    if value is None:
        return NONE
    if isinstance(value, str):
        return f"{value} {unit}".strip()
    if isinstance(value, list | tuple):
        if all(isinstance(item, str) for item in value):
            return " → ".join(value)
        return f"{value[0]:.3g} in flight, {value[1]:.3g} cores busy"
    return f"{value:g} {unit}".strip()

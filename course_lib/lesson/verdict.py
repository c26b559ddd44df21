"""A claim, the criterion by which it is judged, and the verdict that a measurement gives it.

The criterion is there before the run: one number is measured, and two marks are set on its scale.
Beyond one of them the claim holds here, beyond the other it is refuted here. Between them, and
wherever this machine or this run can't tell, nothing is decided, and it is said why.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from course_lib.machine import Machine, machine
from course_lib.speedup import Speedup
from course_lib.tables import html_table
from course_lib.trace import WALL

__all__ = ["VERDICTS", "Claim", "Ruling", "Rulings"]

HOLDS, REFUTED, OPEN = "holds here", "refuted here", "can't be decided here"
VERDICTS = (HOLDS, REFUTED, OPEN)
SIGNS = {HOLDS: "✓", REFUTED: "✗", OPEN: "–"}
EDGES = {HOLDS: "#009e73", REFUTED: "#d55e00", OPEN: "#0072b2"}


@dataclass(frozen=True)
class Claim:
    """What is claimed, and the number that decides.

    Attributes
    ----------
    measure : str
        What the number is, in words.
    low, high : float
        At `low` or less, and at `high` or more, it is decided. `low` is None if no small number
        decides anything.
    high_means : {"holds here", "refuted here"}
        What a number of `high` or more says; one of `low` or less says the opposite.
    needs : tuple of {"cores", "pin", "gil", "turns"}
        What this machine must have: several usable cores, a system that can pin, a GIL, or one of
        the latter two, so that threads take turns.
    noise_lowers : bool
        Whether other programs can make the number only smaller: then a large one counts all the
        same.
    form : str
        How the number is written.
    """

    number: int
    words: str
    measure: str
    low: float | None
    high: float
    high_means: str
    needs: tuple[str, ...] = ()
    noise_lowers: bool = False
    form: str = ".2f"

    def __post_init__(self) -> None:
        if self.high_means not in (HOLDS, REFUTED):
            raise ValueError(
                f"high_means must be {HOLDS!r} or {REFUTED!r}, not {self.high_means!r}"
            )
        if self.low is not None and not self.low < self.high:
            raise ValueError(f"low must be less than high ({self.high:g}), not {self.low:g}")
        for need in self.needs:
            if need not in NEEDS:
                raise ValueError(f"needs must be among {sorted(NEEDS)}, not {need!r}")

    @property
    def low_means(self) -> str:
        """What a number of `low` or less says."""
        return REFUTED if self.high_means == HOLDS else HOLDS

    @property
    def criterion(self) -> str:
        """The criterion, in words."""
        small = "" if self.low is None else f"{self.low:{self.form}} or less: {self.low_means}; "
        return f"{small}{self.high:{self.form}} or more: {self.high_means}"

    def judge(
        self, measured: float | Speedup, doubt: str = "", here: Machine | None = None
    ) -> Ruling:
        """Return what a measurement says about this claim.

        Parameters
        ----------
        measured : float or Speedup
            The number that decides. A speed-up that is "noisy" decides nothing.
        doubt : str
            Why this run can't tell, in a sentence; empty if it can, as `Trace.noise` is.
        here : Machine, optional
            Another machine than this one.

        Raises
        ------
        TypeError
            If it is no number.
        """
        if isinstance(measured, bool) or not isinstance(measured, int | float | Speedup):
            raise TypeError(f"measured must be a number or a Speedup, not {measured!r:.80}")
        value = float(measured)
        if isinstance(measured, Speedup):
            doubt = doubt or noise(measured)
        lacks = [NEEDS[need](here or machine()) for need in self.needs]
        if why := " and ".join(filter(None, lacks)):
            return Ruling(self, value, OPEN, f"on this machine, because {why}")
        if math.isnan(value):
            return Ruling(self, value, OPEN, "in this run, because there is no number")
        if doubt and not (self.noise_lowers and value >= self.high):
            why = f"{doubt[0].lower()}{doubt[1:]}".rstrip(".")
            return Ruling(self, value, OPEN, f"in this run, because {why}")
        if value >= self.high:
            return Ruling(self, value, self.high_means)
        if self.low is not None and value <= self.low:
            return Ruling(self, value, self.low_means)
        return Ruling(self, value, OPEN, f"in this run, because {self._between(value)}")

    def _between(self, value: float) -> str:
        if self.low is None:
            return f"{value:{self.form}} is less than {self.high:{self.form}}, and proves nothing"
        low, high = f"{self.low:{self.form}}", f"{self.high:{self.form}}"
        return f"{value:{self.form}} lies between {low} and {high}"

    def __repr__(self) -> str:
        return f"Claim {self.number}: {self.words} ({self.measure}; {self.criterion})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        rows = [
            ["what is measured", self.measure],
            *(["decided by", part] for part in self.criterion.split("; ")),
        ]
        table = _table(f"The criterion, set before the run (claim {self.number})", rows)
        return {"text/html": card("#555", f"Claim {self.number}: {self.words}", table)} | {
            "text/plain": repr(self)
        }


@dataclass(frozen=True)
class Ruling:
    """A verdict, computed from what was measured; it shows itself.

    Attributes
    ----------
    verdict : {"holds here", "refuted here", "can't be decided here"}
    why : str
        Why nothing is decided: "on this machine, because …" or "in this run, because …".
    """

    claim: Claim
    value: float
    verdict: str
    why: str = ""

    @property
    def head(self) -> str:
        """The verdict in a line."""
        said = f"can't be decided {self.why}" if self.why else self.verdict
        return f"{SIGNS[self.verdict]} {said[0].upper()}{said[1:]}".rstrip(".") + "."

    @property
    def seen(self) -> str:
        """The number, as it is written."""
        return "–" if math.isnan(self.value) else f"{self.value:{self.claim.form}}"

    def __repr__(self) -> str:
        claim = self.claim
        return f"{self.head}\nClaim {claim.number}: {claim.words}\n  {claim.measure}: {self.seen}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        claim = self.claim
        rows = [[claim.measure, self.seen], ["the criterion", claim.criterion]]
        body = f"<p>Claim {claim.number}: {html.escape(claim.words)}</p>"
        body += _table("what was measured in this run", rows)
        return {"text/html": card(EDGES[self.verdict], self.head, body), "text/plain": repr(self)}


@dataclass(frozen=True)
class Rulings:
    """Rulings beneath each other, in the order of their claims."""

    rulings: Sequence[Ruling]

    def _rows(self) -> list[list[str]]:
        ordered = sorted(self.rulings, key=lambda ruling: ruling.claim.number)
        return [
            [f"{r.claim.number}. {r.claim.words}", r.claim.measure, r.seen, r.head] for r in ordered
        ]

    def __repr__(self) -> str:
        return "\n".join(" | ".join(row) for row in self._rows())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        head = ["claim", "measured", "number", "verdict"]
        counts = [f"{sum(r.verdict == v for r in self.rulings)} × {v}" for v in VERDICTS]
        page = html_table("verdicts of this run", head, self._rows(), ", ".join(counts))
        return {"text/html": page, "text/plain": repr(self)}


def noise(measured: Speedup) -> str:
    """Say why a speed-up can't be trusted; empty if it can."""
    if measured.verdict == "noisy":
        return f"other programs used {measured.others:.0%} of this machine meanwhile"
    return next((limit for limit in measured.limited_by if limit.startswith("the CPU quota")), "")


def _cores(here: Machine) -> str:
    if here.usable_cores > WALL:
        return ""
    return f"it has {here.usable_cores:g} usable core{'s' * (here.usable_cores != 1)}"


#: What a claim may need: each says what is missing, empty if nothing is.
NEEDS: dict[str, Callable[[Machine], str]] = {
    "cores": _cores,
    "pin": lambda here: "" if here.can_pin else "its system can't keep a program on one core",
    "gil": lambda here: "" if here.gil else "this Python runs without a GIL",
    "turns": lambda here: (
        "" if here.can_pin or here.gil else "nothing keeps its threads on one core"
    ),
}


def card(edge: str, head: str, body: str) -> str:
    """Return a card as HTML: a heading in bold, and what stands under it."""
    style = f"border-left: 5px solid {edge}; padding: 2px 0 2px 12px; max-width: 44em"
    return f'<div style="{style}"><p><strong>{html.escape(head)}</strong></p>{body}</div>'


def _table(caption: str, rows: Sequence[Sequence[str]]) -> str:
    left = 'style="text-align: left"'
    body = "".join(
        f'<tr><th scope="row" {left}>{html.escape(what)}</th><td {left}>{html.escape(text)}</td></tr>'
        for what, text in rows
    )
    return f"<table><caption>{html.escape(caption)}</caption>{body}</table>"

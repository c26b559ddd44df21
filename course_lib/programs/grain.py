"""How small may a task be? Handing it out costs something, too.

Many small tasks are done one after the other, and then handed out one by one in several ways. Below
some size, handing out costs more than it brings. The tasks compute in C, with the GIL released, or
they wait. Measuring is done in a process of its own: see `handing_out`.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from typing import Any

from course_lib.machine import machine
from course_lib.patience import Line, told
from course_lib.service import helper
from course_lib.tables import html_table
from course_lib.tasks import one_of
from course_lib.trace import WALL

__all__ = ["GAIN", "Grain", "grain"]

KINDS = ("compute", "wait")
NOISY = 0.1  # of the machine, used by other programs
GAIN = 1.1  # times as fast: less may be noise


@dataclass(frozen=True)
class Grain:
    """What handing out tasks brings, by their size.

    Attributes
    ----------
    kind : str
        What the tasks do: "compute" or "wait".
    sizes : tuple of float
        Seconds that a task takes, one after the other.
    times : dict of tuple of float
        For each way, how many times as fast it is at these sizes; below 1 it is slower.
    empty : dict of float
        For each way, the seconds that a task takes in which nothing is done.
    others : float
        How many cores everything else on this machine kept busy meanwhile.
    """

    kind: str
    sizes: tuple[float, ...]
    times: dict[str, tuple[float, ...]]
    empty: dict[str, float]
    others: float

    def pays_from(self, way: str) -> float:
        """Return the size from which on a way is at least a tenth faster; infinite if it never is."""
        pays = math.inf
        for size, times in zip(reversed(self.sizes), reversed(self.times[way]), strict=True):
            if times < GAIN:
                break
            pays = size
        return pays

    def slower_to(self, way: str) -> float:
        """Return the largest size at which a way is slower; 0 if it never is."""
        pairs = zip(self.sizes, self.times[way], strict=True)
        return max((size for size, times in pairs if times < 1), default=0.0)

    def rows(self) -> list[tuple[str, ...]]:
        """Return what the table shows."""
        return [
            (
                way,
                in_short(self.empty[way]),
                in_short(self.slower_to(way)) if self.slower_to(way) else "no size here",
                in_short(self.pays_from(way)) if self.pays_from(way) < math.inf else "no size here",
                f"{times[0]:.2f}",
                f"{times[-1]:.2f}",
            )
            for way, times in self.times.items()
        ]

    def __repr__(self) -> str:
        rows = (" | ".join(row) for row in (self.head, *self.rows()))
        return "\n".join(filter(None, [self.caption, *rows, self.note]))

    @property
    def note(self) -> str:
        """What keeps this machine from showing more."""
        notes = []
        if self.kind == "compute" and machine().usable_cores <= WALL:
            usable = f"{machine().usable_cores:g} usable core"
            notes.append(
                f"What can't be seen here: with {usable}, nothing that computes gets faster by "
                "being handed out."
            )
        if self.others > NOISY * (os.cpu_count() or 1):
            notes.append(
                f"Other programs kept {self.others:.2f} cores of this machine busy meanwhile: "
                "another time, these figures may be different ones."
            )
        return " ".join(notes)

    @property
    def caption(self) -> str:
        """The table's title."""
        return f"tasks that {self.kind}, handed out one by one"

    @property
    def head(self) -> tuple[str, ...]:
        """The table's columns."""
        least, most = in_short(self.sizes[0]), in_short(self.sizes[-1])
        columns = ("an empty task", "slower up to", "a tenth faster from")
        return ("way", *columns, f"times as fast at {least}", f"at {most}")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from course_lib.pictures import curves

        size = [size * 1e6 for size in self.sizes]
        picture = curves(
            {way: (size, times) for way, times in self.times.items()},
            across=f"how long a task takes to {self.kind}, in µs",
            up="times as fast",
            level=(1.0, "one after the other", "slower"),
            logarithmic=True,
        )
        bundle = picture._repr_mimebundle_()
        bundle["text/plain"] = repr(self)
        bundle["text/html"] += html_table(self.caption, self.head, self.rows(), self.note)
        return bundle


def in_short(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, length in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def grain(kind: str = "compute") -> Grain:
    """Measure from which size on it pays to hand out tasks.

    Those that compute are given to threads and to processes, one a usable core (two at least), and
    to coroutines. Those that wait are given to 32 threads, and to coroutines.

    Raises
    ------
    ValueError
        If `kind` is neither "compute" nor "wait".
    RuntimeError
        If its process came to grief.
    """
    one_of("kind", kind, KINDS)
    workers = max(2, math.ceil(machine().usable_cores))
    with (
        Line() as line,
        helper(f"{__package__}.handing_out", kind, str(min(workers, 16))) as process,
    ):
        found = json.loads(told(process, line, f"tasks that {kind}, of many sizes"))
    times = {way: tuple(times) for way, times in found["times"].items()}
    return Grain(kind, tuple(found["sizes"]), times, found["empty"], found["others"])

"""The class's chart: speed-up against usable cores, a mark a machine, with Amdahl's curves."""

from __future__ import annotations

import html
from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from course_lib import laws
from course_lib.pictures import COLORS, Picture, show
from course_lib.pictures._style import FAINT, FONT, INK, quiet
from course_lib.speedup import NOISY
from course_lib.tables import html_table

__all__ = ["Pooled", "Result"]

CURVES = (0.5, 0.75, 0.9, 0.99)
DASHES = ("--", "-.", (0, (8, 3)), (0, (2, 2)))
MOST = 30  # rows of a table


class Result(NamedTuple):
    """What a machine measured."""

    usable_cores: float
    logical_cores: int
    gil: bool
    python: str
    system: str
    parallel_fraction: float
    workers: tuple[int, ...]
    speedup: tuple[float, ...]
    best: float
    others: float
    name: str = ""
    simulated: bool = False


@dataclass(frozen=True)
class Pooled:
    """The machines of a class.

    Attributes
    ----------
    results : tuple of Result
        A machine each.
    refused : tuple of (str, str)
        The files that were left out, and why.
    older : int
        How many files were left out because a newer one is of the same machine.
    """

    results: tuple[Result, ...]
    refused: tuple[tuple[str, str], ...] = ()
    older: int = 0

    @property
    def parallel_fraction(self) -> float | None:
        """What Amdahl's law makes of all measured runs together; None without several workers."""
        real = [result for result in self.results if not result.simulated]
        workers = [n for result in real for n in result.workers]
        speedup = [s for result in real for s in result.speedup]
        return laws.fit_amdahl(workers, speedup).value if max(workers, default=1) > 1 else None

    def rows(self) -> list[list[str]]:
        """Return a row for each number of usable cores: machines, and their speed-ups."""
        rows = []
        for cores, simulated in sorted({(r.usable_cores, r.simulated) for r in self.results}):
            own = [r for r in self.results if (r.usable_cores, r.simulated) == (cores, simulated)]
            best = [result.best for result in own]
            fraction = median(result.parallel_fraction for result in own)
            law = laws.amdahl(fraction, max(1, int(cores)))  # part of a core takes no worker
            rows.append(
                [
                    f"{cores:g}",
                    "simulated" if simulated else "measured",
                    f"{len(own)}",
                    f"{min(best):.2f}",
                    f"{median(best):.2f}",
                    f"{max(best):.2f}",
                    f"{law:.2f}",
                ]
            )
        return rows

    def sentences(self) -> list[str]:
        """Say how many machines there are, and what was left out."""
        made = sum(result.simulated for result in self.results)
        said = [f"{_count(len(self.results) - made, 'machine')} measured, {made} simulated."]
        noisy = sum(result.others > NOISY for result in self.results)
        if noisy:
            said.append(f"On {noisy:,} of them, other programs used over {NOISY:.0%} meanwhile.")
        fitted = self.parallel_fraction
        if fitted is not None:
            said.append(f"Over all measured runs, a parallel fraction of {fitted:.3f} fits best.")
        if self.older:
            said.append(f"{_count(self.older, 'file')} left out: a newer one is of that machine.")
        if self.refused:
            said.append(f"{_count(len(self.refused), 'file')} left out that didn't fit:")
        return said

    def picture(self) -> Picture:
        """Draw the chart."""
        return chart(self)

    def __repr__(self) -> str:
        refused = [f"  {name}: {why}" for name, why in self.refused[:MOST]]
        return "\n".join([*self.sentences(), *refused])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/html": ""}
        if self.results:
            bundle = self.picture()._repr_mimebundle_()
            head = ["usable cores", "how", "machines", "lowest", "median", "highest", "the law"]
            caption = "speed-up on all usable cores, and by Amdahl's law"
            bundle["text/html"] += html_table(caption, head, self.rows()[: 2 * MOST])
        named = [
            [_short(r.name), f"{r.usable_cores:g}", f"{r.best:.2f}"] for r in self.results if r.name
        ]
        if named:
            head = ["name", "usable cores", "speed-up"]
            bundle["text/html"] += html_table(
                "machines with a name", head, sorted(named)[: 2 * MOST]
            )
        bundle["text/html"] += "".join(f"<p>{html.escape(each)}</p>" for each in self.sentences())
        if self.refused:
            more = len(self.refused) - MOST
            foot = f"… and {more:,} more" if more > 0 else ""
            rows = [[_short(name), why] for name, why in self.refused[:MOST]]
            bundle["text/html"] += html_table("left out", ["file", "why"], rows, foot)
        bundle["text/plain"] = repr(self)
        return bundle


def chart(pooled: Pooled) -> Picture:
    """Draw speed-up against usable cores: filled is measured, square and dashed simulated or calculated.

    Raises
    ------
    ValueError
        If there is no machine.
    """
    results = pooled.results
    if not results:
        raise ValueError("results must hold at least one machine")
    figure = Figure(figsize=(7.6, 4.6), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    most = max(4.0, *(result.usable_cores for result in results))
    n = np.geomspace(1, most, 200)
    for fraction, color, dashes in zip(CURVES, COLORS, DASHES, strict=False):
        style: dict[str, Any] = {"color": color, "linestyle": dashes, "linewidth": 1.5}
        axes.plot(n, laws.amdahl(fraction, n), **style, zorder=2)
        axes.annotate(
            f"P = {fraction:g}",
            (most, laws.amdahl(fraction, most)),
            xytext=(16, 0),
            textcoords="offset points",
            va="center",
            **FONT,
        )
    for simulated in (True, False):
        points = spread([r for r in results if r.simulated is simulated])
        if not points:
            continue
        size = 55 if len(points) < 100 else 16
        style = {"marker": "o", "s": size, "c": INK, "alpha": 0.75, "zorder": 4}
        if simulated:
            style = {"marker": "s", "s": size, "c": "white", "edgecolors": FAINT, "zorder": 3}
            style |= {"linestyle": "--", "linewidth": 1.4}
        axes.scatter(*zip(*points, strict=True), **style)
    for axis, values in (
        (axes.xaxis, [r.usable_cores for r in results]),
        (axes.yaxis, [r.best for r in results]),
    ):
        low, high = axis.get_view_interval()
        ticks = [2.0**power for power in range(-10, 17) if low <= 2.0**power <= max(high, *values)]
        axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.set_ticks([], minor=True)
    axes.set_xlabel("usable cores (each step doubles)", **FONT)
    axes.set_ylabel("speed-up (each step doubles)", **FONT)
    made = sum(result.simulated for result in results)
    notes = ["filled: measured"] * (made < len(results)) + ["square, dashed: simulated"] * (
        made > 0
    )
    notes.append("lines: Amdahl's law")
    axes.set_title("     ".join(notes), loc="left", fontsize=11, color=INK)
    quiet(axes)
    said = [
        f"{row[2]} {row[1]} with {row[0]} usable cores: {row[3]} to {row[5]}"
        for row in pooled.rows()
    ]
    more = f"; and {len(said) - MOST} more" if len(said) > MOST else ""
    return show(
        figure,
        "The class's machines, speed-up over usable cores, with Amdahl's curves for P of "
        f"{', '.join(f'{p:g}' for p in CURVES)}. Machines: {'; '.join(said[:MOST])}{more}.",
    )


def spread(results: list[Result]) -> list[tuple[float, float]]:
    """Return a point a machine; those with the same cores stand side by side, so that each is seen."""
    count = Counter(result.usable_cores for result in results)
    seen: Counter[float] = Counter()
    points = []
    for result in results:
        cores = result.usable_cores
        place = (seen[cores] + 0.5) / count[cores] - 0.5
        seen[cores] += 1
        width = min(0.3, 0.06 * (count[cores] - 1))  # in doublings
        points.append((cores * 2 ** (place * width), result.best))
    return points


def _short(name: str) -> str:
    return name if len(name) <= 80 else f"…{name[-79:]}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

"""Speed-up over workers: measured, simulated and calculated in one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from course_lib.laws import amdahl
from course_lib.pictures._style import COLORS, FONT, INK, Picture, quiet, show

Points = Sequence[tuple[float, float]]


def speedups(
    measured: Mapping[str, Points],
    simulated: Mapping[str, Points] | None = None,
    parallel: float | None = None,
) -> Picture:
    """Draw speed-ups over workers; both axes double with each step.

    Parameters
    ----------
    measured, simulated : mapping of names to pairs of (workers, speed-up)
        Measured points are filled, simulated ones square and dashed.
    parallel : float, optional
        Draw Amdahl's law for this parallel fraction, dashed.

    Raises
    ------
    ValueError
        If there is nothing to draw.
    """
    simulated = simulated or {}
    points = [pair for group in (measured, simulated) for pairs in group.values() for pair in pairs]
    if not points:
        raise ValueError(
            "measured and simulated must hold at least one pair of (workers, speed-up)"
        )
    most = max(2.0, *(n for n, _ in points))
    figure = Figure(figsize=(7.6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    axes.set(xscale="log", yscale="log", xlim=(0.93, most * 1.15))
    axes.plot([1, most], [1, most], color=INK, linewidth=1, linestyle=":", label="S = N")
    if parallel is not None:
        n = np.geomspace(1, most, 100)
        label = f"calculated: Amdahl, P = {parallel:.3g}"
        axes.plot(n, amdahl(parallel, n), color=COLORS[1], linewidth=2, linestyle="--", label=label)
    for at, (name, pairs) in enumerate(simulated.items()):
        axes.scatter(
            [n for n, _ in pairs], [s for _, s in pairs], marker="s", s=90, facecolors="white", edgecolors=COLORS[2 + at],
            linestyle="--", linewidth=1.8, zorder=3, label=f"simulated: {name}",
        )  # fmt: skip
    for at, (name, pairs) in enumerate(measured.items()):
        axes.plot(
            [n for n, _ in pairs], [s for _, s in pairs], "o", color=COLORS[4 * at % len(COLORS)], markersize=8,
            markeredgecolor=INK, zorder=4, label=f"measured: {name}",
        )  # fmt: skip
    ticks = [t for t in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024) if t <= most]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks, [f"{t}" for t in ticks])
        axis.set_ticks([], minor=True)
    axes.set_xlabel("workers N (each step doubles)", **FONT)
    axes.set_ylabel("speed-up S", **FONT)
    axes.legend(frameon=False, fontsize=11, labelcolor=INK)
    quiet(axes)
    return show(figure, _describe(measured, simulated, parallel))


def _describe(
    measured: Mapping[str, Points], simulated: Mapping[str, Points], parallel: float | None
) -> str:
    said = [
        f"{kind}, {name}: " + ", ".join(f"{s:.2f} on {n:g}" for n, s in pairs)
        for kind, group in (("measured", measured), ("simulated", simulated))
        for name, pairs in group.items()
    ]
    law = "" if parallel is None else f" Dashed: Amdahl's law for P = {parallel:.3g}."
    return f"Speed-up over workers. {'; '.join(said)}.{law}"

"""Curves: what was measured, and what a law or a simulated machine makes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from course_lib.pictures._style import COLORS, FAINT, FONT, INK, Picture, name_cores, quiet, show

MARKERS = "osD^v"
DASHES = ("--", "-.", ":", (0, (8, 3)), (0, (1, 1)), (0, (3, 2, 1, 2, 1, 2)))
MANY = 4_096  # from here on, an axis counts in tens
SAID = 8  # points of a curve that the text names

Points = tuple[Sequence[float], Sequence[float]]


def curves(
    measured: Mapping[str, Points] | None = None,
    calculated: Mapping[str, Points] | None = None,
    *,
    simulated: Mapping[str, Points] | None = None,
    predicted: Mapping[str, Points] | None = None,
    across: str = "workers",
    up: str = "speed-up",
    usable: float | None = None,
    level: tuple[float, str, str] | None = None,
    logarithmic: bool = False,
) -> Picture:
    """Draw curves: measured filled, simulated hollow squares, predicted hollow, calculated dashed.

    Parameters
    ----------
    measured, calculated, simulated, predicted : mapping of names to (across, up)
        The points of each curve. Predicted ones are hollow circles.
    across, up : str
        What the axes are.
    usable : float, optional
        Where a line marks this machine's usable cores.
    level : (height, its name, what is below), optional
        A height that matters; what lies below it is shaded.
    logarithmic : bool
        Whether each step on both axes doubles (or is tenfold, on one that spans thousands).

    Raises
    ------
    ValueError
        If there is no curve, one has not as many values up as across, or a logarithmic axis would
        have to show a number that isn't above 0.
    """
    kinds = {
        "measured": measured or {},
        "simulated": simulated or {},
        "predicted": predicted or {},
        "calculated": calculated or {},
    }
    every = [points for drawn in kinds.values() for points in drawn.values()]
    if not every or any(len(x) != len(y) or not len(x) for x, y in every):
        raise ValueError("there must be a curve, and each must have as many values up as across")
    numbers = [float(value) for x, y in every for value in (*x, *y)]
    if logarithmic and not all(0 < number < math.inf for number in numbers):
        raise ValueError(f"logarithmic curves need numbers above 0, not {min(numbers):g}")
    figure = Figure(figsize=(7.6, 4.3), layout="constrained")
    axes = figure.add_subplot()
    if logarithmic:
        axes.set(xscale="log", yscale="log")
    names = list(dict.fromkeys(name for drawn in kinds.values() for name in drawn))
    for kind, drawn in kinds.items():
        for name, (x, y) in drawn.items():
            axes.plot(x, y, **_style(kind, names.index(name)), label=f"{name} ({kind})")
    if usable is not None:
        axes.axvline(usable, color=FAINT, linewidth=1.2, linestyle=(0, (2, 2)), zorder=1)
        name_cores(axes, usable, beside=-3)
    up_to = [float(value) for _, y in every for value in y]
    if level is not None:
        height, name, below = level
        up_to.append(height)
        axes.axhspan(min(up_to) / 1.5 if logarithmic else 0, height, color="#eeeeee", zorder=0)
        axes.axhline(height, color=FAINT, linewidth=1.5, linestyle=":", label=name, zorder=1)
        axes.text(0.99, 0.02, below, transform=axes.transAxes, ha="right", va="bottom", **FONT)
    if logarithmic:
        _powers(axes.xaxis, [value for x, _ in every for value in x])
        _powers(axes.yaxis, up_to)
        axes.set_ylim(min(up_to) / 1.5, max(up_to) * 1.5)
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(across, **FONT)
    axes.set_ylabel(up, **FONT)
    quiet(axes)
    figure.legend(loc="outside right upper", fontsize=11, frameon=False, labelcolor=INK)
    said = [
        f"{name}, {kind}: {_points(x, y)}"
        for kind, drawn in kinds.items()
        for name, (x, y) in drawn.items()
    ]
    cores = "" if usable is None else f" Usable cores here: {usable:g}."
    more = "" if level is None else f" Below {level[0]:g}: {level[2]}."
    return show(figure, f"Curves of {up}, over {across}. {'; '.join(said)}.{more}{cores}")


def _style(kind: str, number: int) -> dict[str, Any]:
    color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
    hollow = {"color": color, "markerfacecolor": "white", "markeredgewidth": 2}
    return {
        "measured": {
            "color": color,
            "marker": marker,
            "markersize": 9,
            "markeredgecolor": INK,
            "linewidth": 1.2,
            "zorder": 4,
        },
        "simulated": hollow | {"marker": "s", "markersize": 8, "linestyle": "--", "zorder": 3},
        "predicted": hollow | {"marker": "o", "markersize": 13, "linestyle": "none", "zorder": 3},
        "calculated": {
            "color": color,
            "linewidth": 1.8,
            "linestyle": DASHES[number % len(DASHES)],
            "zorder": 2,
        },
    }[kind]


def _powers(axis: Any, values: Sequence[float]) -> None:
    """Label the powers of two that are read, or of ten, at most ten of them."""
    shown = [value for value in values if value > 0 and math.isfinite(value)]
    base = 2.0 if max(shown) <= MANY * min(shown) else 10.0
    low = math.floor(math.log(min(shown), base) + 1e-9)
    high = math.ceil(math.log(max(shown), base) - 1e-9)
    step = math.ceil((high - low + 1) / 10)
    ticks = [base**power for power in range(low, high + 1, step)]
    axis.set_ticks(ticks, [f"{tick:,.0f}" if tick >= 1 else f"{tick:.3g}" for tick in ticks])
    axis.set_ticks([], minor=True)


def _points(x: Sequence[float], y: Sequence[float]) -> str:
    """Name some points of a curve, the first and the last among them."""
    places = np.unique(np.linspace(0, len(x) - 1, min(SAID, len(x))).round().astype(int))
    return ", ".join(f"{y[place]:.3g} at {x[place]:.3g}" for place in places)

"""Curves over a logarithmic axis, each with a mark and a name of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from course_lib.pictures._style import COLORS, FAINT, FONT, INK, Picture, quiet, show

Points = tuple[Sequence[float], Sequence[float]]

MARKS = "oD^vP*"  # squares are for what was calculated


def curves(
    measured: Mapping[str, Points],
    *,
    across: str,
    up: str,
    calculated: Mapping[str, Points] | None = None,
    level: tuple[float, str, str] | None = None,
) -> Picture:
    """Draw curves on two logarithmic axes: filled and solid if measured, square and dashed if not.

    Parameters
    ----------
    measured, calculated : mapping of str to (x, y)
        By name; all numbers above 0.
    across, up : str
        What the axes are.
    level : (height, its name, what is below), optional
        A height that matters; what lies below it is shaded.

    Raises
    ------
    ValueError
        If there is nothing to draw, or a number isn't above 0.
    """
    every = [(name, points, True) for name, points in measured.items()]
    every += [(name, points, False) for name, points in (calculated or {}).items()]
    numbers = [number for _, (x, y), _ in every for number in (*x, *y)]
    if not numbers or not all(0 < number < math.inf for number in numbers):
        raise ValueError(f"curves need numbers above 0, not {dict(measured)!r} {calculated!r}")
    figure = Figure(figsize=(7.6, 3.9), layout="constrained")
    axes = figure.subplots()
    axes.set(xscale="log", yscale="log")
    for at, (name, (x, y), filled) in enumerate(every):
        color = COLORS[at % len(COLORS)]
        axes.plot(
            x,
            y,
            marker=MARKS[at % len(MARKS)] if filled else "s",
            linestyle="-" if filled else "--",
            markerfacecolor=color if filled else "white",
            markeredgecolor=INK if filled else color,
            color=color,
            markersize=8,
            label=name,
            zorder=3,
        )
    heights = [number for _, (_, y), _ in every for number in y]
    if level:
        height, name, below = level
        heights.append(height)
        low = min(heights) / 1.5
        axes.axhspan(low, height, color="#eeeeee", zorder=0)
        axes.axhline(height, color=FAINT, linewidth=1.5, linestyle=":", label=name, zorder=1)
        axes.text(0.99, 0.02, below, transform=axes.transAxes, ha="right", va="bottom", **FONT)
    axes.set_ylim(min(heights) / 1.5, max(heights) * 1.5)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(across, **FONT)
    axes.set_ylabel(up, **FONT)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=11)
    quiet(axes)
    return show(figure, _said(every, across, up, level))


def _said(
    every: Sequence[tuple[str, Points, bool]],
    across: str,
    up: str,
    level: tuple[float, str, str] | None,
) -> str:
    parts = []
    for name, (x, y), filled in every:
        points = ", ".join(f"{b:.3g} at {a:.3g}" for a, b in zip(x, y, strict=True))
        parts.append(f"{name}{'' if filled else ' (calculated)'}: {points}")
    more = f" Below {level[0]:g}: {level[2]}." if level else ""
    return f"Curves of {up}, over {across}. {'; '.join(parts)}.{more}"

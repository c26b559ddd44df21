"""Numbers that were predicted, beside those that were measured, simulated, calculated or counted."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from course_lib.pictures._style import COLORS, FONT, INK, Picture, quiet, show


def numbers(rows: Sequence[tuple[str, float, float, str]], how: str = "measured") -> Picture:
    """Draw a line for each (name, predicted, found, unit): hollow is predicted, filled measured.

    What wasn't measured is a square; how it was found is written above.

    Raises
    ------
    ValueError
        If there is no row.
    """
    if not rows:
        raise ValueError("rows must hold at least one (name, predicted, found, unit)")
    figure = Figure(figsize=(7.6, 0.5 + 0.8 * len(rows)), layout="constrained")
    every = figure.subplots(len(rows), squeeze=False)[:, 0]
    for at, (axes, (name, predicted, found, unit)) in enumerate(zip(every, rows, strict=True)):
        color = COLORS[at % len(COLORS)]
        low, high = min(0.0, predicted, found), max(0.0, predicted, found)
        room = 0.08 * ((high - low) or 1.0)
        axes.set(xlim=(low - room, high + room), ylim=(-1, 1))
        axes.plot([predicted, found], [0, 0], color=color, linewidth=1, linestyle=":", zorder=2)
        axes.plot(
            predicted, 0, "o", color=color, markersize=15, markerfacecolor="white",
            markeredgewidth=2, zorder=3, clip_on=False,
        )  # fmt: skip
        axes.plot(
            found,
            0,
            "o" if how == "measured" else "s",
            color=color,
            markersize=9,
            markeredgecolor=INK,
            zorder=4,
            clip_on=False,
        )
        axes.set_yticks([0], [name], parse_math=False, **FONT)
        axes.set_xlabel(unit, parse_math=False, **FONT)
        quiet(axes)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    key = f"{'filled' if how == 'measured' else 'square'}: {how}     hollow: predicted"
    every[0].set_title(key, loc="left", fontsize=11, color=INK)
    said = [
        f"{name}: predicted {predicted:.3g} {unit}, {how} {found:.3g} {unit}".replace(" ,", ",")
        for name, predicted, found, unit in rows
    ]
    return show(figure, "; ".join(said).strip() + ".")

"""Hearts that beat beside a computation: when each of them did, and its longest pause."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from course_lib.heartbeat import Heart
from course_lib.pictures._style import COLORS, FONT, Picture, quiet, show
from course_lib.tables import html_table

__all__ = ["Hearts"]

HEAD = ("the computation ran", "beats", "it took", "the heart's longest pause")


class Hearts:
    """Hearts by name, in one picture and one table.

    Raises
    ------
    ValueError
        If there is none, or one hasn't beaten.
    """

    def __init__(self, hearts: Mapping[str, Heart]) -> None:
        if not hearts or any(math.isnan(heart.gap) for heart in hearts.values()):
            raise ValueError(f"hearts must be some that have beaten, by name, not {hearts!r}")
        self.hearts = dict(hearts)

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return what the table shows."""
        return [
            (
                name,
                f"{len(heart.beats) - 1}",
                f"{(heart.beats[-1] - heart.beats[0]) / 1e9:.2f} s",
                f"{heart.gap * 1e3:.1f} ms",
            )
            for name, heart in self.hearts.items()
        ]

    def picture(self) -> Picture:
        """Draw a stroke for each beat."""
        figure = Figure(figsize=(7.6, 0.9 + 0.5 * len(self.hearts)), layout="constrained")
        axes = figure.subplots()
        for row, heart in enumerate(self.hearts.values()):
            at = [(beat - heart.beats[0]) / 1e9 for beat in heart.beats]
            color = COLORS[row % len(COLORS)]
            axes.vlines(at[:-1], row - 0.3, row + 0.3, color=color, linewidth=1.2)
            axes.hlines(row, 0, at[-1], color=color, linewidth=0.6)
        axes.set_yticks(range(len(self.hearts)), list(self.hearts), parse_math=False, **FONT)
        axes.set_ylim(len(self.hearts) - 0.5, -0.5)
        axes.set_xlim(left=-0.01)
        axes.set_xlabel("seconds (a stroke is a beat)", **FONT)
        quiet(axes)
        said = "; ".join(
            f"{n}: {beats} beats, longest pause {gap}" for n, beats, _, gap in self.rows()
        )
        return show(figure, f"When a heart beat beside a computation. {said}.")

    def __repr__(self) -> str:
        return "\n".join(" | ".join(row) for row in (HEAD, *self.rows()))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle = self.picture()._repr_mimebundle_()
        bundle["text/plain"] = repr(self)
        bundle["text/html"] += html_table("a heart beside a computation", HEAD, self.rows())
        return bundle

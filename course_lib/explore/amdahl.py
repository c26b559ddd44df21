"""Amdahl's law, to be moved: how much quicker a program gets by workers, and where that ends.

It is calculated in the browser, as `laws` does it here, so it needs no kernel once it stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from course_lib.laws import amdahl as speedup_of
from course_lib.laws import efficiency
from course_lib.pictures import COLORS
from course_lib.scripts import script
from course_lib.tasks import one_of, whole

__all__ = ["Amdahl", "amdahl"]

HERE = Path(__file__).parent
SCRIPTS = ("drawing.js", "controls.js", "speedup.js", "amdahl.js")
STYLES = ("player.css", "explorer.css", "amdahl.css")
RANGES = (8, 16, 64, 256, 1024)  # workers that the chart may reach to
POINTS = 1000  # at most


class Amdahl(anywidget.AnyWidget):
    """A curve of speed-up over workers that can be bent and walked along."""

    _esm = script(HERE, *SCRIPTS)
    _css = "".join((HERE / name).read_text("utf-8") for name in STYLES)

    settings = traitlets.Dict().tag(sync=True)
    facts = traitlets.Dict().tag(sync=True)


def amdahl(
    parallel: float = 0.9,
    workers: int = 8,
    *,
    measured: Iterable[tuple[float, float]] = (),
    most: int = 64,
) -> Amdahl:
    """Show Amdahl's law. What is given can be changed there.

    Parameters
    ----------
    parallel : float
        P, the parallel fraction: 0 to 1.
    workers : int
        N: 1 to `most`.
    measured : pairs of (workers, speed-up), optional
        Drawn on top, filled.
    most : int
        How many workers the chart reaches to: 8, 16, 64, 256 or 1024.

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these.

    Examples
    --------
    >>> amdahl(0.95, 16).settings
    {'parallel': 0.95, 'workers': 16, 'most': 64}
    """
    speedup_of(parallel, 1)  # says what is wrong with it
    one_of("most", most, RANGES)
    count = whole("workers", workers, 1, most)
    points = [_point(pair) for pair in measured]
    if len(points) > POINTS:
        raise ValueError(f"measured must hold {POINTS:,} pairs at most, not {len(points):,}")
    return Amdahl(
        settings={"parallel": float(parallel), "workers": count, "most": most},
        facts={"measured": points, "colors": list(COLORS)},
    )


def _point(pair: Any) -> list[float]:
    """Return a measured point; ValueError if it can't be one."""
    try:
        workers, speedup = pair
        efficiency(speedup, workers)
        return [float(workers), float(speedup)]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"measured must hold pairs of (workers, 1 or more; speed-up, more than 0), not {pair!r}"
        ) from error

"""The scheduler game: the learner chooses who runs next, turn by turn, and breaks programs with it.

It is played in the browser, by the rules of `turns`, so it needs no kernel once it stands.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from course_lib.explore.turns import Level, Search, search
from course_lib.pictures import COLORS
from course_lib.scripts import script
from course_lib.tasks import one_of

__all__ = ["Scheduler", "every_order", "levels", "scheduler"]

HERE = Path(__file__).parent
SCRIPTS = ("drawing.js", "controls.js", "turns.js", "board.js", "scheduler.js")
STYLES = ("player.css", "scheduler.css")


class Scheduler(anywidget.AnyWidget):
    """A game of some levels."""

    _esm = script(HERE, *SCRIPTS)
    _css = "".join((HERE / name).read_text("utf-8") for name in STYLES)

    facts = traitlets.Dict().tag(sync=True)


@functools.cache
def levels() -> dict[str, Any]:
    """Return all levels, by name, as their file has them."""
    content: dict[str, Any] = json.loads((HERE / "levels.json").read_text("utf-8"))["levels"]
    return content


def scheduler(*names: str) -> Scheduler:
    """Show the scheduler game.

    Parameters
    ----------
    *names : str
        The levels to play, in this order: "fill", "cores", "deadlines", "lose", "lose_most",
        "two_locks", "deadlock", "circle", "place", "order". None: all of them.

    Raises
    ------
    ValueError
        If one isn't such a name, or is there twice.

    Examples
    --------
    >>> len(scheduler("lose", "deadlock").facts["levels"])
    2
    """
    for name in names:
        one_of("a level", name, tuple(levels()))
    if len(set(names)) < len(names):
        raise ValueError(f"each level may be there once, not {names!r}")
    chosen = [levels()[name] for name in names or levels()]
    return Scheduler(facts={"levels": chosen, "colors": list(COLORS)})


def every_order(name: str, *plans: str) -> Search:
    """Try every order of a level's turns.

    Parameters
    ----------
    name : str
        The level's.
    *plans : str
        Where the level leaves a choice: one for each thread. None: those it begins with.

    Returns
    -------
    Search
        How many orders there are, and how many of them reach the goal. Where something is to be
        protected, the goal is the adversary's: to break it.

    Raises
    ------
    ValueError
        If there is no such level, or no such plan.

    Examples
    --------
    >>> every_order("lose")
    18 of 20 orders (27 situations on the way)
    """
    level = levels()[one_of("name", name, tuple(levels()))]
    threads: dict[str, Any] = level["threads"]
    if plans and not (level.get("start") and len(plans) == len(threads)):
        wanted = f"one for each of {', '.join(threads)}, or none" if level.get("start") else "none"
        raise ValueError(f"plans of level {name!r} must be {wanted}, not {plans!r}")
    for thread, plan in zip(threads, plans, strict=False):
        one_of(f"the plan of {thread}", plan, tuple(threads[thread]))
    return search(Level.read(level, plans))

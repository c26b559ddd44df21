"""The coffee bar, to be moved: baristas are cores, orders are tasks, brewing is waiting.

It is simulated in the browser, as `simulate` does it here, so it needs no kernel once it stands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from course_lib.pictures import COLORS
from course_lib.scripts import script
from course_lib.tasks import number, share, whole
from course_lib.trace import ROOMS, WALL

__all__ = ["BARS", "Cafe", "cafe"]

HERE = Path(__file__).parent
SCRIPTS = ("moment.js", "drawing.js", "controls.js", "bar.js", "counter.js", "cafe.js")
STYLES = ("player.css", "explorer.css", "cafe.css")
PATIENCE = (0, 2, 5, 10, 20)  # minutes; 0: nobody gives up

#: The four bars, one for each room: baristas, orders at once, and whether they share one order.
BARS = {
    "one barista, an order at a time": (1, 1, False),
    "one barista who juggles": (1, 12, False),
    "three share one large order": (3, 1, True),
    "three who juggle": (3, 12, False),
}


class Cafe(anywidget.AnyWidget):
    """A bar whose staff and orders can be changed, and whose day can be played."""

    _esm = script(HERE, *SCRIPTS)
    _css = "".join((HERE / name).read_text("utf-8") for name in STYLES)

    settings = traitlets.Dict().tag(sync=True)
    facts = traitlets.Dict().tag(sync=True)


def cafe(
    baristas: int = 1,
    at_once: int = 12,
    orders: int = 12,
    *,
    brew: float = 0.5,
    rate: float | None = None,
    patience: int | None = None,
    shared: bool = False,
) -> Cafe:
    """Show a coffee bar. All that is given can be changed there.

    Parameters
    ----------
    baristas : int
        1 to 6.
    at_once : int
        How many orders may be taken and not done: 1 to 30.
    orders : int
        How many, all in all: 1 to 300.
    brew : float
        Which share of an order's 4 minutes is brewing: 0 to 0.9, in steps of 0.05.
    rate : float, optional
        How many orders come in a minute, on average: 0.1 to 2. None: all are there at opening.
    patience : int, optional
        After how many minutes one whose order isn't taken gives up: 2, 5, 10 or 20. None: never.
    shared : bool
        Whether all orders are one, and all baristas share its work.

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these.

    Examples
    --------
    >>> cafe(baristas=3).settings["atOnce"]
    12
    """
    brew = share("brew", brew, most=0.9)
    if rate is not None:
        allowed = "0.1 to 2 orders a minute, or None"
        rate = number("rate", rate, allowed, lambda orders: 0.1 <= orders <= 2)
    if patience is not None and patience not in PATIENCE[1:]:
        allowed = ", ".join(map(str, PATIENCE[1:]))
        raise ValueError(f"patience must be one of {allowed} minutes, or None, not {patience!r}")
    if not isinstance(shared, bool):
        raise TypeError(f"shared must be True or False, not {shared!r}")
    return Cafe(
        settings={
            **_staff(whole("baristas", baristas, 1, 6), whole("at_once", at_once, 1, 30), shared),
            "orders": whole("orders", orders, 1, 300),
            "brew": 5 * round(brew * 20),
            "opening": rate is None,
            "rate": 0.4 if rate is None else rate,
            "patience": patience or 0,
        },
        facts={
            "bars": [{"name": name, "settings": _staff(*bar)} for name, bar in BARS.items()],
            "wall": WALL,
            "rooms": [ROOMS[up, right] for up in (False, True) for right in (False, True)],
            "colors": list(COLORS),
        },
    )


def _staff(baristas: int, at_once: int, shared: bool) -> dict[str, Any]:
    return {"baristas": baristas, "atOnce": at_once, "shared": shared}

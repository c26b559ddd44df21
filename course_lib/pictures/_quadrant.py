"""The quadrant: across, cores busy; up, tasks in flight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from course_lib.machine import machine
from course_lib.pictures._style import COLORS, FAINT, FONT, INK, Picture, name_cores, quiet, show
from course_lib.trace import ROOMS, WALL, Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "osD^vPX*"
GAP, LETTER = 11, 7.5  # from a mark to its name, and a letter's width at most, in points


def quadrant(
    measured: Mapping[str, Trace],
    predicted: Mapping[str, tuple[float, float] | str] | None = None,
) -> Picture:
    """Place runs on the quadrant: across, cores busy; up, tasks in flight.

    Parameters
    ----------
    measured : mapping of names to traces
        Each is a filled mark; square and dashed, if it is simulated.
    predicted : mapping of names to (in flight, cores busy) or to a room's name, optional
        Each is a hollow mark. A pair that has the name of a measured run is joined with it; a
        room is not, for where in the room its mark stands means nothing.
    """
    guesses = predicted or {}
    hollow = {name: spot(g) if isinstance(g, str) else g for name, g in guesses.items()}
    points = {name: (trace.concurrency, trace.parallelism) for name, trace in measured.items()}
    simulated = {name for name, trace in measured.items() if trace.simulated}
    real = [trace for name, trace in measured.items() if name not in simulated]
    seen = [trace.usable_cores for trace in real if trace.usable_cores]
    usable = max(seen, default=machine().usable_cores)
    figure = Figure(figsize=(7.6, 4.5), layout="constrained")
    axes = figure.add_subplot()
    both = [*points.values(), *hollow.values()]
    left, right = 0.2, 1.7 * max([3.0, usable, *(busy for _, busy in both)])
    low, high = 0.35, 2.2 * max([6.0, *(flight for flight, _ in both)])
    axes.set(xscale="log", yscale="log", xlim=(left, right), ylim=(low, high))
    _rooms(axes, usable)
    taken: list[tuple[float, float, float]] = []  # where names stand already: from, to, height
    for number, name in enumerate(dict.fromkeys([*points, *hollow])):
        marker, color = MARKERS[number % len(MARKERS)], COLORS[number % len(COLORS)]
        style: dict[str, Any] = {
            "marker": marker,
            "color": color,
            "markersize": 12,
            "linestyle": "none",
        }
        place = {}
        if name in hollow:
            place["predicted"] = _within(hollow[name], left, low)
            axes.plot(
                *place["predicted"],
                **style | {"markersize": 17},  # a ring, where it meets the filled mark
                markerfacecolor="white",
                markeredgewidth=2,
                zorder=3,
            )
        if name in points:
            place["measured"] = _within(points[name], left, low)
            if name in simulated:
                square: dict[str, Any] = {
                    "marker": "s",
                    "s": 150,
                    "linestyle": "--",
                    "linewidth": 2,
                }
                axes.scatter(*place["measured"], c="white", edgecolors=color, zorder=4, **square)
            else:
                axes.plot(*place["measured"], **style, markeredgecolor=INK, zorder=4)
        if len(place) == 2 and not isinstance(guesses[name], str):
            axes.plot(
                *zip(*place.values(), strict=True),
                color=color,
                linewidth=1,
                linestyle=":",
                zorder=2,
            )
        _label(axes, name, place.get("measured") or place["predicted"], color, taken)
    for axis, (bottom, top) in ((axes.xaxis, (left, right)), (axes.yaxis, (low, high))):
        ticks = [t for t in (0.5, 1, 2, 4, 8, 16, 32, 64, 256, 1024, 4096) if bottom <= t <= top]
        names = [f"{t:g}" for t in ticks]
        if axis is axes.xaxis and any(busy < left for _, busy in both):
            ticks, names = [left, *ticks], [f"≤ {left}", *names]
        axis.set_ticks(ticks, names)
        axis.set_ticks([], minor=True)
    axes.set_xlabel("cores busy (each step doubles)  →  parallel", **FONT)
    axes.set_ylabel("tasks in flight (each step doubles)  →  concurrent", **FONT)
    axes.tick_params(labelsize=11)
    quiet(axes)
    notes = ["filled: measured"] * bool(real) + ["square, dashed: simulated"] * bool(simulated)
    notes += ["hollow: predicted"] * bool(hollow)
    axes.set_title("     ".join(notes), loc="left", fontsize=11, color=INK)
    told = {f"{name}{', simulated' * (name in simulated)}": points[name] for name in points}
    return show(figure, _describe_quadrant(told, guesses, usable))


def spot(name: str) -> tuple[float, float]:
    """Return where a predicted room's hollow mark stands: (in flight, cores busy)."""
    concurrent, parallel = next(key for key, room in ROOMS.items() if room == name)
    return (6.0 if concurrent else 0.85, max(2.0, machine().usable_cores) if parallel else 0.75)


def _label(
    axes: Axes,
    name: str,
    point: tuple[float, float],
    color: str,
    taken: list[tuple[float, float, float]],
) -> None:
    """Write a mark's name beside it: away from the walls, and not over another name.

    If it had to move farther away for that, a line leads to it.
    """
    side = -1 if 0.4 < point[0] <= WALL else 1
    step = -16 if point[1] <= WALL else 16
    x, y = axes.transData.transform(point) * 72 / axes.figure.dpi  # in points
    width = LETTER * len(name)
    left = x + GAP if side > 0 else x - GAP - width
    height = near = y + step / 2
    while any(
        start < left + width and left < stop and abs(other - height) < 15
        for start, stop, other in taken
    ):
        height += step
    taken.append((left, left + width, height))
    line = {"arrowstyle": "-", "color": color, "linewidth": 1, "relpos": (float(side < 0), 0.5)}
    axes.annotate(
        name,
        point,
        xytext=(GAP * side, height - y),
        textcoords="offset points",
        ha="right" if side < 0 else "left",
        va="center",
        zorder=5,
        in_layout=False,  # however many there are, the axes keep their size
        parse_math=False,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85},
        arrowprops=None if height == near else line,
        **FONT,
    )


def _rooms(axes: Axes, usable: float) -> None:
    axes.axvline(WALL, color=INK, linewidth=1.2)
    axes.axhline(WALL, color=INK, linewidth=1.2)
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    for (concurrent, parallel), name in ROOMS.items():
        axes.text(
            right * 0.97 if parallel else left * 1.05,
            high * 0.93 if concurrent else low * 1.05,
            name,
            ha="right" if parallel else "left",
            va="top" if concurrent else "bottom",
            fontsize=12,
            style="italic",
            color=FAINT,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
            zorder=2.5,
        )
    axes.axvline(usable, color=FAINT, linewidth=1.5, linestyle="--")
    name_cores(axes, usable, align="center")


def _within(point: tuple[float, float], left: float, low: float) -> tuple[float, float]:
    """Return (x, y) of an (in flight, cores busy) pair, moved in from beyond the edge."""
    return max(point[1], left * 1.08), max(point[0], low * 1.08)


def _describe_quadrant(
    points: Mapping[str, tuple[float, float]],
    predicted: Mapping[str, tuple[float, float] | str],
    usable: float,
) -> str:
    said = [
        f"{name}: {flight:.2f} in flight, {busy:.2f} cores busy, {ROOMS[flight > WALL, busy > WALL]}"
        for name, (flight, busy) in points.items()
    ]
    guessed = [
        f"{name} predicted: {guess}"
        if isinstance(guess, str)
        else f"{name} predicted: {guess[0]:.2f} in flight, {guess[1]:.2f} cores busy"
        for name, guess in predicted.items()
    ]
    return (
        "The quadrant, tasks in flight over cores busy. "
        f"{'; '.join(said + guessed) or 'No run yet'}. Usable cores here: {usable:g}."
    )

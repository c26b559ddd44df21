"""The timeline: who ran, waited or was ready, and when."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.path import Path

from course_lib.layout import lay_out
from course_lib.pictures._coverage import coverage
from course_lib.pictures._style import COLORS, FAINT, FONT, INK, Picture, ink_on, quiet, show
from course_lib.tasks import duration
from course_lib.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes


MANY = 20_000  # spans: above, they are no longer drawn one by one
MOST_TICKS = 24  # labels that have room; and with thousands, drawing takes minutes


def timeline(trace: Trace, until: float | None = None) -> Picture:
    """Draw a trace: time runs right, a row is a worker (with as many lines as it has in flight).

    Parameters
    ----------
    trace : Trace
    until : float, optional
        Show only so many seconds from the start.

    Raises
    ------
    ValueError, TypeError
        If `until` isn't a number above 0.
    """
    if until is not None and not duration("until", until) > 0:
        raise ValueError(f"until must be a number of seconds above 0, not {until!r}")
    return timelines({"": trace}, until)


def timelines(traces: Mapping[str, Trace], until: float | None = None) -> Picture:
    """Draw traces under each other, on one scale of time; simulated ones in a dashed frame."""
    end = max(min(trace.end, until or math.inf) for trace in traces.values())
    laid = [lay_out(trace, end) for trace in traces.values()]
    high = [1.2 + min(0.34 * max(len(labels), 2), 5) for _, labels in laid]
    figure = Figure(figsize=(9, sum(high)), layout="constrained")
    every = figure.subplots(len(traces), squeeze=False, height_ratios=high)[:, 0]
    used: dict[str, Artist] = {}
    for axes, (name, trace), (rows, labels) in zip(every, traces.items(), laid, strict=True):
        used |= _draw(axes, trace, end, rows, labels)
        title = name or "simulated" * trace.simulated
        axes.set_title(title, loc="left", fontsize=11, color=INK)
        if trace.simulated:
            axes.spines[:].set(visible=True, linestyle="--", color=FAINT)
    legend = [used[label] for label, *_ in reversed(STYLES.values()) if label in used]
    figure.legend(
        handles=legend, loc="outside upper right", ncols=len(legend), frameon=False, fontsize=11
    )
    said = (
        f"{name}: {describe(trace)}" if name else describe(trace) for name, trace in traces.items()
    )
    return show(figure, " ".join(said))


def _draw(
    axes: Axes, trace: Trace, end: float, rows: Mapping[tuple[int, int], int], labels: list[str]
) -> dict[str, Artist]:
    """Draw one trace in its rows; return what its legend has to name."""
    spans = trace.spans[trace.spans["start"] <= end]
    pairs = zip(spans["task"].tolist(), spans["worker"].tolist(), strict=True)
    y = np.fromiter((rows[pair] for pair in pairs), dtype=np.intp, count=len(spans))
    hue = spans["task"] % len(COLORS)
    many = len(spans) > MANY and end > 0
    if many:
        pixels, edges = coverage(spans, y, len(labels), end), (0, end, len(labels) - 0.5, -0.5)
        axes.imshow(pixels, extent=edges, aspect="auto", interpolation="nearest")
    used: dict[str, Artist] = {}
    for kind, (label, size, style) in STYLES.items():
        chosen = spans["kind"] == kind
        if not chosen.any():
            continue
        for number, color in enumerate(() if many else COLORS):
            these = chosen & (hue == number)
            if these.any():
                boxes = _boxes(spans["start"][these], spans["stop"][these], y[these], size)
                if kind == "ready":  # one path: to hatch each box for itself takes 0.6 ms
                    rings = (np.vstack([box, box[:1]]) for box in boxes)  # back to the first corner
                    whole = Path.make_compound_path(*(Path(ring, closed=True) for ring in rings))
                    axes.add_collection(PathCollection([whole], **style(color)))
                else:
                    axes.add_collection(PolyCollection(boxes, **style(color)))
        used[label] = Patch(label=label, **style(FAINT)) if size > 0.1 else _line(label, kind)
    if len(labels) <= 12:
        _name_tasks(axes, trace, rows, end)
    ticks = [row for row, label in enumerate(labels) if label or len(labels) <= MOST_TICKS]
    ticks = ticks[:: math.ceil(len(ticks) / MOST_TICKS) or 1]
    axes.set_yticks(ticks, [labels[row] for row in ticks], parse_math=False, **FONT)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlim(0, max(end, 1e-9))
    axes.set_xlabel(f"seconds     {trace.numbers}", **FONT)
    quiet(axes)
    return used


def _line(label: str, kind: str) -> Line2D:
    return Line2D(
        [],
        [],
        label=label,
        color=FAINT,
        linewidth=3 if kind == "wait" else 1.5,
        linestyle="-" if kind == "wait" else ":",
    )


def _running(color: str) -> dict[str, Any]:
    return {"facecolor": color, "edgecolor": INK, "linewidth": 0.6}


def _inside(color: str) -> dict[str, Any]:
    return {"facecolor": color + "99", "edgecolor": INK, "linewidth": 0.6}


def _thin(color: str) -> dict[str, Any]:
    return {"facecolor": color, "edgecolor": color, "linewidth": 0.3}


def _hatched(color: str) -> dict[str, Any]:
    return {"facecolor": "none", "edgecolor": color, "linewidth": 0.4, "hatch": "//////"}


def _dotted(color: str) -> dict[str, Any]:
    return {"facecolor": "none", "edgecolor": color, "linewidth": 0.9, "linestyle": ":"}


#: How each kind of span is drawn: what the legend says, how high it is, its style.
STYLES = {
    "held": ("what it started is in flight", 0.06, _dotted),
    "ready": ("ready, not running", 0.5, _hatched),
    "wait": ("waiting", 0.08, _thin),
    "call": ("in a function (inside not seen)", 0.62, _inside),
    "blur": ("running, too fine to see", 0.62, _inside),
    "run": ("running", 0.62, _running),
    "switch": ("switching", 0.62, lambda color: _thin(INK)),
}


def _boxes(start: Any, stop: Any, y: Any, height: float) -> Any:
    low, high = y - height / 2, y + height / 2
    x = np.stack([start, start, stop, stop], axis=1)
    return np.stack([x, np.stack([low, high, high, low], axis=1)], axis=2)


def _name_tasks(axes: Axes, trace: Trace, rows: Mapping[tuple[int, int], int], end: float) -> None:
    """Write each task's name onto its longest span, where there is room."""
    spans, room = trace.spans[trace.spans["stop"] <= end], max(end, 1e-9) / 100
    named: set[tuple[int, int]] = set()
    for at in np.argsort(spans["start"] - spans["stop"], kind="stable")[:200]:
        span = spans[at]
        key, text = (int(span["task"]), int(span["worker"])), str(trace.tasks["name"][span["task"]])
        if key in named or span["stop"] - span["start"] < room * (len(text) + 1):
            continue
        named.add(key)
        solid = span["kind"] == "run"
        axes.text(
            (span["start"] + span["stop"]) / 2,
            rows[key],
            text,
            ha="center",
            va="center",
            fontsize=11,
            color=ink_on(COLORS[span["task"] % len(COLORS)]) if solid else INK,
            parse_math=False,
            weight="bold" if solid else "normal",
            bbox=None
            if solid
            else {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8},
        )


def describe(trace: Trace) -> str:
    """Say in words what a timeline shows."""
    tasks, shares = trace.tasks, []
    for index in range(min(len(tasks), 6)):
        name, start, finish = (tasks[c][index] for c in ("name", "start", "finish"))
        if math.isnan(start):
            shares.append(f"{name} never started")
        elif math.isnan(finish):
            shares.append(f"{name} from {start:.3f} s, not finished")
        else:
            shares.append(f"{name} {start:.3f} to {finish:.3f} s")
    more = f", and {len(tasks) - 6} more" if len(tasks) > 6 else ""
    count = f"{len(tasks)} task{'s' * (len(tasks) != 1)}"
    return f"Timeline of {count}, {trace.model}: {trace.numbers}. {'; '.join(shares)}{more}."

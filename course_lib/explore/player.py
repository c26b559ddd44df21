"""The timeline player: a trace in time, and the two numbers of each moment.

All that it shows is in the browser, so it needs no kernel once it stands there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from course_lib.pictures import COLORS, STYLES, describe, lay_out
from course_lib.scripts import script
from course_lib.tasks import one_of
from course_lib.trace import Trace

__all__ = ["Player", "play", "running_numbers"]

HERE = Path(__file__).parent
SCRIPTS = ("moment.js", "drawing.js", "controls.js", "player.js")
Rows = Literal["task", "worker", "core"]
Array = NDArray[np.float64]

#: The kinds of span in which a task uses a core, or may: what rows by core show.
ON_CORE = ("run", "call", "blur")
#: Those whose inside isn't seen, so that nobody can say how many cores are busy meanwhile.
UNSEEN = ("call", "blur")


class Player(anywidget.AnyWidget):
    """A trace that can be played, scrubbed and stepped.

    Attributes
    ----------
    by : str
        What a row is at first: a "task", a "worker" or a "core". The learner can change it.
    moments, places, lives : bytes
        Columns, one after the other: each span's start and stop (float64); each one's task, kind,
        row by worker and row by core (int32; −1: not shown); each task's start and finish (float64).
    facts : dict
        What is short: the end, names, labels, and how each kind of span is drawn.
    """

    _esm = script(HERE, *SCRIPTS)
    _css = HERE / "player.css"

    by = traitlets.Enum(get_args(Rows), "worker").tag(sync=True)
    moments = traitlets.Bytes().tag(sync=True)
    places = traitlets.Bytes().tag(sync=True)
    lives = traitlets.Bytes().tag(sync=True)
    facts = traitlets.Dict().tag(sync=True)


def play(trace: Trace, by: Rows = "worker") -> Player:
    """Show a trace that plays, in slow motion if it is short.

    Parameters
    ----------
    trace : Trace
    by : str
        What a row is: "task", "worker" (as in the timeline) or "core".

    Raises
    ------
    TypeError
        If `trace` is no trace.
    ValueError
        If `by` is something else.

    Examples
    --------
    >>> from course_lib import Task, run, wait
    >>> play(run([Task("A", wait(0.01))])).by
    'worker'
    """
    if not isinstance(trace, Trace):
        raise TypeError(f"trace must be a Trace, as run() gives it, not {trace!r}")
    one_of("by", by, get_args(Rows))
    spans, tasks = _in_order(trace), trace.tasks
    rows, workers = lay_out(trace)
    pairs = zip(spans["task"].tolist(), spans["worker"].tolist(), strict=True)
    by_worker = np.array([rows[pair] for pair in pairs], dtype="<i4")
    by_core, cores = _core_rows(spans)
    kinds = {kind: number for number, kind in enumerate(STYLES)}
    kind = np.array([kinds[name] for name in spans["kind"].tolist()], dtype="<i4")
    return Player(
        by=by,
        moments=_packed("<f8", spans["start"], spans["stop"]),
        places=_packed("<i4", spans["task"], kind, by_worker, by_core),
        lives=_packed("<f8", tasks["start"], tasks["finish"]),
        facts={
            "end": trace.end,
            "labels": {"task": tasks["name"].tolist(), "worker": workers, "core": cores},
            "kinds": [[name, label, height] for name, (label, height, _) in STYLES.items()],
            "colors": list(COLORS),
            "numbers": trace.numbers,
            "description": describe(trace),
        },
    )


def _packed(kind: str, *columns: Any) -> bytes:
    return np.concatenate(columns).astype(kind).tobytes()


def _in_order(trace: Trace) -> Any:
    return trace.spans[np.argsort(trace.spans["start"], kind="stable")]


def _core_rows(spans: Any) -> tuple[NDArray[np.int32], list[str]]:
    """Give each span that uses a core that core's row; one a worker, where the core is unknown."""
    shown = np.isin(spans["kind"], ON_CORE)
    places = [
        (core, worker if core < 0 else -1)
        for core, worker in zip(spans["core"].tolist(), spans["worker"].tolist(), strict=True)
    ]
    used = {place for place, here in zip(places, shown, strict=True) if here}
    order = sorted(used, key=lambda place: (place[0] < 0, place))
    row = {place: number for number, place in enumerate(order)}
    labels = [
        f"core {core}" if core >= 0 else f"core unknown, worker {worker}" for core, worker in order
    ]
    rows = [row[place] if here else -1 for place, here in zip(places, shown, strict=True)]
    return np.array(rows, dtype="<i4"), labels


# The two numbers of a moment ------------------------------------------------------------------------


def running_numbers(trace: Trace, moments: ArrayLike) -> tuple[Array, Array]:
    """Return how many tasks are in flight, and how many cores are busy, at each moment.

    The browser computes the same.

    Parameters
    ----------
    trace : Trace
    moments : array of float
        Seconds since the trace's start.

    Returns
    -------
    in_flight : array of float
        Tasks that are started and not finished, and not held by what they have started.
    cores_busy : array of float
        Running (or switching) spans, at most one for each task on each worker. NaN where that can't be seen: some
        task is in a function, or runs in chunks too coarse to tell; or the trace shows no running.

    Examples
    --------
    >>> trace = Trace.build(
    ...     [("A", 0, 0, 2, 1), ("B", 0, 1, 3, 1)],
    ...     [(0, 0, 0, 0, 1, "run"), (1, 1, 1, 1, 2, "run")],
    ...     cpu=2, end=3, model="made",
    ... )
    >>> running_numbers(trace, [0.5, 1.5, 2.5])
    (array([1., 2., 1.]), array([1., 1., 0.]))
    """
    at, spans = np.asarray(moments, dtype=np.float64), _in_order(trace)
    start, finish = trace.tasks["start"], trace.tasks["finish"]
    begun = ~np.isnan(start)
    until = np.where(np.isnan(finish), np.inf, finish)

    held = spans[(spans["kind"] == "held") & begun[spans["task"]]]
    task = held["task"]
    within = np.clip([held["start"], held["stop"]], start[task], until[task])
    in_flight = _covering(start[begun], until[begun], at)
    in_flight -= _covering(*_joined(task.tolist(), *within.tolist()), at)

    runs = spans[np.isin(spans["kind"], ("run", "switch"))]
    keys = zip(runs["task"].tolist(), runs["worker"].tolist(), strict=True)
    busy = _covering(*_joined(keys, runs["start"].tolist(), runs["stop"].tolist()), at)
    hidden = spans[np.isin(spans["kind"], UNSEEN)]
    busy[_covering(hidden["start"], hidden["stop"], at) > 0] = np.nan
    return in_flight, busy if len(runs) else np.full_like(busy, np.nan)


def _covering(starts: ArrayLike, stops: ArrayLike, at: Array) -> Array:
    """Return how many intervals cover each moment: those begun, less those ended."""
    begun, ended = (np.searchsorted(np.sort(edges), at, "right") for edges in (starts, stops))
    return (begun - ended).astype(np.float64)


def _joined(
    keys: Iterable[Any], starts: Iterable[float], stops: Iterable[float]
) -> tuple[list[float], list[float]]:
    """Join each key's intervals where they overlap; each key's must come in order of their start."""
    last: dict[Any, int] = {}
    begins: list[float] = []
    ends: list[float] = []
    for key, start, stop in zip(keys, starts, stops, strict=True):
        at = last.get(key)
        if at is not None and start <= ends[at]:
            ends[at] = max(ends[at], stop)
        else:
            last[key] = len(begins)
            begins.append(start)
            ends.append(stop)
    return begins, ends

"""Record code that isn't ours, as it is.

While an observation lasts, whatever starts a thread, a call on an executor, an asyncio task or a
process is watched (see `hooks`). Each such thing is an *activity*, and knows by which activity it
was started. So it is known who only waits for what it has started: that one doesn't count.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from time import process_time, thread_time  # whatever the observed code does to `time`
from types import TracebackType
from typing import TYPE_CHECKING

from course_lib.activity import Activity, Flow, current
from course_lib.machine import busy_so_far
from course_lib.record import CALL, WAIT, clock, told

if TYPE_CHECKING:
    from course_lib.trace import Trace

__all__ = ["observe"]

Span = tuple[int, int]


class Observation:
    """What `observe` returns: the block's recorder."""

    def __init__(self) -> None:
        self.activities: list[Activity] = []
        self.begun = False

    def __enter__(self) -> Trace:
        from course_lib import hooks
        from course_lib.trace import Trace

        if self.begun:
            raise RuntimeError("an observation is of one block: call observe() anew for each")
        self.begun = True
        self.trace = Trace.__new__(Trace)  # filled when the block ends
        self.before = current.get()
        outer = self.before.lists if self.before and not self.before.declared else ()
        self.root = root = Flow("main", self.before, (*outer, self.activities))
        try:
            hooks.install(root)
            self.children = hooks.children_cpu()
            self.busy = busy_so_far()
            self.cpu, self.root_cpu = process_time(), thread_time()
            root.place = threading.get_ident()
            root.born = root.start = clock()
            current.set(root)
        except BaseException:
            current.set(self.before)
            hooks.remove(root)
            raise
        return self.trace

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        try:
            self._end(error)
        except BaseException:
            # It was interrupted: once more, for all must be put back, and the trace is due.
            self._end(error)
            raise

    def _end(self, error: BaseException | None) -> None:
        """End the observation; when that was interrupted, go on with it."""
        from course_lib import hooks

        root = self.root
        root.finish = root.finish or clock()
        root.ended = told(error) if error is not None else "done"
        root.cpu = thread_time() - self.root_cpu
        cpu, busy = process_time() - self.cpu, busy_so_far() - self.busy
        current.set(self.before)
        hooks.remove(root)
        if "tasks" in self.trace.__dict__:
            return
        cpu += hooks.cpu_since(self.children)
        self.trace.__dict__.update(_trace(self.activities, root, cpu, busy).__dict__)
        self._let_go()

    def _let_go(self) -> None:
        """Keep what goes on from holding all that was seen, and from being recorded further."""
        from course_lib.hooks import RecordedTask

        shared, self.activities = self.activities, self.activities[:]
        shared.clear()
        for activity in self.activities:
            if isinstance(activity, RecordedTask) and activity.lists[0] is shared:  # no outer one
                activity.let_go()


def observe() -> Observation:
    """Record what the block runs, whatever it is.

    Watched are threads, calls on executors (also loky's) and on multiprocessing's `ThreadPool`,
    asyncio tasks and processes, if the block's own flow of control starts them, or what it has
    started does. The standard library's own helper threads are no tasks. Everything that is touched
    is put back at the end, also after an error. Blocks may be nested.

    What the processes of a multiprocessing `Pool` do isn't seen: each of them is one task, for as long
    as it lives.

    Returns
    -------
    context manager, which gives the Trace
        It is complete when the block has ended. A task counts as in flight while nothing that it
        has started is in flight. CPU time is that of this process and of its children.

    Examples
    --------
    >>> from course_lib import observe
    >>> with observe() as trace:
    ...     total = sum(range(100_000))
    >>> round(trace.concurrency, 2)
    1.0
    """
    return Observation()


# From activities to a trace ------------------------------------------------------------------------


def _trace(activities: list[Activity], root: Activity, cpu: float, busy: float) -> Trace:
    from course_lib.machine import machine
    from course_lib.trace import Trace

    zero, end = root.start or 0, root.finish or 0
    begun = [activity for activity in activities if activity is root or _began(activity, end)]
    held = _held(begun, end)
    places: dict[object, int] = {}
    rows, spans = [], []
    for number, activity in enumerate(begun):
        own = _interval(activity, end)
        born, start = _seconds(activity.born, zero), _seconds(own[0], zero)
        finished = _seconds(None if activity.finish is None else own[1], zero)
        cpu_seconds = activity.cpu + (activity.lanes_cpu if isinstance(activity, Flow) else 0.0)
        rows.append((activity.name, born, start, finished, cpu_seconds))
        worker = places.setdefault(activity.place, len(places))
        for start, stop, kind in _spans(activity, own, held[number]):
            spans.append((number, worker, -1, _seconds(start, zero), _seconds(stop, zero), kind))
        for start, stop, place in activity.lanes:
            lane = places.setdefault(place, len(places))
            spans.append((number, lane, -1, _seconds(start, zero), _seconds(stop, zero), CALL))
    return Trace.build(
        rows,
        spans,
        outcomes=tuple(
            "still running" if math.isnan(row[3]) else activity.ended or "done"
            for activity, row in zip(begun, rows, strict=True)
        ),
        cpu=cpu,
        end=(end - zero) / 1e9,
        others=max(0.0, busy - cpu),
        model="observed",
        usable_cores=machine().usable_cores,
    )


def _began(activity: Activity, end: int) -> bool:
    return activity.start is not None and activity.start < end


def _seconds(moment: int | None, zero: int) -> float:
    return float("nan") if moment is None else (moment - zero) / 1e9


def _interval(activity: Activity, end: int) -> Span:
    return activity.start or 0, min(activity.finish or end, end)


def _held(activities: list[Activity], end: int) -> list[list[Span]]:
    """Return, for each activity, when something that it has started was in flight."""
    number = {id(activity): n for n, activity in enumerate(activities)}
    below: list[list[Span]] = [[] for _ in activities]
    for n in range(len(activities) - 1, -1, -1):  # children come after their parents
        below[n] = merged(below[n])
        parent = number.get(id(activities[n].parent))
        if parent is not None:
            below[parent] += [_interval(activities[n], end), *below[n]]
    return [clipped(below[n], _interval(a, end)) for n, a in enumerate(activities)]


def _spans(activity: Activity, own: Span, held: list[Span]) -> Iterator[tuple[int, int, str]]:
    yield from ((start, stop, "held") for start, stop in held)
    if (steps := activity.steps) is not None:
        for start, stop, kind, _ in steps:
            parts = [(start, stop)] if kind != WAIT else without((start, stop), held)
            yield from ((a, b, kind) for a, b in clipped(parts, own))
        return
    lanes = clipped(merged([(start, stop) for start, stop, _ in activity.lanes]), own)
    yield from ((start, stop, WAIT) for start, stop in lanes)  # at the barrier, for its lanes
    yield from ((start, stop, CALL) for start, stop in without(own, merged(held + lanes)))


def merged(spans: list[Span]) -> list[Span]:
    """Return the times covered by any of the spans, in order, without overlap."""
    union: list[Span] = []
    for start, stop in sorted(spans):
        if union and start <= union[-1][1]:
            union[-1] = union[-1][0], max(stop, union[-1][1])
        else:
            union.append((start, stop))
    return union


def clipped(spans: list[Span], within: Span) -> list[Span]:
    """Return the parts of the spans that lie within another."""
    cut = ((max(start, within[0]), min(stop, within[1])) for start, stop in spans)
    return [(start, stop) for start, stop in cut if start < stop]


def without(span: Span, taken: list[Span]) -> list[Span]:
    """Return what is left of a span when the (merged) others are taken out."""
    left, start = [], span[0]
    for a, b in clipped(taken, span):
        if start < a:
            left.append((start, a))
        start = b
    return [*left, (start, span[1])] if start < span[1] else left

"""A speed-up that can be trusted, or that says why it can't.

One pair of timings is worth nothing on a machine that others use, too. So both programs run in
turn, again and again, and the quickest run of each counts: what disturbs a run only makes it slower.
On Linux, what a run waited for a core is taken off first, where that can be told.
"""

from __future__ import annotations

import html
import inspect
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import TYPE_CHECKING, Any

from course_lib.machine import busy_so_far, machine, throttled
from course_lib.models import run
from course_lib.observe import observe
from course_lib.ready import queued, threads
from course_lib.tables import html_table
from course_lib.tasks import Task, duration

if TYPE_CHECKING:
    from course_lib.trace import Trace

__all__ = ["Speedup", "speedup"]

NOISY = 0.1  # of the machine, used by other programs
PAIRS = 7  # at least, if the budget allows
MOST = 1000
DEAREST = 1.15  # times the baseline's CPU time: from here on it's said

Program = Callable[[], Any] | tuple[Any, ...]


@dataclass(frozen=True)
class Run:
    """One run of a program, in seconds."""

    raw: float  # on the clock
    clean: float  # without what it waited for a core; NaN if that can't be told
    cpu: float
    took: float  # with all that is around it, such as starting a pool


@dataclass(frozen=True)
class Speedup:
    """How many times quicker one program is than another, and what to think of the figure.

    Attributes
    ----------
    value : float
        The baseline's quickest run over the candidate's. On Linux, what they waited for a core is
        taken off, where it can be told and the candidate has no more threads than cores.
    raw : float
        The same by the clock alone.
    spread : (float, float)
        The lowest and the highest speed-up of a pair; `value` lies between them.
    verdict : str
        "quiet"; or "noisy", if other programs used more than a tenth of this machine meanwhile.
    pairs : tuple of (float, float)
        Seconds on the clock, of baseline and candidate.
    limited_by : tuple of str
        In words: what kept it from being more.
    others : float
        The share of this machine that other programs used meanwhile.
    """

    value: float
    raw: float
    spread: tuple[float, float]
    verdict: str
    pairs: tuple[tuple[float, float], ...]
    limited_by: tuple[str, ...]
    others: float

    def __float__(self) -> float:
        return self.value

    def rows(self) -> list[list[str]]:
        """Return what the table shows: a fact and its value."""
        low, high = self.spread
        noise = f"other programs used {self.others:.0%} of this machine"
        return [
            ["Speed-up", f"{self.value:.2f}"],
            ["by the clock alone", f"{self.raw:.2f}"],
            [
                f"over {len(self.pairs)} pair{'s' * (len(self.pairs) > 1)}",
                f"{low:.2f} to {high:.2f}",
            ],
            ["The machine was", f"{self.verdict}: {noise}"],
            ["Limited by", "; ".join(self.limited_by) or "nothing that was seen"],
        ]

    def __repr__(self) -> str:
        low, high = self.spread
        return f"<Speedup {self.value:.2f} ({low:.2f} to {high:.2f}), {self.verdict}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        (_, value), *rows = self.rows()
        table = html_table("the quickest run of each counts", ["speed-up", value], rows)
        doubt = f"<p>{html.escape(_DOUBT)}</p>" if self.verdict == "noisy" else ""
        return {"text/html": table + doubt, "text/plain": repr(self)}


_DOUBT = "Other programs were at work, so another time this figure may be a different one."


def speedup(baseline: Program, candidate: Program, budget: float = 4.5) -> Speedup:
    """Measure how many times quicker the candidate is than the baseline.

    Each runs once to warm up, then both run in pairs whose order changes, as long as the budget
    lasts; at least one pair.
    Runs of 0.1 to 0.2 seconds are best: so 7 pairs and more fit in.

    Parameters
    ----------
    baseline, candidate : callable without arguments, or tuple
        A tuple holds what `run` takes: tasks, a model, a number of workers. Of such a run, and of
        a callable that returns the trace of one, the makespan counts; of any other, all its time.
    budget : float
        Seconds that all may take together.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these, or a callable returns what hasn't run: a coroutine, a
        generator, a simulated trace; and what the programs raise.

    Examples
    --------
    >>> from course_lib import Task, speedup, wait
    >>> tasks = [Task(name, wait(0.05)) for name in "AB"]
    >>> 1.5 < speedup((tasks,), (tasks, "async"), budget=1).value < 2.5
    True
    """
    drawn = cache(tuple)  # of tasks that come one by one, and only once
    programs = [_program("baseline", baseline, drawn), _program("candidate", candidate, drawn)]
    if not duration("budget", budget) > 0:
        raise ValueError(f"budget must be more than 0 seconds, not {budget!r}")
    end = time.perf_counter() + budget
    held, meter = throttled() or 0.0, Meter()
    first = _measured(programs[0])
    with observe() as seen:  # what the candidate does, which is only looked at once
        inside = programs[1]()
    pairs: list[tuple[Run, Run]] = []  # those runs have warmed up, and don't count
    guess = 2 * max(first.raw, seen.makespan)
    while len(pairs) < MOST and (not pairs or guess * 1.2 < end - time.perf_counter()):
        order = (0, 1) if len(pairs) % 2 else (1, 0)
        took = {number: _measured(programs[number]) for number in order}
        pairs.append((took[0], took[1]))
        guess = median(one.took + other.took for one, other in pairs)
    others = meter.others()
    seen = inside if type(inside) is type(seen) else seen
    return _judged(pairs, others, (throttled() or 0.0) - held, seen)


def _program(what: str, given: Program, drawn: Callable[..., tuple[Any, ...]]) -> Callable[[], Any]:
    if isinstance(given, tuple) and given:
        tasks, *how = given
        tasks = drawn(tasks) if isinstance(tasks, Iterator) else tasks
        return lambda: run(tasks, *how)
    if not callable(given) or isinstance(given, Task):
        raise TypeError(
            f"{what} must be a function without arguments, or a tuple of what run takes, such as "
            f"(tasks, 'threads', 2), not {given!r}"
        )
    return lambda: _measurable(what, finished(what, given()))


def finished(what: str, result: object) -> object:
    """Return what a program returned; raise if nothing of it has run yet."""
    if inspect.iscoroutine(result):
        result.close()
        kind, instead = "a coroutine", "asyncio.run(main())"
    elif inspect.isgenerator(result):
        kind, instead = "a generator", "list(numbers())"
    elif inspect.isasyncgen(result):
        kind, instead = "an async generator", "asyncio.run(main())"
    else:
        return result
    raise TypeError(
        f"{what} returned {kind}, so nothing has run: give it a function that does all its work, "
        f"such as lambda: {instead}"
    )


def _measurable(what: str, result: object) -> object:
    """Return what a program returned; raise if it's a trace whose seconds nobody has measured."""
    from course_lib.trace import Trace

    if isinstance(result, Trace) and result.simulated:
        raise ValueError(
            f"{what} returned a simulated trace, which no clock has measured: divide the makespans "
            "of simulated runs; and to time the simulation itself, return nothing"
        )
    return result


class Meter:
    """Measures what this process and its children, and others, use of the machine from now on."""

    def __init__(self) -> None:
        from course_lib.hooks import children_cpu

        self.busy, self.children = busy_so_far(), children_cpu()
        self.cpu, self.start = time.process_time(), time.perf_counter()

    def read(self) -> tuple[float, float]:
        """Return CPU seconds and seconds so far."""
        from course_lib.hooks import cpu_since

        cpu, lasted = time.process_time() - self.cpu, time.perf_counter() - self.start
        return cpu + cpu_since(self.children), lasted

    def others(self) -> float:
        """Return the share of this machine that other programs have used so far."""
        cpu, lasted = self.read()
        used = max(0.0, busy_so_far() - self.busy - cpu)
        return min(used / lasted / (os.cpu_count() or 1), 1.0)


def _measured(program: Callable[[], Any]) -> Run:
    """Run a program once, and tell what it took."""
    from course_lib.trace import Trace

    began = time.perf_counter()
    before = _threads()
    meter, wait = Meter(), queued()
    result = program()
    wait = queued() - wait
    cpu, raw = meter.read()
    took = time.perf_counter() - began
    if isinstance(result, Trace):
        return Run(result.makespan, without_queues(result), result.cpu, took)
    return Run(raw, _without_queue(raw, cpu, wait, before), cpu, took)


def without_queues(trace: Trace) -> float:
    """Return the makespan of independent tasks, had each worker always had a core.

    Then a worker ends as much earlier as its tasks have waited for one.
    """
    if trace.model not in ("sequential", "threads", "processes") or not trace.queued:
        return math.nan
    if (trace.workers or 1) > (trace.usable_cores or 1):
        return math.nan
    worker = dict(zip(trace.spans["task"].tolist(), trace.spans["worker"].tolist(), strict=True))
    ends: dict[int, float] = {}
    waits: dict[int, float] = {}
    for task, (finish, wait) in enumerate(zip(trace.tasks["finish"], trace.queued, strict=True)):
        place = worker.get(task, -1)
        ends[place] = max(ends.get(place, 0.0), float(finish))
        waits[place] = waits.get(place, 0.0) + wait
    first = float(trace.tasks["arrival"].min())
    return max(ends[place] - waits[place] for place in ends) - first


def _threads() -> dict[int, tuple[float, float]]:
    from course_lib.hooks import children_cpu

    if sys.platform != "linux":
        return {}
    return threads([os.getpid(), *(pid for pid in children_cpu() if pid)])


def _without_queue(
    raw: float, cpu: float, wait: float, before: dict[int, tuple[float, float]]
) -> float:
    """Return how long a program would have taken, had it always had a core; NaN if unknown.

    Of several threads' waits the mean is taken off: rather too little than too much. Threads that
    have ended can't be asked; so all is unknown if the living ones haven't done the work.
    """
    worked = []
    for thread, (used, waited) in _threads().items():
        earlier = before.get(thread, (0.0, 0.0))
        mine = thread == threading.get_native_id()  # its wait must not include that of measuring
        if used - earlier[0] > 0.05 * cpu:
            worked.append((used - earlier[0], wait if mine else waited - earlier[1]))
    seen = math.fsum(used for used, _ in worked)
    if not worked or seen < 0.9 * cpu or len(worked) > machine().usable_cores:
        return math.nan
    return max(raw - sum(waited for _, waited in worked) / len(worked), cpu / len(worked))


# What to think of it ---------------------------------------------------------------------------------


def _judged(pairs: list[tuple[Run, Run]], others: float, held: float, seen: Trace) -> Speedup:
    raw = min(a.raw for a, _ in pairs) / max(min(b.raw for _, b in pairs), 1e-9)
    cleanable = not any(math.isnan(each.clean) for pair in pairs for each in pair)
    times = [(a.clean, b.clean) if cleanable else (a.raw, b.raw) for a, b in pairs]
    slow, quick = min(a for a, _ in times), max(min(b for _, b in times), 1e-9)
    own = [a / max(b, 1e-9) for a, b in times]
    return Speedup(
        value=slow / quick,
        raw=raw,
        spread=(min(own), max(own)),
        verdict="noisy" if others > NOISY else "quiet",
        pairs=tuple((a.raw, b.raw) for a, b in pairs),
        limited_by=tuple(_limits(pairs, others, held, seen)),
        others=others,
    )


def _limits(pairs: list[tuple[Run, Run]], others: float, held: float, seen: Trace) -> Iterable[str]:
    """Say what kept a speed-up from being more."""
    from course_lib.trace import WALL

    best = min((b for _, b in pairs), key=lambda each: each.raw)
    before = min(a.cpu for a, _ in pairs)
    here, workers = machine(), len(set(seen.spans["worker"].tolist()))
    busy = best.cpu / max(best.raw if math.isnan(best.clean) else best.clean, 1e-9)
    if len(pairs) < PAIRS:
        yield f"the budget: {len(pairs)} of {PAIRS} pairs fitted in"
    if best.raw < 1e-3:
        yield f"its shortness: {best.raw * 1e6:.0f} µs are too few to measure well"
    if busy > 0.85 * here.usable_cores:
        yield f"the cores: {busy:.2f} of {here.usable_cores:g} usable ones were busy"
    elif 0.85 < busy <= WALL and workers == 1:
        yield "one thread: it does all computing"
    elif 0.85 < busy <= WALL < seen.concurrency and here.gil and seen.model != "processes":
        yield f"the GIL: {seen.concurrency:.2f} tasks in flight, but {busy:.2f} cores busy"
    elif busy <= 0.85 and others <= NOISY:
        yield f"waiting: {busy:.2f} cores were busy"
    if min(b.cpu for _, b in pairs) > DEAREST * before and before > 1e-3:
        more = min(b.cpu for _, b in pairs) / before - 1
        why = "memory that can't follow, perhaps" if busy > WALL else "overhead"
        yield f"more work: {more:.0%} more CPU time than the baseline's ({why})"
    if held > 0.01 * sum(a.raw + b.raw for a, b in pairs):
        yield f"the CPU quota: it held this back for {held:.2f} s"
    if others > NOISY:
        yield f"other programs: they used {others:.0%} of this machine"

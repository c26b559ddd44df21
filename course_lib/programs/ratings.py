"""Rate the models by measuring them: what is in flight, what is busy, and what one task costs.

Each model gets the same five tests: many tasks that wait; a few that compute in Python; a few that
compute in C; tasks that do nothing, one after the other and all at once; and, in a process of its own,
many that wait while the memory is looked at. What a task costs is measured without the recorder.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, nan
from typing import Any

import numpy as np
import psutil

from course_lib.activity import one_task
from course_lib.machine import machine
from course_lib.models import MODELS, run
from course_lib.models import why_not as why_no_model
from course_lib.observe import observe
from course_lib.patience import Line, told
from course_lib.programs.bare import LOOPS, POOLS, Bare
from course_lib.programs.crowd import allowed
from course_lib.programs.event_loop import run_own
from course_lib.service import helper
from course_lib.tables import Sheet
from course_lib.tasks import Step, Task, compute, one_of, wait
from course_lib.trace import Trace

__all__ = ["RATED", "WAITS", "Rating", "measured", "rate", "weighed", "why_not"]

WAITS = 64  # tasks that wait at the same time, where a model lets them
MOST = 4  # tasks that compute: on a large machine as well, the tests shall be short
EMPTY = 200  # tasks that do nothing, at once
MORE = (256, 2_000)  # tasks in flight, of which the memory is told: threads, coroutines
SINGLE = 15  # tasks that do nothing, one every 4 ms
HELD = 0.4  # seconds that tasks wait while the memory is looked at: all are in flight by then

#: What can be rated: an event loop of one's own, models of the course, and a NumPy function.
RATED = (
    *("sequential", "async", "own loop", "threads", "fork_join", "actors", "csp", "simd"),
    *("processes", "interpreters", "hybrid"),
)
#: They can have many tasks in flight; of processes and interpreters, there is one a core.
WIDE = ("own loop", "async", "threads", "fork_join", "actors", "csp", "hybrid")


@dataclass(frozen=True)
class Rating:
    """What was measured of one model.

    Attributes
    ----------
    in_flight : float
        Of 64 tasks that wait.
    python, native : float
        Cores busy, with tasks that compute in Python, and in C with the GIL released.
    cost : float
        Seconds for a task that does nothing, when many are there.
    dispatch : float
        Seconds from the arrival of a single task to its start; the median.
    memory : float
        Bytes for each task in flight; NaN until it is `weighed`, and where there is nothing to weigh.
    noise : str
        What other programs did meanwhile, if that matters.
    """

    model: str
    in_flight: float
    python: float
    native: float
    cost: float
    dispatch: float
    memory: float = nan
    noise: str = ""


def why_not(model: str) -> str | None:
    """Return None if a model can be rated here; else why not.

    Raises
    ------
    ValueError
        If it is none of `RATED`.
    """
    one_of("model", model, RATED)
    return why_no_model(model) if model in MODELS else None


def rate(*models: str) -> list[Rating]:
    """Measure some models, one after the other; those that can't run here are left out.

    Raises
    ------
    ValueError
        If one is none of `RATED`.
    """
    return [_rate(model) for model in [one for one in models if why_not(one) is None]]


def weighed(ratings: Sequence[Rating]) -> list[Rating]:
    """Return the ratings with their memory, measured in a process for each, all at once."""
    with Line() as line, contextlib.ExitStack() as stack:
        asked = {
            one.model: stack.enter_context(helper(__name__, one.model))
            for one in ratings
            if one.model not in ("sequential", "simd")
        }
        found = {
            model: float(json.loads(told(process, line, f"{model}: memory")))
            for model, process in asked.items()
        }
    return [replace(one, memory=found.get(one.model, nan)) for one in ratings]


def measured(ratings: Sequence[Rating]) -> Sheet:
    """Put ratings beside each other, a row each."""
    rows = [
        (
            one.model,
            _number(one.in_flight, 1, "", 1),
            _number(one.python, 1, "", 2),
            _number(one.native, 1, "", 2),
            _number(one.cost, 1e6, " µs", 0 if one.cost > 1e-5 else 1),
            _number(one.dispatch, 1e6, " µs", 0),
            _number(one.memory, 1e-3, " kB", 0 if one.memory > 1e4 else 1),
        )
        for one in ratings
    ]
    head = ("model", f"in flight, of {WAITS} waits", "cores busy, Python", "cores busy, C")
    caption = "the models, measured here"
    noise = next((f"{one.model}: {one.noise}" for one in ratings if one.noise), "")
    more = ("cost a task", "dispatch", "memory a task in flight")
    return Sheet(caption, (*head, *more), tuple(rows), noise)


def _number(value: float, by: float, unit: str, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value * by:,.{digits}f}{unit}"


# The tests --------------------------------------------------------------------------------------------


def _rate(model: str) -> Rating:
    if model == "simd":
        return _rate_simd()
    play = _player(model)
    count = min(MOST, max(2, ceil(machine().usable_cores)))
    steps: list[Step] = [
        *[compute(0.1)] * count,
        *[compute(0.1, kind="native")] * count,
        *[wait(0.1 if model in WIDE else 0.005)] * WAITS,
    ]
    groups = [slice(0, count), slice(count, 2 * count), slice(2 * count, None)]
    if model in POOLS:  # all in one run, for it takes a while to start the workers
        at = [0.0] * count + [0.4] * count + [0.8] * WAITS
        trace = play([Task(f"{n}", step, at=at[n]) for n, step in enumerate(steps)])
        noise, tables = trace.noise, [trace.tasks[group] for group in groups]
    else:
        tasks = [Task(f"{n}", step) for n, step in enumerate(steps)]
        traces = [play(tasks[group]) for group in groups]
        noise = next((trace.noise for trace in traces if trace.noise), "")
        tables = [trace.tasks for trace in traces]
    python, native, waits = tables
    cost, dispatch = _cost_and_dispatch(model)
    return Rating(
        model,
        float(np.sum(waits["finish"] - waits["start"]) / _lasted(waits)),
        float(np.sum(python["cpu"]) / _lasted(python)),
        float(np.sum(native["cpu"]) / _lasted(native)),
        cost,
        dispatch,
        noise=noise,
    )


def _lasted(tasks: Any) -> float:
    """Return the seconds from the first arrival to the last finish."""
    return float(tasks["finish"].max() - tasks["arrival"].min())


def _player(model: str, most: int = WAITS) -> Callable[[list[Task]], Trace]:
    """Return what runs tasks in a model: as many at once as it can have, or one a core."""
    if model == "own loop":
        return run_own
    if model == "sequential":
        return partial(run, model=model)
    if model not in WIDE:
        most = max(2, ceil(machine().usable_cores))  # two at least: so one more can be seen
    return lambda tasks: run(tasks, model, workers=min(most, len(tasks)))


def _cost_and_dispatch(model: str) -> tuple[float, float]:
    if model in ("own loop", "async"):  # they have no other way to be handed one task at a time
        cost = min(Bare(model, 0, EMPTY).played() for _ in range(3)) / EMPTY
        stages = [Bare(model, 1) for _ in range(SINGLE)]
    else:
        stages = [Bare(model, SINGLE, EMPTY) for _ in range(1 if model in POOLS else 3)]
    ends = [stage.played() - stage.tasks[-1].at for stage in stages]
    delays = [delay for stage in stages for delay in stage.delays()[:SINGLE]]
    if len(stages[0].tasks) > 1:
        cost = min(ends) / EMPTY
    return cost, float(np.median(delays))


def _rate_simd() -> Rating:
    """Rate a NumPy function, of which each call is one task: what is parallel is inside a core."""
    numbers, one = np.linspace(-3, 3, 100_000), np.zeros(1)
    with observe() as trace, one_task("tanh"):
        until = time.perf_counter() + 0.15
        while time.perf_counter() < until:
            np.tanh(numbers)
    times = []
    for _ in range(2_000):
        start = time.perf_counter()
        np.tanh(one)
        times.append(time.perf_counter() - start)
    cost = float(np.median(times))
    return Rating("simd", trace.concurrency, nan, trace.parallelism, cost, nan, noise=trace.noise)


# In the process of its own ----------------------------------------------------------------------------


def held() -> int:
    """Return the bytes that this process and its children hold, each page of memory once."""
    total, me = 0, psutil.Process()
    for one in [me, *me.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            full = one.memory_full_info()
            total += getattr(full, "uss", full.rss)
    return total


def grown(model: str) -> float:
    """Return the bytes that one more task in flight takes."""
    few, more = (16, MORE[model in LOOPS]) if model in WIDE else (1, 1)
    if more == MORE[False]:  # threads, of which a system may allow few
        more = int(max(1, min(more, allowed()[0] - few)))
    many = few + more
    play = _player(model, many)
    if model not in POOLS:
        play([Task("first", wait(0))])  # what comes only once isn't the tasks'
    before = _peak(play, few)  # first, for Python keeps what it has once had
    return max(0.0, (_peak(play, many) - before) / (many - few))


def _peak(play: Callable[[list[Task]], Trace], count: int) -> int:
    """Return the most bytes that are held while so many tasks wait."""
    done, most = threading.Event(), [0]

    def look() -> None:
        while not done.wait(0.02):
            most.append(held())

    thread = threading.Thread(target=look)
    thread.start()
    play([Task(f"{n}", wait(HELD)) for n in range(count)])
    done.set()
    thread.join()
    return max(most)


if __name__ == "__main__":
    print(json.dumps(grown(sys.argv[1])), flush=True)

"""Live runs, by their properties: what must hold on any machine, on one core and on many.

Other programs take cores and time away. So a measurement that they can spoil may be repeated, and
must come out right once (`at_best`); a bound that nothing honest can exceed holds on every try.
"""

from __future__ import annotations

import asyncio
import doctest
import importlib
import math
import os
import pkgutil
import re
import sys
from collections.abc import Callable
from functools import partial
from time import perf_counter

import numpy as np
import psutil
import pytest

import course_lib
from course_lib import MODELS, Task, Trace, compute, machine, run, wait, why_not
from course_lib.machine import allowed_cpus
from course_lib.tasks import Step

HERE = machine()
USABLE = HERE.usable_cores
WORKERS = min(4, max(2, math.ceil(USABLE)))
#: More cores than this are never busy. (Short runs may burst past a quota.)
QUOTA = any("quota" in limit for limit in HERE.limits)
CEILING = (len(allowed_cpus()) if QUOTA else USABLE) + 0.1
ALONE = ("sequential", "data_parallel")  # the models that have one task in flight
THREADS = ("threads", "fork_join", "actors", "csp")  # their workers are threads of this process
NO_CALLS = ("data_parallel",)  # they refuse callables
LOOPS = ("async", "hybrid")  # on one worker, the loop, several tasks may be in flight
IN_PARTS = ("data_parallel", "hybrid")  # several workers may work for one task
HAVE = tuple(model for model in MODELS if why_not(model) is None)
POOLS = tuple(model for model in HAVE if model not in ALONE)
#: Seconds of a wait beside which the time that a model takes to hand a task out is little.
LONG = dict.fromkeys(("processes", "hybrid", "dask"), 0.3)
#: The models that may be impossible on a machine where the tests run, and what would be needed.
NEEDS = {"interpreters": "Python 3.14", "free_threads": "COURSE_FREE_THREADED"}
PARALLEL = ("processes", "interpreters", "free_threads", "hybrid", "dask")  # for any code
TRIES = 8


def calls(model: str, function: Callable[..., object], *arguments: object) -> tuple[Step, ...]:
    """Return a call as a step, one that can be sent anywhere; no step where there are no calls."""
    return () if model in NO_CALLS else (partial(function, *arguments),)


def at_best(measure: Callable[[], Trace], right: Callable[[Trace, float], object]) -> Trace:
    """Return the first trace that is right, given the cores that others left; fail if none is."""
    seen = []
    for _ in range(TRIES):
        began, before = perf_counter(), used_by_others()
        trace = measure()
        others = (used_by_others() - before) / (perf_counter() - began)
        free = min(USABLE, len(allowed_cpus()) - others)
        assert trace.parallelism <= CEILING
        assert trace.concurrency <= len(trace.tasks) + 1e-6
        if right(trace, free):
            return trace
        seen.append(f"{trace!r} (others left {free:.2f} cores)")
    raise AssertionError("never right in {} tries:\n{}".format(TRIES, "\n".join(seen)))


def used_by_others() -> float:
    """Return the CPU seconds that other programs have used so far on the cores we may use."""
    cores = psutil.cpu_times(percpu=True)
    busy = ("user", "nice", "system", "irq", "softirq", "steal")
    used = sum(getattr(cores[number], part, 0.0) for number in allowed_cpus() for part in busy)
    return float(used - sum(psutil.Process().cpu_times()[:4]))


def tasks(number: int, *steps: object, at: float = 0.0) -> list[Task]:
    return [Task(f"T{n}", *steps, at=at) for n in range(number)]  # type: ignore[arg-type]


def most_at_once(starts: np.ndarray, stops: np.ndarray) -> int:
    """Return how many intervals overlap at most; one that begins as another ends doesn't count."""
    edges = [(time, 1) for time in starts.tolist()] + [(time, -1) for time in stops.tolist()]
    most = now = 0
    for _, change in sorted(edges):
        now += change
        most = max(most, now)
    return most


def in_flight_at_most(trace: Trace) -> int:
    return most_at_once(trace.tasks["start"], trace.tasks["finish"])


# The two numbers --------------------------------------------------------------------------------------


def test_sequential_has_one_task_in_flight_and_one_core_busy() -> None:
    trace = at_best(
        lambda: run(tasks(3, compute(0.1)), "sequential"),
        lambda t, free: abs(t.concurrency - 1) <= 0.05 and t.parallelism >= 0.9 * min(1, free),
    )
    assert trace.parallelism <= 1.1
    assert trace.room == "sequential"
    assert in_flight_at_most(trace) == 1


@pytest.mark.parametrize("model", THREADS)
def test_threads_of_python_code_are_in_flight_together_and_keep_one_core_busy(model: str) -> None:
    def right(trace: Trace, free: float) -> bool:
        if HERE.gil:
            assert trace.parallelism <= 1.1
        return trace.concurrency >= 0.8 * 4 and trace.parallelism >= 0.9 * min(1, free)

    trace = at_best(lambda: run(tasks(4, compute(0.1)), model, 4), right)
    assert trace.concurrency > 1.15


@pytest.mark.parametrize("model", THREADS)
def test_threads_of_native_work_keep_all_cores_busy(model: str) -> None:
    at_best(
        lambda: run(tasks(2 * WORKERS, compute(0.2, "native")), model, WORKERS),
        lambda t, free: (
            t.parallelism >= 0.9 * min(WORKERS, free) and t.concurrency >= 0.75 * WORKERS
        ),
    )


@pytest.mark.parametrize("model", [model for model in PARALLEL if model in HAVE])
def test_parallel_models_keep_all_cores_busy(model: str) -> None:
    at_best(
        lambda: run(tasks(2 * WORKERS, compute(0.2)), model, WORKERS),
        lambda t, free: (
            t.parallelism >= 0.9 * min(WORKERS, free) and t.concurrency >= 0.75 * WORKERS
        ),
    )


def test_data_parallel_has_one_task_in_flight_and_keeps_all_cores_busy() -> None:
    for kind in ("python", "native"):
        trace = at_best(
            lambda kind=kind: run(tasks(2, compute(0.4, kind)), "data_parallel", WORKERS),  # type: ignore[misc]
            lambda t, free: (
                t.parallelism >= 0.8 * min(WORKERS, free)
                and abs(t.concurrency - 1) <= 0.05
                and (t.room == "parallel, not concurrent" or free < 1.5)
            ),
        )
        assert in_flight_at_most(trace) == 1


def test_data_parallel_cuts_each_computation_evenly_and_waits_for_all_parts() -> None:
    def right(trace: Trace, _: float) -> bool:
        runs = trace.spans[np.isin(trace.spans["kind"], ("run", "blur"))]
        assert trace.tasks["cpu"].sum() == pytest.approx(trace.cpu)
        for index in range(2):  # the second step of a task begins when all parts of the first end
            waits = trace.spans[(trace.spans["kind"] == "wait") & (trace.spans["task"] == index)]
            own = runs[runs["task"] == index]
            assert set(own["worker"].tolist()) <= {0, 1, 2}
            assert (own["stop"] <= waits["start"][0]).all()
        return set(runs["worker"].tolist()) == {0, 1, 2}

    at_best(lambda: run(tasks(2, compute(0.1), wait(0.01)), "data_parallel", 3), right)


def test_async_waits_are_in_flight_together_and_keep_no_core_busy() -> None:
    trace = at_best(
        lambda: run(tasks(8, wait(0.1)), "async"),
        lambda t, _: t.concurrency >= 0.95 * 8 and t.parallelism <= 0.1,
    )
    assert trace.room == "concurrent, not parallel"


def test_hybrid_computes_in_processes_while_others_wait_on_the_loop() -> None:
    given = [*tasks(2, compute(0.5)), *(Task(f"W{n}", wait(0.3)) for n in range(20))]
    trace = at_best(
        lambda: run(given, "hybrid"),
        lambda t, free: t.concurrency >= 4 * min(2, free) and t.parallelism >= 0.8 * min(2, free),
    )
    assert set(trace.spans["worker"][trace.spans["kind"] == "wait"].tolist()) == {0}
    runs = np.isin(trace.spans["kind"], ("run", "blur"))
    assert 0 not in trace.spans["worker"][runs]


def test_hybrid_hands_plain_functions_off_and_awaits_coroutines_on_the_loop() -> None:
    async def here() -> int:
        await asyncio.sleep(0.001)
        return os.getpid()

    trace = run([Task("A", os.getpid), Task("B", here), Task("C", os.getpid, compute(0))], "hybrid")
    assert trace.results[1] == os.getpid()
    assert os.getpid() not in (trace.results[0], trace.results[2]) and trace.results[2]


def test_async_tasks_that_only_compute_are_one_in_flight() -> None:
    trace = at_best(
        lambda: run(tasks(4, compute(0.05)), "async"), lambda t, _: abs(t.concurrency - 1) <= 0.05
    )
    assert in_flight_at_most(trace) == 1
    assert trace.parallelism <= 1.1


@pytest.mark.parametrize("model", HAVE)
def test_a_wait_keeps_its_worker_and_frees_its_core(model: str) -> None:
    workers = 1 if model in ALONE else 3
    long = LONG.get(model, 0.1)
    trace = at_best(
        lambda: run(tasks(3, wait(long)), model, workers),
        lambda t, _: t.concurrency >= 0.8 * workers and t.parallelism <= 0.1,
    )
    assert in_flight_at_most(trace) == workers


@pytest.mark.parametrize("model", HAVE)
def test_a_socket_wait_waits_for_the_service(model: str) -> None:
    workers = 1 if model in ALONE else 3
    long = LONG.get(model, 0.1)
    trace = at_best(
        lambda: run(tasks(3, wait(long, "socket")), model, workers),
        lambda t, _: t.concurrency >= 0.8 * workers and t.parallelism <= 0.3,
    )
    waits = trace.spans[trace.spans["kind"] == "wait"]
    assert len(waits) == 3
    assert (waits["stop"] - waits["start"] >= 0.099).all()


# Work ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["python", "native"])
def test_a_computation_is_an_amount_of_work(kind: str) -> None:
    four_times = [Task("A", compute(0.05, kind)), Task("B", compute(0.2, kind))]  # type: ignore[arg-type]
    at_best(
        lambda: run(four_times), lambda t, _: 3.5 <= t.tasks["cpu"][1] / t.tasks["cpu"][0] <= 4.5
    )


def test_threads_that_share_the_gil_need_longer_for_the_same_work() -> None:
    if not HERE.gil:
        assert run(tasks(2, compute(0.01)), "threads").outcomes == ("done", "done")
        return
    at_best(
        lambda: run(tasks(2, compute(0.1)), "threads"),
        lambda t, _: (t.turnaround >= 1.5 * t.tasks["cpu"]).all(),
    )


# Arguments ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", HAVE)
def test_a_task_starts_when_it_has_arrived(model: str) -> None:
    given = [
        Task("late", wait(0.001), *calls(model, str, "late"), at=0.2),
        Task("early", *calls(model, str, "early"), wait(0.01)),
        Task("middle", wait(0.001), *calls(model, str, "middle"), at=0.1),
    ]
    workers = 1 if model in ALONE else 2

    def right(trace: Trace, _: float) -> bool:
        assert (trace.response >= -1e-6).all()
        assert trace.makespan >= 0.2
        return bool((trace.response <= 0.05).all())

    trace = at_best(lambda: run(given, model, workers), right)
    assert trace.tasks["arrival"].tolist() == [0.2, 0.0, 0.1]
    assert trace.tasks["name"].tolist() == ["late", "early", "middle"]
    if model not in NO_CALLS:
        assert trace.results == ("late", "early", "middle")


@pytest.mark.parametrize("model", HAVE)
def test_results_keep_the_order_of_the_list(model: str) -> None:
    given = [Task(f"T{n}", wait(0.02 * (3 - n)), *calls(model, pow, n, 2)) for n in range(4)]
    last = calls(model, str, "last")
    given += [Task("two", *last, compute(0.001), *calls(model, int, 5)), Task("none", wait(0.001))]
    trace = run(iter(given), model)
    assert trace.results == ((None,) * 6 if model in NO_CALLS else (0, 1, 4, 9, 5, None))
    assert trace.outcomes == ("done",) * 6
    assert trace.tasks["name"].tolist() == [task.name for task in given]
    assert trace.model == model


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("model", POOLS)
def test_workers_bound_the_tasks_in_flight(model: str, workers: int) -> None:
    def measure() -> Trace:
        trace = run(tasks(7, wait(0.01), compute(0.005), wait(0.02)), model, workers)
        assert in_flight_at_most(trace) <= workers
        assert trace.concurrency <= workers + 1e-6
        return trace

    trace = at_best(measure, lambda t, _: in_flight_at_most(t) == workers)
    assert trace.workers == workers
    if model not in LOOPS:
        assert set(trace.spans["worker"].tolist()) <= set(range(workers))


@pytest.mark.parametrize(
    ("model", "workers"),
    [
        ("sequential", 1),
        ("threads", 5),
        ("processes", math.ceil(USABLE)),
        ("async", 5),
        *([("interpreters", math.ceil(USABLE))] if "interpreters" in HAVE else []),
        *([("free_threads", 5)] if "free_threads" in HAVE else []),
        ("data_parallel", math.ceil(USABLE)),
        ("fork_join", math.ceil(USABLE)),
        ("actors", 5),
        ("csp", math.ceil(USABLE)),
        ("hybrid", 5),
        ("dask", math.ceil(USABLE)),
    ],
)
def test_workers_that_are_not_given_suit_the_model(model: str, workers: int) -> None:
    assert run(tasks(5, wait(0.001)), model).workers == workers


@pytest.mark.parametrize("model", HAVE)
def test_cores_bound_the_cores_busy(model: str) -> None:
    if sys.platform not in ("linux", "win32"):
        with pytest.raises(ValueError, match="only Linux and Windows"):
            run(tasks(1, wait(0)), model, cores=1)
        return
    before = allowed_cpus()
    workers = 1 if model == "sequential" else 2
    trace = run(tasks(2, compute(0.1, "native")), model, workers, cores=1)
    assert trace.parallelism <= 1.1
    assert trace.cores == 1
    assert trace.usable_cores == min(1, USABLE)
    assert allowed_cpus() == before
    if sys.platform == "linux":
        assert set(trace.spans["core"].tolist()) <= {-1, before[0]}


@pytest.mark.parametrize("model", HAVE)
def test_a_trace_knows_what_the_machine_could_show(model: str) -> None:
    trace = run(tasks(1, wait(0)), model)
    assert (trace.usable_cores, trace.cores) == (USABLE, None)


def test_processes_run_in_processes_and_threads_in_this_one() -> None:
    processes = run([Task(n, wait(0.05), os.getpid) for n in "ABCD"], "processes", 2).results
    assert os.getpid() not in processes and len(set(processes)) <= 2
    assert set(run([Task(n, os.getpid) for n in "AB"], "threads").results) == {os.getpid()}


@pytest.mark.parametrize("model", MODELS)
def test_a_model_that_cannot_run_here_says_why_and_what_would_make_it_run(model: str) -> None:
    if (reason := why_not(model)) is None:
        assert run(tasks(1, wait(0)), model).model == model
        return
    assert model in NEEDS and NEEDS[model] in reason
    with pytest.raises(ValueError, match=re.escape(f"{model!r} can't run here: {reason}")):
        run(tasks(1, wait(0)), model)


# Spans --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", HAVE)
def test_spans_lie_in_their_task_and_do_not_overlap(model: str) -> None:
    steps = compute(0.03), wait(0.02), compute(0.01, "native"), wait(0.01, "socket")
    trace = run(tasks(3, *steps, *calls(model, int)), model)
    kinds = {"run", "wait"} if model in NO_CALLS else {"run", "wait", "call"}
    for index, task in enumerate(trace.tasks):
        spans = trace.spans[trace.spans["task"] == index]
        assert (spans["stop"] >= spans["start"]).all()
        assert spans["start"].min() >= task["start"] and spans["stop"].max() <= task["finish"]
        assert kinds <= set(spans["kind"].tolist())
        if model not in IN_PARTS:
            assert len(set(spans["worker"].tolist())) == 1
        for worker in set(spans["worker"].tolist()):
            own = spans[spans["worker"] == worker]
            assert (own["start"][1:] >= own["stop"][:-1]).all()
    assert (trace.waiting >= -1e-9).all()
    assert trace.end >= trace.tasks["finish"].max()


def test_under_the_gil_only_one_thread_is_drawn_running() -> None:
    def overlap(trace: Trace) -> float:
        """Return the share of the run spans' time in which another one runs."""
        spans = trace.spans[trace.spans["kind"] == "run"]
        twice = np.minimum(spans["stop"][:-1], spans["stop"][1:]) - spans["start"][1:]
        return float(twice.clip(0).sum() / (spans["stop"] - spans["start"]).sum())

    def right(trace: Trace, _: float) -> bool:
        kinds = set(trace.spans["kind"].tolist())
        return not HERE.gil or (overlap(trace) <= 0.03 and {"run", "ready"} <= kinds)

    trace = at_best(lambda: run(tasks(3, compute(0.1)), "threads"), right)
    if HERE.gil:  # each is ready, and not running, for most of the time
        assert (trace.waiting > 0.4 * trace.turnaround).all()


# Coroutines ---------------------------------------------------------------------------------------------


def test_coroutine_functions_are_awaited() -> None:
    async def meet() -> str:
        await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)
        return "met"

    def measure() -> Trace:
        return run([Task("A", meet), Task("B", meet), Task("C", lambda: meet())], "async")

    trace = at_best(measure, lambda t, _: t.concurrency >= 2.7)
    assert trace.results == ("met",) * 3
    assert in_flight_at_most(trace) == 3
    mine = trace.spans[trace.spans["task"] == 0]
    assert mine["kind"].tolist()[:5] == ["run", "wait", "run", "wait", "run"]
    waited = mine[mine["kind"] == "wait"]
    assert float((waited["stop"] - waited["start"]).sum()) >= 0.099


def test_a_run_needs_no_loop_of_its_own_to_be_free() -> None:
    async def cell() -> Trace:  # as in a notebook, where a loop is running already
        return run(tasks(2, wait(0.02)), "async")

    trace = asyncio.run(cell())
    assert trace.outcomes == ("done", "done")


# Examples -----------------------------------------------------------------------------------------------


MODULES = [
    "course_lib",
    *(m.name for m in pkgutil.walk_packages(course_lib.__path__, "course_lib.")),
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_come_out_as_they_say(name: str) -> None:
    report: list[str] = []
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    for example in finder.find(importlib.import_module(name)):
        runner.run(example, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


def test_there_are_examples() -> None:
    found = [doctest.DocTestFinder().find(importlib.import_module(name)) for name in MODULES]
    assert sum(len(test.examples) for tests in found for test in tests) >= 5

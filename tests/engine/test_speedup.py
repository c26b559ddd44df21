"""A speed-up: reckoned right from made runs, and right enough when measured."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import course_lib
from course_lib import Speedup, Task, Trace, compute, machine, simulate, speedup, wait
from course_lib.ready import queued
from course_lib.scaling import scaling
from course_lib.speedup import Run, _judged, _without_queue, without_queues

SEEN = Trace.build(
    [("A", 0, 0, 1, 1.0), ("B", 0, 0, 1, 1.0)],
    [(0, 0, 0, 0, 1, "run"), (1, 1, 0, 0, 1, "run")],
    cpu=1.0,
    end=1.0,
    model="threads",
)
INSIDE = vars(sys.modules["course_lib.speedup"])  # the name itself is the function's
TRIES = 6


def judged(pairs: list[tuple[Run, Run]], others: float = 0.0, held: float = 0.0) -> Speedup:
    return _judged(pairs, others, held, SEEN)


def took(raw: float, clean: float = math.nan, cpu: float | None = None) -> Run:
    return Run(raw, clean, raw if cpu is None else cpu, raw)


def test_the_quickest_of_each_counts() -> None:
    found = judged([(took(4.0), took(2.0)), (took(3.0), took(3.0)), (took(5.0), took(1.5))])
    assert found.value == found.raw == float(found) == 2
    assert found.spread == (1.0, 5 / 1.5)
    assert found.pairs == ((4, 2), (3, 3), (5, 1.5))


def test_waits_for_a_core_are_taken_off_of_both_or_of_none() -> None:
    both = judged([(took(4.0, 3.0), took(2.0, 1.0))])
    assert (both.value, both.raw) == (3, 2)
    one = judged([(took(4.0, 3.0), took(2.0))])
    assert (one.value, one.raw) == (2, 2)


def test_the_verdict_is_about_other_programs() -> None:
    quiet, noisy = judged([(took(1), took(1))], 0.1), judged([(took(1), took(1))], 0.11)
    assert (quiet.verdict, noisy.verdict) == ("quiet", "noisy")
    assert any("other programs: they used 11%" in reason for reason in noisy.limited_by)
    assert "another time" in noisy._repr_mimebundle_()["text/html"]
    assert "another time" not in quiet._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize(
    ("cpu", "held", "said"),
    [
        (1.0, 0.0, "the GIL: 2.00 tasks in flight, but 1.00 cores busy"),
        (0.1, 0.0, "waiting: 0.10 cores were busy"),
        (1.0, 0.5, "the CPU quota: it held this back for 0.50 s"),
        (1.2, 0.0, "more work: 20% more CPU time"),
        (64.0, 0.0, "the cores: 64.00 of"),
    ],
)
def test_what_limits_is_said(
    cpu: float, held: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = dataclasses.replace(machine(), gil=True, usable_cores=4.0)
    monkeypatch.setitem(INSIDE, "machine", lambda: there)
    found = judged([(took(1.0), took(1.0, cpu=cpu))] * 7, held=held)
    assert any(reason.startswith(said) for reason in found.limited_by), found.limited_by
    assert not any("budget" in reason for reason in found.limited_by)


def traced(finish: list[float], queued: tuple[float, ...], **facts: Any) -> Trace:
    rows = [(str(n), 0.0, 0.0, end, 1.0) for n, end in enumerate(finish)]
    spans = [(n, n, 0, 0.0, end, "run") for n, end in enumerate(finish)]
    known = {"model": "threads", "workers": 2, "usable_cores": 2.0, "cpu": 1.0, "end": 9.0}
    return Trace.build(rows, spans, queued=queued, **(known | facts))


def test_a_run_without_waits_ends_with_its_slowest_worker() -> None:
    assert without_queues(traced([3.0, 2.5], (1.5, 0.0))) == 2.5
    assert without_queues(traced([3.0, 2.0], (0.5, 0.0))) == 2.5
    assert math.isnan(without_queues(traced([3.0, 2.0], (math.nan, 0.0))))


def test_more_workers_than_cores_wait_for_each_other_and_that_counts() -> None:
    assert math.isnan(without_queues(traced([3.0, 2.5], (1.5, 0.0), workers=3)))
    assert math.isnan(without_queues(traced([3.0, 2.5], (1.5, 0.0), model="async")))


def test_one_threads_wait_is_taken_off_but_never_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = threading.get_native_id()
    monkeypatch.setitem(INSIDE, "_threads", lambda: {mine: (5.0, 9.0)})
    assert _without_queue(2.0, 1.0, 0.5, {mine: (4.0, 0.0)}) == 1.5
    assert _without_queue(2.0, 1.0, 3.0, {mine: (4.0, 0.0)}) == 1.0
    assert math.isnan(_without_queue(2.0, 3.0, 0.5, {mine: (4.0, 0.0)}))  # others did the work
    monkeypatch.setitem(INSIDE, "_threads", dict)
    assert math.isnan(_without_queue(2.0, 1.0, 0.5, {}))


# Measured --------------------------------------------------------------------------------------------


def spin(rounds: int) -> None:
    for _ in range(rounds):
        pass


def test_twice_the_work_takes_twice_the_time() -> None:
    found = [
        speedup(lambda: spin(400_000), lambda: spin(200_000), budget=1.0) for _ in range(TRIES)
    ]
    assert any(1.7 < each.value < 2.3 for each in found), found
    for each in found:
        low, high = each.spread
        assert low <= each.value <= high
        assert each.verdict in ("quiet", "noisy")
        assert len(each.pairs) >= 1


def test_waits_at_the_same_time_are_quicker_and_it_is_said_what_limits() -> None:
    tasks = [Task(name, wait(0.05)) for name in "ABC"]
    found = speedup((tasks,), (tasks, "async"), budget=1.5)
    assert 2 < found.value < 3.5
    assert found.verdict == "noisy" or any("waiting" in reason for reason in found.limited_by)


def test_threads_of_python_code_are_no_quicker_under_a_gil() -> None:
    tasks = [Task(name, compute(0.05)) for name in "AB"]
    found = [speedup((tasks,), (tasks, "threads", 2), budget=1.5) for _ in range(3)]
    if machine().gil:
        assert any(each.value < 1.3 for each in found), found
    assert all(each.value < machine().usable_cores + 1 for each in found)


def test_a_function_may_give_back_a_trace_whose_makespan_counts() -> None:
    tasks = [Task("A", wait(0.05))]

    def slow_to_begin() -> Trace:
        time.sleep(0.1)
        return course_lib.run(tasks)

    found = speedup(slow_to_begin, (tasks,), budget=1.5)
    assert all(0.04 < seconds < 0.09 for pair in found.pairs for seconds in pair) or (
        found.verdict == "noisy"
    )


def test_the_budget_is_kept_by_short_programs() -> None:
    start = time.perf_counter()
    found = speedup(lambda: time.sleep(0.001), lambda: None, budget=0.5)
    assert time.perf_counter() - start < 5
    assert any("shortness" in reason for reason in found.limited_by)


def test_it_shows_itself_as_a_table() -> None:
    found = judged([(took(2.0), took(1.0))] * 7)
    page = found._repr_mimebundle_()
    assert "2.00" in page["text/html"] and "over 7 pairs" in page["text/html"]
    assert page["text/plain"] == repr(found) == "<Speedup 2.00 (2.00 to 2.00), quiet>"


@pytest.mark.parametrize("bad", [None, 3, (), [], Task("A", wait(0))])
def test_what_is_no_program_is_refused(bad: Any) -> None:
    with pytest.raises(TypeError, match="baseline must be a function"):
        speedup(bad, lambda: None)
    with pytest.raises(TypeError, match="candidate must be a function"):
        speedup(lambda: None, bad)


@pytest.mark.parametrize("budget", [0, -1, math.nan, math.inf])
def test_a_budget_is_a_number_of_seconds(budget: float) -> None:
    with pytest.raises(ValueError, match="budget must be"):
        speedup(lambda: None, lambda: None, budget)


def test_what_a_program_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        speedup(lambda: None, lambda: 1 / 0)
    assert course_lib.speedup is speedup


def test_the_wait_of_this_thread_is_seen_where_linux_tells() -> None:
    assert math.isnan(queued()) != os.path.exists("/proc/thread-self/schedstat")


async def waits(workers: int = 1) -> None:
    await asyncio.sleep(0.001 * workers)


def test_a_coroutine_that_never_ran_is_no_run() -> None:
    with pytest.raises(TypeError, match="candidate returned a coroutine, so nothing has run"):
        speedup(lambda: None, waits, budget=0.1)
    with pytest.raises(TypeError, match="program returned a coroutine, so nothing has run"):
        scaling(waits, [1], budget=0.1)
    assert speedup(lambda: None, lambda: asyncio.run(waits()), budget=0.1).value < 1


def numbers(workers: int = 1) -> Iterator[int]:
    yield workers


async def answers(workers: int = 1) -> AsyncIterator[int]:
    yield workers


@pytest.mark.parametrize(
    ("program", "kind"),
    [(waits, "a coroutine"), (numbers, "a generator"), (answers, "an async generator")],
)
def test_what_has_not_run_is_named(program: Any, kind: str) -> None:
    said = f"returned {kind}, so nothing has run"
    with pytest.raises(TypeError, match=f"baseline {said}"):
        speedup(program, lambda: None, budget=0.1)
    with pytest.raises(TypeError, match=f"program {said}"):
        scaling(program, [1], budget=0.1)
    with pytest.raises(TypeError, match=f"alone {said}"):
        scaling(lambda workers: None, [2], alone=program, budget=0.1)


def test_simulated_seconds_do_not_pass_for_measured_ones() -> None:
    def simulated() -> Trace:
        return simulate([Task("A", compute(100))])

    with pytest.raises(ValueError, match="baseline returned a simulated trace"):
        speedup(simulated, lambda: None, budget=0.1)
    with pytest.raises(ValueError, match="candidate returned a simulated trace"):
        speedup(lambda: None, simulated, budget=0.1)


def test_tasks_that_come_only_once_are_run_again_and_again() -> None:
    tasks = (Task(name, wait(0.001)) for name in "AB")
    assert len(speedup((tasks,), (tasks, "threads"), budget=0.2).pairs) >= 1

"""The programs of lesson 6: one's own loop, loops beside each other, a kernel, sources, the ratings."""

from __future__ import annotations

import dataclasses
import math
import socket
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from course_lib import Task, compute, machine, wait
from course_lib.errors import TaskFailed
from course_lib.lesson import source
from course_lib.models import MODELS, csp, threads
from course_lib.programs import conventional, event_loop, kernel, loops, parallel_loop, ratings
from course_lib.programs.bare import Bare
from course_lib.programs.conventional import CONVENTIONAL, beside, why
from course_lib.programs.event_loop import Loop, run_own, until
from course_lib.programs.ratings import RATED, WAITS, Rating, measured, rate, weighed


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) <= before


# An event loop of one's own ---------------------------------------------------------------------------


def test_a_loop_turns_to_whoever_is_ready_first() -> None:
    seen = []
    loop, (mine, its) = Loop(), socket.socketpair()

    async def sleeper(name: str, seconds: float) -> None:
        await until(seconds)
        seen.append(name)

    async def reader() -> None:
        await until(its)
        seen.append(f"read {its.recv(1)!r}")

    async def writer() -> None:
        await until(0.03)
        mine.send(b"x")

    async def starter() -> None:
        loop.start(sleeper("started later", 0))

    with mine, its:
        for one in (sleeper("last", 0.2), reader(), writer(), sleeper("soon", 0.0), starter()):
            loop.start(one)
        loop.run()
    assert seen == ["soon", "started later", "read b'x'", "last"]


@pytest.mark.parametrize("kind", ["sleep", "socket"])
def test_waits_overlap_on_ones_own_loop(kind: Any) -> None:
    trace = run_own([Task(name, wait(0.2, kind=kind)) for name in "ABCD"])
    assert trace.concurrency > 2
    assert trace.parallelism <= 1.1
    assert trace.outcomes == ("done",) * 4
    assert {span["kind"] for span in trace.spans} <= {"wait", "ready"}


def test_who_has_waited_on_ones_own_loop_is_ready_until_its_turn_comes() -> None:
    trace = run_own([Task(name, wait(0.05), compute(0.1)) for name in "AB"])
    ready = [span for span in trace.spans if span["kind"] == "ready" and span["task"] == 1]
    assert max(span["stop"] - span["start"] for span in ready) > 0.05


def test_computing_does_not_overlap_on_ones_own_loop_and_tasks_arrive_in_time() -> None:
    trace = run_own([Task("A", compute(0.05)), Task("B", compute(0.05), at=0.3)])
    rows = trace.tasks
    assert rows["start"][1] >= max(0.3, rows["finish"][0]) - 1e-3
    assert run_own([Task("C", lambda: 3)]).results == (3,)


def test_a_task_that_fails_on_ones_own_loop_does_not_stop_the_others() -> None:
    def fail() -> None:
        raise KeyError("lost")

    with pytest.raises(TaskFailed) as caught:
        run_own([Task("bad", fail), Task("good", wait(0.05))])
    assert caught.value.trace.outcomes[1] == "done"

    async def asks() -> None:
        pass

    with pytest.raises(TypeError, match="made for asyncio's loop"):
        run_own([Task("A", asks)])


@pytest.mark.parametrize("loop", loops.LOOPS)
def test_a_round_trip_takes_some_time_on_each_loop(loop: str) -> None:
    assert loops.why_not(loop) is None
    assert 1e-6 < loops.seconds_a_trip(loop, 200) < 0.1


def test_what_goes_wrong_between_two_flows_is_what_the_learner_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_more() -> None:
        raise OSError("too many open files")

    monkeypatch.setattr("socket.socketpair", no_more)
    with pytest.raises(OSError, match="too many open files"):
        loops.seconds_a_trip("own", 10)


def test_without_uvloop_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="pip install uvloop"):
        loops.seconds_a_trip("uvloop")
    with pytest.raises(ValueError, match="loop must be one of 'own'"):
        loops.seconds_a_trip("libev")
    with pytest.raises(ValueError, match="trips must be 1 to"):
        loops.seconds_a_trip("own", 0)


# A kernel ---------------------------------------------------------------------------------------------


def test_each_element_is_treated_by_a_thread_of_its_own() -> None:
    launched = kernel.launch(70)
    assert launched.values == [2.0 * n for n in range(70)]
    assert launched.threads == [divmod(n, kernel.BLOCK) for n in range(70)]
    assert launched.simulated == math.isnan(launched.seconds)  # nothing is timed on the simulator
    assert "3 blocks of 32 threads" in repr(launched)


def test_a_graphics_processors_time_is_told() -> None:
    launched = kernel.Launch(False, [0.0], [(0, 0)], 2e-5)
    assert "on the graphics processor, 20 µs" in repr(launched)


def test_without_numba_no_kernel_is_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="elements must be 1 to 4,096"):
        kernel.launch(0)
    monkeypatch.setattr(parallel_loop, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="pip install numba"):
        kernel.launch(10)


# Sources ----------------------------------------------------------------------------------------------


def test_a_source_is_shown_as_it_stands_in_its_file() -> None:
    shown = source(csp.Channel.put, csp.select)
    assert shown.place == "course_lib/models/csp.py"
    assert shown.code.startswith("def put(self")
    assert "\n\ndef select(" in shown.code
    data = shown._repr_mimebundle_()
    assert data["text/markdown"].startswith("`course_lib/models/csp.py`\n\n```python\ndef put")
    assert repr(source(threads)) == data_of(threads)
    assert "@numba.njit(parallel=True, nogil=True)" in source(parallel_loop.compiled).code


def data_of(module: Any) -> str:
    with open(module.__file__, encoding="utf-8") as file:
        return f"# course_lib/models/threads.py\n{file.read().strip()}"


@pytest.mark.parametrize("parts", [(), (len,), (3,)])
def test_what_has_no_source_is_refused(parts: Any) -> None:
    with pytest.raises(TypeError, match="parts must"):
        source(*parts)


def test_the_sources_that_are_shown_hold_no_triple_backtick() -> None:
    for part in (event_loop, threads, csp, kernel):
        assert "```" not in source(part).code


# Ratings ----------------------------------------------------------------------------------------------

LIGHT = ("sequential", "own loop", "async", "threads", "fork_join", "actors", "csp")


@pytest.mark.parametrize("model", LIGHT)
def test_a_bare_stage_sees_each_task_once_and_each_model_hand_it_over(model: str) -> None:
    stage = Bare(model, 3, 5)
    assert stage.played() > 0
    assert sorted(stage.started) == list(range(8))
    assert len(stage.delays()) == 8
    assert all(delay >= 0 for delay in stage.delays())


@pytest.mark.parametrize("model", ["processes", "hybrid"])
def test_delays_of_tasks_that_are_done_elsewhere(model: str) -> None:
    stage = Bare(model, 2, 2)
    stage.played()
    delays = stage.delays()
    assert len(delays) == 4
    assert all(0 < delay < 10 for delay in delays)


def test_what_is_measured_of_a_loop_and_of_threads() -> None:
    loop, pool, lanes = weighed(rate("async", "threads", "simd"))
    for one in (loop, pool):
        assert WAITS / 4 < one.in_flight <= WAITS
        assert 0 < one.python <= 1.1 or (one is pool and not machine().gil)
        assert 0 < one.cost < 0.01
        assert 0 < one.dispatch < 1
    assert loop.native <= 1.1
    assert pool.native <= machine().logical_cores + 0.1  # a quota allows short bursts
    assert 0 <= loop.memory < pool.memory  # a thread has a stack
    assert lanes.in_flight == pytest.approx(1.0, abs=0.05)
    assert math.isnan(lanes.python)
    assert math.isnan(lanes.memory)


def test_a_process_takes_more_memory_than_a_thread_could() -> None:
    (rated,) = rate("processes")
    assert math.isnan(rated.memory)
    (one,) = weighed([rated])
    assert one == dataclasses.replace(rated, memory=one.memory)
    assert one.memory > 1e6
    assert one.in_flight <= max(2, math.ceil(machine().usable_cores))


def test_what_can_not_run_here_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratings, "why_no_model", lambda name: "it can't")
    assert rate("interpreters", "csp") == []
    with pytest.raises(ValueError, match="model must be one of 'sequential'"):
        rate("goroutines")
    assert set(RATED) <= {*MODELS, "own loop", "simd"}


def made_up(model: str, python: float, native: float) -> Rating:
    return Rating(model, 60.0, python, native, 4e-6, 6e-5, 17_000.0)


def test_ratings_beside_each_other() -> None:
    sheet = measured([made_up("threads", 1.0, 1.9), made_up("own loop", 1.0, 1.0)])
    assert sheet.rows[0] == ("threads", "60.0", "1.00", "1.90", "4.0 µs", "60 µs", "17 kB")
    assert sheet.note == ""
    noisy = dataclasses.replace(made_up("csp", 1.0, 1.0), noise="Others were busy.")
    lanes = Rating("simd", 1.0, math.nan, 1.0, 7e-7, math.nan, math.nan)
    sheet = beside([made_up("processes", 1.9, 1.9), noisy, lanes])
    assert [row[0] for row in sheet.rows] == ["CSP", "SIMD and GPU"]  # others have no usual rating
    assert sheet.note == "csp: Others were busy."
    assert set(CONVENTIONAL) <= set(RATED)


@pytest.mark.parametrize(
    ("model", "python", "native", "gil", "usable", "said"),
    [
        ("async", 1.0, 1.0, True, 2, "as rated: one thread"),
        ("threads", 1.0, 1.9, True, 2, "only in C: for Python code, the GIL"),
        ("threads", 1.9, 1.9, False, 2, "as rated"),
        ("threads", 1.0, 1.9, False, 2, "only in C: others had the cores"),
        ("threads", 1.0, 1.0, True, 1, "not here: one usable core"),
        ("fork_join", 1.0, 1.0, True, 2, "not in this run: others had the cores"),
        ("actors", 1.0, 1.9, True, 2, "the scheduler decides"),
        ("csp", 1.9, 1.9, False, 2, "as rated; Go's goroutines"),
        ("simd", math.nan, 1.0, True, 2, "a stopwatch sees them"),
    ],
)
def test_why_a_rating_differs_is_told_by_what_was_measured(
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    python: float,
    native: float,
    gil: bool,
    usable: float,
    said: str,
) -> None:
    here = dataclasses.replace(machine(), gil=gil, usable_cores=usable)
    monkeypatch.setattr(conventional, "machine", lambda: here)
    assert said in why(made_up(model, python, native))

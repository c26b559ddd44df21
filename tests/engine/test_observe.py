"""`observe` records what runs, counts it by the rule, and puts everything back."""

import asyncio
import contextlib
import contextvars
import multiprocessing.process
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import loky
import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loky.process_executor import ProcessPoolExecutor as LokyExecutor

from course_lib import Trace, hooks, machine, observe, one_task
from course_lib.observe import clipped, merged, without

TOUCHED: list[tuple[type, str]] = [
    (threading.Thread, "start"),
    (ThreadPoolExecutor, "submit"),
    (ProcessPoolExecutor, "submit"),
    (LokyExecutor, "submit"),
    (asyncio.BaseEventLoop, "create_task"),
    (asyncio.Runner, "run"),
    (multiprocessing.process.BaseProcess, "start"),
    (subprocess.Popen, "__init__"),
]


@pytest.fixture(autouse=True)
def everything_is_put_back() -> Any:
    before = [owner.__dict__[name] for owner, name in TOUCHED]
    yield
    assert [owner.__dict__[name] for owner, name in TOUCHED] == before


def spin(seconds: float = 0.1) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def nap(seconds: float = 0.2) -> None:
    time.sleep(seconds)


def recorded(program: Callable[[], object]) -> Trace:
    with observe() as trace:
        program()
    assert trace.parallelism <= machine().usable_cores + 0.1
    return trace


def in_threads(count: int, work: Callable[[], object] = nap) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# The rule: a task counts while nothing that it has started is in flight -----------------------------


def test_a_plain_loop_is_one_task() -> None:
    trace = recorded(spin)
    assert trace.concurrency == pytest.approx(1.0, abs=0.01)
    assert trace.tasks["name"].tolist() == ["main"]


def test_a_main_thread_that_joins_three_threads_has_three() -> None:
    trace = recorded(lambda: in_threads(3))
    assert trace.concurrency == pytest.approx(3.0, abs=0.3)
    assert len(trace.tasks) == 4


def test_a_coroutine_that_gathers_three_has_three() -> None:
    async def main() -> None:
        await asyncio.gather(*(asyncio.sleep(0.2) for _ in range(3)))

    trace = recorded(lambda: asyncio.run(main()))
    assert trace.concurrency == pytest.approx(3.0, abs=0.3)
    assert trace.tasks["name"].tolist() == ["main", "main", "sleep", "sleep", "sleep"]


def test_a_to_thread_caller_does_not_count_on_top() -> None:
    async def main() -> None:
        await asyncio.gather(*(asyncio.to_thread(nap) for _ in range(3)))

    trace = recorded(lambda: asyncio.run(main()))
    assert trace.concurrency == pytest.approx(3.0, abs=0.4)
    assert trace.tasks["name"].tolist().count("nap") == 3


def test_idle_pool_workers_are_no_tasks() -> None:
    def program() -> None:
        with ThreadPoolExecutor(4) as pool:
            pool.submit(nap, 0.05).result()
            spin(0.2)

    trace = recorded(program)
    assert trace.tasks["name"].tolist() == ["main", "nap"]
    assert trace.concurrency == pytest.approx(1.0, abs=0.05)


def test_a_thread_that_starts_threads_does_not_count_on_top() -> None:
    for _ in range(5):  # a busy machine starts threads late
        trace = recorded(lambda: in_threads(2, lambda: in_threads(2)))
        assert len(trace.tasks) == 7
        if trace.concurrency == pytest.approx(4.0, abs=0.5):
            break
    assert trace.concurrency == pytest.approx(4.0, abs=0.5)


# What is seen ----------------------------------------------------------------------------------------


def test_a_thread_pool() -> None:
    def program() -> None:
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(nap, [0.2] * 4)) == [None] * 4

    trace = recorded(program)
    assert len(trace.tasks) == 5
    assert trace.concurrency == pytest.approx(2.0, abs=0.3)
    assert len(set(trace.spans["worker"].tolist())) == 3


@pytest.mark.parametrize("kind", ["loky", "standard"])
def test_a_process_pool(kind: str) -> None:
    def program() -> None:
        if kind == "loky":
            with loky.ProcessPoolExecutor(2) as pool:
                list(pool.map(burn, [0.3] * 4))
        else:
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(2, mp_context=context) as pool:
                list(pool.map(burn, [0.3] * 4))

    trace = recorded(program)
    calls = trace.tasks[trace.tasks["name"] == "burn"]
    assert len(calls) == 4
    assert np.all(calls["finish"] - calls["start"] >= 0.29)
    assert np.all(calls["cpu"] >= 0.29)
    assert trace.cpu >= 0.95 * float(calls["cpu"].sum())


def test_child_processes_and_their_cpu_time() -> None:
    command = [sys.executable, "-c", "import time\nwhile time.process_time() < 0.5: pass"]

    def program() -> None:
        children = [subprocess.Popen(command) for _ in range(2)]
        assert [child.wait() for child in children] == [0, 0]

    trace = recorded(program)
    assert trace.concurrency == pytest.approx(2.0, abs=0.5)
    assert 0.9 <= trace.cpu <= 1.6
    assert trace.outcomes == ("done",) * 3


def test_a_child_process_that_goes_on_counts_as_far_as_it_came() -> None:
    with observe() as trace:
        child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        time.sleep(1.0)
    child.kill()
    child.wait()
    assert trace.outcomes[1] == "still running"
    assert 0.02 <= trace.cpu <= 1.2


def test_multiprocessing() -> None:
    context = multiprocessing.get_context("spawn")

    def program() -> None:
        children = [context.Process(target=nap, args=(0.3,)) for _ in range(2)]
        for child in children:
            child.start()
        for child in children:
            child.join()

    trace = recorded(program)
    assert len(trace.tasks) == 3
    assert 1.3 <= trace.concurrency <= 2.05


def test_asyncio_steps_are_exact() -> None:
    async def work() -> None:
        for _ in range(3):
            spin(0.02)
            await asyncio.sleep(0.03)

    trace = recorded(lambda: asyncio.run(work()))
    steps = trace.spans[trace.spans["kind"] == "run"]
    assert len(steps) == 4
    assert np.all((steps["stop"] - steps["start"])[:3] >= 0.0195)
    waits = trace.spans[trace.spans["kind"] == "wait"]
    assert len(waits) == 3
    assert np.all(waits["stop"] - waits["start"] >= 0.029)


async def inside() -> None:
    """Top-level await, as in a notebook."""
    with observe() as trace:
        await asyncio.gather(*(asyncio.sleep(0.1) for _ in range(5)))
    assert trace.concurrency == pytest.approx(5.0, abs=0.7)
    assert len(trace.tasks) == 6


def test_on_the_running_loop() -> None:
    async def others() -> None:
        while True:
            await asyncio.sleep(0.01)

    async def notebook() -> None:
        busy = asyncio.create_task(others())
        await asyncio.sleep(0.05)
        await inside()  # what else the loop does isn't recorded
        busy.cancel()

    asyncio.run(notebook())


async def five(start: Callable[..., Any]) -> None:
    await asyncio.gather(*(start(asyncio.sleep(0.1)) for _ in range(5)))


async def grouped() -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(asyncio.sleep(0.1))


LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop]
if sys.platform != "win32":
    import uvloop

    LOOPS.append(uvloop.new_event_loop)


@pytest.mark.parametrize("make", LOOPS)
@pytest.mark.parametrize("program", [grouped, lambda: five(asyncio.create_task)])
def test_on_any_loop_that_a_runner_runs(
    make: Callable[[], asyncio.AbstractEventLoop], program: Callable[[], Any]
) -> None:
    loops = []

    def run() -> None:
        with asyncio.Runner(loop_factory=make) as runner:
            runner.run(program())
            loops.append(runner.get_loop())
            assert runner.get_loop().get_task_factory() is None

    trace = recorded(run)
    assert len(trace.tasks) == 7  # the main flow, the main coroutine, and five
    assert trace.concurrency == pytest.approx(5.0, abs=0.7)
    assert loops


@pytest.mark.parametrize("make", LOOPS)
def test_the_learners_own_task_factory_stays(
    make: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    made: list[Any] = []

    def factory(loop: Any, coroutine: Any, **more: Any) -> Any:
        made.append(asyncio.Task(coroutine, loop=loop, **more))
        return made[-1]

    def run() -> None:
        with asyncio.Runner(loop_factory=make) as runner:
            runner.get_loop().set_task_factory(factory)
            runner.run(five(asyncio.create_task))
            assert runner.get_loop().get_task_factory() is factory
            assert len(made) == 6

    assert len(recorded(run).tasks) == 7


# What is declared ------------------------------------------------------------------------------------


def test_a_declared_task_is_one_and_its_threads_are_its_lanes() -> None:
    def program() -> None:
        with one_task("picture"), ThreadPoolExecutor(2) as pool:
            list(pool.map(nap, [0.1] * 4))

    trace = recorded(program)
    assert trace.tasks["name"].tolist() == ["main", "picture"]
    assert trace.concurrency == pytest.approx(1.0, abs=0.02)
    lanes = trace.spans[(trace.spans["kind"] == "call") & (trace.spans["task"] == 1)]
    assert len(set(lanes["worker"].tolist())) >= 2


def test_declared_in_each_coroutine_by_itself() -> None:
    async def handler() -> None:
        with one_task("request"):
            await asyncio.sleep(0.2)

    async def main() -> None:
        await asyncio.gather(*(handler() for _ in range(4)))

    trace = recorded(lambda: asyncio.run(main()))
    assert trace.tasks["name"].tolist().count("request") == 4
    assert trace.concurrency == pytest.approx(4.0, abs=0.5)


def test_declaring_without_an_observer_does_nothing() -> None:
    with one_task("unseen"):
        assert threading.active_count() >= 1


# Errors, nesting, what goes on -----------------------------------------------------------------------


def test_an_error_in_the_block_is_raised_and_the_trace_is_kept() -> None:
    with pytest.raises(KeyError, match="mine"), observe() as trace:
        in_threads(2)
        raise KeyError("mine")
    assert trace.concurrency == pytest.approx(2.0, abs=0.3)


def test_an_error_in_a_thread_ends_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(args.exc_type))

    def fail() -> None:
        raise ArithmeticError

    trace = recorded(lambda: in_threads(1, fail))
    assert seen == [ArithmeticError]
    assert trace.outcomes == ("done", "ArithmeticError")


def test_nested_blocks_each_have_their_trace() -> None:
    with observe() as outer:
        with observe() as inner:
            in_threads(3)
        assert threading.Thread.start is not None
        in_threads(2)
    assert inner.concurrency == pytest.approx(3.0, abs=0.3)
    assert len(inner.tasks) == 4
    assert len(outer.tasks) == 7
    assert outer.concurrency == pytest.approx(2.5, abs=0.4)


def test_a_nested_error_leaves_the_outer_block_recording() -> None:
    with observe() as outer:
        with contextlib.suppress(ValueError), observe():
            raise ValueError
        in_threads(2)
    assert outer.tasks["name"].tolist().count("main") == 2
    assert len(outer.tasks) == 4


def test_a_thread_that_does_not_end_is_said_to_run() -> None:
    release = threading.Event()
    with observe() as trace:
        thread = threading.Thread(target=release.wait, daemon=True)
        thread.start()
        time.sleep(0.1)
    release.set()
    thread.join()
    assert trace.outcomes == ("done", "still running")
    assert np.isnan(trace.tasks["finish"][1])


def test_what_others_start_is_not_recorded() -> None:
    go, ready = threading.Event(), threading.Event()

    def stranger() -> None:
        ready.set()
        go.wait()
        in_threads(2, lambda: nap(0.02))

    thread = threading.Thread(target=stranger)
    thread.start()
    ready.wait()
    with observe() as trace:
        go.set()
        thread.join()
    assert len(trace.tasks) == 1


def test_a_trace_that_is_not_done_says_so() -> None:
    with observe() as trace, pytest.raises(AttributeError, match="still being recorded"):
        trace.concurrency  # noqa: B018
    assert trace.makespan > 0


def test_nothing_is_left_behind() -> None:
    def program() -> None:
        in_threads(3)
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        with loky.ProcessPoolExecutor(1) as pool:
            pool.submit(os.getpid).result()

    recorded(program)  # loky's helper processes stay with the learner's own pools
    threads, children = threading.active_count(), len(psutil.Process().children())
    for _ in range(3):
        recorded(program)
    deadline = time.monotonic() + 5
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= threads
    assert len(psutil.Process().children()) <= children


# Arithmetic with intervals ----------------------------------------------------------------------------

intervals = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 10)).map(lambda pair: (pair[0], sum(pair))),
    max_size=12,
)


def points(spans: list[tuple[int, int]]) -> set[int]:
    return {moment for start, stop in spans for moment in range(start, stop)}


@given(intervals)
def test_merged_covers_the_same_without_overlap(spans: list[tuple[int, int]]) -> None:
    union = merged(spans)
    assert points(union) == points(spans)
    assert sum(stop - start for start, stop in union) == len(points(spans))
    assert union == sorted(union)


@given(intervals, st.tuples(st.integers(0, 30), st.integers(30, 60)))
def test_clipped_and_without_share_out_a_span(
    spans: list[tuple[int, int]], whole: tuple[int, int]
) -> None:
    inside, outside = clipped(merged(spans), whole), without(whole, merged(spans))
    assert points(inside) | points(outside) == points([whole])
    assert not points(inside) & points(outside)


def test_a_line_of_the_journal_that_nobody_can_read_is_left_out(tmp_path: Any) -> None:
    start = threading.Thread.start
    with observe() as trace:
        with LokyExecutor(1) as pool:
            pool.submit(pow, 2, 3).result()
        journal = hooks._journal
        assert journal is not None
        with open(journal.path, "a") as file:
            file.write("start 3\nfinish x y z\nsta")
    assert threading.Thread.start is start and hooks._journal is None
    assert "pow" in trace.tasks["name"].tolist()


def test_what_a_call_on_a_pool_starts_is_seen_where_threads_inherit_their_context(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Heir(threading.Thread):  # as all threads are in a Python without a GIL, from 3.14 on
        def start(self) -> None:
            self.context = contextvars.copy_context()
            super().start()

        def run(self) -> None:
            self.context.run(super().run)

    monkeypatch.setattr("concurrent.futures.thread.threading.Thread", Heir)

    def outer() -> None:
        thread = threading.Thread(target=time.sleep, args=(0.01,), name="inner")
        thread.start()
        thread.join()

    with observe() as trace, ThreadPoolExecutor(1) as pool:
        pool.submit(outer).result()
    assert {"outer", "inner"} <= set(trace.tasks["name"].tolist())

"""`observe` records what runs, counts it by the rule, and puts everything back."""

import asyncio
import contextlib
import contextvars
import errno
import multiprocessing.process
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.pool import Pool, ThreadPool
from pathlib import Path
from typing import Any

import loky
import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loky.process_executor import ProcessPoolExecutor as LokyExecutor

from course_lib import Trace, hooks, machine, observe, one_task
from course_lib.activity import current
from course_lib.heartbeat import Heart
from course_lib.observe import clipped, merged, without

TOUCHED: list[tuple[type, str]] = [
    (threading.Thread, "start"),
    (ThreadPoolExecutor, "submit"),
    (ProcessPoolExecutor, "submit"),
    (LokyExecutor, "submit"),
    *((Pool, name) for name in ("apply_async", "_map_async", "imap", "imap_unordered")),
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


@pytest.mark.parametrize("kind", ["loky", "standard"])
def test_a_call_on_a_process_pool_may_take_any_keyword(kind: str) -> None:
    keywords = {"path": 1, "number": 2, "function": 3}
    with observe(), {"loky": LokyExecutor, "standard": ProcessPoolExecutor}[kind](1) as pool:
        assert pool.submit(dict, **keywords).result() == keywords


@pytest.mark.skipif(sys.platform == "win32", reason="only an object can be waited for")
def test_a_child_process_whose_exit_code_another_took_is_not_said_to_be_done() -> None:
    for _ in range(10):  # whether we have seen it before is chance
        with observe() as trace:
            child = subprocess.Popen([sys.executable, "-S", "-c", "raise SystemExit(3)"])
            os.waitpid(child.pid, 0)
        child.wait()
        assert trace.outcomes[1] in ("exit code 3", "exit code unknown")


def test_a_child_process_whose_object_is_dropped_keeps_its_exit_code() -> None:
    for _ in range(10):
        with observe() as trace:
            subprocess.run([sys.executable, "-S", "-c", "raise SystemExit(3)"], check=False)
        assert trace.outcomes == ("done", "exit code 3")


@pytest.mark.skipif(sys.platform == "win32", reason="orphans are found by their parent's id there")
def test_the_cpu_time_of_children_does_not_shrink_when_an_older_one_leaves_an_orphan() -> None:
    burning = (
        "import os, time\nwhile time.process_time() < {}: pass\nprint(os.getpid(), flush=True)"
    )
    orphan = burning.format(1.0) + "\ntime.sleep(60)"
    start = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {orphan!r}])"
    with subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        try:
            with observe() as trace:
                parent.kill()
                parent.wait()
                subprocess.run([sys.executable, "-c", burning.format(0.4)], check=True)
        finally:
            os.kill(pid, signal.SIGKILL)
    assert trace.cpu >= 0.35


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


def test_create_task_takes_its_coroutine_by_name() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_task(coro=asyncio.sleep(0), name="named")

    assert "named" in recorded(lambda: asyncio.run(main())).tasks["name"].tolist()


@pytest.mark.parametrize("make", LOOPS)
def test_a_task_factory_that_is_set_meanwhile_stays(
    make: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    def factory(loop: Any, coroutine: Any, **more: Any) -> Any:
        return asyncio.Task(coroutine, loop=loop, **more)

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(factory)

    with observe(), asyncio.Runner(loop_factory=make) as runner:
        runner.run(main())
        assert runner.get_loop().get_task_factory() is factory


# Threads and calls stay as they are --------------------------------------------------------------------


class Fixed(threading.Thread):
    """A thread whose `run` nobody may set."""

    def __setattr__(self, name: str, value: object) -> None:
        assert name != "run"
        super().__setattr__(name, value)


class Computed(threading.Thread):
    """A thread whose `run` is a property."""

    @property
    def run(self) -> Any:
        return self.done.set

    def __init__(self) -> None:
        super().__init__()
        self.done = threading.Event()


class Empty(threading.Thread):
    """A thread that has forgotten to begin as one."""

    def __init__(self) -> None:
        pass


def test_a_thread_under_observation_is_as_any_other() -> None:
    seen: list[bool] = []
    own = threading.Thread()
    own.run = lambda: seen.append(True)  # type: ignore[method-assign]
    mine = own.run
    plain = threading.Thread(target=lambda: seen.append("run" in vars(threading.current_thread())))
    fixed, computed = Fixed(target=lambda: seen.append(True)), Computed()
    with observe() as trace:
        for thread in (own, plain, fixed, computed):
            thread.start()
            with pytest.raises(RuntimeError, match="once"):
                thread.start()
            thread.join()
        with pytest.raises(RuntimeError, match="__init__"):
            Empty().start()
    assert seen == [True, False, True]
    assert vars(own)["run"] is mine
    assert computed.done.is_set()
    assert len(trace.tasks) == 4  # one whose `run` is a property isn't seen
    freed = weakref.ref(plain)
    del plain, thread
    assert freed() is None


class Odd:
    """It can be called, but nothing can be asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise LookupError(name)

    def __call__(self) -> int:
        return 1


def test_what_cannot_be_named_can_be_called() -> None:
    with observe() as trace, ThreadPoolExecutor(1) as pool:
        assert pool.submit(Odd()).result() == 1
    assert trace.tasks["name"].tolist() == ["main", "Odd"]


@pytest.mark.parametrize("kind", ["to_thread", "a context's run"])
def test_what_a_call_in_a_context_of_its_own_starts_is_its(kind: str) -> None:
    async def main() -> None:
        await asyncio.to_thread(in_threads, 2)

    context = contextvars.copy_context()

    def program() -> None:
        if kind == "to_thread":
            asyncio.run(main())
        else:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(context.run, in_threads, 2).result()

    assert recorded(program).concurrency == pytest.approx(2.0, abs=0.35)
    assert context.get(current) is None


# The standard library's own threads ----------------------------------------------------------------------


def test_a_thread_pool_of_multiprocessing() -> None:
    def program() -> None:
        with ThreadPool(4) as pool:
            assert pool.map(abs, [-1, -2]) == [1, 2]
            assert pool.starmap(pow, [(2, 3)]) == [8]
            assert pool.apply(func=max, args=(1, 2)) == 2
            assert sorted(pool.imap_unordered(len, ["ab", "c"])) == [1, 2]
            assert list(pool.imap(repr, [1, 2, 3], chunksize=2)) == ["1", "2", "3"]
            spin(0.2)

    trace = recorded(program)
    names = ["abs", "abs", "len", "len", "main", "max", "pow", "repr", "repr", "repr"]
    assert sorted(trace.tasks["name"].tolist()) == names
    assert trace.concurrency == pytest.approx(1.0, abs=0.1)


def test_what_a_call_on_such_a_pool_starts_is_its() -> None:
    def program() -> None:
        with ThreadPool(1) as pool:
            pool.apply(in_threads, (2,))

    trace = recorded(program)
    assert trace.concurrency == pytest.approx(2.0, abs=0.35)
    assert len(trace.tasks) == 4


def test_helper_threads_are_no_tasks() -> None:
    async def main() -> None:
        await asyncio.to_thread(nap, 0.01)
        child = await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", "")
        await child.wait()

    def program() -> None:
        asyncio.run(main())
        queue = multiprocessing.get_context("spawn").Queue()
        queue.put(1)
        assert queue.get() == 1
        queue.close()
        queue.join_thread()

    names = recorded(program).tasks["name"].tolist()
    child = os.path.basename(sys.executable)
    assert sorted(set(names) - {"to_thread"}) == sorted({"main", "nap", child})


def test_a_thread_for_an_event_loop_is_a_task() -> None:
    async def main() -> None:
        await asyncio.sleep(0.01)

    def program() -> None:
        thread = threading.Thread(target=asyncio.run, args=(main(),), name="loop")
        thread.start()
        thread.join()

    assert recorded(program).tasks["name"].tolist() == ["main", "loop", "main"]


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


def test_a_lane_that_raises_is_one_all_the_same() -> None:
    def fail() -> None:
        nap(0.05)
        raise ArithmeticError

    def program() -> None:
        with one_task("picture"), ThreadPoolExecutor(1) as pool:
            pool.submit(fail).exception()

    spans = recorded(program).spans
    assert len(set(spans[(spans["kind"] == "call") & (spans["task"] == 1)]["worker"].tolist())) == 2


def test_an_observation_within_a_declared_task_adds_nothing_to_the_outer_one() -> None:
    with observe() as outer, one_task("x"), observe() as inner:
        in_threads(2)
    assert outer.tasks["name"].tolist() == ["main", "x"]
    assert len(inner.tasks) == 3
    assert inner.concurrency == pytest.approx(2.0, abs=0.3)


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


def test_what_begins_after_the_block_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, catch_up = threading.Event(), hooks._catch_up

    def late() -> None:  # between the block's end and its trace, the others begin and end
        gate.set()
        calls[-1].result()
        catch_up()

    monkeypatch.setattr(hooks, "_catch_up", late)
    with ThreadPoolExecutor(1) as pool, observe() as trace:
        calls = [pool.submit(gate.wait) for _ in range(300)]
        time.sleep(0.02)
    assert len(trace.tasks) == 2
    assert np.all(trace.tasks["start"] <= trace.end)
    assert trace.concurrency == pytest.approx(1.0, abs=0.1)


def test_an_observation_is_of_one_block() -> None:
    watch = observe()
    with watch:
        pass
    with pytest.raises(RuntimeError, match="anew"), watch:
        pass


@pytest.mark.parametrize("where", ["Journal", "children_cpu"])
def test_an_observation_that_could_not_begin_leaves_nothing(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(hooks, where, interrupted)
        with pytest.raises(KeyboardInterrupt), observe():
            pytest.fail("it has begun")
    assert current.get() is None
    assert not hooks._roots
    assert threading.Thread.start.__module__ == "threading"
    assert not hasattr(threading.Thread.start, "__wrapped__")
    assert len(recorded(lambda: in_threads(2)).tasks) == 3


@pytest.mark.parametrize(
    "where", ["hooks._catch_up", "hooks._put_back", "hooks.cpu_since", "observe._trace"]
)
def test_an_interrupt_while_it_ends_leaves_nothing_and_the_trace_is_there(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name = where.split(".")
    owner = sys.modules[f"course_lib.{module}"]
    original = getattr(owner, name)
    calls: list[str] = []

    def interrupted(*args: Any) -> Any:
        calls.append(name)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return original(*args)

    with pytest.raises(KeyboardInterrupt), observe() as trace:
        in_threads(2)
        monkeypatch.setattr(owner, name, interrupted)
    assert len(trace.tasks) == 3
    assert trace.outcomes == ("done",) * 3
    assert current.get() is None
    assert not hooks._roots


def test_what_goes_on_is_recorded_no_more_and_holds_nothing() -> None:
    async def others() -> None:
        while True:
            await asyncio.sleep(0)

    async def notebook() -> None:
        watch = observe()
        with watch as trace:
            busy = asyncio.create_task(others(), name="others")
            await asyncio.gather(*(asyncio.sleep(0) for _ in range(50)))
        task = next(each for each in watch.activities if each.name == "others")
        assert isinstance(task, hooks.RecordedTask)
        steps = len(task.times)
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(task.times) == steps
        assert task.lists == ([],)
        assert len(trace.tasks) == 52
        busy.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await busy

    asyncio.run(notebook())


def test_what_goes_on_in_an_outer_block_is_still_recorded() -> None:
    async def naps() -> None:
        for _ in range(4):
            await asyncio.sleep(0.01)

    async def notebook() -> None:
        with observe():
            busy = asyncio.create_task(naps())
            await asyncio.sleep(0)
        await busy

    trace = recorded(lambda: asyncio.run(notebook()))
    number = trace.tasks["name"].tolist().index("naps")
    assert trace.outcomes[number] == "done"
    runs = trace.spans[(trace.spans["task"] == number) & (trace.spans["kind"] == "run")]
    assert len(runs) == 5


def test_a_heart_that_is_cancelled_as_it_begins_beats_no_more() -> None:
    heart = Heart()

    async def main() -> None:
        starting = asyncio.ensure_future(heart.__aenter__())
        await asyncio.sleep(0)
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        beats = len(heart.beats)
        await asyncio.sleep(0.05)
        assert len(heart.beats) == beats

    asyncio.run(main())


def observing() -> int:
    """Observe two threads, and say how many tasks there were."""
    with observe() as trace:
        in_threads(2, lambda: nap(0.01))
    return len(trace.tasks)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_of_an_observed_program_can_observe() -> None:
    context = multiprocessing.get_context("fork")
    with observe():
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            assert pool.submit(observing).result() == 3
        child = os.fork()
        if child == 0:
            try:
                os._exit(observing())
            finally:
                os._exit(99)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3


def no_room(*_: object) -> int:
    """Say what a system says that has no room."""
    raise OSError(errno.ENOSPC, "no room")


def test_a_call_is_done_where_there_is_no_room_for_its_record(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "write", no_room)
    assert hooks.journaled(str(tmp_path / "calls"), 0, abs, -1) == 1
    monkeypatch.setattr(os, "open", no_room)
    assert hooks.journaled(str(tmp_path / "calls"), 0, abs, -1) == 1


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

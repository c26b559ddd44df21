"""When something goes wrong: what is said, what is kept, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psutil
import pytest

from course_lib import MODELS, Task, compute, run, wait, why_not
from course_lib.errors import RunError, RunTimeout, TaskFailed, WorkerDied
from course_lib.models.stage import Stage
from course_lib.tasks import Step

IN_THIS_PROCESS = ("sequential", "threads", "async", "fork_join", "actors", "csp")
NO_CALLS = ("data_parallel",)  # they refuse callables
PICKLE = ("processes", "hybrid", "dask")  # what can't be sent to a worker is a task that fails
HAVE = tuple(model for model in MODELS if why_not(model) is None)
CALL = tuple(model for model in HAVE if model not in NO_CALLS)
TRIES = 5


@pytest.fixture(autouse=True, scope="module")
def _old_objects_set_aside() -> Iterator[None]:
    """Let the garbage collector, which is called often here, look at what these tests make only."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """Hold every test to it: no process, not even a dead one, and no thread outlives its run."""
    threads, children = set(threading.enumerate()), processes()
    yield
    gc.collect()  # a socket that nobody has closed says so
    assert soon(lambda: processes() <= children), processes() - children
    assert soon(lambda: set(threading.enumerate()) <= threads), set(threading.enumerate()) - threads


def processes() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def soon(true: Callable[[], bool], seconds: float = 1.0) -> bool:
    """Return whether something comes true within a second."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def workers(model: str) -> int:
    return 1 if model == "sequential" else 2


def fail() -> None:
    raise LookupError("no sugar")


def fail_anywhere() -> Step:
    return partial(dict[str, int]().__getitem__, "no sugar")  # which any worker can import


def seven() -> Step:
    return partial(int, 7)  # which any worker can import


def result(model: str) -> tuple[Step, ...]:
    """Return a step that has the result 7; where there are no calls, one that has none."""
    return (compute(0.001) if model in NO_CALLS else seven(),)


# Bad arguments --------------------------------------------------------------------------------------


@pytest.fixture
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object, **__: object) -> None:
        raise AssertionError("something was started")

    monkeypatch.setattr(threading.Thread, "start", start)
    monkeypatch.setattr(subprocess, "Popen", start)


A, B = Task("A", compute(0.01)), Task("B", wait(0.01))


async def coroutine() -> None:
    await asyncio.sleep(0)


REFUSED: list[tuple[dict[str, Any], type[Exception], tuple[str, ...]]] = [
    # tasks
    ({"tasks": []}, ValueError, ("tasks", "1 to", "not 0")),
    ({"tasks": A}, TypeError, ("tasks", "list", "[Task('A'")),
    ({"tasks": [A, B, A]}, ValueError, ("tasks", "twice", "'A'")),
    ({"tasks": [A, "B"]}, TypeError, ("tasks", "Task(", "'B'")),
    ({"tasks": [A, compute(0.1)]}, TypeError, ("tasks", "Task(", "Compute(")),
    ({"tasks": [[A, B]]}, TypeError, ("tasks", "Task(", "[Task(")),
    ({"tasks": "AB"}, TypeError, ("tasks", "Task(", "'A'")),
    ({"tasks": None}, TypeError, ("tasks", "Task(", "None")),
    ({"tasks": 3}, TypeError, ("tasks", "Task(", "3")),
    # model
    ({"model": "thread"}, ValueError, ("model", "'thread'", *map(repr, MODELS))),
    ({"model": ""}, ValueError, ("model", "''", "'threads'")),
    ({"model": None}, ValueError, ("model", "None", "'threads'")),
    ({"model": 4}, ValueError, ("model", "4", "'threads'")),
    ({"model": ["threads"]}, ValueError, ("model", "['threads']", "'threads'")),
    ({"model": "sequential", "workers": 2}, ValueError, ("workers", "must be 1 ", "2")),
    # steps
    ({"tasks": [B, Task("A", fail)], "model": "data_parallel"}, TypeError, ("'A'", "fail", "cut")),
    # cores
    ({"cores": 0}, ValueError, ("cores", "1 to", "0")),
    ({"cores": -1}, ValueError, ("cores", "1 to", "-1")),
    ({"cores": 10**6}, ValueError, ("cores", "1 to", "1,000,000")),
    ({"cores": True}, TypeError, ("cores", "whole number", "True")),
    ({"cores": 1.0}, TypeError, ("cores", "whole number", "1.0")),
    ({"cores": "1"}, TypeError, ("cores", "whole number", "'1'")),
    # timeout
    ({"timeout": 0}, ValueError, ("timeout", "more than 0", "0")),
    ({"timeout": -1}, ValueError, ("timeout", "0 or more", "-1")),
    ({"timeout": math.nan}, ValueError, ("timeout", "finite", "nan")),
    ({"timeout": math.inf}, ValueError, ("timeout", "finite", "inf")),
    ({"timeout": 1e300}, ValueError, ("timeout", "1e+300")),
    ({"timeout": "30"}, TypeError, ("timeout", "number", "'30'")),
    ({"timeout": None}, TypeError, ("timeout", "number", "None")),
    ({"timeout": True}, TypeError, ("timeout", "number", "True")),
]

REFUSED_WORKERS: list[tuple[Any, type[Exception], tuple[str, ...]]] = [
    (0, ValueError, ("must be 1", "0")),
    (-1, ValueError, ("must be 1", "-1")),
    (10**6, ValueError, ("must be 1", "1,000,000")),
    (True, TypeError, ("whole number", "True")),
    (1.5, TypeError, ("whole number", "1.5")),
    (2.0, TypeError, ("whole number", "2.0")),
    ("2", TypeError, ("whole number", "'2'")),
    (math.nan, TypeError, ("whole number", "nan")),
    ([2], TypeError, ("whole number", "[2]")),
]


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize(
    ("arguments", "error", "words"), REFUSED, ids=lambda value: str(value)[:40]
)
def test_a_bad_argument_is_refused_before_anything_starts(
    arguments: dict[str, Any], error: type[Exception], words: tuple[str, ...]
) -> None:
    with pytest.raises(error) as caught:
        run(**{"tasks": [A, B], "model": "threads", **arguments})
    said = str(caught.value)
    assert all(word in said for word in words), said
    assert not hasattr(caught.value, "trace")


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("bad", "error", "words"), REFUSED_WORKERS, ids=lambda value: str(value)[:20]
)
def test_workers_are_a_whole_number_that_the_model_allows(
    model: str, bad: Any, error: type[Exception], words: tuple[str, ...]
) -> None:
    with pytest.raises(error) as caught:
        run([A, B], model, bad)
    said = str(caught.value)
    assert "workers" in said and all(word in said for word in words), said


@pytest.mark.usefixtures("nothing_starts")
@pytest.mark.parametrize("model", [model for model in MODELS if model not in ("async", "hybrid")])
def test_a_coroutine_function_is_for_async(model: str) -> None:
    with pytest.raises(TypeError) as caught:
        run([B, Task("A", compute(0.01), coroutine)], model)
    said = str(caught.value)
    assert "task 'A'" in said and "coroutine" in said and "'async'" in said and repr(model) in said


@pytest.mark.parametrize("model", ["fibers", "", None])
def test_why_not_knows_its_models(model: Any) -> None:
    with pytest.raises(ValueError, match=r"model must be one of .*'threads'"):
        why_not(model)


# A task that raises -----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", CALL)
def test_a_task_that_raises_does_not_stop_the_others(model: str) -> None:
    steps = compute(0.001), fail_anywhere(), wait(9)
    given = [Task("A", seven()), Task("B", *steps), Task("C", seven())]
    with pytest.raises(
        TaskFailed, match=r"task 'B' raised KeyError: 'no sugar'.*Done: 2 of 3"
    ) as caught:
        run(given, model, workers(model))
    trace = caught.value.trace
    assert trace.results == (7, None, 7)
    assert trace.outcomes == ("done", "KeyError: 'no sugar'", "done")
    assert (trace.tasks["finish"] > trace.tasks["start"]).all()
    assert isinstance(caught.value.__cause__, LookupError)
    assert isinstance(caught.value, RunError)


@pytest.mark.parametrize("model", IN_THIS_PROCESS)
def test_the_error_that_a_task_raised_shows_where(model: str) -> None:
    with pytest.raises(TaskFailed) as caught:
        run([Task("A", fail)], model)
    cause = caught.value.__cause__
    assert cause is not None
    frames = [cause.__traceback__]
    while frames[-1] is not None:
        frames.append(frames[-1].tb_next)
    assert "fail" in [frame.tb_frame.f_code.co_name for frame in frames if frame]


def test_an_error_from_a_worker_process_shows_where() -> None:
    def fail_there() -> None:
        raise LookupError("no sugar")

    with pytest.raises(TaskFailed) as caught:
        run([Task("A", fail_there)], "processes", 1)
    assert "in fail_there" in "".join(caught.value.__cause__.__notes__)  # type: ignore[union-attr]


LEAVE: dict[str, Step] = {
    "SystemExit: 3": partial(sys.exit, 3),
    "KeyboardInterrupt": partial(signal.default_int_handler, 2, None),
}


@pytest.mark.parametrize("error", LEAVE)
@pytest.mark.parametrize("model", CALL)
def test_a_task_that_wants_to_end_python_is_a_task_that_fails(model: str, error: str) -> None:
    with pytest.raises(TaskFailed, match=f"task 'A' raised {error}") as caught:
        run([Task("A", LEAVE[error]), Task("B", seven())], model, workers(model))
    assert caught.value.trace.results == (None, 7)


def test_a_coroutine_that_raises_is_a_task_that_fails() -> None:
    async def fail_later() -> None:
        await asyncio.sleep(0.001)
        raise LookupError("no sugar")

    with pytest.raises(TaskFailed, match="task 'A' raised LookupError") as caught:
        run([Task("A", fail_later), Task("B", seven())], "async")
    assert caught.value.trace.results == (None, 7)


# What can't be sent -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", PICKLE)
def test_a_task_that_cannot_be_sent_is_named(model: str) -> None:
    lock = threading.Lock()
    with pytest.raises(TaskFailed, match=r"task 'A' .*[Pp]ickl") as caught:
        run([Task("A", lambda: lock.locked()), Task("B", seven())], model, 2)
    trace = caught.value.trace
    assert trace.results == (None, 7) and "ickl" in trace.outcomes[0]
    assert math.isnan(trace.tasks["start"][0]) or model == "hybrid"  # where the loop has started it


def test_a_task_that_cannot_be_received_is_named() -> None:
    class Broken:
        def __reduce__(self) -> tuple[Any, ...]:
            return __import__, ("no_such_module_of_the_learner",)

        def __call__(self) -> int:
            return 1

    with pytest.raises(RunError, match=r"'A'") as caught:
        run([Task("A", Broken())], "processes", 1)
    assert caught.value.trace.results == (None,)


def test_a_result_that_cannot_be_sent_is_named() -> None:
    def lock() -> object:
        import threading

        return threading.Lock()

    with pytest.raises(TaskFailed, match=r"task 'A' .*pickle.*lock") as caught:
        run([Task("A", lock), Task("B", seven())], "processes", 2)
    trace = caught.value.trace
    assert trace.results == (None, 7)
    assert trace.tasks["finish"][0] > trace.tasks["start"][0]


def test_an_error_that_cannot_be_received_is_told_in_words() -> None:
    class Needy(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__("all that is left")

    def fail_oddly() -> None:
        raise Needy(1, 2)

    with pytest.raises(TaskFailed, match=r"task 'A' .*Needy: all that is left") as caught:
        run([Task("A", fail_oddly), Task("B", seven())], "processes", 2)
    assert caught.value.trace.results == (None, 7)


# A worker that dies ---------------------------------------------------------------------------------------

DEATHS = ("exit", "kill") if sys.platform != "win32" else ("exit",)


def death(kind: str) -> Callable[[], object]:
    return {"exit": lambda: os._exit(0), "kill": lambda: os.kill(os.getpid(), 9)}[kind]


@pytest.mark.parametrize("model", PICKLE)
@pytest.mark.parametrize("kind", DEATHS)
def test_a_worker_that_dies_is_told_and_what_was_done_is_kept(kind: str, model: str) -> None:
    given = [Task("A", lambda: 7), Task("B", compute(0.2), death(kind)), Task("C", wait(20))]
    with pytest.raises(WorkerDied, match=r"worker process died.*'B'.*Done: 1 of 3") as caught:
        run(given, model, 2)
    trace = caught.value.trace
    assert trace.results == (7, None, None)
    assert trace.outcomes[:2] == ("done", "its worker died")
    assert trace.tasks["start"][1] >= 0
    assert math.isnan(trace.tasks["finish"][1]) or model == "hybrid"  # where the loop lives on
    assert 0 < trace.makespan < 20
    assert trace.concurrency > 0 and "B" in trace.table()


@pytest.mark.parametrize("model", PICKLE)
@pytest.mark.parametrize("kind", DEATHS)
def test_a_worker_that_dies_before_all_tasks_have_come_is_told_as_well(
    kind: str, model: str
) -> None:
    given = [Task("A", seven()), Task("B", wait(0.05), death(kind)), Task("C", seven(), at=0.6)]
    with pytest.raises(WorkerDied, match=r"'B'") as caught:
        run(given, model, 2)
    assert caught.value.trace.results == (7, None, None)
    assert caught.value.trace.outcomes == ("done", "its worker died", "never started")


def test_a_part_whose_worker_dies_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = Stage.begin

    def begin_and_kill(stage: Stage) -> None:
        begin(stage)
        workers = [p for p in processes() if "popen_loky" in "".join(p.cmdline())]
        threading.Timer(0.2, (workers or list(processes()))[0].kill).start()

    monkeypatch.setattr(Stage, "begin", begin_and_kill)
    given = [Task("A", compute(0.001)), Task("B", compute(20)), Task("C", compute(1))]
    with pytest.raises(WorkerDied, match=r"worker process died.*'B'.*Done: 1 of 3") as caught:
        run(given, "data_parallel", 2)
    assert caught.value.trace.outcomes == ("done", "its worker died", "never started")


# Out of time ------------------------------------------------------------------------------------------------

LONG: dict[str, Step] = {
    "compute": compute(20),
    "native": compute(20, "native"),
    "wait": wait(20),
    "socket": wait(20, "socket"),
}


def long_kinds(model: str) -> tuple[str, ...]:
    """Return the kinds of long steps to try; two of them where a start takes a second."""
    return ("compute", "socket") if model == "dask" else tuple(LONG)


@pytest.mark.parametrize(("model", "kind"), [(m, k) for m in HAVE for k in long_kinds(m)])
def test_a_run_that_takes_too_long_is_ended(model: str, kind: str) -> None:
    given = [Task("A", *result(model)), Task("B", LONG[kind]), Task("C", LONG[kind], at=10)]
    late = math.inf
    for _ in range(TRIES):  # others on this machine may keep it from stopping in time
        with pytest.raises(RunTimeout, match=r"timeout=0.15 s. Done: 1 of 3") as caught:
            run(given, model, workers(model), timeout=0.15)
        trace = caught.value.trace
        assert isinstance(caught.value, TimeoutError)
        assert "Still running" not in str(caught.value)
        assert trace.outcomes == ("done", "stopped", "never started")
        assert trace.results[0] == (None if model in NO_CALLS else 7)
        late = min(late, trace.tasks["finish"][1] - 0.15)
        if late <= 0.1:
            break
    assert -0.01 <= late <= 0.1
    assert "B" in trace.table()


def test_a_coroutine_that_takes_too_long_is_ended() -> None:
    async def long() -> None:
        await asyncio.sleep(20)

    with pytest.raises(RunTimeout) as caught:
        run([Task("A", long), Task("B", seven())], "async", timeout=0.1)
    assert caught.value.trace.outcomes == ("stopped", "done")


def test_tasks_that_wait_for_a_worker_are_ended_too() -> None:
    with pytest.raises(RunTimeout) as caught:
        run([Task(name, wait(20)) for name in "ABC"], "async", 1, timeout=0.1)
    assert caught.value.trace.outcomes == ("stopped", "never started", "never started")


def test_a_run_whose_only_task_is_yet_to_come_can_be_ended() -> None:
    with pytest.raises(RunTimeout) as caught:
        run([Task("A", seven(), at=20)], timeout=0.1)
    trace = caught.value.trace
    assert trace.outcomes == ("never started",)
    assert not trace.makespan < 0 and "-" not in trace.numbers


@pytest.mark.parametrize("model", IN_THIS_PROCESS)
def test_a_function_that_hangs_is_named(model: str) -> None:
    let_go, threads = threading.Event(), set(threading.enumerate())
    try:
        with pytest.raises(RunTimeout, match=r"Still running.*thread '.*task 'B'") as caught:
            run([Task("A", seven()), Task("B", lambda: let_go.wait(30))], model, timeout=0.1)
        names = {thread.name for thread in set(threading.enumerate()) - threads}
    finally:
        let_go.set()
    assert names and any(repr(name) in str(caught.value) for name in names)
    trace = caught.value.trace
    assert trace.outcomes == ("done", "still running")
    assert math.isnan(trace.tasks["finish"][1])
    assert trace.spans["kind"][trace.spans["task"] == 1].tolist() == ["call"]


def test_a_function_that_hangs_after_a_step_is_drawn_as_a_call() -> None:
    let_go = threading.Event()
    try:
        with pytest.raises(RunTimeout) as caught:
            run([Task("A", compute(0.01), lambda: let_go.wait(30))], timeout=0.1)
    finally:
        let_go.set()
    spans = caught.value.trace.spans
    assert spans["kind"][-1] == "call"


@pytest.mark.parametrize("model", PICKLE)
def test_a_function_that_hangs_in_a_worker_process_is_ended_with_it(model: str) -> None:
    def hang() -> None:
        import time

        time.sleep(30)

    with pytest.raises(RunTimeout, match=r"Done: 1 of 2") as caught:
        run([Task("A", seven()), Task("B", hang)], model, 2, timeout=0.1)
    assert "Still running" not in str(caught.value)
    trace = caught.value.trace
    assert trace.results == (7, None) and trace.outcomes == ("done", "stopped")


# An interrupt -------------------------------------------------------------------------------------------------


@pytest.fixture
def interrupt() -> Iterator[Callable[[], object]]:
    """Give a function that interrupts this process, wherever it is called, as Ctrl-C does."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    here = os.getpid()
    yield partial(signal.raise_signal, 2) if sys.platform == "win32" else partial(os.kill, here, 2)
    signal.signal(signal.SIGINT, before)


INTERRUPTED = (  # just when psutil had opened a file: nobody is left to close it then
    "ignore:unclosed file .*/proc/:ResourceWarning",
    r"ignore:Exception ignored in. <_io\.\w+ name='/proc/:pytest.PytestUnraisableExceptionWarning",
)


@pytest.mark.filterwarnings(*INTERRUPTED)
@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (model, kind)
        for model in (HAVE if sys.platform != "win32" else IN_THIS_PROCESS)
        for kind in long_kinds(model)
    ],
)
def test_an_interrupt_ends_the_run_and_keeps_the_trace(
    model: str, kind: str, interrupt: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[Step] = [wait(0.05), interrupt, LONG[kind]]
    if model in NO_CALLS:  # there, it comes from outside
        begin = Stage.begin

        def begin_and_interrupt(stage: Stage) -> None:
            begin(stage)
            threading.Timer(0.15, interrupt).start()

        monkeypatch.setattr(Stage, "begin", begin_and_interrupt)
        steps.remove(interrupt)
    given = [Task("A", *result(model)), Task("B", *steps), Task("C", wait(0), at=10)]
    with pytest.raises(KeyboardInterrupt) as caught:
        run(given, model, workers(model))
    trace = caught.value.trace  # type: ignore[attr-defined]
    assert trace.outcomes == ("done", "stopped", "never started")
    assert trace.results[0] == (None if model in NO_CALLS else 7)
    assert trace.makespan < 10
    assert "The run was ended" in "".join(caught.value.__notes__)


@pytest.mark.filterwarnings(*INTERRUPTED)
def test_an_interrupt_while_a_function_hangs_names_it(interrupt: Callable[[], object]) -> None:
    let_go = threading.Event()
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            run([Task("A", wait(0.05), interrupt, lambda: let_go.wait(30))], "threads")
    finally:
        let_go.set()
    said = "".join(caught.value.__notes__)
    assert "Still running" in said and "'worker 0'" in said and "'A'" in said


# Nothing is left ------------------------------------------------------------------------------------------------

if hasattr(psutil.Process, "num_fds"):

    @pytest.mark.parametrize("model", HAVE)
    def test_many_runs_leave_no_file_open(model: str) -> None:
        me = psutil.Process()
        failing: Step = threading.Lock().acquire if model in PICKLE else fail_anywhere()
        if model in NO_CALLS:
            failing = wait(20)
        endings = [
            [Task("A", *result(model)), Task("B", compute(0.001))],
            [Task("A", failing)],
            [Task("A", wait(0.001, "socket")), Task("B", *result(model))],
            [Task("A", wait(20, "socket")), Task("B", wait(20))],
        ]

        def once(turn: int) -> None:
            try:
                run(endings[turn % 4], model, 1, timeout=0.1 if turn % 2 else 30)
            except RunError as error:
                assert turn % 4 in (1, 3), error
            else:
                assert turn % 4 in (0, 2)

        for turn in range(4):  # what is opened once, for good
            once(turn)
        before = me.num_fds()
        for turn in range(4 if model == "dask" else 8):  # which takes a second to start
            once(turn)
        assert soon(lambda: me.num_fds() <= before), (before, me.num_fds(), me.net_connections())


ORPHANS = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a background job lacks
from course_lib import Task, compute, run, wait

def go():
    os.write(1, b"go\\n")

steps = {"compute": compute(20), "wait": wait(20), "socket": wait(20, "socket")}[sys.argv[2]]
try:
    run([Task("A", go, steps), Task("B", go, steps)], sys.argv[1], 2, timeout=60)
except KeyboardInterrupt as error:
    print(*error.trace.outcomes, flush=True)
"""

if sys.platform != "win32":

    def program(model: str, kind: str) -> subprocess.Popen[str]:
        """Start a program that runs two long tasks; it writes a line as each of them begins."""
        command = [sys.executable, "-c", ORPHANS, model, kind]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        )

    def gone(process: psutil.Process) -> bool:
        """Return whether a process has ended, even if nobody has taken notice of it."""
        try:
            return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    @pytest.mark.parametrize(
        ("model", "kind", "least"),
        [
            ("processes", "compute", 2),
            ("processes", "socket", 3),
            ("threads", "socket", 1),
            ("dask", "compute", 2),
        ],
    )
    def test_no_process_outlives_a_killed_kernel(model: str, kind: str, least: int) -> None:
        with program(model, kind) as kernel:
            assert kernel.stdout and [kernel.stdout.readline() for _ in "AB"] == ["go\n", "go\n"]
            children = psutil.Process(kernel.pid).children(recursive=True)
            kernel.kill()
            kernel.wait()
            assert soon(lambda: all(map(gone, children)), 1.0), [
                c.cmdline() for c in children if not gone(c)
            ]
        assert len(children) >= least

    def test_no_process_outlives_a_kernel_killed_while_it_starts_them() -> None:
        with program("processes", "socket") as kernel:
            mine = psutil.Process(kernel.pid)
            assert soon(lambda: len(mine.children(recursive=True)) >= 2, 20)
            children = mine.children(recursive=True)
            kernel.kill()
            kernel.wait()
            # A worker that is only just starting sees that it is alone as soon as it has started.
            assert soon(lambda: all(map(gone, children)), 5.0), [
                c.cmdline() for c in children if not gone(c)
            ]

    def test_an_interrupt_from_the_keyboard_is_the_programs_alone() -> None:
        with program("processes", "socket") as kernel:
            assert kernel.stdout and [kernel.stdout.readline() for _ in "AB"] == ["go\n", "go\n"]
            os.killpg(kernel.pid, signal.SIGINT)  # a terminal sends it to all in the foreground
            said, errors = kernel.communicate(timeout=20)
        assert said == "stopped stopped\n"
        assert errors == ""
        assert kernel.returncode == 0


def test_more_threads_than_the_system_has_are_told_and_none_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, start = threading.active_count(), threading.Thread.start

    def limited(self: threading.Thread) -> None:
        if self.name == "worker 5":
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", limited)
    tasks = [Task(f"T{n}", compute(0.01)) for n in range(8)]
    with pytest.raises(RunError, match="can't start new thread.*Done: 0 of 8") as caught:
        run(tasks, "threads")
    assert set(caught.value.trace.outcomes) == {"never started"}
    end = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() == before


@pytest.mark.parametrize("model", ["async", "hybrid"])
def test_a_run_whose_tasks_ended_in_time_is_in_time_though_its_workers_take_longer(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = threading.Event()
    end = Stage.end

    def ends(stage: Stage) -> None:
        end(stage)
        threading.Timer(0.3, late.set).start()

    monkeypatch.setattr(Stage, "end", ends)
    monkeypatch.setattr("course_lib.models.conductor.service_for", lambda stage: until(late))
    trace = run([Task("A", wait(0.05))], model, timeout=0.2)
    assert trace.makespan < 0.2


@contextlib.contextmanager
def until(late: threading.Event) -> Iterator[None]:
    yield
    late.wait(5)


@pytest.mark.parametrize("model", ["async", "hybrid"])
def test_who_cancels_a_run_whose_loop_has_ended_is_told_nothing_else(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = threading.Event()
    stages: list[Stage] = []
    end = Stage.end

    def ends(stage: Stage) -> None:
        end(stage)
        stages.append(stage)

    @contextlib.contextmanager
    def cancelled(stage: Stage) -> Iterator[None]:
        yield
        stages[0].cancel()  # as an interrupt does at this moment
        late.set()

    monkeypatch.setattr(Stage, "end", ends)
    monkeypatch.setattr("course_lib.models.conductor.service_for", cancelled)
    run([Task("A", wait(0.05))], model)
    assert late.is_set()

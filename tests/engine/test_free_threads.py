"""The model that drives another Python: what the two tell each other, and how one is found.

Any Python can be the other one in most of these tests: whether it has a GIL makes no difference there.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest

from course_lib import Task, compute, run, wait, why_not
from course_lib.errors import RunError, RunTimeout, TaskFailed, WorkerDied
from course_lib.models import free_python
from course_lib.record import clock

FREE = why_not("free_threads") is None


@pytest.fixture(params=["this Python", *["a free-threaded one"] * FREE], autouse=True)
def _other(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "this Python":
        monkeypatch.setattr(free_python, "command", lambda: [sys.executable])


def test_the_other_python_shares_the_clock_and_is_a_process_of_its_own() -> None:
    before = clock()
    tasks = [Task(n, compute(0.02), wait(0.02), os.getpid, clock) for n in "AB"]
    trace = run(tasks, "free_threads")
    assert all(before < moment < clock() for moment in trace.results)
    (pid,) = set(run([Task(n, os.getpid) for n in "AB"], "free_threads").results)
    assert pid != os.getpid()
    assert trace.outcomes == ("done", "done")
    assert (trace.response >= 0).all() and trace.makespan >= 0.02
    assert trace.cpu == pytest.approx(trace.tasks["cpu"].sum(), abs=0.05) and trace.cpu > 0
    assert {"run", "wait", "call"} <= set(trace.spans["kind"].tolist())
    assert set(trace.spans["worker"].tolist()) == {0, 1}


def test_it_computes_as_much_work_as_any_other_model() -> None:
    seen = []
    for _ in range(6):
        there = run([Task("A", compute(0.1, "native"))], "free_threads").cpu
        seen.append(there / run([Task("A", compute(0.1, "native"))], "threads").cpu)
        if 0.7 <= seen[-1] <= 1.4:
            return
    raise AssertionError(seen)


def test_what_a_task_prints_does_not_disturb() -> None:
    steps = partial(print, "hello", flush=True), partial(os.write, 1, b"hello\n"), partial(int, 7)
    assert run([Task("A", *steps)], "free_threads").results == (7,)


def test_an_error_comes_back_as_it_is() -> None:
    with pytest.raises(TaskFailed, match="task 'A' raised ZeroDivisionError") as caught:
        run([Task("A", partial(divmod, 1, 0)), Task("B", partial(int, 7))], "free_threads")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "In the worker" in "".join(caught.value.__cause__.__notes__)
    assert caught.value.trace.results == (None, 7)


def test_a_result_that_cannot_be_sent_is_named() -> None:
    with pytest.raises(TaskFailed, match=r"task 'A' .*pickle.*lock") as caught:
        run([Task("A", threading.Lock), Task("B", partial(int, 7))], "free_threads")
    assert caught.value.trace.results == (None, 7)


def test_a_module_that_the_other_python_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("def function():\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    function = __import__("only_here").function
    with pytest.raises(TaskFailed, match="'A' raised ModuleNotFoundError.*only_here") as caught:
        run([Task("A", function), Task("B", partial(int, 7))], "free_threads")
    assert caught.value.trace.results == (None, 7)


def in_a_cell() -> None:
    """Stand for a function that was made in a notebook."""


@pytest.mark.parametrize("where", ["lambda", "function", "cell", "argument"])
def test_a_function_that_cannot_be_imported_is_refused(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def inside() -> None: ...

    monkeypatch.setattr(in_a_cell, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "in_a_cell", in_a_cell, raising=False)
    steps: dict[str, Callable[[], object]] = {
        "lambda": lambda: 1,
        "function": inside,
        "cell": in_a_cell,
        "argument": partial(map, in_a_cell),
    }
    with pytest.raises(TypeError, match="step of task 'A' is .*'free_threads' can't import.*modul"):
        run([Task("A", compute(1), steps[where])], "free_threads")


def test_a_python_that_dies_is_told_and_what_was_done_is_kept() -> None:
    given = [Task("A", partial(int, 7)), Task("B", wait(0.2), partial(os._exit, 0))]
    given += [Task("C", wait(20)), Task("D", wait(1), at=10)]
    with pytest.raises(WorkerDied, match=r"'B', 'C'.*Done: 1 of 4") as caught:
        run(given, "free_threads")
    trace = caught.value.trace
    assert trace.results == (7, None, None, None)
    assert trace.outcomes == ("done", "its worker died", "its worker died", "never started")
    assert math.isnan(trace.tasks["finish"][1]) and 0.2 <= trace.makespan < 10


def test_a_python_that_does_not_even_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_python, "command", lambda: [sys.executable, "-c", "pass"])
    with pytest.raises(RunError, match=r"ended before the tasks could begin.*Done: 0 of 1"):
        run([Task("A", compute(0.1))], "free_threads")


def test_a_function_that_hangs_is_ended_with_its_python() -> None:
    began = time.monotonic()
    given = [Task("A", partial(int, 7)), Task("B", partial(time.sleep, 30)), Task("C", compute(30))]
    with pytest.raises(RunTimeout) as caught:
        run(given, "free_threads", timeout=0.3)
    assert time.monotonic() - began < 15
    assert "Still running" not in str(caught.value)
    assert caught.value.trace.outcomes == ("done", "stopped", "stopped")


ORPHAN = """
import sys
from course_lib import Task, compute, run
from course_lib.models import free_python
free_python.command = lambda: [sys.executable]
run([Task("A", compute(60)), Task("B", compute(60))], "free_threads", timeout=90)
"""


def test_the_other_python_does_not_outlive_a_killed_kernel() -> None:
    with subprocess.Popen([sys.executable, "-c", ORPHAN]) as kernel:
        end = time.monotonic() + 30
        other: list[psutil.Process] = []
        while time.monotonic() < end and not any(child.num_threads() > 3 for child in other):
            time.sleep(0.05)  # its two workers compute, once they are there
            other = psutil.Process(kernel.pid).children()
        kernel.kill()
    assert len(other) == 1
    _, alive = psutil.wait_procs(other, timeout=5)
    assert not alive, [process.status() for process in alive]


def test_many_tasks_come_through() -> None:
    trace = run([Task(f"T{n}", partial(int, n)) for n in range(3000)], "free_threads", 4)
    assert trace.results == tuple(range(3000))
    assert np.isfinite(trace.tasks["finish"]).all()


# Which Python -------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home in which no Python is installed."""
    monkeypatch.undo()
    for name in ("COURSE_FREE_THREADED", "XDG_DATA_HOME", "UV_PYTHON_INSTALL_DIR", "PYENV_ROOT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE", "APPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: True, raising=False)
    free_python._find.cache_clear()
    return tmp_path


def test_without_one_it_is_said_what_would_bring_one(nothing_there: Path) -> None:
    reason = why_not("free_threads") or ""
    assert "uv python install" in reason and "conda" in reason and "COURSE_FREE_THREADED" in reason
    with pytest.raises(ValueError, match="'free_threads' can't run here: it needs a free-threaded"):
        run([Task("A", compute(0.1))], "free_threads")


@pytest.mark.parametrize("named", ["no-such-python", "README.md", sys.executable])
def test_a_named_python_that_is_not_free_threaded_is_refused(
    named: str, nothing_there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_FREE_THREADED", named)
    reason = why_not("free_threads") or ""
    assert "COURSE_FREE_THREADED" in reason and repr(named) in reason and "3.13" in reason


if sys.platform != "win32":
    PLACES = {
        "PATH": "bin/python3.14t",
        "uv": ".local/share/uv/python/cpython-3.14.0+freethreaded-x/bin/python3.14t",
        "pyenv": ".pyenv/versions/3.13.5t/bin/python3.13t",
        "conda": "envs/free/bin/python3.13t",
    }

    def stand_in(path: Path) -> None:
        """Make a program that says it is a Python without a GIL."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\necho False\n")
        path.chmod(0o755)

    @pytest.mark.parametrize("place", PLACES)
    def test_one_is_found_where_tools_put_it(place: str, nothing_there: Path) -> None:
        python = nothing_there / PLACES[place]
        stand_in(python)
        (nothing_there / ".conda").mkdir()
        (nothing_there / ".conda/environments.txt").write_text(f"{nothing_there}/envs/free\n")
        assert free_python.command() == [str(python), "-X", "gil=0"]
        assert why_not("free_threads") is None

    def test_the_named_one_comes_first(
        nothing_there: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand_in(nothing_there / PLACES["PATH"])
        stand_in(nothing_there / "mine")
        monkeypatch.setenv("COURSE_FREE_THREADED", str(nothing_there / "mine"))
        assert free_python.command()[0] == str(nothing_there / "mine")

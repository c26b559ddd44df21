"""A task, and what it is made of: every bad argument is refused in words, and nothing runs."""

from __future__ import annotations

import dataclasses
import importlib
import math
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from course_lib import Task, compute, wait
from course_lib.tasks import Compute, Pace, Wait, calibrate, digest, one_of, shown, spin, whole

NO_NUMBER: list[Any] = ["0.1", None, True, False, 1j, [0.1], b"1", (1,), {}]
NO_DURATION: list[Any] = [-1, -1e-9, math.nan, math.inf, -math.inf, np.float64("nan"), 10**400]
NO_NAME: list[Any] = ["", "  ", None, 3, b"A", ["A"], compute(0.1)]
NO_STEP: list[Any] = [0.1, None, "compute", True, (compute(0.1), wait(0.1)), [compute(0.1)]]


@pytest.fixture(params=[compute, wait], ids=["compute", "wait"])
def step(request: pytest.FixtureRequest) -> Callable[..., Compute | Wait]:
    made: Callable[..., Compute | Wait] = request.param
    return made


@pytest.mark.parametrize("seconds", [0, 1, 0.1, 1e-9, Fraction(1, 4), np.float32(0.5), np.int64(2)])
def test_seconds_are_any_real_number_and_are_kept_as_a_float(
    step: Callable[..., Compute | Wait], seconds: Any
) -> None:
    made = step(seconds)
    assert made.seconds == float(seconds)
    assert type(made.seconds) is float


@pytest.mark.parametrize("seconds", NO_NUMBER, ids=repr)
def test_seconds_that_are_no_number_are_refused(
    step: Callable[..., Compute | Wait], seconds: Any
) -> None:
    with pytest.raises(TypeError) as caught:
        step(seconds)
    said = str(caught.value)
    assert "seconds" in said and "number" in said and repr(seconds) in said


@pytest.mark.parametrize("seconds", NO_DURATION, ids=lambda value: repr(value)[:20])
def test_seconds_that_are_no_duration_are_refused(
    step: Callable[..., Compute | Wait], seconds: Any
) -> None:
    with pytest.raises(ValueError) as caught:
        step(seconds)
    said = str(caught.value)
    assert "seconds" in said and "0 or more" in said and repr(seconds)[:20] in said


@pytest.mark.parametrize("kind", ["Python", "", None, 1, ["python"], "gpu"], ids=repr)
def test_a_kind_that_does_not_exist_is_refused(
    step: Callable[..., Compute | Wait], kind: Any
) -> None:
    with pytest.raises(ValueError) as caught:
        step(0.1, kind=kind)
    said = str(caught.value)
    allowed = ("'python'", "'native'") if step is compute else ("'sleep'", "'socket'")
    assert "kind" in said and repr(kind) in said and all(word in said for word in allowed)


def test_the_kinds_of_one_step_are_not_those_of_the_other() -> None:
    assert compute(1).kind == "python"
    assert compute(1, "native").kind == "native"
    assert wait(1).kind == "sleep"
    assert wait(1, "socket").kind == "socket"
    with pytest.raises(ValueError, match="'socket'"):
        compute(1, "socket")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'native'"):
        wait(1, "native")  # type: ignore[arg-type]


def test_a_task_keeps_its_steps_in_their_order() -> None:
    steps = compute(0.1), wait(0.2), compute(0.3, "native"), print
    task = Task("tea", *steps, at=1)
    assert (task.name, task.steps, task.at) == ("tea", steps, 1.0)
    assert Task("tea", *steps).at == 0.0


def test_tasks_are_values() -> None:
    task = Task("A", compute(0.1))
    assert task == Task("A", compute(0.1), at=0)
    assert task != Task("A", compute(0.2))
    assert len({task, Task("A", compute(0.1))}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        task.name = "B"  # type: ignore[misc]


@pytest.mark.parametrize("name", NO_NAME, ids=repr)
def test_a_task_needs_a_name(name: Any) -> None:
    with pytest.raises(TypeError) as caught:
        Task(name, compute(0.1))
    said = str(caught.value)
    assert "name" in said and "text" in said and repr(name) in said


def test_a_task_needs_a_step() -> None:
    with pytest.raises(ValueError, match=r"task 'A' has no step.*compute.*wait.*callable"):
        Task("A")


@pytest.mark.parametrize("bad", NO_STEP, ids=repr)
def test_a_step_is_compute_or_wait_or_a_callable(bad: Any) -> None:
    with pytest.raises(TypeError) as caught:
        Task("A", compute(0.1), bad)
    said = str(caught.value)
    assert "task 'A'" in said and repr(bad) in said
    assert "compute" in said and "wait" in said and "callable" in said


@pytest.mark.parametrize("at", NO_NUMBER, ids=repr)
def test_an_arrival_that_is_no_number_is_refused(at: Any) -> None:
    with pytest.raises(TypeError) as caught:
        Task("A", compute(0.1), at=at)
    said = str(caught.value)
    assert "at=" in said and "'A'" in said and repr(at) in said


@pytest.mark.parametrize("at", NO_DURATION, ids=lambda value: repr(value)[:20])
def test_an_arrival_that_is_no_duration_is_refused(at: Any) -> None:
    with pytest.raises(ValueError) as caught:
        Task("A", compute(0.1), at=at)
    said = str(caught.value)
    assert "at=" in said and "'A'" in said and "0 or more" in said and repr(at)[:20] in said


# Numbers and choices --------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [2, np.int64(2), np.array(2)])
def test_a_whole_number_is_one_however_it_is_given(given: Any) -> None:
    found = whole("count", given, 1, 9)
    assert (found, type(found)) == (2, int)


@pytest.mark.parametrize(
    "bad", [np.array([2]), np.array(2.5), np.arange(9999), 2.0, "2", "2" * 9999, [10**5000], True]
)
def test_what_is_no_whole_number_is_refused_in_few_words(bad: Any) -> None:
    with pytest.raises(TypeError, match="^count must be a whole number, not ") as caught:
        whole("count", bad, 1, 9)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    "bad", [0, 10**6, 10**400, 10**5000, -(10**5000)], ids=lambda bad: f"{bad.bit_length()} bits"
)
def test_a_number_out_of_range_is_refused_in_few_words(bad: int) -> None:
    with pytest.raises(ValueError, match="^count must be 1 to 9, not ") as caught:
        whole("count", bad, 1, 9)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("bad", [np.array(["a", "b"]), np.array(["a"]), ["a"], {}, "c" * 9999])
def test_what_is_no_choice_is_refused_in_few_words(bad: Any) -> None:
    with pytest.raises(ValueError, match="^way must be one of 'a', 'b', not ") as caught:
        one_of("way", bad, ("a", "b"))
    assert len(str(caught.value)) < 120


def test_a_value_is_shown_in_a_line() -> None:
    assert shown("a  b") == "'a  b'"
    assert shown(np.ones((2, 2))) == "array([[1., 1.], [1., 1.]])"
    assert shown("x" * 99) == f"'{'x' * 78}…"


# Calibration ----------------------------------------------------------------------------------------


def test_the_pace_is_measured_once() -> None:
    pace = calibrate()
    assert pace is calibrate()
    assert 0 < pace.python < pace.native < 0.1


@pytest.mark.parametrize("seconds", [0.0, 2e-5, 7.5e-5, 1e-3, 0.0101, 0.1, 3.0])
def test_a_python_step_is_as_many_rounds_as_a_core_does_in_its_seconds(seconds: float) -> None:
    pace = Pace(python=6e-8, native=3e-5)
    work, amount, chunks = pace.chunks(compute(seconds))
    assert work is spin
    assert amount * chunks * pace.python == pytest.approx(seconds, rel=0.02, abs=2 * pace.python)


@pytest.mark.parametrize("python", [1e-8, 5e-8, 1e-6])
def test_the_work_is_right_at_any_pace(python: float) -> None:
    _, amount, chunks = Pace(python, native=3e-5).chunks(compute(0.1))
    assert amount * chunks * python == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize("seconds", [0.0, 1e-3, 0.1, 3.0])
def test_a_native_step_is_so_many_blocks(seconds: float) -> None:
    pace = Pace(python=6e-8, native=3e-5)
    work, amount, chunks = pace.chunks(compute(seconds, "native"))
    assert work is digest
    assert amount * chunks * pace.native == pytest.approx(seconds, abs=pace.native)


@pytest.mark.parametrize(
    ("switch", "chunk"), [(5e-3, 50e-6), (2e-3, 20e-6), (1e-4, 5e-6), (1.0, 50e-6)]
)
def test_a_chunk_is_short_beside_the_switch_interval(
    switch: float, chunk: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "getswitchinterval", lambda: switch)
    pace = Pace(python=5e-8, native=3e-5)
    assert pace.chunks(compute(0.1))[1] * pace.python == pytest.approx(chunk, rel=0.02)


# The import -----------------------------------------------------------------------------------------

HEAVY = "numpy", "matplotlib", "asyncio", "ipywidgets", "anywidget", "loky", "psutil"


def imported(by: str) -> set[str]:
    """Return the names of the modules that an import loads, in a Python of its own."""
    program = (
        f"import sys; before = set(sys.modules); import {by}; print(*set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_the_import_loads_nothing_heavy() -> None:
    assert "course_lib.tasks" in imported("course_lib")
    assert imported("course_lib").isdisjoint(HEAVY)


def test_a_check_and_its_workers_load_no_pictures() -> None:
    loaded = imported("course_lib.lesson.sandbox")
    assert "course_lib.lesson.exercise" in loaded
    assert "matplotlib" not in loaded  # half a second, and 30 MB, in each process


def test_tasks_and_the_recorder_load_the_standard_library_only() -> None:
    for name in ("course_lib.tasks", "course_lib.record"):
        packages = {module.split(".")[0] for module in imported(name)}
        # `__mp_main__` is how multiprocessing calls the main module.
        assert packages - sys.stdlib_module_names - {"__mp_main__"} == {"course_lib"}


def test_the_package_gives_the_names_that_it_lists() -> None:
    package = importlib.import_module("course_lib")
    assert {"MODELS", "Task", "Trace", "compute", "machine", "run", "wait", "why_not"} <= set(
        package.__all__
    )
    assert all(hasattr(package, name) for name in package.__all__)
    with pytest.raises(AttributeError, match="paralelism"):
        _ = package.paralelism

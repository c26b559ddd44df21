"""Simulated and measured runs of the same tasks, side by side."""

from __future__ import annotations

import dataclasses
import math
import os

import pytest

from course_lib import Task, Trace, compute, run, simulate, wait
from course_lib.compare import compare, idle
from tests.engine.test_run import at_best

TASKS = [Task("A", compute(0.1), wait(0.1)), Task("B", wait(0.1), compute(0.1))]


def made(first: float, late: float) -> Trace:
    """A measured trace, made by hand: both tasks on one worker, the first from `first` to 1."""
    rows = [("A", 0.0, first, 1.0, 0.5), ("B", 0.5, 1.0 + late, 2.0, 0.9)]
    spans = [
        (0, 0, 0, first, 0.5 + first, "run"),
        (0, 0, -1, 0.5 + first, 1.0, "ready"),
        (1, 0, 0, 1.0 + late, 2.0, "run"),
    ]
    return Trace.build(rows, spans, cpu=1.4, end=2.0, model="threads", workers=1)


def test_what_differs_and_by_how_much() -> None:
    ideal = simulate([Task("A", compute(0.5)), Task("B", compute(0.5), at=0.5)], workers=1)
    found = compare(ideal, made(0.1, 0.2))
    causes = {cause.name: round(cause.seconds, 6) for cause in found.causes}
    assert causes == {"work": 0.4, "turns": 0.4, "dispatch": 0.2, "start-up": 0.1, "waits": 0}
    assert found.makespan == 1.0
    rows = {row[0]: row[1:] for row in found.rows()}
    assert rows["makespan (s)"] == ["1.000", "2.000", "+1.000 (+100%)"]
    assert rows["B finished (s)"] == ["1.000", "2.000", "+1.000 (+100%)"]
    assert "took 40% more CPU time" in found.noise and "now a core" in found.noise
    assert "took 40% more CPU time" in found._repr_mimebundle_()["text/html"]


def test_a_task_that_never_started_is_no_cause() -> None:
    rows = [("late", 2.0, math.nan, math.nan, 0.0), ("long", 0.0, 0.1, 1.0, 0.0)]
    spans = [(1, 0, -1, 0.1, 1.0, "wait")]
    stopped = Trace.build(rows, spans, cpu=0.0, end=1.0, model="sequential", workers=1)
    found = compare(simulate([Task("late", wait(0.1), at=2), Task("long", wait(1))], 1), stopped)
    assert all(math.isfinite(cause.seconds) for cause in found.causes)


def test_who_disturbed_the_run_is_said_first_and_a_little_of_another_pace_is_no_noise() -> None:
    tasks = [Task("A", compute(0.67)), Task("B", compute(0.67), at=0.5)]
    alike = compare(simulate(tasks, workers=1), made(0.1, 0.2))
    assert alike.noise == ""  # 1.4 of 1.34 seconds
    slow = [Task("A", compute(1.0)), Task("B", compute(0.75), at=0.5)]
    assert "took 20% less CPU time" in compare(simulate(slow, workers=1), made(0.1, 0.2)).noise
    disturbed = dataclasses.replace(
        made(0.1, 0.2), others=2.0, usable_cores=float(os.cpu_count() or 1)
    )
    assert compare(simulate(tasks, workers=1), disturbed).noise == disturbed.noise != ""


def test_it_shows_both_in_one_picture_and_says_so() -> None:
    found = compare(simulate(TASKS), run(TASKS, "threads"))
    shown = found._repr_mimebundle_()
    for words in ("simulated: Timeline of 2 tasks", "measured: Timeline of 2 tasks", "start-up"):
        assert words in shown["text/html"]
    assert "makespan: simulated 0.200 s, measured" in shown["text/plain"]


def test_a_simulated_machine_foretells_the_measured_run() -> None:
    """Threads that wait and compute by turns: within a tenth, given the work as it was measured."""

    def mixed(work: float) -> list[Task]:
        return [Task(n, compute(work), wait(0.05), compute(work), wait(0.1)) for n in "ABC"]

    def near(trace: Trace, free: float) -> bool:
        simulated = simulate(mixed(trace.tasks["cpu"].sum() / 6), 1, gil=True)
        return free < 0.9 or math.isclose(trace.makespan, simulated.makespan, rel_tol=0.1)

    at_best(lambda: run(mixed(0.05), "threads"), near)


def test_what_can_not_be_compared_is_refused() -> None:
    one, other = simulate(TASKS), run(TASKS[:1], "threads")
    with pytest.raises(ValueError, match="must be runs of the same tasks"):
        compare(one, other)
    with pytest.raises(ValueError, match=r"measured must come from run\(...\)"):
        compare(one, one)
    with pytest.raises(ValueError, match=r"simulated must come from simulate\(...\)"):
        compare(other, one)
    with pytest.raises(TypeError, match="must be a trace"):
        compare(one, 3)  # type: ignore[arg-type]


def test_tasks_that_do_nothing_are_compared_too() -> None:
    nothing = [Task("A", compute(0))]
    found = compare(simulate(nothing), run(nothing, "sequential"))
    assert math.isnan(found.makespan)
    assert "measured 0.00" in repr(found) and "nan" not in repr(found)
    assert found._repr_mimebundle_()["text/html"]


def one_worker(*tasks: tuple[float, float, float], end: float = 1.0) -> Trace:
    """A measured trace, made by hand: on one worker, each task's arrival, start and finish."""
    rows = [(f"{n}", *times, 0.0) for n, times in enumerate(tasks)]
    spans = [(n, 0, -1, start, start, "run") for n, (_, start, _) in enumerate(tasks)]
    return Trace.build(rows, spans, cpu=0.0, end=end, model="async", workers=1)


def test_a_worker_is_not_idle_while_any_of_its_tasks_is_in_flight() -> None:
    short = (0.0, 0.001, 0.01)
    assert idle(one_worker((0.0, 0.0, 0.3), short, (0.15, 0.3, 0.4))) == 0
    assert idle(one_worker((0.0, 0.0, math.nan), short, (0.15, 0.3, 0.4))) == 0
    late = one_worker((0.0, 0.0, 0.2), short, (0.15, 0.3, 0.4))
    assert idle(late) == pytest.approx(0.1)
    assert idle(one_worker((0.0, 0.0, 0.1), (0.25, 0.3, 0.4))) == pytest.approx(0.05)

"""A trace and its measures, on tables made by hand: every number can be checked on paper."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from course_lib.trace import ROOMS, WALL, Trace, room

nan = math.nan
TaskRow = tuple[str, float, float, float, float]
SpanRow = tuple[int, int, int, float, float, str]


def made(tasks: list[TaskRow], spans: list[SpanRow] | None = None, **facts: Any) -> Trace:
    """Make a trace; tasks are (name, arrival, start, finish, cpu)."""
    return Trace.build(tasks, spans or [], **{"cpu": 0.0, "end": 10.0, "model": "made", **facts})


#: Two tasks on one core: A runs from 0 to 2 and waits to 3, B arrives at 1 and runs from 2 to 4.
SHARED = made(
    [("A", 0, 0, 3, 2), ("B", 1, 2, 4, 2)],
    [(1, 0, 0, 2, 4, "run"), (0, 0, 0, 0, 2, "run"), (0, 0, -1, 2, 3, "wait")],
    cpu=4.0,
    end=4.0,
)


def test_makespan_is_from_the_first_arrival_to_the_last_finish() -> None:
    assert SHARED.makespan == 4
    assert made([("A", 2, 3, 5, 0), ("B", 1.5, 4, 4.5, 0)]).makespan == 3.5


def test_concurrency_is_the_mean_of_the_tasks_in_flight() -> None:
    assert SHARED.concurrency == pytest.approx((3 + 2) / 4)
    assert made([(n, 0, 0, 2, 0) for n in "ABCD"]).concurrency == 4


def test_a_task_is_in_flight_from_its_start_and_not_from_its_arrival() -> None:
    queued = made([("A", 0, 0, 2, 0), ("B", 0, 2, 4, 0), ("C", 0, 4, 6, 0)])
    assert queued.concurrency == 1


def test_parallelism_is_cpu_time_over_makespan() -> None:
    assert SHARED.parallelism == 1
    assert made([("A", 0, 0, 4, 9)], cpu=6.0).parallelism == 1.5


def test_response_turnaround_and_waiting_are_one_value_a_task() -> None:
    assert SHARED.response.tolist() == [0, 1]
    assert SHARED.turnaround.tolist() == [3, 3]
    assert SHARED.waiting.tolist() == [0, 1]
    for values in (SHARED.response, SHARED.turnaround, SHARED.waiting):
        assert values.dtype == np.float64 and values.shape == (2,)


def test_waiting_is_what_is_left_of_turnaround_after_running_and_wait_steps() -> None:
    kinds = ["run", "ready", "wait", "ready", "call", "blur", "held"]
    spans: list[SpanRow] = [(0, 0, 0, 1.0 + n, 2.0 + n, kind) for n, kind in enumerate(kinds)]
    assert made([("A", 0, 1, 8, 0)], spans).waiting.tolist() == [3]  # 1 before, 2 ready


def test_a_task_counts_while_nothing_that_it_started_is_in_flight() -> None:
    tasks: list[TaskRow] = [("parent", 0, 0, 4, 0), ("child", 1, 1, 3, 0)]
    assert made(tasks).concurrency == 1.5
    assert made(tasks, [(0, 0, -1, 1, 3, "held"), (1, 0, 0, 1, 3, "run")]).concurrency == 1


def test_a_task_that_has_not_finished_counts_to_the_end() -> None:
    cut = made([("A", 0, 0, 2, 2), ("B", 0, 3, nan, 0)], end=5.0, cpu=2.5)
    assert cut.makespan == 5
    assert cut.concurrency == pytest.approx((2 + 2) / 5)
    assert cut.parallelism == 0.5
    assert cut.turnaround[0] == 2 and math.isnan(cut.turnaround[1])
    assert cut.response.tolist() == [0, 3]
    assert math.isnan(cut.waiting[1])


def test_a_task_that_never_started_is_not_in_flight() -> None:
    cut = made([("A", 0, 0, 4, 4), ("B", 0, nan, nan, 0)], end=8.0)
    assert cut.makespan == 8
    assert cut.concurrency == 0.5
    assert cut.response[0] == 0 and math.isnan(cut.response[1])


def test_one_task_alone_is_one_in_flight() -> None:
    alone = made([("A", 0, 0, 2, 2)], [(0, 0, 0, 0, 2, "run")], cpu=2.0)
    assert (alone.makespan, alone.concurrency, alone.parallelism) == (2, 1, 1)
    assert alone.room == "sequential"
    assert repr(alone) == "<Trace of 1 task, made: makespan 2 s · in flight 1.00 · cores busy 1.00>"


def test_no_time_gives_no_mean() -> None:
    still = made([("A", 1, 1, 1, 0)], [(0, 0, 0, 1, 1, "run")])
    assert still.makespan == 0
    assert math.isnan(still.concurrency) and math.isnan(still.parallelism)
    assert still.waiting.tolist() == [0]


def test_a_trace_without_tasks_is_as_long_as_it_was_recorded() -> None:
    empty = made([], end=3.0, cpu=1.5)
    assert (empty.makespan, empty.concurrency, empty.parallelism) == (3, 0, 0.5)
    assert len(empty.tasks) == len(empty.waiting) == len(empty.response) == 0
    assert repr(empty).startswith("<Trace of 0 tasks, made")


def test_the_tables_have_the_columns_that_they_promise() -> None:
    assert SHARED.tasks.dtype.names == ("name", "arrival", "start", "finish", "cpu")
    assert SHARED.spans.dtype.names is not None
    assert set(SHARED.spans.dtype.names) == {"task", "worker", "core", "start", "stop", "kind"}
    assert SHARED.tasks["name"].tolist() == ["A", "B"]
    assert SHARED.tasks["cpu"].tolist() == [2, 2]


def test_names_are_kept_whole_and_spans_are_in_order_of_time() -> None:
    long = "a task with a name that goes on and on · ✓"
    trace = made([("A", 0, 0, 1, 0), (long, 0, 0, 1, 0)])
    assert trace.tasks["name"].tolist() == ["A", long]
    assert SHARED.spans["start"].tolist() == [0, 2, 2]
    assert SHARED.spans["kind"].tolist() == ["run", "wait", "run"]


def test_results_and_outcomes_are_one_a_task() -> None:
    assert SHARED.results == (None, None)
    assert SHARED.outcomes == ("done", "done")
    told = made([("A", 0, 0, 1, 0)], results=(7,), outcomes=("stopped",))
    assert told.results == (7,) and told.outcomes == ("stopped",)


# The quadrant's rooms -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("in_flight", "cores_busy", "name"),
    [
        (1, 1, "sequential"),
        (1, 4, "parallel, not concurrent"),
        (8, 1, "concurrent, not parallel"),
        (8, 4, "concurrent and parallel"),
        (0.4, 0.01, "sequential"),
    ],
)
def test_the_two_numbers_decide_on_the_room(in_flight: float, cores_busy: float, name: str) -> None:
    assert room(in_flight, cores_busy) == name


def test_the_walls_stand_a_little_above_one() -> None:
    assert WALL == 1.15
    assert room(1.15, 1.15) == "sequential"
    assert room(1.16, 1.15) == "concurrent, not parallel"
    assert room(1.15, 1.16) == "parallel, not concurrent"
    assert room(1.16, 1.16) == "concurrent and parallel"
    assert len(set(ROOMS.values())) == 4


def test_a_trace_knows_its_room() -> None:
    assert SHARED.room == "concurrent, not parallel"
    assert made([("A", 0, 0, 1, 4)], cpu=4.0).room == "parallel, not concurrent"


# How it shows itself ------------------------------------------------------------------------------------


def test_the_three_numbers_stand_in_one_order() -> None:
    assert SHARED.numbers == "makespan 4 s · in flight 1.25 · cores busy 1.00"
    assert SHARED.numbers in repr(SHARED)


def test_the_table_has_a_row_a_task() -> None:
    table = SHARED.table()
    assert table.count('<th scope="row">') == 2
    assert '<tr><th scope="row">B</th><td>1.000</td><td>2.000</td><td>4.000</td>' in table
    assert "<caption>times in seconds</caption>" in table
    assert table.count('<th scope="col">') == 6


def test_the_table_says_what_is_missing_without_numbers() -> None:
    table = made([("A", 0, nan, nan, 0)], outcomes=("never started",)).table()
    assert "nan" not in table
    assert table.count("<td>–</td>") == 2 and "never started" in table


def test_a_long_table_is_cut_and_says_so() -> None:
    many = made([(f"T{n}", 0, 0, 1, 0) for n in range(40)])
    assert many.table().count('<th scope="row">') == 12
    assert "the first 12 of 40 tasks" in many.table()
    assert many.table(most=3).count('<th scope="row">') == 3
    assert "the first" not in many.table(most=40)


def test_names_cannot_break_the_page() -> None:
    table = made([("<b>&", 0, 0, 1, 0)], outcomes=("ValueError: <script>",)).table()
    assert "&lt;b&gt;&amp;" in table and "&lt;script&gt;" in table
    assert "<b>" not in table and "<script>" not in table


def test_a_notebook_gets_the_picture_the_numbers_and_the_table() -> None:
    bundle = SHARED._repr_mimebundle_()
    page = bundle["text/html"]
    assert (
        page.index("<img alt=") < page.index("concurrent, not parallel</b>") < page.index("<table>")
    )
    assert bundle["text/plain"] == repr(SHARED)
    assert set(bundle) == {"text/html", "image/png", "text/plain"}


@pytest.mark.parametrize(
    ("others", "said"), [(0.1, False), (1.5, True), (float("nan"), False), (30.0, True)]
)
def test_what_other_programs_took_is_said_if_it_matters(
    others: float, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    rows = [("A", 0.0, 0.0, 1.0, 1.0)]
    trace = Trace.build(rows, [], cpu=1.0, end=1.0, model="made", usable_cores=2.0, others=others)
    assert ("Other programs" in trace.noise) == said
    pinned = Trace.build(rows, [], cpu=1.0, end=1.0, model="made", usable_cores=1.0, others=1.0)
    assert pinned.noise == ""  # they had the other core


def test_a_machine_with_more_cores_than_this_one_has_no_others_for_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    rows = [("A", 0.0, 0.0, 1.0, 1.0)]
    facts: dict[str, Any] = {"cpu": 1.0, "end": 1.0, "model": "made", "usable_cores": 32.0}
    assert Trace.build(rows, [], **facts, others=0.0).noise == ""
    assert "2.00 of 32 were left" in Trace.build(rows, [], **facts, others=30.0).noise

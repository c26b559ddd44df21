"""The player's side in Python: what it takes and sends, and the two numbers of each moment."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from course_lib.explore import play, running_numbers
from course_lib.explore.player import Player
from course_lib.pictures import COLORS, STYLES, describe, lay_out
from course_lib.trace import KINDS, Trace

nan = math.nan


def made(tasks: list[Any], spans: list[Any], **facts: Any) -> Trace:
    """Make a trace; tasks are (name, arrival, start, finish, cpu), spans (task, worker, core, …)."""
    return Trace.build(tasks, spans, **{"cpu": 1.0, "end": 4.0, "model": "made", **facts})


TURNS = made(
    [("A", 0, 0, 2, 2), ("B", 0, 1, 3, 1)],
    [
        (0, 0, 1, 0, 1, "run"),
        (0, 0, -1, 1, 2, "ready"),
        (1, 1, 0, 1, 2, "run"),
        (1, 1, -1, 2, 3, "wait"),
    ],
)
EMPTY = made([], [], end=0.0, cpu=0.0)


def columns(data: bytes, kind: str, count: int) -> list[list[float]]:
    rows: list[list[float]] = np.frombuffer(data, kind).reshape(count, -1).tolist()
    return rows


# What it takes, and what it sends -------------------------------------------------------------------


@pytest.mark.parametrize("what", [None, "trace", TURNS.spans, [TURNS]])
def test_only_a_trace_plays(what: Any) -> None:
    with pytest.raises(TypeError, match=r"^trace must be a Trace, as run\(\) gives it"):
        play(what)


@pytest.mark.parametrize("by", ["workers", "", None, 1])
def test_rows_are_tasks_workers_or_cores(by: Any) -> None:
    with pytest.raises(ValueError, match="^by must be one of 'task', 'worker', 'core', not"):
        play(TURNS, by)


def test_the_browser_gets_all_columns() -> None:
    player = play(TURNS, by="core")
    kinds = list(STYLES)
    run, ready, wait = (kinds.index(kind) for kind in ("run", "ready", "wait"))
    assert player.by == "core"
    assert columns(player.moments, "<f8", 2) == [[0, 1, 1, 2], [1, 2, 2, 3]]
    assert columns(player.lives, "<f8", 2) == [[0, 1], [2, 3]]
    task, kind, worker, core = columns(player.places, "<i4", 4)
    assert sorted(zip(task, kind, worker, core, strict=True)) == sorted(
        [(0, run, 0, 1), (0, ready, 0, -1), (1, run, 1, 0), (1, wait, 1, -1)]
    )
    assert player.facts["labels"] == {
        "task": ["A", "B"],
        "worker": ["worker 0: A", "worker 1: B"],
        "core": ["core 0", "core 1"],
    }
    assert player.facts["description"] == describe(TURNS)
    assert player.facts["colors"] == list(COLORS)


def test_rows_by_worker_are_those_of_the_timeline() -> None:
    player = play(TURNS)
    rows, labels = lay_out(TURNS)
    task, _, worker, _ = columns(player.places, "<i4", 4)
    assert player.facts["labels"]["worker"] == labels
    assert set(zip(task, worker, strict=True)) == {(task, row) for (task, _), row in rows.items()}


def test_where_the_core_is_unknown_each_worker_has_a_row() -> None:
    spans = [(0, 0, -1, 0, 1, "run"), (1, 1, -1, 0, 1, "run"), (1, 1, 3, 1, 2, "call")]
    player = play(made([("A", 0, 0, 2, 1), ("B", 0, 0, 2, 1)], spans))
    assert player.facts["labels"]["core"] == [
        "core 3",
        "core unknown, worker 0",
        "core unknown, worker 1",
    ]
    assert columns(player.places, "<i4", 4)[3] == [1, 2, 0]


def test_an_empty_trace_plays() -> None:
    player = play(EMPTY)
    assert (player.moments, player.places, player.lives) == (b"", b"", b"")
    assert player.facts["labels"] == {"task": [], "worker": [], "core": []}


def test_a_partial_trace_plays() -> None:
    tasks = [("A", 0, 0, nan, 1), ("B", 0, nan, nan, 0)]
    player = play(made(tasks, [(0, 0, 0, 0, 3, "run")]))
    starts, finishes = columns(player.lives, "<f8", 2)
    assert starts[0] == 0
    assert all(map(math.isnan, [starts[1], *finishes]))


def test_twenty_thousand_spans_are_sent_as_they_are_in_memory() -> None:
    spans = [(n % 50, n % 4, n % 2, n / 1e4, (n + 1) / 1e4, "run") for n in range(20_000)]
    player = play(made([(f"T{n}", 0, 0, 2, 1) for n in range(50)], spans, end=2.0))
    assert len(player.moments) == 20_000 * 2 * 8
    assert len(player.places) == 20_000 * 4 * 4
    assert player.keys  # the widget's own traits are still there
    assert isinstance(player, Player)


# The two numbers ------------------------------------------------------------------------------------


def test_the_numbers_of_turns() -> None:
    in_flight, busy = running_numbers(TURNS, [-1, 0, 0.5, 1, 1.5, 2, 2.5, 3, 9])
    assert in_flight.tolist() == [0, 1, 1, 2, 2, 1, 1, 0, 0]
    assert busy.tolist() == [0, 1, 1, 1, 1, 0, 0, 0, 0]


def test_one_task_on_two_workers_keeps_two_cores_busy() -> None:
    spans = [(0, 0, 0, 0, 2, "run"), (0, 1, 1, 1, 2, "run")]
    in_flight, busy = running_numbers(made([("A", 0, 0, 2, 3)], spans), [0.5, 1.5])
    assert (in_flight.tolist(), busy.tolist()) == ([1, 1], [1, 2])


def test_what_has_started_others_doesnt_count_meanwhile() -> None:
    tasks = [("main", 0, 0, 4, 1), ("child", 0, 1, 3, 1)]
    spans = [(0, 0, -1, 1, 3, "held"), (0, 0, -1, 2, 3, "held"), (1, 1, 0, 1, 3, "run")]
    assert running_numbers(made(tasks, spans), [0.5, 1.5, 2.5, 3.5])[0].tolist() == [1, 1, 1, 1]


def test_what_isnt_seen_isnt_said() -> None:
    calls = made([("A", 0, 0, 2, 1)], [(0, 0, 0, 0, 2, "call")])
    assert np.isnan(running_numbers(calls, [0, 1, 3])[1]).all()
    both = made([("A", 0, 0, 2, 1)], [(0, 0, 0, 0, 1, "run"), (0, 0, 0, 1, 2, "blur")])
    assert running_numbers(both, [0.5, 1.5, 2.5])[1].tolist() == pytest.approx(
        [1, nan, 0], nan_ok=True
    )
    assert np.isnan(running_numbers(EMPTY, [0.0])[1]).all()


def test_a_task_that_isnt_finished_stays_in_flight() -> None:
    tasks = [("A", 0, 1, nan, 1), ("B", 0, nan, nan, 0)]
    assert running_numbers(made(tasks, []), [0, 2, 4])[0].tolist() == [0, 1, 1]


ticks = st.integers(0, 8).map(lambda n: n / 2)
intervals = st.tuples(ticks, ticks).map(sorted)


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """Traces of up to four tasks, with spans that may overlap in any way."""
    tasks = []
    for name in "ABCD"[: draw(st.integers(1, 4))]:
        start, finish = draw(intervals)
        ended = draw(st.sampled_from(["finished", "finished", "not finished", "not started"]))
        start = nan if ended == "not started" else start
        tasks.append((name, 0.0, start, finish if ended == "finished" else nan, 0.0))
    number = st.integers(0, len(tasks) - 1)
    places = st.tuples(number, st.integers(-1, 2), st.integers(-1, 1))
    parts = draw(st.lists(st.tuples(places, intervals, st.sampled_from(KINDS)), max_size=12))
    return made(tasks, [(*place, *times, kind) for place, times, kind in parts])


def counted(trace: Trace, moment: float) -> tuple[int, float]:
    """Count at one moment, span by span."""

    def at(*kinds: str) -> list[Any]:
        now = (trace.spans["start"] <= moment) & (moment < trace.spans["stop"])
        return [span for span in trace.spans[now] if span["kind"] in kinds]

    held = {int(span["task"]) for span in at("held")}
    in_flight = sum(
        task["start"] <= moment and not moment >= task["finish"] and number not in held
        for number, task in enumerate(trace.tasks)
    )
    if at("call", "blur") or not {"run", "switch"} & set(trace.spans["kind"].tolist()):
        return in_flight, nan
    return in_flight, len(
        {(int(span["task"]), int(span["worker"])) for span in at("run", "switch")}
    )


@given(traces())
def test_the_numbers_are_those_counted_span_by_span(trace: Trace) -> None:
    moments = np.arange(-2, 20) / 4
    in_flight, busy = running_numbers(trace, moments)
    expected = [counted(trace, moment) for moment in moments.tolist()]
    assert in_flight.tolist() == [one for one, _ in expected]
    np.testing.assert_array_equal(busy, [other for _, other in expected])


@given(traces())
def test_the_mean_of_the_numbers_is_the_traces_own(trace: Trace) -> None:
    assume("held" not in trace.spans["kind"] and trace.makespan > 0)
    middles = np.arange(0, 4, 0.5) + 0.25
    in_flight, _ = running_numbers(trace, middles)
    assert in_flight.sum() * 0.5 == pytest.approx(trace.concurrency * trace.makespan)

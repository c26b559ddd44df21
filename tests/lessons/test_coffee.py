"""The coffee bar: orders as tasks, what holds on average, and bad arguments."""

from __future__ import annotations

import dataclasses
import math
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import Task, Trace, compute, simulate
from course_lib.explore.cafe import Cafe, cafe
from course_lib.programs.coffee import (
    LENGTH,
    MINUTE,
    averages,
    large_order,
    little,
    orders,
    side_by_side,
)
from course_lib.tasks import Compute, Wait


def seconds(task: Task) -> float:
    return sum(step.seconds for step in task.steps if isinstance(step, Compute | Wait))


# Orders -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("brew", [0, 0.25, 0.5, 0.9])
def test_an_order_takes_four_minutes_if_nothing_has_to_be_waited_for(brew: float) -> None:
    for order in orders(3, brew=brew):
        assert seconds(order) == pytest.approx(LENGTH * MINUTE)
        hands = [step.seconds for step in order.steps if isinstance(step, Compute)]
        assert sum(hands) == pytest.approx((1 - brew) * LENGTH * MINUTE)
    assert simulate(orders(1, brew=brew)).makespan == pytest.approx(LENGTH * MINUTE)


def test_without_brewing_a_barista_who_juggles_gains_nothing() -> None:
    assert simulate(orders(5, brew=0)).room == "sequential"


def test_the_four_bars_have_a_room_each_and_one_order_each_is_both() -> None:
    def minutes(trace: Trace) -> float:
        return round(trace.makespan / MINUTE, 6)

    alone, juggling = simulate(orders(6), workers=1), simulate(orders(6))
    shared, three = simulate(large_order(6), 3, split=True), simulate(orders(6), 3)
    assert (minutes(alone), alone.room) == (24, "sequential")
    assert (minutes(juggling), juggling.room) == (12, "concurrent, not parallel")
    assert (minutes(shared), shared.room) == (6, "parallel, not concurrent")
    assert (minutes(three), three.room) == (5, "concurrent and parallel")
    each = simulate(orders(6), 3, workers=3)
    assert (minutes(each), each.room) == (8, "concurrent and parallel")


@pytest.mark.parametrize("rate", [0.1, 0.4, 2])
def test_orders_come_at_their_rate_with_random_gaps(rate: float) -> None:
    at = np.array([order.at for order in orders(20_000, rate=rate)]) / MINUTE
    gaps = np.diff(at, prepend=0.0)
    assert np.all(gaps >= 0)
    assert gaps.mean() == pytest.approx(1 / rate, rel=0.03)
    assert gaps.std() == pytest.approx(1 / rate, rel=0.05)  # an exponential's is its mean
    assert np.mean(gaps > 1 / rate) == pytest.approx(math.exp(-1), rel=0.05)
    assert abs(np.corrcoef(gaps[1:], gaps[:-1])[0, 1]) < 0.03


def test_names() -> None:
    assert [order.name for order in orders(28)][::9] == ["A", "J", "S", "28"]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"count": 0}, ValueError, "^count must be 1 to 100,000, not 0"),
        ({"count": 10**6}, ValueError, "^count must be"),
        ({"count": 2.5}, TypeError, "^count must be a whole number"),
        ({"brew": -0.1}, ValueError, "^brew must be a share from 0 to 0.9, not -0.1"),
        ({"brew": 1}, ValueError, "^brew must be a share from 0 to 0.9, not 1"),
        ({"brew": math.nan}, ValueError, "^brew must be a share"),
        ({"brew": 10**400}, ValueError, "^brew must be a share"),
        ({"brew": "half"}, TypeError, "^brew must be a share from 0 to 0.9, not 'half'"),
        ({"rate": 0}, ValueError, "^rate must be 0.01 to 100"),
        ({"rate": math.inf}, ValueError, "^rate must be 0.01 to 100 orders a minute"),
        ({"rate": "often"}, TypeError, "^rate must be 0.01 to 100 orders a minute"),
    ],
)
def test_bad_orders(arguments: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        orders(**arguments)


@pytest.mark.parametrize("cups", [0, 10**6])
def test_a_bad_large_order(cups: int) -> None:
    with pytest.raises(ValueError, match="^cups must be 1 to 100,000"):
        large_order(cups)


# Little's law -----------------------------------------------------------------------------------------


def test_averages_of_two_orders_and_one_barista() -> None:
    trace = simulate([Task("A", compute(2 * MINUTE)), Task("B", compute(2 * MINUTE))], workers=1)
    two, four = averages(trace, 2), averages(trace, 4)
    assert (two.in_bar, two.queue, two.in_flight, two.busy) == (2, 1, 1, 1)
    assert (two.rate, two.served, two.stay) == (1, 0.5, 2)
    assert (four.in_bar, four.queue, four.in_flight, four.busy) == (1.5, 0.5, 1, 1)
    assert (four.rate, four.served, four.stay) == (0.5, 0.5, 3)
    assert math.isnan(averages(trace, 1).stay)


@given(
    st.integers(1, 40), st.sampled_from([None, 0.2, 0.4, 1.5]), st.integers(1, 3), st.integers(1, 8)
)
def test_littles_law_is_exact_for_the_bar_the_queue_and_the_service(
    count: int, rate: float | None, baristas: int, workers: int
) -> None:
    trace = simulate(orders(count, rate=rate), baristas, workers=workers)
    found = averages(trace, trace.end / MINUTE)
    assert found.in_bar == pytest.approx(found.rate * found.stay)
    assert found.in_bar == pytest.approx(found.queue + found.in_flight)
    assert found.queue == pytest.approx(found.rate * trace.response.mean() / MINUTE)
    assert found.busy <= baristas + 1e-9


def test_the_longer_the_run_the_nearer_the_two_sides() -> None:
    trace = simulate(orders(5000, rate=0.4), workers=4)
    rows = little(trace, [10, 10_000]).rows
    early, late = (abs(float(row[-1].rstrip("%"))) for row in rows)
    assert early > 3
    assert late < 0.5


def test_before_anyone_is_done_there_is_nothing_to_compare() -> None:
    sheet = little(simulate(orders(1)), [1])
    assert sheet.rows == (("1", "1.000", "–", "–", "1.000", "–"),)
    assert "<caption>Little" in sheet._repr_mimebundle_()["text/html"]
    assert "λ × W" in repr(sheet)


@given(st.integers(1, 2000), st.integers(1, 3))
def test_an_order_done_at_the_very_minute_is_done(count: int, baristas: int) -> None:
    trace = simulate(orders(count), baristas)
    last = round(trace.end / MINUTE)
    assert averages(trace, last).served == pytest.approx(count / last)
    before = averages(trace, last - 0.001)
    assert before.served * (last - 0.001) < count - 0.5


def test_an_order_that_takes_no_time_has_nothing_to_compare() -> None:
    sheet = little(simulate([Task("A", compute(0))]), [1])
    assert sheet.rows == (("1", "1.000", "0.000", "0.000", "0.000", "–"),)


def test_each_row_says_its_minute() -> None:
    trace = simulate(orders(6))
    assert [row[0] for row in little(trace, [2.5, 0.4, 10_000]).rows] == ["2.5", "0.4", "10,000"]


@pytest.mark.parametrize("minutes", [0, -1, math.nan, math.inf, "two", True])
def test_averages_need_some_time(minutes: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="^minutes must be a number of minutes above"):
        averages(simulate(orders(1)), minutes)


def test_cafe_time_stands_beside_measured_time() -> None:
    simulated = simulate(orders(6))
    measured = Trace.build([("A", 0, 0, 0.25, 0.2)], [], cpu=0.2, end=0.25, model="threads")
    sheet = side_by_side({"one who juggles": (simulated, measured)})
    assert [row[1:5] for row in sheet.rows] == [
        ("simulated", "12.0 min", "–", "3.50"),
        ("measured", "12.5 min", "0.250 s", "1.00"),
    ]
    assert sheet.note == ""
    cores = os.cpu_count() or 1
    noisy = dataclasses.replace(measured, others=0.25 * cores, usable_cores=cores)
    page = side_by_side({"busy": (simulated, noisy)})._repr_mimebundle_()["text/html"]
    assert f"busy: Other programs kept {cores}.00 cores" in page


# The widget -------------------------------------------------------------------------------------------


def test_the_browser_gets_what_was_asked_for() -> None:
    widget = cafe(3, 4, 50, brew=0.25, rate=1.1, patience=5)
    assert isinstance(widget, Cafe)
    assert widget.settings == {
        "baristas": 3,
        "atOnce": 4,
        "shared": False,
        "orders": 50,
        "brew": 25,
        "opening": False,
        "rate": 1.1,
        "patience": 5,
    }
    assert len(widget.facts["bars"]) == len(widget.facts["rooms"]) == 4


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"baristas": 0}, ValueError, "^baristas must be 1 to 6, not 0"),
        ({"baristas": 10**6}, ValueError, "^baristas must be"),
        ({"at_once": 31}, ValueError, "^at_once must be 1 to 30"),
        ({"orders": 301}, ValueError, "^orders must be 1 to 300"),
        ({"orders": "many"}, TypeError, "^orders must be"),
        ({"brew": 0.95}, ValueError, "^brew must be"),
        ({"rate": 3}, ValueError, "^rate must be 0.1 to 2"),
        ({"rate": math.nan}, ValueError, "^rate must be"),
        ({"patience": 3}, ValueError, "^patience must be one of 2, 5, 10, 20"),
        ({"shared": 1}, TypeError, "^shared must be"),
    ],
)
def test_a_bar_that_cannot_be(arguments: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        cafe(**arguments)

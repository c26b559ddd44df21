"""Speed-ups by number of workers: what is counted, what is refused, and what a picture says."""

from __future__ import annotations

import dataclasses
import html
import math
import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import laws
from course_lib.machine import machine
from course_lib.pictures import curves
from course_lib.scaling import ROUNDS, Scaling, scaling, worker_counts
from course_lib.tasks import spin

MADE = Scaling((1, 2), ((2.0, 2.0), (2.2, 2.2)), ((2.0, 1.25), (2.2, 1.1)))


def test_the_quickest_runs_count_and_each_round_gives_a_pair() -> None:
    assert MADE.best == {1: 1.0, 2: pytest.approx(1.818, abs=1e-3)}
    assert MADE.seconds == {1: 2.0, 2: 1.1}
    assert MADE.curve == ([1, 2], [1.0, 2.0 / 1.1])
    assert MADE.pairs == ([1, 2, 1, 2], [1.0, 1.6, 1.0, 2.0])
    assert MADE.rounds == ([[1, 2], [1, 2]], [[1.0, 1.6], [1.0, 2.0]])
    assert MADE.rows()[1] == ["2", "1.100", "1.82", "1.60 to 2.00"]
    page = MADE._repr_mimebundle_()
    assert "2 rounds" in page["text/html"]
    assert page["text/plain"] == "<Scaling 1: 1.00, 2: 1.82; 2 rounds>"
    assert laws.fit_amdahl(*MADE.rounds).value == pytest.approx(0.875, abs=0.05)


def test_it_says_if_other_programs_disturbed_it() -> None:
    noisy = dataclasses.replace(MADE, others=0.3)
    assert "Other programs used 30% of this machine" in noisy._repr_mimebundle_()["text/html"]
    assert "noisy" in repr(noisy)
    uneven = dataclasses.replace(MADE, alone=((2.0, 2.0), (3.0, 2.1)))
    assert "One worker alone took 25% longer" in uneven.noise
    assert MADE.noise == ""
    assert 0 <= scaling(lambda workers: None, [1], budget=0.1).others <= 1


def test_it_says_where_the_same_work_took_another_cpu_time() -> None:
    assert MADE.work == ""  # it isn't known
    even = dataclasses.replace(MADE, cpu=(((2.0, 2.0), (2.0, 2.5)), ((2.2, 2.2), (2.2, 2.05))))
    assert even.work == ""  # only the quickest runs are looked at
    dear = dataclasses.replace(MADE, cpu=(((2.0, 2.0), (2.0, 2.0)), ((2.2, 2.2), (2.2, 2.3))))
    assert "15% more on 2" in dear.work and dear.noise == ""
    assert dear.work in html.unescape(dear._repr_mimebundle_()["text/html"])
    cheap = dataclasses.replace(MADE, cpu=(((2.0, 2.0), (2.0, 2.0)), ((2.2, 2.2), (2.2, 1.8))))
    assert "10% less on 2" in cheap.work
    waits = dataclasses.replace(MADE, cpu=(((0.1, 0.1), (0.1, 0.1)), ((0.1, 0.1), (0.1, 0.3))))
    assert waits.work == ""


def test_cpu_time_is_measured_but_not_that_of_other_processes() -> None:
    def twice(workers: int) -> None:
        for _ in range(workers):
            spin(400_000)

    alone, together = zip(*(row[-1] for row in scaling(twice, [2], budget=0.5).cpu), strict=True)
    assert min(together) > 1.5 * min(alone)

    def elsewhere(workers: int) -> None:
        subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)

    found = scaling(elsewhere, [2], budget=0.2)
    assert all(math.isnan(cpu) for row in found.cpu for pair in row for cpu in pair)
    assert found.work == ""


@given(st.floats(0.1, 5000))
def test_workers_are_counted_up_to_the_usable_cores(usable: float) -> None:
    counts = worker_counts(usable)
    most = max(1, math.floor(usable))
    assert counts[0] == 1 and counts[-1] == most
    assert list(counts) == sorted(set(counts))
    assert all(math.log2(count).is_integer() for count in counts[:-1])


@pytest.mark.parametrize(
    "usable", [math.nan, math.inf, -1, 10**400, "2", True], ids=lambda usable: repr(usable)[:5]
)
def test_usable_cores_that_are_no_number_are_refused(usable: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="^usable must be a number of cores, 0 or"):
        worker_counts(usable)


def test_the_default_counts_are_this_machines() -> None:
    assert worker_counts() == worker_counts(machine().usable_cores)


def test_each_round_runs_every_count_and_the_order_changes() -> None:
    seen: list[int] = []
    found = scaling(seen.append, [4, 2], budget=30)
    assert found.counts == (1, 2, 4)
    assert len(found.alone) == len(found.together) == ROUNDS
    assert seen[:7] == [4, 4, 2, 1, 1, 2, 4]  # the first one warms up


def test_waits_that_are_shared_out_are_quicker() -> None:
    found = scaling(lambda workers: time.sleep(0.04 / workers), [2], budget=0.5)
    assert 1.4 < found.best[2] < 2.6


def test_where_the_work_grows_one_worker_does_all_of_it_for_comparison() -> None:
    seen: list[tuple[str, int]] = []
    found = scaling(
        lambda workers: seen.append(("together", workers)),
        [3],
        alone=lambda workers: seen.append(("alone", workers)),
        budget=30,
    )
    assert set(seen) == {("together", 1), ("together", 3), ("alone", 3)}
    assert all(a == b for (a, _), (b, _) in zip(found.alone, found.together, strict=True))


def test_one_round_is_done_whatever_the_budget() -> None:
    assert len(scaling(lambda workers: time.sleep(0.01), [1], budget=1e-6).alone) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"program": 3}, TypeError, "program must be a function of a number of workers, not 3"),
        ({"alone": 3}, TypeError, "alone must be a function"),
        ({"alone": 0}, TypeError, "alone must be a function of a number of workers, not 0"),
        ({"counts": 5}, TypeError, "counts must be a list of numbers of workers, .* not 5"),
        ({"counts": [10**5000]}, ValueError, "counts must be 1 to 4,096, not something too long"),
        ({"counts": [0]}, ValueError, "counts must be 1 to 4,096, not 0"),
        ({"counts": ["two"]}, TypeError, "counts must be a whole number"),
        ({"budget": 0}, ValueError, "budget must be more than 0 seconds, not 0"),
        ({"budget": math.nan}, ValueError, "budget must be"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], error: type[Exception], said: str) -> None:
    given = {"program": lambda workers: None} | arguments
    with pytest.raises(error, match=said):
        scaling(given.pop("program"), **given)


# Curves ---------------------------------------------------------------------------------------------


def test_a_picture_of_curves_says_its_numbers_and_what_each_is() -> None:
    picture = curves(
        {"archive": ([1, 2], [1.0, 1.76])},
        {"Amdahl": ([1, 2, 4], laws.amdahl(0.9, [1, 2, 4]).tolist())},
        simulated={"archive": ([4], [3.0])},
        predicted={"archive": ([2], [2.0])},
        usable=2,
    )
    assert "archive, measured: 1 at 1, 1.76 at 2" in picture.alt
    assert "archive, simulated: 3 at 4" in picture.alt
    assert "archive, predicted: 2 at 2" in picture.alt
    assert "Amdahl, calculated: 1 at 1, 1.82 at 2, 3.08 at 4" in picture.alt
    assert "Usable cores here: 2." in picture.alt
    assert picture.png


def test_a_logarithmic_picture_has_a_label_for_each_doubling() -> None:
    picture = curves(
        {"all": ([1, 2, 1024], [0.5, 2, 900])}, logarithmic=True, across="cores", up="times"
    )
    axes = picture.figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()][:3] == ["0.5", "2", "8"]
    assert picture.png


@pytest.mark.parametrize("bad", [{}, {"a": ([], [])}, {"a": ([1, 2], [1])}])
def test_curves_need_points(bad: Any) -> None:
    with pytest.raises(ValueError, match="there must be a curve"):
        curves(bad)


def test_a_level_is_named_and_what_lies_below_it() -> None:
    picture = curves(
        {"threads": ([1, 10], [2, 3])},
        {"at best": ([1, 10], [4, 40])},
        across="connections",
        up="replies",
        level=(1.0, "even", "slower"),
        logarithmic=True,
    )
    assert picture.alt == (
        "Curves of replies, over connections. threads, measured: 2 at 1, 3 at 10; "
        "at best, calculated: 4 at 1, 40 at 10. Below 1: slower."
    )
    assert picture.png


def test_a_wide_logarithmic_axis_counts_in_tens() -> None:
    picture = curves({"all": ([1, 100_000], [1, 2])}, logarithmic=True)
    axes = picture.figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()][:3] == ["1", "10", "100"]


@pytest.mark.parametrize("bad", [0, -1, math.inf, math.nan])
def test_a_logarithmic_axis_has_no_zero(bad: float) -> None:
    with pytest.raises(ValueError, match="logarithmic curves need numbers above 0"):
        curves({"a": ([1, 2], [1, bad])}, logarithmic=True)

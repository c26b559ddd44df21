"""The laws: known answers, limits, identities, fits whose intervals hold what they say."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from math import inf, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from course_lib import laws

FRACTION = st.floats(0, 1)
WORKERS = st.integers(1, 10**6)
SEVERAL = st.integers(2, 10**6)

# Known answers and limits ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("workers", "speedup"),
    [(1, 1), (2, 1.8182), (4, 3.0769), (8, 4.7059), (10, 5.2632), (16, 6.4), (100, 9.1743)],
)
def test_amdahl_of_a_tenth_serial(workers: int, speedup: float) -> None:
    assert laws.amdahl(0.9, workers) == pytest.approx(speedup, abs=5e-5)


def test_gustafsons_1024_processors() -> None:
    assert laws.gustafson(0.004, 1024) == pytest.approx(1019.908, abs=5e-4)
    assert laws.gustafson(0.008, 1024) == pytest.approx(1015.816, abs=5e-4)


@pytest.mark.parametrize(
    ("found", "limit"),
    [
        (laws.amdahl(0.9, inf), 10),
        (laws.amdahl(0.99, inf), 100),
        (laws.amdahl(0, inf), 1),
        (laws.amdahl(1, inf), inf),
        (laws.gustafson(0.5, inf), inf),
        (laws.gustafson(1, inf), 1),
        (laws.amdahl_serial(0.5, inf), 0),
        (laws.amdahl_serial(1, inf), 1),
        (laws.gustafson_serial(0.5, inf), 1),
        (laws.gustafson_serial(0, inf), 0),
        (laws.efficiency(10, inf), 0),
        (laws.karp_flatt(10, inf), 0.1),
        (laws.karp_flatt(inf, inf), 0),
        (laws.usl(inf, 0, 0), inf),
        (laws.usl(inf, 0.1, 0), 10),
        (laws.usl(inf, 0.1, 1e-9), 0),
        (laws.usl_peak(0.1, 0), inf),
        (laws.usl_peak(1, 0), inf),
        (laws.usl_peak(1, 0.1), 0),
    ],
)
def test_limits(found: float, limit: float) -> None:
    assert found == pytest.approx(limit, rel=1e-12)


def test_hill_and_martys_chips() -> None:
    # The highest of each, over all sizes, as their paper and its charts give them for 256 small cores.
    sizes = np.linspace(1, 256, 25501)
    highest = {
        (0.975, "symmetric"): (51.2, 7.1),
        (0.975, "asymmetric"): (125.0, 65.0),
        (0.99, "dynamic"): (222.6, 256.0),
    }
    for (fraction, chip), (speedup, size) in highest.items():
        found = laws.hill_marty(fraction, 256, sizes, chip)  # type: ignore[arg-type]
        assert found.max() == pytest.approx(speedup, abs=0.1)
        assert sizes[found.argmax()] == pytest.approx(size, rel=0.1)


# Identities ------------------------------------------------------------------------------------------


@given(FRACTION, SEVERAL)
def test_karp_and_flatt_undo_amdahl(serial: float, workers: int) -> None:
    found = laws.karp_flatt(laws.amdahl(1 - serial, workers), workers)
    assert found == pytest.approx(serial, abs=1e-12)


@given(FRACTION, WORKERS)
def test_the_two_laws_are_one(serial: float, workers: int) -> None:
    fixed = laws.amdahl_serial(serial, workers)
    assert fixed == pytest.approx(serial / (serial + (1 - serial) * workers), rel=1e-12)
    assert laws.amdahl(1 - fixed, workers) == pytest.approx(
        laws.gustafson(serial, workers), rel=1e-9
    )


@given(FRACTION, WORKERS)
def test_the_two_serial_fractions_turn_into_each_other(serial: float, workers: int) -> None:
    there = laws.gustafson_serial(laws.amdahl_serial(serial, workers), workers)
    assert there == pytest.approx(serial, rel=1e-9, abs=1e-300)
    back = laws.amdahl_serial(laws.gustafson_serial(serial, workers), workers)
    assert back == pytest.approx(serial, rel=1e-9, abs=1e-300)


@given(FRACTION, WORKERS)
def test_without_coherency_usl_is_amdahl(serial: float, workers: int) -> None:
    assert laws.usl(workers, serial, 0) == pytest.approx(laws.amdahl(1 - serial, workers), rel=1e-9)


@given(FRACTION, st.floats(1e-9, 0.1))
def test_usl_is_highest_at_its_peak(contention: float, coherency: float) -> None:
    peak = laws.usl_peak(contention, coherency)
    assume(peak >= 1)
    top = laws.usl(peak, contention, coherency)
    around = laws.usl(np.maximum(peak * np.array([0.5, 0.9, 1.1, 2.0]), 1), contention, coherency)
    assert (around <= top * (1 + 1e-12)).all()


@given(FRACTION, st.floats(1, 1e4), st.floats(0, 1))
def test_what_can_be_rebuilt_is_never_slower(fraction: float, budget: float, part: float) -> None:
    size = 1 + part * (budget - 1)
    symmetric, asymmetric, dynamic = (
        laws.hill_marty(fraction, budget, size, chip)
        for chip in ("symmetric", "asymmetric", "dynamic")
    )
    assert symmetric <= asymmetric * (1 + 1e-12)
    assert asymmetric <= dynamic * (1 + 1e-12)


@given(st.floats(0, 1), st.floats(1, 1e4))
def test_small_cores_alone_are_amdahl(fraction: float, budget: float) -> None:
    expected = laws.amdahl(fraction, budget)
    for chip in ("symmetric", "asymmetric", "dynamic"):
        found = laws.hill_marty(fraction, budget, 1, chip)
        assert found == pytest.approx(expected, rel=1e-9)


# Shapes and bad input --------------------------------------------------------------------------------

LAWS: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (laws.amdahl, (0.9, 4)),
    (laws.gustafson, (0.1, 4)),
    (laws.amdahl_serial, (0.1, 4)),
    (laws.gustafson_serial, (0.1, 4)),
    (laws.efficiency, (2, 4)),
    (laws.karp_flatt, (2, 4)),
    (laws.usl, (4, 0.1, 0.01)),
    (laws.usl_peak, (0.1, 0.01)),
    (laws.hill_marty, (0.9, 16, 4)),
]


@pytest.mark.parametrize(("law", "values"), LAWS)
def test_array_in_array_out(law: Callable[..., Any], values: tuple[Any, ...]) -> None:
    one = law(*values)
    assert type(one) is float
    assert type(law(*map(np.float32, values))) is float
    for place, value in enumerate(values):
        given = [*values]
        for many in ([value] * 3, np.array([[value] * 3] * 2)):
            given[place] = many
            found = law(*given)
            assert isinstance(found, np.ndarray) and found.dtype == np.float64
            assert found.shape == np.shape(many)
            assert found == pytest.approx(np.full(np.shape(many), one), rel=1e-12)
        given[place] = []
        assert law(*given).shape == (0,)


def test_fractions_and_long_integers_are_numbers() -> None:
    half: Any = Fraction(1, 2)
    assert laws.amdahl(half, 2) == pytest.approx(4 / 3)
    assert laws.amdahl(0.5, 10**30) == pytest.approx(2)


@pytest.mark.parametrize(("law", "values"), LAWS)
@pytest.mark.parametrize(
    "bad",
    [nan, "0.5", None, True, 1j, -0.1, [0.5, nan], [[1], [1, 2]], {}]
    + [[True, 2], [0.5, True], [[1], [np.True_]], np.ma.masked_equal([2, 3], 3), [10**5000, None]],
)
def test_what_is_no_number_in_the_range_is_named(
    law: Callable[..., Any], values: tuple[Any, ...], bad: Any
) -> None:
    names = law.__code__.co_varnames
    for place, name in enumerate(names[: len(values)]):
        given = [*values]
        given[place] = bad
        with pytest.raises(ValueError, match=rf"^{name} must be .*(more|from|or more).* not "):
            law(*given)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: laws.amdahl(1.2, 4), "parallel_fraction must be from 0 to 1, not 1.2"),
        (lambda: laws.amdahl(0.9, 0), "workers must be 1 or more, not 0"),
        (lambda: laws.amdahl(0.9, [4, 0.5]), "workers must be 1 or more, not 0.5"),
        (lambda: laws.amdahl("half", 2), "parallel_fraction must be a number .* not 'half'"),
        (lambda: laws.gustafson(-1, 2), "serial_fraction must be from 0 to 1, not -1"),
        (lambda: laws.karp_flatt(1, 1), "workers must be more than 1, not 1"),
        (lambda: laws.karp_flatt(0, 2), "speedup must be more than 0, not 0"),
        (lambda: laws.efficiency(inf, 2), "speedup must be more than 0, and finite, not inf"),
        (lambda: laws.usl(2, 0.1, inf), "coherency must be 0 or more, and finite, not inf"),
        (lambda: laws.hill_marty(0.9, 16, [4, 17]), "size must be from 1 to the budget, not 17"),
        (lambda: laws.hill_marty(0.9, inf, 4), "budget must be 1 or more, and finite, not inf"),
        (lambda: laws.hill_marty(0.9, 4, 1, "big"), "chip must be one of 'symm.* not 'big'"),  # type: ignore[arg-type]
        (
            lambda: laws.hill_marty(0.9, 4, 1, np.array(["symmetric", "x"])),  # type: ignore[arg-type]
            "chip must be one of 'symmetric', .* not array",
        ),
        (lambda: laws.amdahl(1.0000001, 2), "from 0 to 1, not 1.0000001$"),
        (lambda: laws.amdahl(np.float32(1.0000001), 2), "from 0 to 1, not 1.0000001$"),
        (lambda: laws.amdahl(0.5, 0.99999999), "1 or more, not 0.99999999$"),
        (lambda: laws.hill_marty(0.9, 4, 4.0000001), "to the budget, not 4.0000001$"),
        (lambda: laws.amdahl(0.5, 10**400), "workers must be 1 or more, and no float is as large"),
        (lambda: laws.amdahl(0.5, 10**5000), "no float is as large as something too long"),
        (lambda: laws.amdahl(0.5, [2, 10**400]), "workers must be 1 or more, and no float"),
        (lambda: laws.amdahl(0.5, Fraction(10**400)), "no float is as large as Fraction"),  # type: ignore[arg-type]
        (
            lambda: laws.fit_amdahl([2, 2], [1.5, 1.6], overhead=[0.1]),  # type: ignore[arg-type]
            r"overhead must be a Fit or one number, not \[0.1\]",
        ),
        (
            lambda: laws.fit_amdahl([2, 2], [1.5, 1.6], overhead=laws.Fit(nan, (nan, nan))),
            "overhead must have an interval from low to high, not Fit",
        ),
        (lambda: laws.amdahl([0.9, 0.8], [1, 2, 3]), r"parallel_fraction \(2,\), workers \(3,\)"),
        (lambda: laws.fit_amdahl([1, 2], [1]), r"pairs.* not of shapes \(2,\) and \(1,\)"),
        (lambda: laws.fit_amdahl([[[2]]], [[[2]]]), r"pairs.* not of shapes \(1, 1, 1\)"),
        (lambda: laws.fit_amdahl([1, 1], [1, 1]), "workers must be more than 1 in some"),
        (lambda: laws.fit_amdahl([], []), "workers must be more than 1 in some"),
        (lambda: laws.fit_amdahl([2], [nan]), "speedup must be more than 0, and finite, not nan"),
        (lambda: laws.fit_amdahl([inf], [2]), "workers must be 1 or more, and finite, not inf"),
        (lambda: laws.fit_amdahl([2], [1.5], -1), "overhead must be 0 or more, and finite, not -1"),
        (lambda: laws.fit_usl([1], [1]), "workers must be more than 1 in some"),
        (lambda: laws.overhead([], []), "workers must hold a measurement"),
    ],
)
def test_bad_input(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()


def test_a_masked_array_of_which_nothing_is_masked_is_an_array() -> None:
    found = laws.amdahl(0.5, np.ma.masked_equal([2, 3], 9))
    assert found == pytest.approx(laws.amdahl(0.5, [2, 3]))
    with pytest.raises(ValueError, match="workers must be a number or an array of them"):
        laws.amdahl(0.5, np.ma.masked_equal([2, 3], 3))


# Fits ------------------------------------------------------------------------------------------------


@given(FRACTION, st.lists(st.integers(2, 1000), min_size=2, max_size=9))
def test_points_on_the_curve_give_the_fraction_back(fraction: float, workers: list[int]) -> None:
    fit = laws.fit_amdahl(workers, laws.amdahl(fraction, workers))
    assert fit.value == pytest.approx(fraction, abs=1e-9)
    low, high = fit.interval
    assert low <= fit.value <= high and low <= fraction <= high
    assert high - low < 1e-6


@given(FRACTION, st.floats(0, 1), st.sets(st.integers(2, 64), min_size=3, max_size=9))
def test_points_on_the_curve_give_usl_back(
    contention: float, coherency: float, workers: set[int]
) -> None:
    n = sorted(workers)
    fit = laws.fit_usl(n, laws.usl(n, contention, coherency))
    assert fit.contention.value == pytest.approx(contention, abs=1e-6)
    assert fit.coherency.value == pytest.approx(coherency, abs=1e-6)
    for each in fit:
        assert each.interval[0] <= each.value <= each.interval[1]


@pytest.mark.parametrize("fraction", [0.5, 0.75, 0.9])
@pytest.mark.parametrize("noise", [0.01, 0.04])
@pytest.mark.parametrize("workers", [[1, 2] * 7, [2] * 3, [1, 2, 3, 4] * 3, [1, 2, 4, 8, 16]])
def test_the_interval_holds_the_true_fraction(
    fraction: float, noise: float, workers: list[int]
) -> None:
    chance = np.random.default_rng(8)
    held = 0
    for _ in range(200):
        disturbed = noise * chance.standard_normal(len(workers))
        low, high = laws.fit_amdahl(
            workers, laws.amdahl(fraction, workers) * np.exp(disturbed)
        ).interval
        held += low <= fraction <= high
    assert held >= 180  # 9 of 10


@pytest.mark.parametrize("fraction", [0.5, 0.75, 0.9])
@pytest.mark.parametrize("counts", [[1, 2], [1, 2, 4, 8], [1, 2, 4, 8, 16, 32]])
def test_rounds_share_what_disturbed_their_run_on_one_worker(
    fraction: float, counts: list[int]
) -> None:
    chance = np.random.default_rng(11)
    blind = held = 0
    for _ in range(200):
        took = np.exp(0.02 * chance.standard_normal((7, len(counts)))) / laws.amdahl(
            fraction, counts
        )
        workers, speedup = np.broadcast_to(counts, took.shape), took[:, :1] / took
        fit = laws.fit_amdahl(workers, speedup, overhead=0)
        bare = laws.fit_amdahl(workers.ravel(), speedup.ravel(), overhead=0)
        held += fit.interval[0] <= fraction <= fit.interval[1]
        blind += bare.interval[0] <= fraction <= bare.interval[1]
        assert fit.value == bare.value
        assert fit.interval[0] <= bare.interval[0] and fit.interval[1] >= bare.interval[1]
    assert held >= 180
    assert len(counts) < 4 or blind < 180  # taken one by one, they pass for more than they tell


def test_rounds_give_what_their_own_fractions_give() -> None:
    # Every row has the same weights, so this is Student's interval of one P a round.
    serial = np.array([0.2, 0.24, 0.22, 0.26])
    n = np.array([[2, 4, 8]] * 4)
    s = 1 / (1 / n + serial[:, None] * (1 - 1 / n))
    fit = laws.fit_amdahl(n, s, overhead=0)
    half = 3.182 * serial.std(ddof=1) / 2
    assert fit.value == pytest.approx(1 - serial.mean(), abs=1e-9)
    assert list(fit.interval) == pytest.approx([fit.value - half, fit.value + half], abs=1e-9)


def test_a_single_round_says_nothing_of_noise() -> None:
    s = laws.amdahl(0.8, [[1, 2, 4, 8]]) * [[1, 1.01, 0.99, 1]]
    assert list(laws.fit_amdahl([[1, 2, 4, 8]], s, overhead=0).interval) == [0, 1]
    assert list(laws.fit_usl([[1, 2, 4, 8]], s).contention.interval) == [0, 1]
    assert list(laws.overhead([[1, 2, 4, 8]], s).interval) == [-inf, inf]


@pytest.mark.parametrize("fraction", [0.5, 0.75, 0.9])
def test_a_measured_overhead_widens_the_interval_to_hold_the_true_fraction(fraction: float) -> None:
    # Two cores, 7 repeats; handing out and waiting for the last cost 1 to 4 % of the parallel part.
    chance = np.random.default_rng(9)
    workers = np.full(7, 2)
    blind = held = 0
    for _ in range(200):
        control = 1 / (0.5 + chance.uniform(0.01, 0.04, 7))
        speedup = 1 / (1 - fraction / 2 + fraction * chance.uniform(0.01, 0.04, 7))
        bare = laws.fit_amdahl(workers, speedup, overhead=0)
        fit = laws.fit_amdahl(workers, speedup, overhead=laws.overhead(workers, control))
        blind += bare.interval[0] <= fraction <= bare.interval[1]
        held += fit.interval[0] <= fraction <= fit.interval[1]
        assert fit.value == bare.value
    assert held >= 180
    assert blind < 100


def test_one_worker_tells_of_overhead_only() -> None:
    bare = laws.fit_amdahl([2, 2, 2], [1.7, 1.72, 1.74])
    told = laws.fit_amdahl([1, 2, 1, 2, 2], [0.98, 1.7, 0.96, 1.72, 1.74])
    assert told.value == bare.value
    assert told.interval[0] == bare.interval[0]
    assert told.interval[1] > bare.interval[1] + 0.05
    quick = laws.fit_amdahl([1, 2, 2, 2], [1.1, 1.7, 1.72, 1.74])
    assert list(quick.interval) == list(bare.interval)


def test_one_worker_beside_others_is_the_measure_and_no_measurement_of_overhead() -> None:
    lost = 1 / 1.9 - 1 / 2
    assert list(laws.overhead([1, 2] * 3, [1, 1.9] * 3).interval) == pytest.approx([lost, lost])
    once = laws.overhead([1, 2], [1, 1.9])
    assert list(once.interval) == [-math.inf, math.inf]
    assert list(laws.fit_amdahl([2, 2], [1.8, 1.81], overhead=once).interval) == [0, 1]
    assert laws.overhead([1, 1], [0.98, 0.96]).value == pytest.approx(1 / 0.97 - 1, abs=1e-3)


def test_a_single_pair_says_nothing_of_noise() -> None:
    fit = laws.fit_amdahl([1, 2], [1, 1.6])
    assert fit.value == pytest.approx(0.75)
    assert list(fit.interval) == [0, 1]
    assert str(fit) == "0.75 (0 to 1)"


def test_more_than_all_is_all_parallel() -> None:
    assert laws.fit_amdahl([2, 4], [2.2, 4.4]).value == 1
    assert laws.fit_amdahl([2, 4], [0.5, 0.5]).value == 0


def test_two_cores_cannot_tell_contention_from_coherency() -> None:
    fit = laws.fit_usl([1, 2, 2, 2, 2], [1, 1.6, 1.61, 1.59, 1.6])
    assert fit.contention.value == pytest.approx(0.25, abs=1e-3)
    assert fit.coherency.value == 0
    assert fit.contention.interval[0] == fit.coherency.interval[0] == 0
    assert 0.25 < fit.contention.interval[1] < 0.3
    assert 0.125 < fit.coherency.interval[1] < 0.15
    assert fit.peak.interval[1] == inf


@pytest.mark.parametrize("n", [[2], [1, 2], [1, 2, 4]])
def test_as_many_unknowns_as_points_leave_usls_intervals_open(n: list[int]) -> None:
    fit = laws.fit_usl(n, laws.usl(n, 0.2, 0.01))
    assert list(fit.contention.interval) == [0, 1]
    assert list(fit.coherency.interval) == [0, inf]
    assert list(fit.peak.interval) == [0, inf]


@pytest.mark.parametrize("noise", [0.005, 0.02])
def test_usls_intervals_hold_the_true_values(noise: float) -> None:
    chance = np.random.default_rng(10)
    workers = np.repeat([1, 2, 4, 8, 16, 32], 3)
    held = np.zeros(3)
    for _ in range(200):
        speedup = laws.usl(workers, 0.05, 0.002) * np.exp(noise * chance.standard_normal(18))
        fit = laws.fit_usl(workers, speedup)
        truth = (0.05, 0.002, laws.usl_peak(0.05, 0.002))
        held += [f.interval[0] <= t <= f.interval[1] for f, t in zip(fit, truth, strict=True)]
    assert (held >= 180).all()


def test_neither_contention_nor_coherency_is_negative() -> None:
    n = [2, 4, 8, 16]
    falling = laws.fit_usl(n, laws.amdahl(0.9, n) * [1, 1.01, 1.05, 1.1])
    assert falling.coherency.value == 0 and falling.contention.value > 0
    late = laws.fit_usl(n, [2.1, 4, 6.5, 7])
    assert late.contention.value == 0 and late.coherency.value > 0
    better = laws.fit_usl(n, [2.1, 4.3, 8.8, 18])
    assert (better.contention.value, better.coherency.value) == (0, 0)
    assert better.peak.value == inf


def test_students_factor() -> None:
    fits = vars(laws)["_fits"]
    known = {1: 12.706, 5: 2.571, 11: 2.201, 15: 2.131, 20: 2.086, 30: 2.042, 120: 1.980}
    for free, factor in known.items():
        assert fits._student(free) == pytest.approx(factor, abs=0.001)
    assert fits._student(10**9) == pytest.approx(1.96, abs=1e-6)

"""The archive of lesson 8: a real chain, real shares, and what is measured and simulated of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from course_lib import laws, observe
from course_lib.lesson.exercises.amdahl import CASES, HOURS, SHRINK, STOP, WORKERS, Cases
from course_lib.lesson.guard import Seen
from course_lib.programs import nightly
from course_lib.programs.amdahl import (
    PAGES,
    Curve,
    archive,
    fingerprint,
    measure,
    seal,
    simulated,
)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a page little work: what is tested here needs no time."""
    monkeypatch.setattr("course_lib.programs.amdahl._rounds", lambda: 20)


# The program ------------------------------------------------------------------------------------------


def test_each_seal_is_made_from_the_one_before() -> None:
    last = b"the first"
    for page in range(PAGES // 2):
        last = seal(page, last)
    assert archive(0.5)[0] == last
    assert seal(7, b"a") != seal(7, b"b") != seal(8, b"b")


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_change_nothing_of_what_comes_out(workers: int) -> None:
    pages = range(round(0.25 * PAGES), PAGES)
    assert archive(0.75, workers) == (archive(0.75)[0], [fingerprint(page) for page in pages])


@pytest.mark.parametrize(("parallel", "count"), [(0, 0), (0.5, 120), (0.9, 216), (1, 240)])
def test_the_parallel_fraction_is_the_share_of_fingerprints(parallel: float, count: int) -> None:
    assert len(archive(parallel)[1]) == count


def test_the_main_flow_seals_and_threads_take_fingerprints() -> None:
    with observe() as trace:
        archive(0.9, workers=2)
    assert len(trace.tasks) == 1 + 216
    assert 1 <= len(set(trace.spans["worker"].tolist()) - {0}) <= 3


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: archive(1.2), ValueError, "from 0 to 1, not 1.2"),
        (lambda: archive(0.9, 0), ValueError, "^workers must be 1 to 1,024, not 0"),
        (lambda: measure(-1), ValueError, "from 0 to 1"),
        (lambda: measure(0.9, [1]), ValueError, "^workers must be 2 to"),
        (lambda: measure(0.9, []), ValueError, "^workers must hold"),
        (lambda: measure(0.9, [2], repeats=1), ValueError, "^repeats must be 2 to 100, not 1"),
        (lambda: measure(0.9, [2], budget=-1), ValueError, "^budget must be"),
        (lambda: simulated(0.9, 0), ValueError, "^workers must be 1 to"),
    ],
)
def test_bad_arguments(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


# Measured and simulated ---------------------------------------------------------------------------------


def test_measuring_gives_a_pair_a_repeat_and_number_of_workers() -> None:
    curve = measure(0.5, [2, 3], repeats=3, budget=60)
    assert curve.workers == (2, 3) * 3
    assert all(speedup > 0 for speedup in curve.speedup)
    assert [n for n, _ in curve.points] == [2, 3]
    assert curve.overhead >= 0


def test_the_budget_ends_it() -> None:
    assert len(measure(0.5, [2], repeats=100, budget=0).pairs) == 2


def made(*speedup: float, overhead: float = 0.0) -> Curve:
    ones = (1.0,) * len(speedup)
    took = tuple(1 / each for each in speedup)
    return Curve(0.9, (2,) * len(speedup), ones, took, overhead, others=0.0)


def test_what_was_measured_gives_p_and_overhead_widens_its_interval() -> None:
    exact = laws.amdahl(0.9, 2)
    fit = made(exact, exact, exact).fit()
    assert fit.value == pytest.approx(0.9)
    late = [laws.amdahl(0.86, 2) + step for step in (-0.005, 0, 0.005)]
    low, high = made(*late).fit().interval
    assert low < 0.86 < high < 0.9
    assert made(*late, overhead=0.03).fit().interval[1] > 0.9
    assert made(1.5, 1.8, 1.7).points[0] == pytest.approx((2, 1.8))


def test_a_busy_machine_is_called_noisy() -> None:
    assert made(1.8, 1.8).noise == ""
    assert "30%" in dataclasses.replace(made(1.8, 1.8), others=0.3).noise


@pytest.mark.parametrize("parallel", [0.5, 0.75, 0.9])
def test_the_simulated_archive_keeps_the_law_as_far_as_pages_divide(parallel: float) -> None:
    for workers in (1, 2, 3, 4, 6, 12):
        found = simulated(parallel, workers)
        assert found == pytest.approx(laws.amdahl(parallel, workers))
    for workers in (7, 16, 100):
        assert 0.8 * laws.amdahl(parallel, workers) < simulated(parallel, workers)
        assert simulated(parallel, workers) <= laws.amdahl(parallel, workers) + 1e-9


def test_handing_out_makes_the_serial_fraction_grow() -> None:
    found = [laws.karp_flatt(simulated(0.9, n, hand_out=0.002), n) for n in (2, 4, 8, 16, 64)]
    assert found == sorted(found)
    assert found[-1] > 2 * found[0]


# The nightly job ----------------------------------------------------------------------------------------


def test_the_job_gives_the_same_signature_however_it_is_shared_out() -> None:
    signature = b""
    for hour in nightly.load():
        signature = nightly.join(signature, nightly.check(nightly.pack(hour)))
    assert nightly.job() == signature


# The exercise's limits ----------------------------------------------------------------------------------


def test_a_disturbed_run_on_one_worker_gains_nothing(tmp_path: Any) -> None:
    """Had the run of one worker been counted as it was, no workers at all would pass."""
    lines, at = [], 0
    for workers in WORKERS:
        began = at
        for hour in range(HOURS):
            lines.append(f"join hour{hour} {at} {at + 1}")
        at += int((8.0 if workers == 1 else 0.8) * 1e9)
        lines.append(f"call {workers} {began} {at}")
    (tmp_path / "steps").write_text("\n".join(lines) + "\n")
    signature = "".join(f"<hour{n}>" for n in range(HOURS))
    finding = SHRINK.judge(Seen("returned", "", value=[signature] * 3), tmp_path)
    assert finding.rows[0].ok is True
    assert finding.rows[2].ok is False


def test_the_smallest_number_of_workers_is_found_by_trying_as_well() -> None:
    for parallel, enough in CASES:
        wanted = enough * laws.amdahl(parallel, float("inf"))
        tried = next(n for n in range(1, 10**6) if laws.amdahl(parallel, n) >= wanted)
        seen = Seen("returned", "", value=Cases(lambda p, e, n=tried: n)())
        row = STOP.judge(seen, Path()).rows[CASES.index((parallel, enough))]
        assert row.ok is True

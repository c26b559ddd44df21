"""The archive of lessons 8 and 9: a real chain, real shares, and what is simulated of it."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytest

from course_lib import laws, observe
from course_lib.lesson.exercises.amdahl import CASES, HOURS, SHRINK, STOP, WORKERS, Cases
from course_lib.lesson.guard import Seen
from course_lib.programs import nightly
from course_lib.programs.archive import GROUP, PAGES, Archive, archive, simulated

SMALL = Archive(60, 180, rounds=20)


# The program ------------------------------------------------------------------------------------------


def test_each_seal_is_made_from_the_one_before() -> None:
    last = b"the first"
    for page in range(60):
        last = SMALL.seal(page, last)
    assert SMALL.close()[0] == last
    assert SMALL.seal(7, b"a") != SMALL.seal(7, b"b") != SMALL.seal(8, b"b")


@pytest.mark.parametrize("workers", [1, 2, 5, 300])
def test_workers_change_nothing_of_what_comes_out(workers: int) -> None:
    last, found = SMALL.close(workers)
    assert last == SMALL.close()[0]
    assert found == [SMALL.fingerprint(page) for page in range(60, 240)]


@pytest.mark.parametrize(
    ("asked", "count"), [(0, 0), (0.5, 120), (0.9, 216), (0.999, 240), (1, 240)]
)
def test_the_parallel_fraction_is_a_count(asked: float, count: int) -> None:
    made = archive(asked)
    assert (made.seals, made.fingerprints) == (PAGES - count, count)
    assert made.parallel_fraction == count / PAGES
    assert made.grown(3) == Archive(made.seals, 3 * count, made.rounds)
    assert len(Archive(made.seals, count, 1).close()[1]) == count


def test_an_archive_takes_about_as_long_as_asked() -> None:
    took = []
    for _ in range(5):
        start = time.perf_counter()
        archive(0.5, 0.1).close()
        took.append(time.perf_counter() - start)
    assert 0.05 < min(took) < 0.5


def test_the_main_flow_seals_and_threads_take_fingerprints() -> None:
    with observe() as trace:
        SMALL.close(workers=2)
    assert len(trace.tasks) == 1 + 90
    assert 1 <= len(set(trace.spans["worker"].tolist()) - {0}) <= 3


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (
            lambda: archive(1.2),
            ValueError,
            "parallel_fraction must be a share from 0 to 1, not 1.2",
        ),
        (lambda: archive(math.nan), ValueError, "parallel_fraction must be"),
        (lambda: archive("half"), TypeError, "parallel_fraction must be"),  # type: ignore[arg-type]
        (lambda: archive(0.5, 0), ValueError, "seconds must be from 0.02 to 10, not 0"),
        (lambda: SMALL.close(0), ValueError, "workers must be 1 to 4,096, not 0"),
        (lambda: SMALL.grown(0), ValueError, "times must be"),
        (lambda: simulated(SMALL, 0), ValueError, "workers must be 1 to"),
        (lambda: simulated(SMALL, 2, hand_out=-1), ValueError, "hand_out must be"),
    ],
)
def test_bad_arguments(call: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()


# Simulated --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parallel", [0.5, 0.75, 0.9])
def test_the_simulated_archive_keeps_the_law_as_far_as_pages_divide(parallel: float) -> None:
    work = archive(parallel)
    pairs = work.fingerprints // GROUP
    for workers in (n for n in range(1, 31) if pairs % n == 0):
        assert simulated(work, workers) == pytest.approx(laws.amdahl(parallel, workers))
    for workers in (7, 16, 100):
        assert 0.8 * laws.amdahl(parallel, workers) < simulated(work, workers)
        assert simulated(work, workers) <= laws.amdahl(parallel, workers) + 1e-9


def test_handing_out_makes_the_serial_fraction_grow() -> None:
    work = archive(0.9)
    found = [laws.karp_flatt(simulated(work, n, hand_out=0.002), n) for n in (2, 4, 8, 16, 64)]
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
            lines += [f"{step} hour{hour} {at} {at + 1}" for step in ("pack", "check", "join")]
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
        tried = next(n for n in range(1, 10**6) if laws.amdahl(parallel, n) >= wanted - 1e-9)
        seen = Seen("returned", "", value=Cases(lambda p, e, n=tried: n)())
        row = STOP.judge(seen, Path()).rows[CASES.index((parallel, enough))]
        assert row.ok is True

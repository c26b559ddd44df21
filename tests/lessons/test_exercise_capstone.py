"""The capstone: the reference passes, and each wrong attempt gets feedback of its own."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from course_lib.lesson.exercise import Finding, Verdict, check, exercise
from course_lib.lesson.exercises import capstone
from course_lib.lesson.exercises.capstone_probes import Trial, several
from course_lib.lesson.guard import Seen
from course_lib.programs.gallery_bound import Costs
from tests.lessons.exercising import POOL, text_of, written

KEY = "12_capstone/gallery"
FETCHED = capstone.STARTER.partition("def program")[0]
LINE = """
    def line(number):
        return gallery.save(number, gallery.dither(fetched(gallery, number)))
    with ThreadPoolExecutor(16) as threads:
"""
KEPT = """
    pool = get_reusable_executor(workers())
    def line(number):
        picture = fetched(gallery, number)
        return gallery.save(number, pool.submit(gallery.dither, picture).result())
"""
HEAD = f"""{FETCHED}{POOL}from loky import get_reusable_executor
from course_lib.programs.gallery_bound import workers
"""
BLOCKS = capstone.STARTER.replace("def program", "async def program")
PASSES_OVER = f"""{HEAD}
def program(gallery):
    lines = []
    for number in gallery.numbers[:20]:
        try:
            picture = gallery.fetch(number)
        except Busy:
            continue
        lines.append(gallery.save(number, gallery.dither(picture)))
    gallery.index(lines)
"""
GOES_ON = f"""{HEAD}
def program(gallery):{KEPT}
    with ThreadPoolExecutor(16) as threads:
        lines = [threads.submit(line, number) for number in gallery.numbers]
        gallery.index([one.result() for one in lines])
"""
GIL_BOUND = f"""{HEAD}
def program(gallery):{LINE}
        gallery.index(threads.map(line, gallery.numbers))
"""
KEEPS = f"""{FETCHED}{POOL}from concurrent.futures import ProcessPoolExecutor
kept = []
def program(gallery):
    kept[:] = kept or [ProcessPoolExecutor(2)]
    def line(number):
        picture = fetched(gallery, number)
        return gallery.save(number, kept[0].submit(gallery.dither, picture).result())
    with ThreadPoolExecutor(16) as threads:
        gallery.index(threads.map(line, gallery.numbers))
"""
OUTSIDE = f"""{POOL}pool = ThreadPoolExecutor(2)
def lines(gallery):
    return pool.map(gallery.fetch, gallery.numbers)
def program(gallery):
    gallery.index(lines(gallery))
"""
WRONG = {
    "blocks the loop": (BLOCKS, 40, "The event loop stood still"),
    "passes over failures": (PASSES_OVER, 40, "pictures are lost"),
    "goes on": (GOES_ON, 120, "after an interrupt it took"),
}

#: A turn in which all is well, and what becomes of the verdict if something in it isn't.
WELL = {
    "pictures": 200,
    "right": 200,
    "saved": 200,
    "made": 200,
    "served": 200,
    "lines": 200,
    "twice": 0,
    "in_order": True,
    "same": True,
    "wall": 1.0,
    "bound": 0.9,
    "share": 0.9,
    "share_one": 1.7,
    "others": 0.0,
    "at_once": 12,
    "in_flight": 4.0,
    "busy": 1.5,
    "workers": 2,
    "gap": 0.02,
    "longest": 0.15,
    "calm": True,
    "in_hand": 48,
}
STOPPED = {"took": 0.2, "prompt": 2.0, "presses": 1, "after": 0, "broken": 0}
OTHERWISE: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({"made": 0, "right": 0, "saved": 0}, "No thumbnail was made"),
    "from an earlier run": ({"made": 1}, "What an earlier run has made doesn't count"),
    "mixed up": ({"right": 3}, "a number and a picture got mixed up"),
    "written twice": ({"saved": 209}, "9 thumbnails were written a second time"),
    "as they come": ({"in_order": False}, "in the order in which they got ready"),
    "twice in the index": (
        {"lines": 203, "twice": 3, "in_order": False, "same": False},
        "3 lines of the index are there twice",
    ),
    "no index": ({"lines": 0, "in_order": False, "same": False}, "the index has 0 lines"),
    "one by one": (
        {"at_once": 1, "share_one": 0.3, "share": 0.2, "in_flight": 0.6},
        "Begin with the waits",
    ),
    "few at once": ({"at_once": 3, "share_one": 0.5, "share": 0.3}, "Have more of them under way"),
    "workers that idle": ({"share": 0.5, "busy": 0.8}, "But not at the same time"),
    "all in memory": ({"in_hand": 200}, "memory would run out"),
    "pauses": ({"gap": 0.4, "calm": False}, "the heart stood still for 0.4 s"),
    "not quite": ({"share": 0.7}, "at 70% of the bound"),
    "nearly": ({"share": 0.84}, "another try may pass"),
}

pytestmark = pytest.mark.usefixtures("saved", "nothing_left")


def checked(code: str, pictures: int, monkeypatch: pytest.MonkeyPatch) -> Verdict:
    """Check a program with fewer pictures and turns, so that it doesn't take long."""
    small = replace(exercise(KEY), around=partial(Trial, pictures=pictures, turns=2))
    monkeypatch.setitem(capstone.EXERCISES, "gallery", small)
    return check(KEY, written(code))


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code, pictures, feedback = WRONG[name]
    verdict = checked(code, pictures, monkeypatch)
    assert verdict.passed is False
    assert feedback in text_of(verdict)


def judged(changed: dict[str, Any]) -> Finding:
    """The finding on a turn that is well, apart from what is changed."""
    value = {"turns": [WELL | changed], "stopped": STOPPED}
    return exercise(KEY).judge(Seen("returned", "", value=value), Path())


@pytest.mark.parametrize("name", OTHERWISE)
def test_each_fault_is_told_apart(name: str) -> None:
    changed, feedback = OTHERWISE[name]
    found = judged(changed)
    assert found.passed is False
    assert feedback in found.advice


def test_what_is_asked_for_must_hold_in_one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capstone, "several", lambda: True)
    fast, sound = WELL | {"gap": 0.9, "calm": False}, WELL | {"share": 0.7}
    many = WELL | {"in_hand": 200, "share": 0.7}
    for turns in ([fast, sound], [WELL, many], [WELL | {"workers": 1}, sound]):
        found = exercise(KEY).judge(
            Seen("returned", "", value={"turns": turns, "stopped": STOPPED}), Path()
        )
        assert found.passed is False


def test_a_program_that_was_never_interrupted_is_not_said_to_end_well() -> None:
    value = {"turns": [WELL], "stopped": STOPPED | {"presses": 0}}
    assert exercise(KEY).judge(Seen("returned", "", value=value), Path()).passed is False


def test_a_turn_in_which_all_is_well_passes() -> None:
    assert judged({}).passed is True


@pytest.mark.parametrize("alone", [True, False])
def test_several_workers_are_asked_for_where_there_are_several_cores(
    alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capstone, "several", lambda: not alone)
    assert judged({"workers": 1}).passed is alone


def test_threads_alone_reach_the_first_level(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = checked(GIL_BOUND, 60, monkeypatch)
    assert verdict.finding
    levels = [row.ok for row in verdict.finding.rows if row.what.startswith("level")]
    assert levels[0] is True
    if several():
        assert levels[1] is False
        assert "one process made nearly all" in text_of(verdict)


def test_a_pool_of_any_kind_may_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = checked(KEEPS, 40, monkeypatch)
    assert verdict.finding, text_of(verdict)  # nothing is said to be left running
    assert all(row.ok for row in verdict.finding.rows[:5])


def test_what_can_not_be_sent_is_named_though_a_helper_uses_it() -> None:
    verdict = check(KEY, written(OUTSIDE))
    assert verdict.finding is None
    assert "It uses 'pool' from outside" in text_of(verdict)


def test_each_wrong_attempt_has_feedback_of_its_own() -> None:
    wrong = [feedback for *_, feedback in [*WRONG.values(), *OTHERWISE.values()]]
    assert len(set(wrong)) == len(wrong)


def test_the_bound_is_the_first_wait_and_then_the_work() -> None:
    costs = Costs(pictures=100, wait=0.02, rest=0.001, dither=0.009, cores=2.0)
    assert costs.bound(1) == pytest.approx(0.02 + 1.0, rel=0.01)
    assert costs.bound() == pytest.approx(0.02 + 0.5, rel=0.01)
    assert costs.bound(1) > costs.bound(1.5) > costs.bound(2) > costs.bound(4)
    assert costs.bound(0.5) == pytest.approx(0.02 + 2.0, rel=0.01)
    assert costs.sequential == pytest.approx(costs.asks * 0.02 + 1.0)

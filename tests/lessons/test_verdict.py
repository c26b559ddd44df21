"""Claims and verdicts: each verdict can be reached, and each undecided one says why."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from course_lib.lesson.claims import CLAIMS, claim
from course_lib.lesson.verdict import HOLDS, OPEN, REFUTED, VERDICTS, Claim, Ruling, Rulings
from course_lib.machine import Machine, machine
from course_lib.programs.counting import Counter, count
from course_lib.speedup import Speedup

LESSON = Path(__file__).parents[2] / "notebooks" / "07_misconceptions.ipynb"


def able(**facts: Any) -> Machine:
    """A machine on which everything can be shown, but for these facts."""
    return dataclasses.replace(machine(), **{"usable_cores": 4.0, "gil": True, **facts})


def measured(value: float, verdict: str = "quiet", *limits: str) -> Speedup:
    return Speedup(value, value, (value, value), verdict, ((1.0, 1.0),), limits, 0.25)


FASTER = Claim(1, "It is faster", "times as fast", 1.1, 1.5, HOLDS)
NEEDY = dataclasses.replace(FASTER, needs=("cores", "gil"))


# Verdicts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(0.2, REFUTED), (1.1, REFUTED), (1.3, OPEN), (1.5, HOLDS), (9.0, HOLDS), (math.nan, OPEN)],
)
def test_two_marks_decide(value: float, verdict: str) -> None:
    assert FASTER.judge(value).verdict == verdict
    mirrored = dataclasses.replace(FASTER, high_means=REFUTED)
    opposite = {HOLDS: REFUTED, REFUTED: HOLDS, OPEN: OPEN}
    assert mirrored.judge(value).verdict == opposite[verdict]


@pytest.mark.parametrize("which", CLAIMS, ids=lambda which: str(which.number))
def test_each_claim_can_be_decided_and_can_stay_open(
    which: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Machine, "can_pin", True)
    decided = {which.judge(which.high, here=able()).verdict}
    if which.low is not None:
        decided.add(which.judge(which.low, here=able()).verdict)
        between = (which.low + which.high) / 2
        assert which.judge(between, here=able()).verdict == OPEN
    assert decided == ({HOLDS, REFUTED} if which.low is not None else {REFUTED})


def test_between_the_marks_it_is_said_so() -> None:
    assert FASTER.judge(1.3).why == "in this run, because 1.30 lies between 1.10 and 1.50"


def test_that_nothing_was_lost_proves_nothing() -> None:
    none = claim(11).judge(0, here=able())
    assert (none.verdict, none.why) == (
        OPEN,
        "in this run, because 0 is less than 1, and proves nothing",
    )
    assert claim(11).judge(1, here=able()).verdict == REFUTED


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"usable_cores": 1.0}, "on this machine, because it has 1 usable core"),
        ({"usable_cores": 0.5}, "on this machine, because it has 0.5 usable cores"),
        ({"gil": False}, "on this machine, because this Python runs without a GIL"),
        (
            {"usable_cores": 1.0, "gil": False},
            "on this machine, because it has 1 usable core and this Python runs without a GIL",
        ),
    ],
)
def test_a_machine_that_cannot_tell(facts: dict[str, Any], why: str) -> None:
    ruling = NEEDY.judge(9.0, here=able(**facts))
    assert (ruling.verdict, ruling.why) == (OPEN, why)
    assert NEEDY.judge(9.0, here=able()).verdict == HOLDS


@pytest.mark.parametrize(
    ("pins", "gil", "verdict"), [(True, False, HOLDS), (False, True, HOLDS), (False, False, OPEN)]
)
def test_threads_take_turns_where_one_core_or_the_gil_makes_them(
    pins: bool, gil: bool, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Machine, "can_pin", pins)
    turns = dataclasses.replace(FASTER, needs=("turns",))
    assert turns.judge(9.0, here=able(gil=gil)).verdict == verdict


def test_a_noisy_speed_up_decides_nothing() -> None:
    assert FASTER.judge(measured(9.0)).verdict == HOLDS
    noisy = FASTER.judge(measured(9.0, "noisy"))
    assert noisy.verdict == OPEN
    assert "other programs used 25% of this machine" in noisy.why
    held = FASTER.judge(measured(9.0, "quiet", "the cores", "the CPU quota: it held this back"))
    assert held.verdict == OPEN
    assert "quota" in held.why


def test_noise_that_can_only_lower_a_number_leaves_a_large_one_standing() -> None:
    sure = dataclasses.replace(FASTER, noise_lowers=True)
    assert sure.judge(1.5, "Others were busy.").verdict == HOLDS
    assert sure.judge(1.0, "Others were busy.").verdict == OPEN
    assert FASTER.judge(1.5, "Others were busy.").why.endswith("because others were busy")


# What is shown ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "head"),
    [(1.0, "✗ Refuted here."), (2.0, "✓ Holds here."), (1.3, "– Can't be decided in this run, ")],
)
def test_a_ruling_says_by_sign_and_words_what_it_is(value: float, head: str) -> None:
    ruling = FASTER.judge(value)
    page = ruling._repr_mimebundle_()
    assert ruling.head.startswith(head)
    for shown in (
        page["text/plain"],
        re.sub("<[^>]+>", "", page["text/html"].replace("&#x27;", "'")),
    ):
        assert ruling.head in shown
        assert "It is faster" in shown
        assert f"{value:.2f}" in shown


def test_a_claim_shows_its_criterion_before_the_run() -> None:
    page = FASTER._repr_mimebundle_()
    assert FASTER.criterion == "1.10 or less: refuted here; 1.50 or more: holds here"
    for part in FASTER.criterion.split("; "):
        assert part in page["text/html"]
        assert part in page["text/plain"]


def test_what_is_shown_is_escaped() -> None:
    sly = Claim(1, "<b>", "<i>", 1.0, 2.0, HOLDS)
    for shown in (sly, sly.judge(1.5, "<u>")):
        assert not re.search("<[biu]>", shown._repr_mimebundle_()["text/html"])


def test_rulings_stand_in_the_order_of_their_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Machine, "can_pin", True)
    rulings: list[Ruling] = [which.judge(which.high, here=able()) for which in reversed(CLAIMS)]
    table = Rulings(rulings)
    lines = repr(table).splitlines()
    assert [line.split(".")[0] for line in lines] == [str(n) for n in range(1, 14)]
    page = table._repr_mimebundle_()["text/html"]
    for verdict in VERDICTS:
        some = sum(ruling.verdict == verdict for ruling in rulings)
        assert f"{some} × {verdict}".replace("'", "&#x27;") in page


@pytest.mark.parametrize(
    "change", [{"high_means": "perhaps"}, {"low": 1.5}, {"low": 2.0}, {"needs": ("luck",)}]
)
def test_a_claim_that_cannot_be(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        dataclasses.replace(FASTER, **change)


@pytest.mark.parametrize("value", [None, "1.0", True])
def test_only_numbers_are_judged(value: Any) -> None:
    with pytest.raises(TypeError, match="measured must be a number"):
        FASTER.judge(value)


# The thirteen -----------------------------------------------------------------------------------------


def test_the_lesson_lists_and_judges_all_claims() -> None:
    cells = json.loads(LESSON.read_text("utf-8"))["cells"]
    prose = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    assert [which.number for which in CLAIMS] == list(range(1, 14))
    for which in CLAIMS:
        assert f"{which.number}. {which.words}\n" in prose + "\n"
        assert f"ruling_{which.number} = claim({which.number}).judge(" in code


@pytest.mark.parametrize("number", [0, 14])
def test_there_is_no_other_claim(number: int) -> None:
    with pytest.raises(ValueError, match="1 to 13"):
        claim(number)


# Counting ---------------------------------------------------------------------------------------------


class Lossy:
    """Forgets every second update, whoever adds."""

    def __init__(self) -> None:
        self.value = 0
        self.odd = False

    def add(self) -> None:
        self.odd = not self.odd
        self.value += self.odd


class Sure(Lossy):
    def add(self) -> None:
        self.value += 1


def test_what_is_lost_is_counted() -> None:
    found = count(Lossy, threads=1, times=100)
    assert (found.added, found.counted, found.lost, found.tries) == (100, 50, 50, 1)
    assert "lost 50" in repr(found)


def test_it_is_tried_again_as_long_as_nothing_is_lost() -> None:
    found = count(Sure, threads=1, times=100)
    assert found.lost == 0
    assert found.tries > 1


@pytest.mark.parametrize(
    ("kind", "facts", "error"),
    [
        (Sure, {"threads": 0}, ValueError),
        (Sure, {"times": 1.5}, TypeError),
        (len, {}, TypeError),
    ],
)
def test_counting_refuses(kind: type[Counter], facts: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="must be"):
        count(kind, **facts)


def test_a_slip_in_a_counter_does_not_pass_for_a_race() -> None:
    class Slip:
        def __init__(self) -> None:
            self.value = 0

        def add(self) -> None:
            self.valu += 1  # type: ignore[attr-defined]

    with pytest.raises(AttributeError, match="valu"):
        count(Slip, threads=2, times=5)

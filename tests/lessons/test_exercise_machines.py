"""The exercise of lesson 11: each wrong attempt gets feedback of its own.

A check starts workers, and lets one die: so what a program would leave in the bank's book is written
down here for most of the attempts, and the others run.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from course_lib.lesson.exercise import check
from course_lib.lesson.exercises.machines import EXERCISES, ORDERS
from course_lib.lesson.exercises.machines_probes import DIES, EARLY, SLOW, Bank, charges
from course_lib.lesson.guard import Seen
from course_lib.programs.notes import note
from tests.lessons.exercising import text_of, written

pytestmark = pytest.mark.usefixtures("saved", "nothing_left")

CHARGE = "def program(order, bank):\n    {0}bank.charge(order.number, order.amount{1})\n"
LOST = "worker died after the charge were done again"
WRONG_CHARGES = {
    "no key": (CHARGE.format("", ""), LOST),
    "asked first": (
        CHARGE.format("if not bank.charged(order.number): ", ""),
        "Ask and charge must be one step",
    ),
    "at most once": (
        (
            "import os\ndef program(order, bank):\n    try:\n"
            "        os.close(os.open(f'{bank.path}.mine{order.number}', os.O_CREAT | os.O_EXCL))\n"
            "    except FileExistsError:\n        return\n"
            "    bank.charge(order.number, order.amount)\n"
        ),
        f"Order {EARLY} was never charged. Its worker died just before",
    ),
}
#: What stands in the book: number, amount, whether it counted, key.
Line = tuple[int, int, int, str]
ONCE: list[Line] = [(order.number, order.amount, 1, str(order.number)) for order in ORDERS]
AGAIN: list[Line] = [(n, ORDERS[n].amount, 1, "another") for n in (SLOW, DIES)]
WRONG_BOOKS: dict[str, tuple[list[Line], str]] = {
    "nothing": ([], "No order was charged"),
    "a key a try": ([*ONCE, *AGAIN], "each try had a key of its own"),
    "the amount as key": (
        [(n, amount, int(n < 4), str(amount)) for n, amount, _, _ in ONCE],
        "6 orders were never charged: the bank took them for repetitions",
    ),
    "all but the early one": (
        [(*line[:3], "") for line in ONCE if line[0] != EARLY],
        "charges at most once",
    ),
    "some": ([(*line[:3], "") for line in ONCE[:5]], "5 orders were never charged. What a worker"),
    "twice the amount": ([(n, 2 * a, c, key) for n, a, c, key in ONCE], "another amount"),
    "in memory": ([(*line[:3], "") for line in [*ONCE, *AGAIN]], LOST),
}


@pytest.mark.parametrize("name", WRONG_CHARGES)
def test_wrong_charges_are_told_what_is_wrong(name: str) -> None:
    code, feedback = WRONG_CHARGES[name]
    verdict = check("11_beyond_one_machine/charge", written(code))
    assert verdict.passed is False
    assert feedback in text_of(verdict)


@pytest.mark.parametrize("name", WRONG_BOOKS)
def test_a_book_that_is_wrong_is_told_why(name: str, tmp_path: Path) -> None:
    lines, feedback = WRONG_BOOKS[name]
    for number, amount, counted, key in lines:
        note(str(tmp_path / "bank"), f"1 {number} {amount} {counted} {key}")
    found = EXERCISES["charge"].judge(Seen("returned", ""), tmp_path)
    assert not all(row.ok for row in found.rows)
    assert found.certain  # the learner doesn't wait for a second run
    assert feedback in found.advice


def test_a_key_that_belongs_to_the_order_passes() -> None:
    verdict = check(
        "11_beyond_one_machine/charge", written(CHARGE.format("", ", key=order.number"))
    )
    assert verdict.passed, text_of(verdict)
    assert "idempotent" in text_of(verdict)


def test_without_a_key_none_is_praised(tmp_path: Path) -> None:
    for number, amount, counted, _ in ONCE:
        note(str(tmp_path / "bank"), f"1 {number} {amount} {counted} ")
    found = EXERCISES["charge"].judge(Seen("returned", ""), tmp_path)
    assert all(row.ok for row in found.rows)
    assert "with a key" not in found.advice


def test_no_hint_is_the_answer() -> None:
    assert not any("key=order.number" in hint for hint in EXERCISES["charge"].hints)


@pytest.mark.parametrize("wrong", [ORDERS[0], "1", 1.0, True, None])
def test_a_bank_takes_an_orders_number_and_its_amount(wrong: object, tmp_path: Path) -> None:
    bank = Bank(tmp_path / "bank")
    with pytest.raises(TypeError, match=r"number must be a whole number, such as order\.number"):
        bank.charge(wrong, 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"amount must be a whole number, such as order\.amount"):
        bank.charge(1, wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"number must be a whole number"):
        bank.charged(wrong)  # type: ignore[arg-type]
    assert not charges(tmp_path / "bank")


def test_a_program_that_raises_is_told() -> None:
    verdict = check("11_beyond_one_machine/charge", written(CHARGE.format("1 / 0\n    ", "")))
    assert verdict.passed is False
    assert "ZeroDivisionError" in text_of(verdict)

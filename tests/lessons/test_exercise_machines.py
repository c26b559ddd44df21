"""The exercise of lesson 11: each wrong attempt gets feedback of its own."""

from __future__ import annotations

import pytest

from course_lib.lesson.exercise import check
from tests.lessons.exercising import text_of, written

pytestmark = pytest.mark.usefixtures("saved", "nothing_left")

CHARGE = "def program(order, bank):\n    {0}bank.charge(order.number, order.amount{1})\n"
WRONG_CHARGES = {
    "nothing": ("def program(order, bank):\n    pass\n", "No order was charged"),
    "no key": (CHARGE.format("", ""), "worker died after the charge were done again"),
    "in memory": (
        "done = set()\n" + CHARGE.format("if order in done: return\n    done.add(order)\n    ", ""),
        "What a worker remembers dies with it",
    ),
    "asked first": (
        CHARGE.format("if not bank.charged(order.number): ", ""),
        "Ask and charge must be one step",
    ),
    "a key a try": (
        "import uuid\n" + CHARGE.format("", ", key=uuid.uuid4().hex"),
        "each try had a key of its own",
    ),
    "the amount as key": (CHARGE.format("", ", key=order.amount"), "6 orders were never charged"),
    "twice the amount": (CHARGE.format("", " * 2, key=order.number"), "another amount"),
    "some": (CHARGE.format("if order.number < 5: ", ""), "5 orders were never charged."),
}


@pytest.mark.parametrize("name", WRONG_CHARGES)
def test_wrong_charges_are_told_what_is_wrong(name: str) -> None:
    code, feedback = WRONG_CHARGES[name]
    verdict = check("11_beyond_one_machine/charge", written(code))
    assert verdict.passed is False
    assert feedback in text_of(verdict)


@pytest.mark.parametrize("key", ["order.number", "str(order)"])
def test_a_key_that_belongs_to_the_order_passes(key: str) -> None:
    verdict = check("11_beyond_one_machine/charge", written(CHARGE.format("", f", key={key}")))
    assert verdict.passed, text_of(verdict)
    assert "idempotent" in text_of(verdict)


def test_a_program_that_raises_is_told() -> None:
    verdict = check("11_beyond_one_machine/charge", written(CHARGE.format("1 / 0\n    ", "")))
    assert verdict.passed is False
    assert "ZeroDivisionError" in text_of(verdict)

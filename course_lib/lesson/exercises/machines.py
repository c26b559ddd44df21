"""The exercise of lesson 11: charge each order once, though workers die and are taken for dead."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from course_lib.lesson.exercise import Exercise, Finding, Row
from course_lib.lesson.exercises.machines_probes import (
    DIES,
    EARLY,
    SLOW,
    Bank,
    Charge,
    Cluster,
    Order,
    charges,
)
from course_lib.lesson.guard import Limits, Seen

__all__ = ["EXERCISES"]

ORDERS = tuple(Order(number, 5 + number % 4) for number in range(10))  # some cost the same


def _bank(folder: Path) -> Bank:
    return Bank(folder / "bank")


def _judge(seen: Seen, folder: Path) -> Finding:
    asked = charges(folder / "bank")
    counted = Counter(one.number for one in asked if one.counted)
    missing = sum(not counted[order.number] for order in ORDERS)
    twice = sum(count > 1 for count in counted.values())
    wrong = sum(one.amount != ORDERS[one.number % len(ORDERS)].amount for one in asked)
    rows = (
        Row("orders charged", f"{len(ORDERS) - missing}", f"{len(ORDERS)}", not missing),
        Row("orders charged twice", f"{twice}", "0", not twice),
        Row("charges of a wrong amount", f"{wrong}", "0", not wrong),
    )
    # A charge is no matter of luck, however busy the machine: one run is enough.
    return Finding(rows, _advise(asked, missing, counted, wrong), certain=True)


def _advise(asked: list[Charge], missing: int, counted: Counter[int], wrong: int) -> str:
    keys = {one.key for one in asked} - {""}
    if not asked:
        return "No order was charged: `bank.charge(order.number, order.amount)` charges one."
    if wrong:
        return "An order was charged with another amount than its own, `order.amount`."
    if missing == 1 and not counted[EARLY]:
        return (
            f"Order {EARLY} was never charged. Its worker died just before the charge, and the next "
            "one took the order for done. Who notes first and charges then charges at most once."
        )
    if missing and keys:
        return (
            f"{_orders(missing)} never charged: the bank took them for repetitions, for other "
            "orders had the same key. A key must belong to one order alone."
        )
    if missing:
        return (
            f"{_orders(missing)} never charged. What a worker has begun may have to be done again."
        )
    if set(counted.values()) == {1} and not all(one.key for one in asked):
        return (
            "Each order is charged once, however often it is done: the task is idempotent. Would it "
            "be on machines that share no files? A key that belongs to the order needs none."
        )
    if set(counted.values()) == {1}:
        return (
            "Each order is charged once, however often it is done: with a key that belongs to the "
            "order, the task is idempotent."
        )
    if keys:
        return (
            "Orders that were done twice were charged twice: each try had a key of its own. The key "
            "must belong to the order, so that a second try has the same."
        )
    if counted[SLOW] > 1 and counted[DIES] == 1:
        return (
            f"Order {SLOW} was done by two workers at once. Each asked first, before the other had "
            "charged. Ask and charge must be one step, and only the bank can make it one."
        )
    return (
        "Orders whose worker died after the charge were done again, and charged again. What a worker "
        "remembers dies with it: the bank must know that it is the same charge."
    )


def _orders(count: int) -> str:
    return "1 order was" if count == 1 else f"{count} orders were"


CHARGE = Exercise(
    title="Charge each order once",
    asked=(
        "Write a function that takes an order (order.number, order.amount) and the bank, and charges "
        "the order. It is called for each order by one of several workers; when one dies or seems "
        "to, another does the order again. Each order must be charged once."
    ),
    starter="def program(order, bank):\n    bank.charge(order.number, order.amount)\n",
    hints=(
        "The worker can't know whether somebody did this order before. Who can?",
        "`bank.charge` takes a `key`. When do two tries have the same key, and when must they not?",
        (
            "As the key, take what is the same whenever this order is done, and what no other order "
            "has: not its amount, not the worker, not the time. What is left?"
        ),
    ),
    judge=_judge,
    arguments=("order", "bank"),
    make=lambda folder: (ORDERS, _bank(folder)),
    around=lambda program, folder: Cluster(program),
    limits=Limits(seconds=60.0),
)

EXERCISES = {"charge": CHARGE}

"""What the exercise of lesson 11 hands to a program: an order, and a bank that many workers reach.

The workers are processes of their own, so that what one of them remembers dies with it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import loky
from filelock import FileLock

from course_lib.programs.notes import note, notes

__all__ = ["DIES", "EARLY", "SLOW", "Bank", "Cluster", "Order", "charges"]

SLOW = 2  # the order that two workers do at once
DIES, EARLY = 5, 7  # at which order a worker dies once: after the charge, and before it
LONG, MEET = 0.4, 10  # seconds in which a slow bank answers, and two workers meet


class Order(NamedTuple):
    """An order: its number, and what it costs."""

    number: int
    amount: int


class Charge(NamedTuple):
    """A charge that was asked for: by whose try, of which order, how much, by which key."""

    process: int
    number: int
    amount: int
    key: str
    counted: bool


class Bank:
    """A bank, which each worker reaches. Its answer may come late, or find its worker dead.

    A worker may also die before the bank has noted anything.
    """

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def charge(self, number: int, amount: int, key: Any = None) -> str:
        """Charge an order's customer; of several charges with one key, only the first counts."""
        _whole("number", number, "order.number")
        _whole("amount", amount, "order.amount")
        if number == EARLY and not (begun := Path(f"{self.path}.begun")).exists():
            begun.touch()
            os._exit(1)  # the machine fails: nothing is charged
        if number == SLOW:
            time.sleep(LONG)  # the bank is slow, and who waits looks dead
        with FileLock(f"{self.path}.lock"):
            known = {one.key for one in charges(Path(self.path)) if one.counted}
            said = "" if key is None else repr(key).replace(" ", "")
            counted = not said or said not in known
            note(self.path, f"{os.getpid()} {number} {amount} {int(counted)} {said}")
            first = not Path(f"{self.path}.{number}").exists()
            Path(f"{self.path}.{number}").touch()
        if number == DIES and first:
            os._exit(1)  # the machine fails: the money is charged, and nobody is told
        return f"receipt {number}"

    def charged(self, number: int) -> bool:
        """Return whether an order has been charged so far."""
        _whole("number", number, "order.number")
        return any(one.counted and one.number == number for one in charges(Path(self.path)))


def _whole(name: str, value: object, such_as: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be a whole number, such as {such_as}, not {value!r}")


def charges(path: Path) -> list[Charge]:
    """Return the charges that a bank was asked for."""
    found = []
    for line in notes(str(path)):
        process, number, amount, counted, *key = line.split(" ", 4)
        found.append(Charge(int(process), int(number), int(amount), "".join(key), counted == "1"))
    return found


class Cluster:
    """A program, done for each order by a worker: what is lost is done again, and what is late, too."""

    def __init__(self, program: Callable[[Order, Bank], object]) -> None:
        self.__wrapped__ = program

    def __call__(self, orders: Sequence[Order], bank: Bank) -> None:
        """Have each order done at least once; raise what the program raises."""
        left, count = list(orders), 2
        while left:
            with loky.ProcessPoolExecutor(count) as workers:
                try:
                    while left:
                        self._do(workers, left[0], bank)
                        left.pop(0)
                except loky.BrokenProcessPool:  # a worker has died: its order is still there
                    count = 1
                finally:
                    workers.shutdown(kill_workers=True)

    def _do(self, workers: loky.ProcessPoolExecutor, order: Order, bank: Bank) -> None:
        if order.number == SLOW:
            tries = [
                workers.submit(_together, self.__wrapped__, order, bank, count) for count in (1, 2)
            ]
        else:
            tries = [workers.submit(self.__wrapped__, order, bank)]
        for one in tries:
            one.result()


def _together(program: Callable[[Order, Bank], object], order: Order, bank: Bank, me: int) -> None:
    """Do an order when another worker is there that does it, too."""
    mine, others = (Path(f"{bank.path}.here{n}") for n in (me, 3 - me))
    mine.touch()
    end = time.monotonic() + MEET
    while not others.exists() and time.monotonic() < end:
        time.sleep(0.005)
    program(order, bank)

"""What the exercise of lesson 9 hands to a program: a book that all write in."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

from course_lib.lesson.exercises.probes import MOST
from course_lib.programs.notes import note, notes
from course_lib.record import clock
from course_lib.tasks import digest, whole

__all__ = ["Book", "Priced"]

DIGESTS = 30  # blocks of 64 KiB to hash: a millisecond or so

_BOOK = threading.Lock()


class Priced(NamedTuple):
    """An item that was priced: which, by whom, and when."""

    item: int
    thread: str
    start: int
    stop: int


class Book:
    """A book that all write in: `price` tells what an item costs, `add` enters an amount.

    Both may be used in threads and in other processes; both are written down.
    """

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def price(self, item: int) -> int:
        """Return what item number so-and-so costs; it takes a moment to find out."""
        item, start = whole("item", item, -MOST, MOST), clock()
        digest(DIGESTS)
        time.sleep(0.002)  # so that other threads have their turn, however few the cores
        thread = f"{os.getpid()}/{threading.get_ident()}"
        note(self.path, f"price {item} {thread} {start} {clock()}")
        return 100 + item * item % 97

    def add(self, amount: object) -> None:
        """Enter an amount. One enters at a time; the others wait."""
        if not isinstance(amount, int | float) or amount != int(amount):
            raise TypeError(f"add takes an amount, such as price returns, not {amount!r:.80}")
        with _BOOK:
            time.sleep(0.001)
            note(self.path, f"add {int(amount)}")

    def done(self) -> tuple[list[Priced], list[int]]:
        """Return the items priced, and the amounts entered."""
        rows = [line.split() for line in notes(self.path)]
        priced = [
            Priced(int(item), thread, int(start), int(stop))
            for kind, item, thread, start, stop in (row for row in rows if row[0] == "price")
        ]
        return priced, [int(row[1]) for row in rows if row[0] == "add"]

"""What the exercise of lesson 10 hands to a program: accounts that are slow to read."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

from course_lib.lesson.exercises.probes import MOST
from course_lib.programs.notes import note, notes
from course_lib.record import clock
from course_lib.tasks import whole

__all__ = ["Account", "Update", "updates"]

SLOW = 0.01  # seconds that it takes to read a balance


class Update(NamedTuple):
    """An update of an account: when it was read and written, which one, to what, by which thread."""

    start: int
    stop: int
    account: str
    value: int
    thread: str


class Account:
    """An account with a balance, which takes 10 ms to read, and a lock for who wants one."""

    def __init__(self, path: Path, name: str, balance: int) -> None:
        self.path, self.name = str(path), name
        self.lock = threading.Lock()
        self._balance = balance
        self._begun: dict[int, int] = {}

    def __reduce__(self) -> tuple[type[Account], tuple[Path, str, int]]:
        """Go to another process without the lock: it gets a new one there."""
        return Account, (Path(self.path), self.name, self._balance)

    @property
    def balance(self) -> int:
        """How much is on it."""
        self._begun[threading.get_ident()] = clock()
        value = self._balance
        time.sleep(SLOW)  # as a disk or a network takes; here other threads get their turn
        return value

    @balance.setter
    def balance(self, value: int) -> None:
        value, thread = whole("balance", value, -MOST, MOST), threading.get_ident()
        start = self._begun.pop(thread, clock())
        self._balance = value
        note(self.path, f"{start} {clock()} {self.name} {value} {os.getpid()}/{thread}")


def updates(path: Path) -> list[Update]:
    """Return the updates of all accounts that write to this file, in the order of their ends."""
    rows = (line.split() for line in notes(str(path)))
    return [
        Update(int(start), int(stop), name, int(value), thread)
        for start, stop, name, value, thread in rows
    ]

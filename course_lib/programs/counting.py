"""Count with several threads at once, and see whether all that was added has arrived.

To add one is three steps: read, add, write. If another thread writes in between, its update is lost.
In CPython with the GIL, from 3.10 on, threads change only where a function of Python begins, after
a call into C, where a loop goes round, and in C code that lets go of the GIL. So what decides is
whether one of these lies between the read and the write.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Protocol

from course_lib.tasks import whole

__all__ = ["Count", "Counter", "count"]

ENOUGH = 1.0  # seconds, after which no further try is begun


class Counter(Protocol):
    """Something to count with."""

    value: int

    def add(self) -> object:
        """Count one more."""


@dataclass(frozen=True)
class Count:
    """What threads have added, and what the counter says."""

    name: str
    added: int
    counted: int
    tries: int
    seconds: float  # of the last try

    @property
    def lost(self) -> int:
        """Updates that are not in the counter."""
        return self.added - self.counted

    def __repr__(self) -> str:
        tries = f", in {self.tries} tries" if self.tries > 1 else ""
        return (
            f"{self.name}: added {self.added:,}, counted {self.counted:,}, lost {self.lost:,} "
            f"({self.seconds:.2f} s{tries})"
        )


def count(kind: type[Counter], threads: int = 4, times: int = 50_000) -> Count:
    """Let several threads each add so many times; again, until some are lost or 1 s is over.

    All begin at the same moment. A run in which nothing is lost proves nothing, so one isn't enough.

    Parameters
    ----------
    kind : class
        Makes the counter: it has a `value`, which begins with 0, and a method `add`.
    threads : int
        1 to 64.
    times : int
        1 to 1,000,000.

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these.

    Examples
    --------
    >>> class Steps:
    ...     def __init__(self):
    ...         self.value = 0
    ...
    ...     def add(self):
    ...         self.value += 1
    >>> count(Steps, threads=1, times=1000).lost
    0
    """
    if not callable(getattr(kind, "add", None)):
        raise TypeError(f"kind must be a class that has a method add, not {kind!r}")
    threads = whole("threads", threads, 1, 64)
    times = whole("times", times, 1, 1_000_000)
    end = time.perf_counter() + ENOUGH
    for tries in range(1, 1000):
        start = time.perf_counter()
        counter = kind()
        _add(counter, threads, times)
        now = time.perf_counter()
        found = Count(kind.__name__, threads * times, counter.value, tries, now - start)
        if found.lost or now > end:
            break
    return found


def _add(counter: Counter, threads: int, times: int) -> None:
    gate = threading.Barrier(threads)
    errors: list[Exception] = []

    def work() -> None:
        gate.wait()
        try:
            for _ in range(times):
                counter.add()
        except Exception as error:  # noqa: BLE001 - whatever the learner's counter does
            errors.append(error)

    pool = [threading.Thread(target=work, name=f"adds {n}") for n in range(threads)]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()
    if errors:  # else a slip would pass for a race
        raise errors[0]

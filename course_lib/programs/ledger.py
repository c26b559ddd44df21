"""A book that several clerks write in: one at a time, so they wait for each other.

For each entry a clerk first works alone; then, with the book in hand (a lock), writes it down and
copies it for every other clerk. The first share of that is contention; the copying grows with the
number of clerks, and it is what makes a speed-up fall again. How long things take is random, and the
same each time. The same entries can be posted for real, by threads, and simulated.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from course_lib.simulate import simulate
from course_lib.tasks import Task, calibrate, compute, digest, duration, share, whole

__all__ = ["Ledger", "ledger"]

FOREVER = 1e6  # seconds: a simulated lock is never asked for before it is given up


@dataclass(frozen=True)
class Ledger:
    """Entries to be posted: for each, seconds of work alone and seconds with the book; and a copy's.

    Times are amounts of work: what a quiet core of this machine does in so many seconds.
    """

    entries: tuple[tuple[float, float], ...]
    copy: float

    def post(self, workers: int = 1) -> int:
        """Post all entries by so many threads, for real; return how many are in the book.

        The work is hashing, which lets go of the GIL, so that the book's lock is the only one that
        counts.
        """
        workers = whole("workers", workers, 1, 4096)
        block = calibrate().native
        lock, book = threading.Lock(), [0]

        def clerk(number: int) -> None:
            for alone, held in self.entries[number::workers]:
                digest(round(alone / block))
                with lock:
                    digest(round((held + self.copy * (workers - 1)) / block))
                    book[0] += 1

        helpers = [threading.Thread(target=clerk, args=(n,)) for n in range(1, workers)]
        for helper in helpers:
            helper.start()
        clerk(0)  # this thread is a clerk, too
        for helper in helpers:
            helper.join()
        return book[0]

    def tasks(self, workers: int) -> list[Task]:
        """Return the same work as tasks, one a clerk, for a simulated machine.

        There, the lock is what `simulate` calls the GIL: "native" steps don't need it, "python" ones do.
        """
        workers = whole("workers", workers, 1, len(self.entries))
        found = []
        for first in range(workers):
            steps = []
            for alone, held in self.entries[first::workers]:
                with_the_book = compute(held + self.copy * (workers - 1))
                steps += [compute(alone, "native"), with_the_book]
            found.append(Task(f"clerk {first + 1}", *steps))
        return found

    def simulated(self, counts: Iterable[int]) -> list[float]:
        """Return the speed-ups by so many clerks, on a simulated machine with a core for each."""
        alone = simulate(self.tasks(1)).makespan
        return [alone / simulate(self.tasks(n), n, gil=FOREVER).makespan for n in counts]


def ledger(
    held: float = 0.25, copy: float = 0.0, *, entries: int = 400, seconds: float = 0.2
) -> Ledger:
    """Return entries that one worker posts in about so many seconds here.

    Parameters
    ----------
    held : float, 0 to 1
        During which share of the work the book is in hand.
    copy : float
        What a copy for one other clerk takes: a share of an entry's time, 0 to 1.
    entries : int
        How many: 1 to 10,000.
    seconds : float
        0.02 to 10.

    Raises
    ------
    ValueError, TypeError
        If an argument isn't in its range.

    Examples
    --------
    >>> [round(each, 1) for each in ledger(0.25).simulated([1, 2, 16])]
    [1.0, 1.8, 4.0]
    """
    share("held", held)
    share("copy", copy)
    entries = whole("entries", entries, 1, 10_000)
    if not 0.02 <= duration("seconds", seconds) <= 10:
        raise ValueError(f"seconds must be from 0.02 to 10, not {seconds!r}")
    chance = random.Random(9)
    drawn = [(chance.expovariate(1), chance.expovariate(1)) for _ in range(entries)]
    # Scaled so that the shares are met exactly, whatever was drawn.
    alone, with_it = (seconds / sum(column) for column in zip(*drawn, strict=True))
    times = tuple((a * alone * (1 - held), b * with_it * held) for a, b in drawn)
    return Ledger(times, copy * seconds / entries)

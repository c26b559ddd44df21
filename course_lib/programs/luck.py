"""Programs that are wrong, and yet worked for years: on one core, nothing came in between.

Two processes share a piece of memory. In each round, both start at the same time on the clock and do
something short: sell tickets from one counter, or move money between two accounts, each under a lock.
On one core, one of them is done before the other gets its turn, nearly always. On two cores, both
run at the same instant.
"""

from __future__ import annotations

import math
import mmap
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from course_lib.machine import allowed_cpus, machine
from course_lib.models import run
from course_lib.tasks import Task, spin, whole

__all__ = ["ADDED", "ROUNDS", "TICKETS", "Rounds", "count", "tickets", "transfers", "verdict"]

ROUNDS = 200
TICKETS = 100  # that each of the two sells in a round
LOOK = 150  # steps of computing while one lock is held: some microseconds
GAP = 1_370_000  # nanoseconds from one round to the next; not in step with the system's own clock
PATIENCE = 10.0  # seconds in which both must be there

#: Where things stand in the shared memory: two arrivals, the first round's time, who holds a lock.
THERE, BEGIN, HOLDS, ROUND = 0, 2, 3, 5


@dataclass(frozen=True)
class Rounds:
    """How often a program went wrong; `note` says why that can't be had here, or what it can't show.

    If it can't be had, `rounds` is 0 and `wrong` is NaN.
    """

    program: str
    cores: int
    wrong: float
    rounds: int
    note: str = ""

    def __repr__(self) -> str:
        where = "one core" if self.cores == 1 else f"{self.cores} cores"
        said = f"{self.program}, on {where}: wrong in {self.wrong:g} of {self.rounds} rounds"
        return "\n".join(filter(None, [said if self.rounds else "", self.note]))


def tickets(cores: int | None = None, rounds: int = ROUNDS) -> Rounds:
    """Let two processes sell tickets from one counter; count the rounds in which some got lost.

    Parameters
    ----------
    cores : int, optional
        How many cores the two may use: 1, or as many as there are (None).
    rounds : int
        1 to 2,000.

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these.
    """
    return _play("tickets", _sell, lambda cell: cell != 2 * TICKETS, cores, rounds)


def transfers(cores: int | None = None, rounds: int = ROUNDS) -> Rounds:
    """Let two processes take two locks, in opposite order; count the rounds with a deadlock.

    In such a round, each holds what the other needs. Here one notices, and gives up; else both would
    wait forever. Arguments and errors are those of `tickets`.
    """
    return _play("transfers", _move, lambda cell: cell > 0, cores, rounds)


def verdict(one: Rounds, many: Rounds) -> str:
    """Say what two counts show, on one core and on several: luck, or not, or nothing at all."""
    if many.cores < 2 or not one.rounds:
        return f"This can't be decided on this machine. {many.note or one.note}"
    before, after = one.wrong / one.rounds, many.wrong / many.rounds
    numbers = (
        f"wrong in {one.wrong:g} of {one.rounds} rounds on one core, in {many.wrong:g} of "
        f"{many.rounds} on {many.cores}"
    )
    if after > 0 and before <= after / 4:
        return f"Luck: {numbers}. The program is the same."
    if after > before:
        return f"It goes wrong on one core as well, and more often on several: {numbers}."
    return (
        f"Not seen this time: {numbers}. Perhaps something else used the cores, so that the two "
        "hardly ran at the same instant. Run it again."
    )


def _play(
    name: str,
    act: Callable[[str, int, int], None],
    wrong: Callable[[int], bool],
    cores: int | None,
    rounds: int,
) -> Rounds:
    """Run two processes side by side; return in how many rounds a cell is as it shouldn't be."""
    rounds = whole("rounds", rounds, 1, 2_000)
    allowed = len(allowed_cpus())
    if cores is not None:
        cores = whole("cores", cores, 1, 1, ", or None for all")
    if cores and allowed > 1 and not machine().can_pin:
        note = "This system lets no program choose its cores, so one core can't be had."
        return Rounds(name, 1, math.nan, 0, note)
    with tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True) as folder:
        memory = Path(folder) / "memory"
        memory.write_bytes(bytes(8 * (ROUND + rounds)))
        pair = [Task(who, partial(act, folder, me, rounds)) for me, who in enumerate("AB")]
        run(pair, "processes", workers=2, cores=cores if allowed > 1 else None)
        numbers = _memory(folder).tolist()
    count = sum(map(wrong, numbers[ROUND:]))
    few = "There is one core to use here, so nothing runs at the same instant."
    return Rounds(name, 1 if cores else min(2, allowed), count, rounds, few * (allowed < 2))


def _sell(folder: str, me: int, rounds: int) -> None:
    cells = _memory(folder)
    _meet(cells, me)
    for number in range(rounds):
        _await_round(cells, number)
        for _ in range(TICKETS):
            cells[ROUND + number] += 1  # reads, adds, writes back: three things, not one


def _move(folder: str, me: int, rounds: int) -> None:
    cells = _memory(folder)
    _meet(cells, me)
    with (Path(folder) / "a").open("ab") as a, (Path(folder) / "b").open("ab") as b:
        own, other = (a, b) if me == 0 else (b, a)
        for number in range(rounds):
            _await_round(cells, number)
            while not take(own):
                pass
            cells[HOLDS + me] = 1  # one of the two
            spin(LOOK)
            while cells[HOLDS + me]:
                if take(other):
                    cells[HOLDS + me] = 0  # both: here the money would be moved
                    release(other)
                elif cells[HOLDS + 1 - me]:
                    # The other says that it holds one, and it can't have got both since then, for
                    # one of them is here: it waits for this one, as this one does for it.
                    cells[ROUND + number] = 1
                    cells[HOLDS + me] = 0
            release(own)
            while cells[ROUND + number] and cells[HOLDS + 1 - me]:
                time.sleep(0.0001)  # who gave up lets the other have both


if sys.platform == "win32":
    import msvcrt

    def take(lock: IO[bytes]) -> bool:
        """Take a lock, the first byte of a file; return whether it was to be had."""
        try:
            lock.seek(0)
            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def release(lock: IO[bytes]) -> None:
        """Give it back."""
        lock.seek(0)
        msvcrt.locking(lock.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def take(lock: IO[bytes]) -> bool:
        """Take a lock, which is that of a file; return whether it was to be had."""
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(lock: IO[bytes]) -> None:
        """Give it back."""
        fcntl.flock(lock, fcntl.LOCK_UN)


def _memory(folder: str) -> memoryview:
    """Return the memory that both processes share, as whole numbers."""
    with (Path(folder) / "memory").open("r+b") as file:
        return memoryview(mmap.mmap(file.fileno(), 0)).cast("q")


def _meet(cells: memoryview, me: int) -> None:
    """Wait until both are there, and agree when the first round begins."""
    cells[THERE + me] = 1
    end = time.monotonic() + PATIENCE
    while not (cells[THERE] and cells[THERE + 1] and (me == 0 or cells[BEGIN])):
        if time.monotonic() > end:
            raise TimeoutError(f"the other process didn't come within {PATIENCE:g} s")
        time.sleep(0.001)
    if me == 0:
        cells[BEGIN] = time.perf_counter_ns() + 20_000_000


def _await_round(cells: memoryview, number: int) -> None:
    """Spin until a round begins: who sleeps wakes up too late, and not always by as much."""
    begin = cells[BEGIN] + number * GAP
    while time.perf_counter_ns() < begin:
        pass


# One counter, two threads of one Python -----------------------------------------------------------------

ADDED = 1_000_000  # that each thread adds, one by one
_counter = 0


def _reset() -> None:
    global _counter
    _counter = 0


_start, _end = threading.Barrier(2, action=_reset), threading.Barrier(2)


def count() -> int:
    """Add 1 to a counter that two threads share, ever again; return what it is when both are done.

    A step for two tasks that are under way together, on two threads: each waits for the other.
    """
    global _counter
    try:
        _start.wait(PATIENCE)
        for _ in range(ADDED):
            _counter += 1
        _end.wait(PATIENCE)
    except threading.BrokenBarrierError:  # the other never came; another time it may
        _start.reset()
        _end.reset()
        raise
    return _counter

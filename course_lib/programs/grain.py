"""How small may a task be? Handing it out costs something, too.

Many small tasks are done one after the other, and then handed out one by one in several ways. Below
some size, handing out costs more than it brings. The tasks compute in C, with the GIL released, or
they wait. `grain` measures in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import pbkdf2_hmac
from typing import Any

import psutil

from course_lib.machine import busy_so_far, machine
from course_lib.patience import Line, sent_out
from course_lib.service import answer, helper
from course_lib.tasks import one_of

__all__ = ["GAIN", "KINDS", "Grain", "grain"]

KINDS = ("compute", "wait")
SIZES = {
    "compute": (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
    "wait": (0.0, 1e-5, 1e-4, 1e-3, 1e-2),
}
NOISY = 0.1  # of the machine, used by other programs
WALL = 1.15  # usable cores: with fewer, no work is shared
GAIN = 1.1  # times as fast: less may be noise
EMPTY = -1.0  # as a size: a task in which nothing is done
SECONDS = 3.0  # that measuring may take
MOST_ROUNDS = 10
BLOCK = 0.015  # seconds that the tasks of one size take, one after the other
FEWEST, MOST = 4, 200  # tasks of one size
WAITERS = 32  # threads that may wait at once


@dataclass(frozen=True)
class Grain:
    """What handing out tasks brings, by their size.

    Attributes
    ----------
    kind : str
        What the tasks do: "compute" or "wait".
    sizes : tuple of float
        Seconds that a task takes, one after the other.
    times : dict of tuple of float
        For each way, how many times as fast it is at these sizes; below 1 it is slower.
    empty : dict of float
        For each way, the seconds that a task takes in which nothing is done.
    others : float
        How many cores everything else on this machine kept busy meanwhile.
    """

    kind: str
    sizes: tuple[float, ...]
    times: dict[str, tuple[float, ...]]
    empty: dict[str, float]
    others: float

    def pays_from(self, way: str) -> float:
        """Return the size from which on a way is at least a tenth faster; infinite if it never is."""
        pays = math.inf
        for size, times in zip(reversed(self.sizes), reversed(self.times[way]), strict=True):
            if times < GAIN:
                break
            pays = size
        return pays

    def slower_to(self, way: str) -> float:
        """Return the largest size at which a way is slower; 0 if it never is."""
        pairs = zip(self.sizes, self.times[way], strict=True)
        return max((size for size, times in pairs if times < 1), default=0.0)

    def rows(self) -> list[tuple[str, ...]]:
        """Return what the table shows."""
        return [
            (
                way,
                in_short(self.empty[way]),
                in_short(self.slower_to(way)) if self.slower_to(way) else "no size here",
                in_short(self.pays_from(way)) if self.pays_from(way) < math.inf else "no size here",
                f"{times[0]:.2f}",
                f"{times[-1]:.2f}",
            )
            for way, times in self.times.items()
        ]

    def __repr__(self) -> str:
        rows = (" | ".join(row) for row in (self.head, *self.rows()))
        return "\n".join(filter(None, [self.caption, *rows, self.note]))

    @property
    def note(self) -> str:
        """What keeps this machine from showing more."""
        notes = []
        if self.kind == "compute" and machine().usable_cores <= WALL:
            usable = f"{machine().usable_cores:g} usable core"
            notes.append(
                f"What can't be seen here: with {usable}, nothing that computes gets faster by "
                "being handed out."
            )
        if self.others > NOISY * (os.cpu_count() or 1):
            notes.append(
                f"Other programs kept {self.others:.2f} cores of this machine busy meanwhile: "
                "another time, these figures may be different ones."
            )
        return " ".join(notes)

    @property
    def caption(self) -> str:
        """The table's title."""
        return f"tasks that {self.kind}, handed out one by one"

    @property
    def head(self) -> tuple[str, ...]:
        """The table's columns."""
        least, most = in_short(self.sizes[0]), in_short(self.sizes[-1])
        columns = ("an empty task", "slower up to", "a tenth faster from")
        return ("way", *columns, f"times as fast at {least}", f"at {most}")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from course_lib.pictures import curves
        from course_lib.trace import html_table

        size = [size * 1e6 for size in self.sizes]
        picture = curves(
            {way: (size, times) for way, times in self.times.items()},
            across=f"how long a task takes to {self.kind}, in µs",
            up="times as fast",
            level=(1.0, "one after the other", "slower"),
        )
        bundle = picture._repr_mimebundle_()
        bundle["text/html"] += html_table(self.caption, self.head, self.rows(), self.note)
        return bundle


def in_short(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, length in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def grain(kind: str = "compute") -> Grain:
    """Measure from which size on it pays to hand out tasks.

    Those that compute are given to threads and to processes, one a usable core (two at least), and
    to coroutines. Those that wait are given to 32 threads, and to coroutines.

    Raises
    ------
    ValueError
        If `kind` is neither "compute" nor "wait".
    RuntimeError
        If its process came to grief.
    """
    one_of("kind", kind, KINDS)
    workers = max(2, math.ceil(machine().usable_cores))
    with Line() as line, helper(__name__, kind, str(min(workers, 16))) as process:
        tell = partial(line.tell, f"tasks that {kind}, of many sizes")
        found = json.loads(sent_out(partial(answer, process), tell))
    times = {way: tuple(times) for way, times in found["times"].items()}
    return Grain(kind, tuple(found["sizes"]), times, found["empty"], found["others"])


# In the process of its own ----------------------------------------------------------------------------

Work = Callable[[float], object]
#: Do a piece of work so many times.
Way = Callable[[Work, float, int], None]


def compute(rounds: float) -> None:
    """Compute in C, with the GIL released."""
    pbkdf2_hmac("sha256", b"", b"", int(rounds))


def wait(seconds: float) -> None:
    """Wait; if it is for 0 seconds, not at all."""
    if seconds:
        time.sleep(seconds)


async def later(work: Work, amount: float) -> None:
    """Do a piece of work as a coroutine does: a wait doesn't hold up the others."""
    if work is not wait:
        work(amount)
    elif amount:
        await asyncio.sleep(amount)


def nothing(amount: float) -> None:
    """Do nothing."""


def one_by_one(work: Work, amount: float, count: int) -> None:
    """Do it here, one after the other."""
    for _ in range(count):
        work(amount)


def pooled(pool: Executor) -> Way:
    """Return the way of a pool: each piece is handed to its next free worker."""

    def way(work: Work, amount: float, count: int) -> None:
        for answer in [pool.submit(work, amount) for _ in range(count)]:
            answer.result()

    return way


def looped(runner: asyncio.Runner) -> Way:
    """Return the way of an event loop: a coroutine for each piece."""

    def way(work: Work, amount: float, count: int) -> None:
        async def every() -> None:
            async with asyncio.TaskGroup() as group:
                for _ in range(count):
                    group.create_task(later(work, amount))

        runner.run(every())

    return way


@contextmanager
def ways(kind: str, workers: int) -> Iterator[dict[str, Way]]:
    """Yield the ways to hand out tasks; their workers are there and warm."""
    from course_lib.programs.plain_pool import plain_pool

    with ExitStack() as stack:
        threads = WAITERS if kind == "wait" else workers
        found = {
            "threads": pooled(stack.enter_context(ThreadPoolExecutor(threads))),
            "async": looped(stack.enter_context(asyncio.Runner())),
        }
        if kind == "compute":
            found["processes"] = pooled(stack.enter_context(plain_pool(workers)))
        for way in found.values():
            way(wait, 0.001, 2 * threads)
        yield found


def timed(way: Way, work: Work, amount: float, count: int) -> float:
    """Return how many seconds each of the tasks took, as they came out."""
    start = time.perf_counter()
    way(work, amount, count)
    return (time.perf_counter() - start) / count


def measure(kind: str, workers: int) -> dict[str, Any]:
    """Measure all sizes in all ways, again and again; of each the quickest counts."""
    busy, start = busy_so_far(), time.perf_counter()
    with ways(kind, workers) as found:
        tried = {"one by one": one_by_one, **found}
        took: dict[tuple[str, float], float] = {}
        end = time.perf_counter() + SECONDS
        pace = 1.0  # how much to wait is a second, or how many rounds of computing
        if kind == "compute":
            pace = 20_000 / min(timed(one_by_one, compute, 20_000, 1) for _ in range(5))
        for turn in range(MOST_ROUNDS):
            for size in (EMPTY, *SIZES[kind]):
                work, amount, count = piece(kind, size, pace, workers)
                for name, way in tried.items():
                    seconds = timed(way, work, amount, count)
                    took[name, size] = min(seconds, took.get((name, size), math.inf))
            if time.perf_counter() + (time.perf_counter() - end + SECONDS) / (turn + 1) > end:
                break
    own = sum(psutil.Process().cpu_times()[:4])  # with that of the workers, which have ended
    sizes = SIZES[kind]
    return {
        "sizes": [took["one by one", size] for size in sizes],
        "times": {n: [took["one by one", s] / took[n, s] for s in sizes] for n in found},
        "empty": {name: took[name, EMPTY] for name in found},
        "others": max(0.0, busy_so_far() - busy - own) / (time.perf_counter() - start),
    }


def piece(kind: str, size: float, pace: float, workers: int) -> tuple[Work, float, int]:
    """Return what a task of some size does, how much of it, and how many such tasks there are."""
    if size == EMPTY:
        return nothing, 0, MOST
    count = min(max(FEWEST * workers, math.ceil(BLOCK / max(size, 1e-6))), MOST)
    return (compute, max(1, round(size * pace)), count) if kind == "compute" else (wait, size, count)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))), flush=True)
    sys.stdout.flush()
    os._exit(0)

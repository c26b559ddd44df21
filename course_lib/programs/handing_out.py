"""What it takes to do many small tasks, one after the other or handed out: the measuring for `grain`."""

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
from hashlib import pbkdf2_hmac
from typing import Any

import psutil

from course_lib.machine import busy_so_far
from course_lib.programs.plain_pool import plain_pool

__all__ = ["SIZES", "measure"]

SIZES = {
    "compute": (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
    "wait": (0.0, 1e-5, 1e-4, 1e-3, 1e-2),
}
EMPTY = -1.0  # as a size: a task in which nothing is done
SECONDS = 3.0  # that measuring may take
MOST_ROUNDS = 10
BLOCK = 0.015  # seconds that the tasks of one size take, one after the other, or more
MOST = 200  # tasks of one size
EACH = 4  # tasks for each worker, at least
WAITERS = 32  # threads that may wait at once

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
        for future in [pool.submit(work, amount) for _ in range(count)]:
            future.result()

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
    if kind == "wait":
        return wait, size, WAITERS if size else MOST
    count = min(max(EACH * workers, math.ceil(BLOCK / size)), MOST)
    return compute, max(1, round(size * pace)), count


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))), flush=True)
    os._exit(0)

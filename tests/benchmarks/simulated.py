"""How long it takes to simulate: many slices, many tasks, many cores.

The peer is what any simulation in Python has to do: to put as many events on a heap, and to take them
off in their order.
"""

from __future__ import annotations

import heapq
import math
import random
import time
from collections.abc import Callable

from course_lib import Task, compute, simulate
from tests.benchmarks.table import Row


def rows(quick: bool = False) -> list[Row]:
    """Simulate 100,000 spans in several ways, beside a bare heap of as many events."""
    rounds, many = (1, 10_000) if quick else (5, 100_000)
    few = [Task(f"T{n}", compute(many / 400_000)) for n in range(100)]
    crowd = [Task(f"T{n}", compute(0.001 * (n % 7 + 1)), at=n * 1e-6) for n in range(many)]
    tenth = crowd[: many // 10]
    sizes = [
        (cores, [timed(lambda: simulate(own, cores), rounds) for own in (tenth, crowd)])  # noqa: B023
        for cores in (8, 1024)
    ]
    found = [
        Row(f"a bare heap, {many:,} events", "ms", timed(lambda: heap(many), rounds)),
        Row(
            f"round-robin, {many:,} spans",
            "ms",
            timed(lambda: simulate(few, 8, "rr", 0.0005), rounds),
            aim=1000,
        ),
    ]
    steeper = 10 * math.log(many) / math.log(many / 10)  # what n log n allows for ten times as many
    for cores, (small, large) in sizes:
        found += [
            Row(f"{many // 10:,} tasks, {cores:,} cores", "ms", small),
            Row(f"{many:,} tasks, {cores:,} cores", "ms", large),
            Row(
                f"the one beside the other, {cores:,} cores",
                "×",
                [more / less for less, more in zip(small, large, strict=True)],
                aim=round(steeper, 1),
            ),
        ]
    return found


def heap(many: int) -> None:
    """Put events on a heap, and take them off."""
    events: list[tuple[float, int]] = []
    for number in range(many):
        heapq.heappush(events, (random.random(), number))
    while events:
        heapq.heappop(events)


def timed(act: Callable[[], object], rounds: int) -> list[float]:
    """Return the milliseconds that each round took."""
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        act()
        found.append((time.perf_counter() - start) * 1000)
    return found

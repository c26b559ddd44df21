"""The same work twice, one after the other and on two threads: it shows who lets go of the GIL."""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_lib import Task, machine, run
from course_lib.tables import Sheet
from course_lib.tasks import one_of, whole
from course_lib.trace import WALL, Trace

__all__ = ["ADDED", "WORKS", "Pair", "pair", "pairs"]

BYTES = np.random.default_rng(1).integers(0, 64, 1 << 20, np.uint8).tobytes()
SHORT = BYTES[:1000]
LARGE = 8_000_000  # numbers of 8 bytes: more than most caches hold
ADDITIONS = 12
PATIENCE = 1.2  # seconds
SMALL = 16_000


def loop() -> None:
    """Add up squares, in Python."""
    total = 0
    for n in range(1_500_000):
        total += n * n


def short_hashes() -> None:
    """Hash 1,000 bytes, again and again."""
    for _ in range(80_000):
        hashlib.sha256(SHORT)


def long_hashes() -> None:
    """Hash a megabyte, again and again."""
    for _ in range(120):
        hashlib.sha256(BYTES)


def compress() -> None:
    """Compress a megabyte, again and again."""
    for _ in range(2):
        zlib.compress(BYTES)


def tanh() -> None:
    """Take the hyperbolic tangent of numbers that fit into a cache, again and again."""
    numbers, out = np.linspace(-3, 3, SMALL), np.empty(SMALL)
    for _ in range(400):
        np.tanh(numbers, out=out)


@cache
def arrays() -> tuple[NDArray[np.float64], ...]:
    """Return three large arrays, 64 MB each, whose memory is really there."""
    return tuple(np.full(LARGE, 1.0) for _ in range(3))


def add(half: int) -> None:
    """Add half of two large arrays, number by number."""
    part = slice(half * LARGE // 2, (half + 1) * LARGE // 2)
    one, other, out = arrays()
    for _ in range(ADDITIONS):
        np.add(one[part], other[part], out=out[part])


#: Bytes that all additions read and write.
ADDED = ADDITIONS * 3 * 8 * LARGE

#: By name: the two halves of the work.
WORKS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "a Python loop": (loop, loop),
    "sha256 of 1,000 bytes": (short_hashes, short_hashes),
    "sha256 of 1 MB": (long_hashes, long_hashes),
    "zlib of 1 MB": (compress, compress),
    "np.tanh, in the cache": (tanh, tanh),
    "np.add, from memory": (lambda: add(0), lambda: add(1)),
}


@dataclass(frozen=True)
class Pair:
    """Two tasks of the same work, run in two ways: of each way, the quickest run.

    Attributes
    ----------
    in_turn, together : Trace
        One after the other; on two threads.
    """

    name: str
    in_turn: Trace
    together: Trace

    @property
    def times(self) -> float:
        """How many times as fast two threads were."""
        return self.in_turn.makespan / self.together.makespan

    @property
    def noise(self) -> str:
        """What keeps this machine from showing more; empty if nothing does."""
        if machine().usable_cores <= WALL:
            usable = f"{machine().usable_cores:g} usable core"
            return f"What can't be seen here: with {usable}, two threads can't gain anything."
        return f"{self.name}: {self.together.noise}" if self.together.noise else ""


def pair(name: str, rounds: int = 3) -> Pair:
    """Run both tasks one after the other, then on two threads; so many times, and the best counts.

    After 1.2 seconds no further round is begun.

    Raises
    ------
    ValueError, TypeError
        If there is no such work, or `rounds` isn't a whole number from 1 to 20.
    """
    one_of("name", name, tuple(WORKS))
    rounds = whole("rounds", rounds, 1, 20)
    tasks = [Task(letter, work) for letter, work in zip("AB", WORKS[name], strict=True)]
    if name.startswith("np.add"):
        arrays()
    found: dict[str, list[Trace]] = {"sequential": [], "threads": []}
    end = time.monotonic() + PATIENCE
    for done in range(rounds):
        if done and time.monotonic() > end:
            break
        for model, traces in found.items():
            traces.append(run(tasks, model))
    best = (min(traces, key=lambda trace: trace.makespan) for traces in found.values())
    return Pair(name, *best)


def pairs(*found: Pair) -> Sheet:
    """Put pairs beside each other, a row each."""
    rows = [
        (
            one.name,
            f"{one.in_turn.makespan:.3f} s",
            f"{one.together.makespan:.3f} s",
            f"{one.times:.2f}",
            f"{one.together.parallelism:.2f}",
        )
        for one in found
    ]
    head = ("work", "one after the other", "two threads", "times as fast", "cores busy")
    noise = dict.fromkeys(one.noise for one in found if one.noise)
    return Sheet(
        "the same work twice: the quickest of some runs", head, tuple(rows), " ".join(noise)
    )

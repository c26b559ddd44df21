"""A parallel loop: `prange` says that the rounds of a loop don't need each other.

Numba compiles the function to machine code, which needs no GIL, and shares the rounds out over
threads. Sums over all rounds (a *reduction*) are put together in the end.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.util import find_spec

from course_lib.machine import allowed_cpus, machine
from course_lib.tasks import whole

__all__ = ["compiled", "estimate_pi", "why_not"]


def why_not() -> str | None:
    """Return None if parallel loops can run here; else why not, and what would make them run."""
    if find_spec("numba") is None:
        return "Numba isn't installed here: `pip install numba` adds it, where it has a version for this Python"
    return None


def estimate_pi(points: int = 20_000_000, threads: int | None = None) -> float:
    """Estimate π by a grid of points on a quarter circle, in a parallel loop.

    Parameters
    ----------
    points : int
        How many rounds the loop has: 1 to 10¹².
    threads : int, optional
        Over how many threads they are shared out; None: one for each usable core.

    Raises
    ------
    RuntimeError
        If Numba isn't there.
    ValueError, TypeError
        If a number isn't a whole one in its range.
    """
    if (reason := why_not()) is not None:
        raise RuntimeError(reason)
    import numba

    most = len(allowed_cpus())
    usable = min(most, max(1, round(machine().usable_cores)))
    threads = usable if threads is None else whole("threads", threads, 1, most)
    points = whole("points", points, 1, 10**12)
    loop = compiled()
    loop(100)
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        return 4.0 * loop(points) / points
    finally:
        numba.set_num_threads(before)


@functools.cache
def compiled() -> Callable[[int], float]:
    """Return the loop, which Numba compiles when it is first called."""
    import numba
    from numba import prange

    @numba.njit(parallel=True, nogil=True)
    def under_the_circle(points: int) -> float:
        total = 0.0
        for n in prange(points):
            x = (n + 0.5) / points
            total += (1.0 - x * x) ** 0.5
        return total

    compiled: Callable[[int], float] = under_the_circle
    return compiled

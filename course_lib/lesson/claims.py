"""Thirteen claims that are often heard, each with the criterion by which lesson 7 judges it.

Where equal things are compared, 1.10 leaves room for measuring errors, as the quadrant's walls do.
"""

from __future__ import annotations

from course_lib.lesson.verdict import HOLDS, REFUTED, Claim
from course_lib.tasks import whole
from course_lib.trace import WALL

__all__ = ["CLAIMS", "claim"]

CLAIMS = (
    Claim(
        1,
        "More threads, more parallelism",
        "cores busy with eight threads a core, divided by those with one thread a core",
        WALL,
        1.5,
        HOLDS,
    ),
    Claim(
        2,
        "Async is about speed",
        "times as fast: ten waits on an event loop, instead of on ten threads",
        1.1,
        1.3,
        HOLDS,
    ),
    Claim(
        3,
        "Concurrent programs run faster",
        "times as fast: four computations on four threads of one core, instead of in a row",
        1.1,
        1.3,
        HOLDS,
        needs=("turns",),
    ),
    Claim(
        4,
        "Parallel programs are automatically concurrent",
        "tasks in flight, in a run that keeps several cores busy",
        WALL,
        1.5,
        HOLDS,
        needs=("cores",),
    ),
    Claim(
        5,
        "Threads are parallelism",
        "cores busy while eight threads compute in Python",
        WALL,
        1.5,
        HOLDS,
        needs=("cores",),
        noise_lowers=True,
    ),
    Claim(
        6,
        "Async makes things faster",
        "times as fast: ten computations on an event loop, instead of in a row",
        1.1,
        1.3,
        HOLDS,
    ),
    Claim(
        7,
        "Concurrency saves time",
        "mean time to finish of four computations, by turns, divided by that in a row",
        0.9,
        1.1,
        REFUTED,
        needs=("turns",),
    ),
    Claim(
        8,
        "Several cores speed a program up by themselves",
        "times as fast: a plain loop that may use all cores, instead of one",
        1.1,
        1.3,
        HOLDS,
        needs=("cores", "pin"),
    ),
    Claim(
        9,
        "One thread means no concurrency",
        "tasks in flight, on one thread",
        WALL,
        2.0,
        REFUTED,
    ),
    Claim(
        10,
        "Threads don't help I/O",
        "times as fast: ten answers of a service awaited by ten threads, instead of by one",
        1.1,
        1.5,
        REFUTED,
    ),
    Claim(
        11,
        "The GIL prevents races",
        "updates that four threads lost, with a call between read and write",
        None,
        1,
        REFUTED,
        needs=("gil",),
        form=",.0f",
    ),
    Claim(
        12,
        "A speed-up can't exceed the number of workers",
        "times as fast: a search by two threads, instead of one",
        2.0,
        2.2,
        REFUTED,
    ),
    Claim(
        13,
        "Event loops have no parallelism at all",
        "cores busy in a run with one event loop",
        WALL,
        1.3,
        REFUTED,
        needs=("cores",),
        noise_lowers=True,
    ),
)


def claim(number: int) -> Claim:
    """Return a claim by its number.

    Raises
    ------
    ValueError, TypeError
        If there is none of this number.

    Examples
    --------
    >>> claim(9).criterion
    '1.15 or less: holds here; 2.00 or more: refuted here'
    """
    return CLAIMS[whole("number", number, 1, len(CLAIMS)) - 1]

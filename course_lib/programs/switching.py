"""What it costs to turn from one flow of control to another: two of them hand a turn to and fro.

Neither does anything else, so all the time that passes is switching: what an event loop needs, what
the operating system needs for two threads of one process, and for two processes.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time

from course_lib.patience import sent_out
from course_lib.service import helper
from course_lib.tasks import one_of, whole

__all__ = ["WAYS", "seconds_a_switch"]

WAYS = ("async", "threads", "processes")


def seconds_a_switch(way: str = "threads", times: int = 5_000) -> float:
    """Hand a turn to and fro so many times; return the seconds that one switch took, on average.

    Raises
    ------
    ValueError, TypeError
        If there is no such way, or `times` isn't a whole number from 1 to 1,000,000.
    """
    one_of("way", way, WAYS)
    times = whole("times", times, 1, 1_000_000)
    measure = {"async": _coroutines, "threads": _threads, "processes": _processes}[way]
    return measure(times) / (2 * times)  # to and fro


def _coroutines(times: int) -> float:
    async def player() -> None:
        for _ in range(times):
            await asyncio.sleep(0)  # hands the turn on

    async def game() -> float:
        start = time.perf_counter()
        await asyncio.gather(player(), player())
        return time.perf_counter() - start

    return sent_out(lambda: asyncio.run(game()))  # in a thread, for a notebook's loop runs in this


def _threads(times: int) -> float:
    mine, its = threading.Lock(), threading.Lock()
    mine.acquire()
    its.acquire()

    def partner() -> None:
        for _ in range(times):
            its.acquire()  # waits for the turn
            mine.release()  # and hands it back

    thread = threading.Thread(target=partner)
    thread.start()
    start = time.perf_counter()
    for _ in range(times):
        its.release()
        mine.acquire()
    took = time.perf_counter() - start
    thread.join()
    return took


def _processes(times: int) -> float:
    with helper(__name__) as partner:
        assert partner.stdin and partner.stdout
        to_it, from_it = partner.stdin.fileno(), partner.stdout.fileno()
        os.read(from_it, 1)  # it is there
        start = time.perf_counter()
        for _ in range(times):
            os.write(to_it, b".")
            os.read(from_it, 1)
        return time.perf_counter() - start


def main() -> None:
    """Hand every turn back at once, until there are no more."""
    from_it, to_it = sys.stdin.fileno(), sys.stdout.fileno()
    os.write(to_it, b".")
    while os.read(from_it, 1):
        os.write(to_it, b".")


if __name__ == "__main__":
    main()

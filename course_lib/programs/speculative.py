"""Speculation: several ways to the same answer race; the first to have it wins, the others stop.

It pays where nobody knows beforehand which way is short, and where cores would be idle otherwise. The
price is work thrown away, so the race tells how much that was.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

__all__ = ["Race", "page", "race", "search"]

#: A way to the answer: it yields while it has none, so that it can be stopped, and returns it.
Way = Callable[[], Generator[None, None, Any]]


@dataclass(frozen=True)
class Race:
    """How a race came out: who won, the answer, and each one's CPU seconds."""

    winner: str
    answer: Any
    cpu: dict[str, float]

    @property
    def wasted(self) -> float:
        """CPU seconds of those that didn't win: what they found out is thrown away."""
        return sum(seconds for name, seconds in self.cpu.items() if name != self.winner)


def race(ways: Mapping[str, Way]) -> Race:
    """Let several ways race, each on a thread; stop the others when the first has its answer.

    Python code shares the GIL, so there a race costs time as well; ways that wait, or compute in C,
    run side by side.

    Raises
    ------
    ValueError
        If there is no way.
    Exception
        What the first that came to an end has raised, if it has.
    """
    if not ways:
        raise ValueError("ways must hold at least one function")
    decided = threading.Event()
    cpu: dict[str, float] = {}

    def runner(name: str, way: Way) -> Callable[[], Any]:
        def run() -> Any:
            began = time.thread_time()
            try:
                steps = way()
                while not decided.is_set():
                    next(steps)
            except StopIteration as end:
                return end.value
            finally:
                cpu[name] = time.thread_time() - began
            return None

        run.__name__ = name  # as a timeline calls it
        return run

    with ThreadPoolExecutor(len(ways)) as pool:
        running = {pool.submit(runner(name, way)): name for name, way in ways.items()}
        try:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
        finally:
            decided.set()
    first = next(future for future in running if future in done)
    return Race(running[first], first.result(), cpu)


def page(number: int) -> bytes:
    """Return page so-and-so of a book that nobody has read: 64 KiB, all made of its number."""
    return number.to_bytes(8, "big") * 8192


def search(wanted: str, numbers: Iterable[int]) -> Generator[None, None, int | None]:
    """Look for the page whose SHA-256 is wanted (in hexadecimal), in the order of the numbers.

    Who begins at the front and who begins at the back are two ways to the same page. To hash a page
    lets go of the GIL.
    """
    for number in numbers:
        if hashlib.sha256(page(number)).hexdigest() == wanted:
            return number
        yield
    return None

"""Thousands of tasks that wait at the same time, and how much memory each needs.

They run in a process of their own, so what it grows by is theirs. They do nothing but wait for the
same event: what is left is what a task costs that is under way.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from course_lib.cgroups import mounts
from course_lib.patience import Line, told
from course_lib.service import helper
from course_lib.tables import Sheet
from course_lib.tasks import one_of, whole

__all__ = ["Crowd", "crowd", "crowds"]

MODELS = ("threads", "async")
MOST = 20_000
MEMORY = 1 << 30  # bytes; and never more than a quarter of what is free
SECONDS = 3.0  # after which no more are started
EVERY = 100  # tasks, after which memory and clock are looked at


@dataclass(frozen=True)
class Crowd:
    """Tasks that were all under way at the same time.

    Attributes
    ----------
    wanted, count : int
        How many there should be, and how many there were.
    memory : float
        Bytes by which the process grew.
    seconds : float
        From the first start until all were waiting.
    limit : str
        Why there are no more; empty if there are as many as wanted.
    """

    model: str
    wanted: int
    count: int
    memory: float
    seconds: float
    limit: str

    @property
    def each(self) -> float:
        """Bytes for each task."""
        return self.memory / self.count if self.count else math.nan


def crowd(model: str, count: int = 10_000) -> Crowd:
    """Start tasks that wait, in a process of its own, until all are under way; then let them go.

    There are fewer than wanted if the system allows no more, if half of what it allows is reached
    (other programs need some, too), or if they take too much memory or time.

    Parameters
    ----------
    model : {"threads", "async"}
    count : int
        1 to 20,000.

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these.
    RuntimeError
        If the process came to grief.
    """
    one_of("model", model, MODELS)
    count = whole("count", count, 1, MOST)
    with Line() as line, helper(__name__, model, str(count)) as process:
        found = json.loads(told(process, line, f"{count:,} tasks, {model}"))
    return Crowd(model, count, *found)


def crowds(*found: Crowd) -> Sheet:
    """Put crowds beside each other, a row each."""
    rows = [
        (
            one.model,
            f"{one.count:,}",
            f"{one.seconds:.2f} s",
            f"{one.memory / 1e6:.0f} MB",
            f"{one.each / 1e3:.1f} kB",
            one.limit or "as many as wanted",
        )
        for one in found
    ]
    head = ("model", "under way", "to start them", "memory", "memory a task", "why no more")
    return Sheet("tasks that all wait at the same time", head, tuple(rows))


# In the process of its own ----------------------------------------------------------------------------


def allowed(root: Path = Path("/")) -> tuple[float, str]:
    """Return how many threads may be started, by half of what the system still allows; and by what."""
    limits = [(math.inf, "")]

    def limit(path: Path, used: float, each: int, words: str) -> None:
        most = _number(path, math.inf)  # none, or "max"
        limits.append((max(0.0, (most - used) / each / 2), words))

    kernel = root / "proc/sys"
    limit(kernel / "kernel/threads-max", 0, 1, "half of the threads that this system may have")
    limit(kernel / "vm/max_map_count", 0, 2, "half of the memory areas that a process may have")
    for _, _, folder in mounts(root):
        used = _number(folder / "pids.current", 0.0)
        limit(folder / "pids.max", used, 1, "half of the threads that this container may have")
    if sys.platform == "linux":
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_NPROC)
        if most != resource.RLIM_INFINITY:
            limits.append((most / 2, "half of the processes and threads that a user may have"))
    return min(limits)


def _number(path: Path, otherwise: float) -> float:
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return otherwise


class Watch:
    """How much this process has grown since, and how long it has taken."""

    def __init__(self) -> None:
        self.process = psutil.Process()
        self.most = min(MEMORY, psutil.virtual_memory().available / 4)
        self.before, self.start = self.process.memory_info().rss, time.monotonic()

    @property
    def grown(self) -> int:
        """Bytes."""
        return self.process.memory_info().rss - self.before

    @property
    def seconds(self) -> float:
        """Seconds on the clock."""
        return time.monotonic() - self.start

    def enough(self, count: int) -> str:
        """Return why no more are to be started; empty if they may."""
        if count % EVERY == 0 and self.grown > self.most:
            return f"they took {self.grown / 1e6:.0f} MB, which is enough"
        return f"{SECONDS:g} s were over" if self.seconds > SECONDS else ""


def threads(wanted: int) -> tuple[int, int, float, str]:
    """Start threads; return how many were under way, their memory, the seconds, and the limit."""
    gate = threading.Event()
    waiting: list[None] = []
    pool: list[threading.Thread] = []

    def wait() -> None:
        waiting.append(None)
        gate.wait()

    most, limit = allowed()
    watch = Watch()
    try:
        for number in range(wanted):
            if why := limit if number >= most else watch.enough(number):
                return _seen(watch, pool, waiting, why)
            thread = threading.Thread(target=wait, daemon=True)
            try:
                thread.start()
            except (RuntimeError, MemoryError) as error:
                return _seen(watch, pool, waiting, f"the system said: {error}")
            pool.append(thread)
        return _seen(watch, pool, waiting, "")
    finally:
        gate.set()
        for thread in pool:
            thread.join()


def _seen(
    watch: Watch, pool: list[threading.Thread], waiting: list[None], limit: str
) -> tuple[int, int, float, str]:
    while len(waiting) < len(pool):
        time.sleep(0.001)
    return len(pool), watch.grown, watch.seconds, limit


def coroutines(wanted: int) -> tuple[int, int, float, str]:
    """Start coroutines on one thread; return the same."""
    return asyncio.run(_coroutines(wanted))


async def _coroutines(wanted: int) -> tuple[int, int, float, str]:
    gate, waiting, limit = asyncio.Event(), 0, ""

    async def wait() -> None:
        nonlocal waiting
        waiting += 1
        await gate.wait()

    await asyncio.sleep(0)
    watch, pool = Watch(), []
    for number in range(wanted):
        if limit := watch.enough(number):
            break
        pool.append(asyncio.create_task(wait()))
    while waiting < len(pool):
        await asyncio.sleep(0)
    found = len(pool), watch.grown, watch.seconds, limit
    gate.set()
    await asyncio.gather(*pool)
    return found


if __name__ == "__main__":
    sys.setswitchinterval(1)  # ten thousand that end would ask for the GIL every 5 ms, each
    ways: dict[str, Callable[[int], object]] = {"threads": threads, "async": coroutines}
    print(json.dumps(ways[sys.argv[1]](int(sys.argv[2]))), flush=True)

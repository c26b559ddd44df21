"""How fast a gallery could be filled on this machine: computed from its waits and its CPU work.

Nothing of it is assumed. How long a request waits, how long a picture computes, and how many cores
there are for it, is measured. From that, two computations give the least time: the simulated machine,
and Amdahl's law, for which the first wait is the serial part.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from course_lib.laws import amdahl
from course_lib.machine import machine, spin_check
from course_lib.programs.gallery import Busy, Gallery, picture, refusals
from course_lib.simulate import simulate
from course_lib.tables import html_table
from course_lib.tasks import Task, compute, wait

__all__ = ["CORES", "IN_HAND", "Costs", "costs", "sample", "workers"]

IN_HAND = 64  # pictures that may be in memory at once
CORES = 8.0  # that count: with more, asking and writing are most of the work
SAMPLE = 40  # pictures
FEW = 4  # threads


def workers() -> int:
    """Return how many processes keep all usable cores busy; at most 8, for more don't count here."""
    return math.ceil(min(CORES, machine().usable_cores))


@dataclass(frozen=True)
class Costs:
    """What filling a gallery costs: the waits, the CPU work, and the cores there are for it.

    Attributes
    ----------
    pictures : int
    wait : float
        Seconds from a request to its answer, with nothing else to do.
    rest : float
        CPU seconds a picture for all but its thumbnail: asking, serving, writing.
    dither : float
        CPU seconds for a thumbnail.
    cores : float
        How many cores there are: those that are usable, less what others keep busy.
    """

    pictures: int
    wait: float
    rest: float
    dither: float
    cores: float

    @property
    def asks(self) -> int:
        """How many requests it takes: some are refused."""
        return sum(1 + refusals(number) for number in range(self.pictures))

    @property
    def work(self) -> float:
        """CPU seconds for all pictures."""
        return self.pictures * (self.dither + self.rest)

    @property
    def sequential(self) -> float:
        """Seconds, one thing after the other."""
        return self.asks * self.wait + self.work

    def by_law(self, cores: float | None = None) -> float:
        """Return the least seconds by Amdahl's law: before the first picture nothing can be computed."""
        found = self.cores if cores is None else cores
        work = self.work / min(1.0, found)
        alone = self.wait + work
        return alone / float(amdahl(work / alone, max(1.0, found)))

    def by_simulation(self, cores: float | None = None) -> float:
        """Return the seconds on the simulated machine. Between two numbers of cores, speed is linear."""
        found = self.cores if cores is None else cores
        whole, slower = max(1, int(found)), min(1.0, found)
        slow, fast = (1 / self._simulated(n, slower) for n in (whole, whole + 1))
        return 1 / (slow + max(0.0, found - whole) * (fast - slow))

    def _simulated(self, cores: int, slower: float) -> float:
        steps = wait(self.wait), compute((self.dither + self.rest) / slower)
        tasks = [Task(f"{number}", *steps) for number in range(self.pictures)]
        return simulate(tasks, cores, workers=IN_HAND).makespan

    def bound(self, cores: float | None = None) -> float:
        """Return the least seconds, by the slower of both, with so many cores; None: all there are."""
        return max(self.by_law(cores), self.by_simulation(cores))

    def __repr__(self) -> str:
        return "\n".join(f"{what + ':':40}{number}" for what, number in self._rows())

    def _rows(self) -> list[tuple[str, str]]:
        return [
            ("pictures, and requests for them", f"{self.pictures}, {self.asks}"),
            ("a request waits", f"{self.wait * 1e3:.1f} ms"),
            ("a thumbnail computes", f"{self.dither * 1e3:.1f} ms"),
            ("asking, serving and writing compute", f"{self.rest * 1e3:.1f} ms a picture"),
            ("cores that there are for it", f"{self.cores:.2f}{self._others()}"),
        ]

    def _others(self) -> str:
        usable = min(CORES, machine().usable_cores)
        if self.cores > 0.8 * usable:
            return ""
        return f" of {usable:g}: others use the rest; measure again when they don't"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        rows = [list(row) for row in self._rows()]
        table = html_table("What filling the gallery costs here", ["what", "measured"], rows)
        return {"text/html": table, "text/plain": repr(self)}


def costs(gallery: Gallery) -> Costs:
    """Measure what it costs to fill a gallery; it takes about a second, and writes nothing into it."""
    waited, rest, dither = sample(gallery)
    cores = min(CORES, machine().usable_cores, spin_check(0.3))
    return Costs(len(gallery.numbers), waited, rest, dither, cores)


def sample(gallery: Gallery) -> tuple[float, float, float]:
    """Take a sample of some pictures, fetched by a few threads.

    Returns
    -------
    tuple of float
        Seconds that a request waits; CPU seconds a picture for all but its thumbnail; CPU seconds
        for a thumbnail.
    """
    with (
        tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor(FEW) as threads,
    ):
        trial = replace(gallery, folder=Path(folder), visit=f"sample-{time.monotonic_ns()}")

        def take(number: int) -> tuple[float, float]:
            start = time.perf_counter()
            with contextlib.suppress(Busy):
                trial.fetch(number)
            waited, cpu = time.perf_counter() - start, time.thread_time()
            thumbnail = trial.dither(picture(number))
            cpu = time.thread_time() - cpu
            trial.save(number, thumbnail)
            return waited, cpu

        trial.dither(picture(0))
        before, cpu = trial.asked()["cpu"], time.process_time()
        taken = list(threads.map(take, range(SAMPLE)))
        cpu = time.process_time() - cpu + trial.asked()["cpu"] - before
    dither = math.fsum(cpu for _, cpu in taken)
    alone = min(waited for waited, _ in taken)  # others wait for the GIL, too
    return alone, (cpu - dither) / SAMPLE, dither / SAMPLE

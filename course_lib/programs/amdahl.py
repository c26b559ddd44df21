"""A program with a serial part of any size: a sealed archive.

Each page of the archive gets a fingerprint, and no page needs another's: that part can be divided
among workers. Some pages are sealed instead: a seal is made from the page *and the seal before it*, so
whoever wants to change one later has to make all that follow anew. That is what makes a seal worth
something, and why no worker can make it before the seal before is there.

A seal is as much work as a fingerprint, so the share of fingerprints is the parallel fraction P. Both
are computed in C (PBKDF2), which lets go of the GIL: threads will do as workers.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from hashlib import pbkdf2_hmac

from course_lib.laws import Fit, amdahl, fit_amdahl, overhead
from course_lib.machine import busy_so_far, machine
from course_lib.models import run
from course_lib.simulate import simulate
from course_lib.speedup import NOISY, Meter, without_queues
from course_lib.tasks import Task, compute, duration, whole
from course_lib.trace import Trace

__all__ = ["PAGES", "Curve", "archive", "fingerprint", "measure", "seal", "seconds", "simulated"]

PAGES = 240
SECONDS = 0.2  # that all pages take on one quiet core
MOST = 1024  # workers


def fingerprint(page: int) -> bytes:
    """Return a page's fingerprint, which needs nothing but the page."""
    return pbkdf2_hmac("sha256", b"page %d" % page, b"fingerprint", _rounds())


def seal(page: int, before: bytes) -> bytes:
    """Return a page's seal, which needs the seal of the page before."""
    return pbkdf2_hmac("sha256", b"page %d" % page, before, _rounds())


def sealed(pages: range) -> bytes:
    """Seal pages, one after the other; return the last seal."""
    last = b"the first"
    for page in pages:
        last = seal(page, last)
    return last


def fingerprints(pages: range) -> list[bytes]:
    """Take the fingerprints of some pages."""
    return [fingerprint(page) for page in pages]


def archive(parallel: float = 0.9, workers: int = 1) -> tuple[bytes, list[bytes]]:
    """Seal the first pages, then take the fingerprints of the others.

    Parameters
    ----------
    parallel : float
        P: the share of all pages that get a fingerprint, 0 to 1.
    workers : int
        How many threads take fingerprints.
    """
    first, rest = _parts(parallel)
    last = sealed(first)
    with ThreadPoolExecutor(whole("workers", workers, 1, MOST)) as pool:
        return last, list(pool.map(fingerprint, rest))


def _parts(parallel: float) -> tuple[range, range]:
    """Return the pages to be sealed, and the others."""
    amdahl(parallel, 1)  # says what is wrong with it
    cut = round((1 - parallel) * PAGES)
    return range(cut), range(cut, PAGES)


@cache
def _rounds() -> int:
    """Return how many rounds make all pages take `SECONDS`; measured once."""
    took = []
    for _ in range(20):
        start = time.perf_counter()
        pbkdf2_hmac("sha256", b"page", b"fingerprint", 1000)
        took.append(time.perf_counter() - start)
    return max(1, round(1000 * SECONDS / PAGES / min(took)))


# Measured ---------------------------------------------------------------------------------------------


def seconds(parallel: float, workers: int, group: int = 2) -> float:
    """Return how long the archive takes, apart from what its threads waited for a core."""
    first, rest = _parts(parallel)
    spans = [range(at, min(at + group, PAGES)) for at in rest[::group]]
    phases: list[Trace] = []
    if first:
        phases.append(run([Task("seals", partial(sealed, first))]))
    if spans:
        tasks = [Task(f"{pages[0]}", partial(fingerprints, pages)) for pages in spans]
        phases.append(run(tasks, "threads", workers))
    return sum(_clean(trace) for trace in phases)


def _clean(trace: Trace) -> float:
    found = without_queues(trace)
    return trace.makespan if math.isnan(found) else found


@dataclass(frozen=True)
class Curve:
    """Measured speed-ups, a pair of numbers a repeat, and what the program lost without a serial part.

    Attributes
    ----------
    workers : tuple of int
    alone, took : tuple of float
        Seconds: one worker's, and those of so many workers right after; one entry a repeat and
        number of workers.
    overhead : float
        As `laws.overhead` has it: from the same pages, all of them fingerprints.
    others : float
        The share of this machine that other programs used meanwhile.
    """

    parallel: float
    workers: tuple[int, ...]
    alone: tuple[float, ...]
    took: tuple[float, ...]
    overhead: float
    others: float

    @property
    def speedup(self) -> list[float]:
        """The speed-up of each repeat."""
        return [one / many for one, many in zip(self.alone, self.took, strict=True)]

    @property
    def pairs(self) -> list[tuple[int, float]]:
        """All pairs of workers and speed-up, one a repeat."""
        return list(zip(self.workers, self.speedup, strict=True))

    @property
    def points(self) -> list[tuple[int, float]]:
        """A pair a number of workers: of one and of many, the quickest run counts."""
        quickest: dict[int, float] = {}
        for n, many in zip(self.workers, self.took, strict=True):
            quickest[n] = min(many, quickest.get(n, many))
        return [(n, min(self.alone) / many) for n, many in sorted(quickest.items())]

    @property
    def noise(self) -> str:
        """What to think of it, in words; empty if the machine was quiet."""
        if self.others <= NOISY:
            return ""
        return f"Noisy: other programs used {self.others:.0%} of this machine meanwhile."

    def fit(self) -> Fit:
        """Return the parallel fraction that fits best, and its interval."""
        return fit_amdahl(self.workers, self.speedup, self.overhead)


def measure(
    parallel: float = 0.9,
    workers: Sequence[int] | None = None,
    repeats: int = 7,
    budget: float = 4.5,
) -> Curve:
    """Measure the archive's speed-up, again and again in turn.

    Parameters
    ----------
    parallel : float
        P, 0 to 1.
    workers : sequence of int, optional
        Numbers from 2 on. By default 2, 4, 8 … up to this machine's usable cores, and 2 at least.
    repeats : int
        2 to 100.
    budget : float
        Seconds after which no further repeat is begun, once there are two.
    """
    _parts(parallel)
    counts = _counts() if workers is None else [whole("workers", n, 2, MOST) for n in workers]
    if not counts:
        raise ValueError("workers must hold at least one number, 2 or more")
    meter, busy = Meter(), busy_so_far()
    times: list[tuple[int, float, float]] = []
    lost: list[tuple[int, float]] = []
    seconds(parallel, counts[0])  # to warm up
    end = time.perf_counter() + duration("budget", budget)
    for count in range(whole("repeats", repeats, 2, 100)):
        if count >= 2 and time.perf_counter() > end:
            break
        order = (
            [1, *counts] if count % 2 else [*reversed(counts), 1]
        )  # so that none is always first
        took = {n: seconds(parallel, n) for n in order}
        alone = took[1]
        times += [(n, alone, took[n]) for n in counts]
        lost.append((counts[-1], alone / seconds(1.0, counts[-1])))
    cpu, lasted = meter.read()
    others = max(0.0, busy_so_far() - busy - cpu) / lasted / (os.cpu_count() or 1)
    n, one, many = zip(*times, strict=True)
    return Curve(parallel, n, one, many, overhead(*zip(*lost, strict=True)), others)


def _counts() -> list[int]:
    most = max(2, int(machine().usable_cores))
    return [n for n in (2**k for k in range(1, 11)) if n <= most]


# Simulated --------------------------------------------------------------------------------------------


def simulated(parallel: float, workers: int, hand_out: float = 0.0) -> float:
    """Return the speed-up on a simulated machine with as many cores as workers.

    Parameters
    ----------
    hand_out : float
        The share of one worker's time that it takes to hand out work to one worker, in the serial
        part: 0 or more.
    """
    first, rest = _parts(parallel)
    page = 0.001
    began = page * (len(first) + hand_out * PAGES * workers)
    tasks = [Task("seals", compute(began)), *(Task(f"{n}", compute(page), at=began) for n in rest)]
    one = page * PAGES * (1 + hand_out)
    return one / simulate(tasks, whole("workers", workers, 1, MOST), workers=workers).makespan

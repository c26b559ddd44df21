"""A program with a serial part of any size: it closes an archive.

The first pages are *sealed*: a seal is made from the page *and the seal before it* (as in a ledger), so
whoever wants to change one later has to make all that follow anew. That is what makes a seal worth
something, and why no worker can make it before the seal before is there. The other pages get a
*fingerprint*, which needs no other page: these can be shared out.

A seal is as much work as a fingerprint, so the parallel fraction is known by counting. Both are
computed in C (PBKDF2), which lets go of the GIL: threads will do as workers.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from hashlib import pbkdf2_hmac

from course_lib.simulate import simulate
from course_lib.tasks import Task, compute, duration, number, share, whole

__all__ = ["GROUP", "PAGES", "Archive", "archive", "simulated"]

PAGES = 240
GROUP = 2  # pages that are handed to a worker at once
MOST = 4096  # workers
FULL = 10_000_000  # pages


@dataclass(frozen=True)
class Archive:
    """An archive with so many pages to be sealed, and so many that get a fingerprint.

    Attributes
    ----------
    seals, fingerprints : int
        Numbers of pages.
    rounds : int
        How much work a page is: rounds of PBKDF2.
    """

    seals: int
    fingerprints: int
    rounds: int

    @property
    def parallel_fraction(self) -> float:
        """P, which share of the work can be divided: the fingerprints' among all pages."""
        return self.fingerprints / (self.seals + self.fingerprints)

    def grown(self, times: int) -> Archive:
        """Return an archive with so many times the fingerprints, and the same seals."""
        whole("times", times, 1, FULL)
        return replace(self, fingerprints=self.fingerprints * times)

    def close(self, workers: int = 1) -> tuple[bytes, list[bytes]]:
        """Seal the first pages; then let so many threads take the fingerprints of the others.

        Returns
        -------
        tuple of (bytes, list of bytes)
            The last seal, and the fingerprints in the order of their pages.
        """
        whole("workers", workers, 1, MOST)
        last = b"the first"
        for page in range(self.seals):
            last = self.seal(page, last)
        pages = range(self.seals, self.seals + self.fingerprints)
        groups = [pages[at : at + GROUP] for at in range(0, len(pages), GROUP)]
        with ThreadPoolExecutor(workers) as pool:
            return last, [each for group in pool.map(self._group, groups) for each in group]

    def seal(self, page: int, before: bytes) -> bytes:
        """Return a page's seal, which needs the seal of the page before."""
        return pbkdf2_hmac("sha256", b"page %d" % page, before, self.rounds)

    def fingerprint(self, page: int) -> bytes:
        """Return a page's fingerprint, which needs nothing but the page."""
        return pbkdf2_hmac("sha256", b"page %d" % page, b"fingerprint", self.rounds)

    def _group(self, pages: range) -> list[bytes]:
        return [self.fingerprint(page) for page in pages]


def archive(parallel_fraction: float = 0.9, seconds: float = 0.2) -> Archive:
    """Return an archive of 240 pages that one worker closes in about so many seconds here.

    Parameters
    ----------
    parallel_fraction : float, 0 to 1
        P: which share of the pages get a fingerprint, to the nearest whole page.
    seconds : float
        0.02 to 10.

    Raises
    ------
    ValueError, TypeError
        If an argument isn't in its range.

    Examples
    --------
    >>> archive(0.9).parallel_fraction
    0.9
    """
    fraction = share("parallel_fraction", parallel_fraction)
    if not 0.02 <= duration("seconds", seconds) <= 10:
        raise ValueError(f"seconds must be from 0.02 to 10, not {seconds!r}")
    fingerprints = round(fraction * PAGES)
    rounds = max(1, round(seconds / PAGES * _rounds_a_second()))
    return Archive(PAGES - fingerprints, fingerprints, rounds)


@cache
def _rounds_a_second() -> float:
    """Return how many rounds a core does in a second; measured once."""
    took = []
    for _ in range(20):
        start = time.perf_counter()
        pbkdf2_hmac("sha256", b"page", b"fingerprint", 1000)
        took.append(time.perf_counter() - start)
    return 1000 / min(took)


def simulated(work: Archive, workers: int, hand_out: float = 0.0) -> float:
    """Return an archive's speed-up on a simulated machine with as many cores as workers.

    Parameters
    ----------
    hand_out : float
        The share of one worker's time that it takes to hand out work to one worker, in the serial
        part: 0 or more.
    """
    page, pages = 0.001, work.seals + work.fingerprints
    cost = number("hand_out", hand_out, "a share, 0 or more", lambda found: 0 <= found < math.inf)
    began = page * (work.seals + cost * pages * workers)
    groups = (min(GROUP, work.fingerprints - n) for n in range(0, work.fingerprints, GROUP))
    rest = (Task(f"{n}", compute(page * many), at=began) for n, many in enumerate(groups))
    tasks = [Task("seals", compute(began)), *rest]
    one = page * pages * (1 + hand_out)
    return one / simulate(tasks, whole("workers", workers, 1, MOST), workers=workers).makespan

"""Verify an archive: a log that must be read in order, and files that needn't be.

Each entry of the log holds the digest of the one before it (as commits and ledgers do), so an entry
can't be verified before its predecessor: that part is serial. Files don't depend on each other: they
can be shared out. Entries and files are of one size, so the parallel fraction is known by counting.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass

from course_lib.tasks import calibrate, duration, whole

__all__ = ["Archive", "archive"]

BLOCKS = 16  # of 64 KiB: the size of an entry, and of a file
CONTENT = bytes(range(256)) * 256 * BLOCKS
MOST = 10_000_000


@dataclass(frozen=True)
class Archive:
    """An archive of so many log entries and files, 1 MiB each."""

    entries: int
    files: int

    @property
    def parallel_fraction(self) -> float:
        """Which share of the work can be divided: the files among all."""
        return self.files / (self.entries + self.files)

    def grown(self, times: int) -> Archive:
        """Return an archive with so many times the files, and the same log."""
        return Archive(self.entries, self.files * whole("times", times, 1, MOST))

    def verify(self, workers: int = 1) -> str:
        """Read the log, then compute the digests of all files by so many threads; return one for all.

        The hash function lets go of the GIL, so the threads can run in parallel.
        """
        workers = whole("workers", workers, 1, 4096)
        last = b""
        for _ in range(self.entries):
            last = _digest(last)
        found: list[bytes] = [b""] * self.files

        def share(first: int) -> None:
            for file in range(first, self.files, workers):
                found[file] = _digest(file.to_bytes(8, "big"))

        helpers = [threading.Thread(target=share, args=(n,)) for n in range(1, workers)]
        for helper in helpers:
            helper.start()
        share(0)  # this thread is a worker, too
        for helper in helpers:
            helper.join()
        return hashlib.sha256(last + b"".join(found)).hexdigest()


def archive(parallel_fraction: float = 0.9, seconds: float = 0.2) -> Archive:
    """Return an archive that one worker verifies in about so many seconds here.

    Parameters
    ----------
    parallel_fraction : float, 0 to 1
        How much of it are files; met as nearly as whole entries and files allow.
    seconds : float
        0.02 to 10.

    Raises
    ------
    ValueError, TypeError
        If an argument isn't in its range.

    Examples
    --------
    >>> 0.85 < archive(0.9).parallel_fraction < 0.95
    True
    """
    if not duration("parallel_fraction", parallel_fraction) <= 1:
        raise ValueError(f"parallel_fraction must be from 0 to 1, not {parallel_fraction!r}")
    if not 0.02 <= duration("seconds", seconds) <= 10:
        raise ValueError(f"seconds must be from 0.02 to 10, not {seconds!r}")
    pieces = max(10, round(seconds / (BLOCKS * calibrate().native)))
    files = round(parallel_fraction * pieces)
    return Archive(pieces - files, files)


def _digest(start: bytes) -> bytes:
    digest = hashlib.sha256(start)
    digest.update(CONTENT)
    return digest.digest()

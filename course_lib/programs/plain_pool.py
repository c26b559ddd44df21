"""A pool of worker processes for any calls, warm before the first one."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

import loky

from course_lib.models.worker import belong_to, helpers_ended
from course_lib.tasks import whole

__all__ = ["plain_pool"]


@contextlib.contextmanager
def plain_pool(workers: int = 1) -> Iterator[loky.ProcessPoolExecutor]:
    """Start so many worker processes; nothing is left of them after the block.

    Yields
    ------
    loky.ProcessPoolExecutor
        An executor as `concurrent.futures` has it; it takes functions from notebook cells, too.

    Raises
    ------
    ValueError, TypeError
        If `workers` isn't a whole number from 1 to 61.
    """
    workers = whole("workers", workers, 1, 61)
    with helpers_ended():
        executor = loky.ProcessPoolExecutor(workers, initializer=belong_to, initargs=(os.getpid(),))
        try:
            while len(set(executor.map(_hello, range(4 * workers)))) < workers:
                pass  # until each of them has answered
            yield executor
        finally:
            executor.shutdown(kill_workers=True)


def _hello(number: int) -> int:
    time.sleep(0.002)
    return os.getpid()

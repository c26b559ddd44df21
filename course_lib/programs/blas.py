"""One product of two matrices, on as many threads as BLAS is told to use.

BLAS is the library in which NumPy multiplies matrices. It cuts the product into blocks and gives them
to threads of its own: data parallelism that a program gets without asking.
"""

from __future__ import annotations

import os
import subprocess
import sys

from course_lib.tasks import whole

__all__ = ["multiply"]


def multiply(threads: int, size: int = 1200, times: int = 5) -> float:
    """Multiply two matrices of `size` rows and columns, `times` times; return the seconds it took.

    It is done in a process of its own, for BLAS asks how many threads it may use when NumPy is
    imported. Between two products its threads spin for a while, and would pass for busy: they are
    told not to.

    Raises
    ------
    ValueError, TypeError
        If a number isn't a whole one above 0.
    """
    threads = whole("threads", threads, 1, 512)
    size, times = whole("size", size, 1, 10_000), whole("times", times, 1, 1000)
    names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    variables = os.environ | dict.fromkeys(names, str(threads)) | {"OPENBLAS_THREAD_TIMEOUT": "4"}
    command = [sys.executable, "-m", __name__, str(size), str(times)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main(size: int, times: int) -> None:
    """Print how many seconds the products take here."""
    import time

    import numpy as np

    one = np.random.default_rng(1).random((size, size))
    out = np.empty_like(one)
    np.dot(one[:64, :64], one[:64, :64])  # the threads are there before the clock starts
    start = time.perf_counter()
    for _ in range(times):
        np.dot(one, one, out=out)
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

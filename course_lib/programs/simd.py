"""Make a core's vector units visible: the same NumPy function, with them and without.

One instruction of a vector unit treats several numbers at once (SIMD: single instruction, multiple
data). That is parallel hardware *inside* a core, so "cores busy" doesn't see it; a stopwatch does.
NumPy chooses at its import which instructions to use, so the two are measured in two processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from statistics import median

from course_lib.tasks import one_of

__all__ = ["FUNCTIONS", "Vectors", "vectors"]

#: What is measured, each on 100,000 numbers: float32 tanh, float32 addition, int32 sorting.
FUNCTIONS = ("tanh", "add", "sort")
SWITCH = "NPY_DISABLE_CPU_FEATURES"


@dataclass(frozen=True)
class Vectors:
    """What vector instructions gain: seconds with them, and without those that NumPy can do without.

    `features` are the groups of instructions that were switched off; empty if there was none to
    switch off here. NumPy's baseline can't be switched off, and is vectorized as well.
    """

    function: str
    features: tuple[str, ...]
    seconds: float
    seconds_without: float

    @property
    def speedup(self) -> float:
        """How many times as fast it is with them."""
        return self.seconds_without / self.seconds

    def __repr__(self) -> str:
        if not self.features:
            return f"{self.function}: NumPy uses nothing here that could be switched off"
        return (
            f"{self.function}: {self.speedup:.1f} times as fast with {', '.join(self.features)} "
            f"({self.seconds * 1e3:.3f} ms) as without ({self.seconds_without * 1e3:.3f} ms)"
        )


def vectors(function: str = "tanh", rounds: int = 3) -> Vectors:
    """Measure a function with and without vector instructions, in turns; medians of the rounds.

    Raises
    ------
    ValueError
        If the function is none of `FUNCTIONS`.
    """
    one_of("function", function, FUNCTIONS)
    features = switchable()
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(max(1, rounds)):
        for seconds, off in zip(found, ("", " ".join(features)), strict=True):
            seconds.append(_measured(function, off))
    return Vectors(function, features, *map(median, found))


def switchable() -> tuple[str, ...]:
    """Return the groups of instructions that this machine has, and NumPy can do without."""
    umath = import_module("numpy._core._multiarray_umath")
    return tuple(name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name))


def _measured(function: str, off: str) -> float:
    command = [sys.executable, "-m", __name__, function]
    variables = {**os.environ, SWITCH: off} if off else {**os.environ}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main(function: str) -> None:
    """Print how many seconds a function takes here: the quickest of many calls."""
    import numpy as np

    numbers = np.linspace(-3, 3, 100_000, dtype=np.float32)
    whole = np.random.default_rng(1).integers(0, 1 << 30, 100_000, dtype=np.int32)
    out = np.empty_like(numbers)
    act: Callable[[], object] = {
        "tanh": lambda: np.tanh(numbers, out=out),
        "add": lambda: np.add(numbers, numbers, out=out),
        "sort": lambda: np.sort(whole),
    }[function]
    quickest = float("inf")
    until = time.perf_counter() + 0.15
    while time.perf_counter() < until:
        start = time.perf_counter()
        act()
        quickest = min(quickest, time.perf_counter() - start)
    print(quickest)


if __name__ == "__main__":
    main(sys.argv[1])

"""A kernel: a small function that a graphics processor runs once for each element, all "at once".

A kernel has no loop. It asks which thread it is, and treats the element with that number. Thousands of
such threads share the processor; they come in blocks, and a block's threads go through the same
instructions side by side. Where there is no such processor, Numba's simulator runs the same kernel,
slowly, with ordinary threads: it shows the model, and nothing is timed on it.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from ctypes.util import find_library
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from course_lib.programs.parallel_loop import why_not
from course_lib.service import answer, helper
from course_lib.tasks import whole

__all__ = ["Launch", "brighter", "launch", "why_not"]

BLOCK = 32  # threads; on NVIDIA's processors so many take each instruction together
MOST = 4096
cuda: Any = None  # Numba's, in the process that launches: an import takes a second


@dataclass(frozen=True)
class Launch:
    """What a launched kernel has done.

    Attributes
    ----------
    simulated : bool
        Whether Numba's simulator ran it, not a graphics processor.
    values : list of float
        The brightness of each element, afterwards.
    threads : list of (block, thread)
        Who has treated each element.
    seconds : float
        What a launch took on the graphics processor; NaN if simulated.
    """

    simulated: bool
    values: list[float]
    threads: list[tuple[int, int]]
    seconds: float

    def __repr__(self) -> str:
        blocks = len({block for block, _ in self.threads})
        where = "Numba's simulator (so not timed)" if self.simulated else "the graphics processor"
        took = "" if math.isnan(self.seconds) else f", {self.seconds * 1e6:.0f} µs"
        lines = [
            f"{len(self.values)} elements, {blocks} blocks of {BLOCK} threads, on {where}{took}"
        ]
        for element in sorted({0, 1, BLOCK, len(self.values) - 1} & {*range(len(self.values))}):
            block, thread = self.threads[element]
            lines.append(
                f"element {element}: block {block}, thread {thread} made it {self.values[element]:g}"
            )
        return "\n".join(lines)


def brighter(before: Any, after: Any, who: Any) -> None:
    """Make one element twice as bright: this is the kernel."""
    element = cuda.grid(1)  # which of all threads am I?
    if element < before.size:  # the last block may have threads to spare
        after[element] = 2 * before[element]
        who[element, 0] = cuda.blockIdx.x
        who[element, 1] = cuda.threadIdx.x


def launch(elements: int = 100) -> Launch:
    """Launch the kernel on so many elements, in a process of its own.

    Raises
    ------
    ValueError, TypeError
        If `elements` isn't a whole number from 1 to 4,096.
    RuntimeError
        If Numba isn't there.
    """
    elements = whole("elements", elements, 1, MOST)
    if (reason := why_not()) is not None:
        raise RuntimeError(reason)
    ways: list[dict[str, str]] = (
        [{}] if find_library("nvcuda" if sys.platform == "win32" else "cuda") else []
    )
    for variables in [*ways, {"NUMBA_ENABLE_CUDASIM": "1"}]:  # Numba reads it when imported
        with helper(__name__, str(elements), **variables) as process:
            found = json.loads(answer(process))
        if found:
            break
    return Launch(
        found["simulated"],
        found["values"],
        [(block, thread) for block, thread in found["threads"]],
        math.nan if found["seconds"] is None else found["seconds"],
    )


def main(elements: int) -> dict[str, Any]:
    """Launch the kernel here; return what came of it, nothing if there is nowhere to."""
    global cuda
    import numpy as np

    cuda = import_module("numba.cuda")
    simulated = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
    if not cuda.is_available():
        return {}
    kernel, blocks = cuda.jit(brighter), math.ceil(elements / BLOCK)
    before = np.arange(elements, dtype=np.float32)
    after, who = np.zeros_like(before), np.full((elements, 2), -1, dtype=np.int32)
    kernel[blocks, BLOCK](before, after, who)
    seconds = None
    if not simulated:  # once more, with all in the processor's own memory, and compiled
        there = [cuda.to_device(array) for array in (before, after, who)]
        cuda.synchronize()
        start = time.perf_counter()
        kernel[blocks, BLOCK](*there)
        cuda.synchronize()
        seconds = time.perf_counter() - start
    return {
        "simulated": simulated,
        "values": after.tolist(),
        "threads": who.tolist(),
        "seconds": seconds,
    }


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")  # that so few threads leave most of a processor idle
    try:
        launched = main(int(sys.argv[1]))
    except Exception:
        if "NUMBA_ENABLE_CUDASIM" in os.environ:
            raise
        launched = {}
    print(json.dumps(launched), flush=True)

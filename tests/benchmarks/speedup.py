"""How far a speed-up is off its own median while another program keeps one core busy.

The peers are what people do without it: one pair of timings, or the best of several by the clock.
"""

from __future__ import annotations

import subprocess
import sys
from statistics import median

from course_lib import Task, compute, speedup
from tests.benchmarks.table import Row

BUSY = "while True: pass"


def rows(quick: bool = False) -> list[Row]:
    """Measure the same speed-up again and again, beside a process that spins."""
    tasks = [Task(name, compute(0.1, "native")) for name in "AB"]
    repeats, budget = (2, 0.5) if quick else (10, 4.5)
    with subprocess.Popen([sys.executable, "-S", "-c", BUSY]) as other:
        try:
            found = [speedup((tasks,), (tasks, "threads", 2), budget) for _ in range(repeats)]
        finally:
            other.kill()
    values = [each.value for each in found]
    off = [abs(value / median(values) - 1) for value in values]
    unsaid = sum(
        share > 0.1 and each.verdict == "quiet" for share, each in zip(off, found, strict=True)
    )
    return [
        Row("one pair, by the clock", "×", [each.pairs[0][0] / each.pairs[0][1] for each in found]),
        Row("the best of all pairs, by the clock", "×", [each.raw for each in found]),
        Row("speedup()", "×", values),
        Row("speedup(), off its own median", "%", [100 * share for share in off]),
        Row(f"off by over 10 % and not called noisy, of {repeats}", "", [unsaid], 1.0),
    ]

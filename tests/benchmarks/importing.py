"""How long a program that imports the course takes, from its start to its end."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.benchmarks.table import Row

PROGRAMS = {"pass": None, "import numpy": None, "import course_lib": 300.0}  # aims, in ms


def rows(quick: bool = False) -> list[Row]:
    """Start each program in turn, round after round; a first round only warms the disk's cache."""
    took: dict[str, list[float]] = {program: [] for program in PROGRAMS}
    for _ in range(1 + (2 if quick else 7)):
        for program, times in took.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True)
            times.append((time.perf_counter() - start) * 1e3)
    return [Row(program, "ms", took[program][1:], aim) for program, aim in PROGRAMS.items()]

"""How long all cells of a lesson take, one after the other: on all cores, and on one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from course_lib.machine import allowed_cpus, machine
from tests.benchmarks.table import Row

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
ALL, ONE = 45.0, 75.0  # aims, in seconds
#: Runs a notebook as the lab does, on the first so many of the CPUs that it may use, and ends.
RUN = """
import sys
import nbformat
from nbclient import NotebookClient
from course_lib.models.conductor import pinned

path, folder, cores = sys.argv[1:]
with pinned(int(cores) or None):
    NotebookClient(nbformat.read(path, 4), timeout=120, resources={"metadata": {"path": folder}}).execute()
"""


def rows(quick: bool = False) -> list[Row]:
    """Run each lesson; in a hurry, the first one only."""
    lessons = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))[: 1 if quick else None]
    several = machine().can_pin and len(allowed_cpus()) > 1
    found = []
    for lesson in lessons:
        found.append(Row(f"{lesson.stem}, all cores", "s", [seconds(lesson, 0)], ALL))
        if several:
            found.append(Row(f"{lesson.stem}, one core", "s", [seconds(lesson, 1)], ONE))
    return found


def seconds(lesson: Path, cores: int) -> float:
    """Return how long a lesson takes, its kernel's start included; 0 cores are all."""
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-c", RUN, str(lesson), str(NOTEBOOKS), str(cores)]
        start = time.perf_counter()
        environment = {**os.environ, "COURSE_HOME": home}
        run = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        took = time.perf_counter() - start
    if run.returncode:
        raise RuntimeError(f"{lesson.name} doesn't run to its end:\n{run.stderr}")
    return took

"""Show the course's speed on this machine: `python -m tests.benchmarks [NAME …]`.

Tests assert properties that hold on any machine. Here are figures, each beside those of its peers
from the same run. An aim counts as met if the median meets it; one that is missed is no error.
"""

from __future__ import annotations

import argparse
import platform
from importlib import import_module

from tests.benchmarks.table import table

BENCHMARKS = {
    "start": "The course, from its command to the ready line",
    "importing": "A fresh interpreter, from start to end",
    "tick": "A loop in chunks, and what a watcher adds to each",
    "speedup": "A speed-up, beside a process that keeps a core busy",
    "scaling": "A program with a serial part, Amdahl's law, and what a fit finds",
    "classroom": "A class's machines",
    "accounts": "Cores busy, observed and as the system accounts",
    "turns": "Turns with the GIL, as a timeline shows them",
    "loop": "asyncio, bare and observed",
    "pools": "Worker processes",
    "cluster": "A cluster of workers, by Dask",
    "simulated": "A simulated machine",
    "twins": "A measured makespan, off the simulated one by",
    "timeline": "A timeline, from the trace to the PNG",
    "player": "A browser's frames (more is better)",
    "lessons": "A lesson, from its first cell to its last",
    "sliders": "From a slider to the picture, in JupyterLab",
}


def main() -> None:
    """Run each benchmark and print its table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: the figures mean little")
    parser.add_argument("name", nargs="*", help=f"which: {', '.join(BENCHMARKS)}; if none, all")
    given = parser.parse_args()
    for name in given.name:
        if name not in BENCHMARKS:
            parser.error(f"name must be one of {', '.join(BENCHMARKS)}, not {name!r}")
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.platform()}")
    for name in given.name or BENCHMARKS:
        # only now: some libraries, once imported, make pickling slower in the whole process
        rows = import_module(f"tests.benchmarks.{name}").rows(given.quick)
        print("\n" + table(BENCHMARKS[name], rows), flush=True)


if __name__ == "__main__":
    main()

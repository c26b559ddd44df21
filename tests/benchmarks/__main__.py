"""Show the course's speed on this machine: `python -m tests.benchmarks [NAME …]`.

Tests assert properties that hold on any machine. Here are figures, each beside those of its peers
from the same run. An aim counts as met if the median meets it; one that is missed is no error.
"""

from __future__ import annotations

import argparse
import platform

from tests.benchmarks import (
    accounts,
    classroom,
    cluster,
    importing,
    lessons,
    loop,
    player,
    pools,
    scaling,
    simulated,
    sliders,
    speedup,
    start,
    tick,
    timeline,
    turns,
    twins,
)
from tests.benchmarks.table import table

BENCHMARKS = {
    "start": ("The course, from its command to the ready line", start.rows),
    "importing": ("A fresh interpreter, from start to end", importing.rows),
    "tick": ("A loop in chunks, and what a watcher adds to each", tick.rows),
    "speedup": ("A speed-up, beside a process that keeps a core busy", speedup.rows),
    "scaling": ("A program with a serial part, Amdahl's law, and what a fit finds", scaling.rows),
    "classroom": ("A class's machines", classroom.rows),
    "accounts": ("Cores busy, observed and as the system accounts", accounts.rows),
    "turns": ("Turns with the GIL, as a timeline shows them", turns.rows),
    "loop": ("asyncio, bare and observed", loop.rows),
    "pools": ("Worker processes", pools.rows),
    "cluster": ("A cluster of workers, by Dask", cluster.rows),
    "simulated": ("A simulated machine", simulated.rows),
    "twins": ("A measured makespan, off the simulated one by", twins.rows),
    "timeline": ("A timeline, from the trace to the PNG", timeline.rows),
    "player": ("A browser's frames (more is better)", player.rows),
    "lessons": ("A lesson, from its first cell to its last", lessons.rows),
    "sliders": ("From a slider to the picture, in JupyterLab", sliders.rows),
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
        title, rows = BENCHMARKS[name]
        print("\n" + table(title, rows(given.quick)), flush=True)


if __name__ == "__main__":
    main()

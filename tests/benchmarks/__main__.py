"""Show the course's speed on this machine: `python -m tests.benchmarks`.

Tests assert properties that hold on any machine. Here are figures, each beside those of its peers
from the same run. An aim counts as met if the median meets it; one that is missed is no error.
"""

from __future__ import annotations

import argparse
import platform

from tests.benchmarks import (
    accounts,
    importing,
    loop,
    player,
    pools,
    simulated,
    sliders,
    speedup,
    tick,
    timeline,
    turns,
    twins,
)
from tests.benchmarks.table import table

BENCHMARKS = {
    "A fresh interpreter, from start to end": importing.rows,
    "A loop in chunks, and what a watcher adds to each": tick.rows,
    "A speed-up, beside a process that keeps a core busy": speedup.rows,
    "Cores busy, observed and as the system accounts": accounts.rows,
    "Turns with the GIL, as a timeline shows them": turns.rows,
    "asyncio, bare and observed": loop.rows,
    "Worker processes": pools.rows,
    "A simulated machine": simulated.rows,
    "A measured makespan, off the simulated one by": twins.rows,
    "A timeline, from the trace to the PNG": timeline.rows,
    "A browser's frames (more is better)": player.rows,
    "From a slider to the picture, in JupyterLab": sliders.rows,
}


def main() -> None:
    """Run each benchmark and print its table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds: the figures mean little")
    quick = parser.parse_args().quick
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.platform()}")
    for title, rows in BENCHMARKS.items():
        print("\n" + table(title, rows(quick)), flush=True)


if __name__ == "__main__":
    main()

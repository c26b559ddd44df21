"""Cores busy as `observe()` says, beside what the operating system accounts, for thirteen programs.

Each program runs in a Python of its own. Right before and right after the observed block that Python
asks the system for its own CPU time, that of its ended children (`getrusage`, to a microsecond; a child
counts once it is waited for) and that of its living ones (psutil; loky leaves a helper process behind),
and reads the clock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from statistics import median

from tests.benchmarks.table import Row

SPIN = [sys.executable, "-c", "sum(i * i for i in range(2_000_000))"]
PROGRAMS = {
    "a plain loop": "spin()",
    "threads that sleep": "together([Thread(target=time.sleep, args=(0.3,)) for _ in 'ABC'])",
    "threads of Python code": "together([Thread(target=spin) for _ in 'AB'])",
    "threads that let go of the GIL": "together([Thread(target=native) for _ in 'AB'])",
    "an executor of threads": "with ThreadPoolExecutor(2) as pool:\n    list(pool.map(native, 'ABCD'))",
    "an executor of processes": "with ProcessPoolExecutor(2) as pool:\n    list(pool.map(spin, 'ABCD'))",
    "loky": (
        "pool = loky.ProcessPoolExecutor(2)\nlist(pool.map(spin, 'ABCD'))\n"
        "pool.shutdown(kill_workers=False)"
    ),
    "coroutines that wait": "asyncio.run(waits())",
    "coroutines and threads": "asyncio.run(handed())",
    "child processes": f"children = [subprocess.Popen({SPIN!r}) for _ in 'AB']\n[c.wait() for c in children]",
    "multiprocessing": "together([multiprocessing.Process(target=spin) for _ in 'AB'])",
    "a fork server": (
        "server = multiprocessing.get_context('forkserver')\n"
        "together([server.Process(target=spin) for _ in 'AB'])"
    ),
    "a product of matrices": "numbers = np.ones((900, 900))\nfor _ in range(24):\n    numbers @ numbers",
}
FRAME = """
import asyncio, hashlib, json, multiprocessing, resource, subprocess, sys, time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from threading import Thread
import loky
import numpy as np
import psutil
from course_lib import observe

def spin(_=None):
    return sum(i * i for i in range(3_000_000))

def native(_=None):
    for _ in range(6000):
        hashlib.sha256(bytes(65536))

def together(flows):
    for flow in flows:
        flow.start()
    for flow in flows:
        flow.join()

async def waits():
    await asyncio.gather(*(asyncio.sleep(0.3) for _ in range(50)))

async def handed():
    await asyncio.gather(asyncio.to_thread(native), asyncio.to_thread(native), asyncio.sleep(0.2))

def account():
    alive = [child.cpu_times() for child in psutil.Process().children()]
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(each.ru_utime + each.ru_stime for each in used)
    return cpu + sum(sum(each[:4]) for each in alive), time.perf_counter()

if __name__ == "__main__":
    cpu, clock = account()
    with observe() as trace:
{program}
    after, later = account()
    print(json.dumps([trace.parallelism, (after - cpu) / (later - clock), trace.concurrency]))
"""


def measure(name: str, folder: str) -> tuple[float, float, float]:
    """Run a program; return cores busy as observed and as accounted, and tasks in flight."""
    path = os.path.join(folder, "program.py")  # a file: worker processes import it
    with open(path, "w", encoding="utf-8") as file:
        file.write(FRAME.replace("{program}", textwrap.indent(PROGRAMS[name], " " * 8)))
    variables = os.environ | {"OPENBLAS_THREAD_TIMEOUT": "4", "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, path], env=variables, capture_output=True, text=True, check=True
    )
    observed, accounted, in_flight = json.loads(done.stdout)
    return observed, accounted, in_flight


def rows(quick: bool = False) -> list[Row]:
    """Run each program several times; the difference is the row with the aim."""
    import tempfile

    said = []
    with tempfile.TemporaryDirectory() as folder:
        for name in list(PROGRAMS)[:2] if quick else PROGRAMS:
            found = [measure(name, folder) for _ in range(1 if quick else 5)]
            system = median(accounted for _, accounted, _ in found)
            said.append(
                Row(f"{name} (the system says {system:.2f})", "cores", [a for a, *_ in found])
            )
            off = [abs(observed - accounted) * 100 for observed, accounted, _ in found]
            said.append(Row(f"{name}, off by", "% of a core", off, aim=10))
    return said

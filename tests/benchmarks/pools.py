"""What model "processes" costs, beside bare processes and plain loky."""

from __future__ import annotations

import multiprocessing
import time
from math import ceil

import loky

from course_lib import Task, compute, machine, run
from course_lib.tasks import Compute, Pace, calibrate
from tests.benchmarks.table import Row


def rows(quick: bool = False) -> list[Row]:
    """Run computations of 200 ms, and calls that do nothing."""
    rounds, calls = (1, 20) if quick else (7, 300)
    workers = ceil(machine().usable_cores)
    tasks = [Task(f"T{n}", compute(0.05 if quick else 0.2)) for n in range(2 * workers)]
    idle = [Task(f"T{n}", compute(0)) for n in range(calls)]
    bare, ours, dispatch, plain, start = ([] for _ in range(5))
    for _ in range(rounds):
        bare.append(in_processes(tasks, workers))
        ours.append(run(tasks, "processes", workers).makespan)
    for _ in range(2 * rounds):
        began = time.perf_counter()
        trace = run(idle, "processes", workers)
        start.append(time.perf_counter() - began - trace.makespan)
        dispatch.append(trace.makespan / calls * 1e3)
        plain.append(by_loky(calls, workers) / calls * 1e3)
    return [
        Row("2 tasks a core, bare processes", "ms", [a * 1e3 for a in bare]),
        Row("2 tasks a core, model processes", "ms", [a * 1e3 for a in ours]),
        Row(
            "of the bare speed-up, lost",
            "%",
            [(1 - a / b) * 100 for a, b in zip(bare, ours, strict=True)],
            aim=10,
        ),
        Row("start and end of the pool", "ms", [a * 1e3 for a in start], aim=300),
        Row("a call, plain loky", "ms", plain),
        Row("a task, model processes", "ms", dispatch),
        Row(
            "a task by a call of plain loky, quickest of each",
            "×",
            [min(dispatch) / min(plain)],
            aim=1.1,
        ),
    ]


def in_processes(tasks: list[Task], workers: int) -> float:
    """Do the same work in bare processes, dealt out beforehand; return the seconds it took."""
    gate = multiprocessing.Barrier(workers + 1)
    crew = [
        multiprocessing.Process(target=work, args=(tasks[n::workers], calibrate(), gate))
        for n in range(workers)
    ]
    for one in crew:
        one.start()
    gate.wait()
    began = time.perf_counter()
    gate.wait()
    took = time.perf_counter() - began
    for one in crew:
        one.join()
    return took


def work(tasks: list[Task], pace: Pace, gate: multiprocessing.synchronize.Barrier) -> None:
    """Compute all that the tasks hold, between two gates."""
    gate.wait()
    for task in tasks:
        for step in task.steps:
            assert isinstance(step, Compute)
            act, amount, chunks = pace.chunks(step)
            for _ in range(chunks):
                act(amount)
    gate.wait()


def nothing() -> None:
    """Do nothing, in another process."""


def by_loky(calls: int, workers: int) -> float:
    """Send calls to loky's own pool, warmed up; return the seconds until all are answered."""
    with loky.ProcessPoolExecutor(workers) as pool:
        for done in [pool.submit(time.sleep, 0.05) for _ in range(workers)]:
            done.result()
        began = time.perf_counter()
        for done in [pool.submit(nothing) for _ in range(calls)]:
            done.result()
        took = time.perf_counter() - began
        pool.shutdown(kill_workers=True)
    return took

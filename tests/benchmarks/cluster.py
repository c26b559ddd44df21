"""What model "dask" costs: its cluster's start and end, and a task beside plain Dask."""

from __future__ import annotations

import time
from math import ceil
from statistics import median

from distributed import Client

from course_lib import Task, compute, machine, run
from course_lib.programs.cluster import Cluster
from tests.benchmarks.table import Row


def rows(quick: bool = False) -> list[Row]:
    """Start clusters, and hand out tasks that do nothing: by the model, and by Dask alone."""
    rounds, calls = (1, 20) if quick else (5, 300)
    workers = ceil(machine().usable_cores)
    idle = [Task(f"T{n}", compute(0)) for n in range(calls)]
    over, gone, ours, plain = ([] for _ in range(4))
    for _ in range(rounds):
        began = time.perf_counter()
        trace = run(idle[:1], "dask", workers)
        over.append(time.perf_counter() - began - trace.makespan)
        one = Cluster(workers)
        began = time.perf_counter()
        one.close()
        gone.append((time.perf_counter() - began) * 1e3)
    with Cluster(workers) as cluster, cluster.client() as client:
        for _ in range(rounds):
            ours.append(run(idle, "dask", address=cluster.address).makespan / calls * 1e3)
            plain.append(by_dask(client, calls) / calls * 1e3)
    return [
        Row("start and end of a cluster of the model's own", "s", over, aim=2),
        Row("a cluster, until all of it is gone", "ms", gone, aim=200),
        Row("a call, plain Dask", "ms", plain),
        Row("a task, model dask", "ms", ours),
        Row(
            "a task by a call of plain Dask",
            "×",
            [a / median(plain) for a in ours],
            aim=1.2,
        ),
    ]


def nothing() -> None:
    """Do nothing, elsewhere."""


def by_dask(client: Client, calls: int) -> float:
    """Hand calls to Dask one by one; return the seconds until all are answered."""
    began = time.perf_counter()
    client.gather([client.submit(nothing, pure=False) for _ in range(calls)])  # type: ignore[no-untyped-call]
    return time.perf_counter() - began

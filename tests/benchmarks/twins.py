"""How far a measured makespan is from the simulated one: mixes of computing and waiting, side by side.

Both have the same tasks and the same workers; the simulated machine has the usable cores. How quick
a core is, is measured anew before each round. Noisy rounds are left out and counted: those in which
other programs took cores from this one, or the same work took another CPU time than just before.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from course_lib import Task, Trace, compare, compute, machine, run, simulate, wait
from course_lib.compare import Difference
from course_lib.tasks import calibrate
from tests.benchmarks.table import Row

AIM = 10.0  # percent


def mix(many: int = 6) -> list[Task]:
    """Return tasks that compute 50 ms, wait 100 ms, and compute 50 ms again."""
    return [Task(f"T{n}", compute(0.05), wait(0.1), compute(0.05)) for n in range(many)]


def uneven() -> list[Task]:
    """Return tasks of which no two are alike."""
    return [
        Task("A", compute(0.2), wait(0.1)),
        Task("B", wait(0.2), compute(0.1)),
        Task("C", compute(0.05), wait(0.15), compute(0.1)),
        Task("D", wait(0.05), compute(0.15), wait(0.05)),
    ]


def on_a_loop(tasks: list[Task]) -> list[Task]:
    """Return tasks of which none can begin, not even to wait, before the loop gets to it."""
    return [Task(task.name, compute(0), *task.steps) for task in tasks]


def rows(quick: bool = False) -> list[Row]:
    """Return by how many percent the makespans differ, for some models."""
    usable = machine().usable_cores
    cores = ceil(usable)
    quota = usable if usable < cores else None
    ways: dict[str, Callable[[list[Task]], tuple[Trace, Trace]]] = {
        "sequential": lambda tasks: (
            simulate(tasks, workers=1, quota=quota),
            run(tasks, "sequential"),
        ),
        "async": lambda tasks: (simulate(on_a_loop(tasks), quota=quota), run(tasks, "async")),
        "threads": lambda tasks: (
            simulate(tasks, cores, gil=machine().gil, quota=quota),
            run(tasks, "threads"),
        ),
        f"{cores} processes": lambda tasks: (
            simulate(tasks, cores, workers=cores, quota=quota),
            run(tasks, "processes", workers=cores),
        ),
    }
    rounds, enough = (1, 1) if quick else (12, 5)
    found = []
    for what, tasks in {"alike": mix(), "uneven": uneven()}.items():
        for name, way in ways.items():
            pairs: list[Difference] = []
            fit: list[Difference] = []
            while len(pairs) < rounds and len(fit) < enough:
                calibrate.cache_clear()  # a core's clock isn't the same all the time
                pairs.append(compare(*way(tasks)))
                fit += pairs[-1:] * (not pairs[-1].noise)
            off = [100 * abs(pair.makespan) for pair in fit or pairs]
            noisy = f" ({len(pairs) - len(fit)} noisy rounds)" * (len(fit) < len(pairs))
            long = f"{pairs[0].simulated.makespan:.2f} s"
            aim = AIM if fit else None
            found.append(Row(f"{name}, {what}, simulated {long}{noisy}", "%", off, aim))
    return found

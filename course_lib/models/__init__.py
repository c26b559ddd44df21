"""The models: ways to run tasks. Each file is one model, and a worked example of it.

sequential, threads, asynchronous, processes: read them in this order.
"""

from __future__ import annotations

import importlib.util
import inspect
import math
import operator
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, SupportsIndex

from course_lib.machine import allowed_cpus, machine
from course_lib.tasks import Task, calibrate, duration, one_of

if TYPE_CHECKING:
    from course_lib.trace import Trace

__all__ = ["MODELS", "run", "why_not"]

#: The names of the models, as `run` takes them.
MODELS = ("sequential", "threads", "processes", "async")

MOST_TASKS = 200_000
MOST_WORKERS = {
    "sequential": 1,
    "threads": 20_000,
    "processes": 61 if sys.platform == "win32" else 512,  # Windows waits for no more at once
    "async": MOST_TASKS,
}


def why_not(name: str) -> str | None:
    """Return None if a model can run here; else why it can't, and what would make it run.

    Raises
    ------
    ValueError
        If there is no such model.
    """
    one_of("model", name, MODELS)
    if name == "processes" and importlib.util.find_spec("_multiprocessing") is None:
        return "this Python can't start processes (it runs in a browser, perhaps): use one on your own machine"
    return None


def run(
    tasks: Iterable[Task],
    model: str = "sequential",
    workers: int | None = None,
    *,
    cores: int | None = None,
    timeout: float = 30.0,
) -> Trace:
    """Run tasks on this machine, now, and return the trace of what happened.

    Parameters
    ----------
    tasks : iterable of Task
        At least one; no name twice.
    model : str
        One of `MODELS`.
    workers : int, optional
        How many tasks may be in flight. None: one a task for "threads" and "async", the usable
        cores (rounded up) for "processes"; "sequential" has 1.
    cores : int, optional
        How many cores may be busy: the run is pinned to so many (Linux and Windows). None: all
        usable ones.
    timeout : float
        Seconds after which the run is ended.

    Returns
    -------
    Trace

    Raises
    ------
    ValueError, TypeError
        If an argument can't be; nothing has been started then.
    TaskFailed, WorkerDied, RunTimeout
        After the run has ended, with what was recorded in the error's `trace`. An interrupt
        (KeyboardInterrupt) carries its trace, too.

    Examples
    --------
    >>> from course_lib import Task, run, wait
    >>> trace = run([Task("A", wait(0.1)), Task("B", wait(0.1))], "async")
    >>> trace.concurrency > 1.5
    True
    """
    from course_lib.models.conductor import conduct
    from course_lib.models.stage import Stage

    stage = Stage(*_checked(tasks, model, workers), cores=_checked_cores(cores), pace=calibrate())
    if not duration("timeout", timeout) > 0:
        raise ValueError(f"timeout must be more than 0 seconds, not {timeout!r}")
    return conduct(stage, timeout)


def _checked(
    tasks: Iterable[Task], model: str, workers: int | None
) -> tuple[tuple[Task, ...], str, int]:
    if isinstance(tasks, Task):
        raise TypeError(f"tasks must be a list of tasks: write [Task({tasks.name!r}, …)]")
    if not isinstance(tasks, Iterable):
        raise TypeError(f"tasks must be a list of tasks, made by Task(name, *steps), not {tasks!r}")
    given = tuple(tasks)
    if not 1 <= len(given) <= MOST_TASKS:
        raise ValueError(f"tasks must hold 1 to {MOST_TASKS:,} tasks, not {len(given):,}")
    seen: set[str] = set()
    for task in given:
        if not isinstance(task, Task):
            raise TypeError(f"tasks must hold tasks, made by Task(name, *steps), not {task!r}")
        if task.name in seen:
            raise ValueError(f"tasks must not hold a name twice, and {task.name!r} is there twice")
        seen.add(task.name)
        for step in task.steps if model != "async" else ():
            if inspect.iscoroutinefunction(step):
                raise TypeError(
                    f"a step of task {task.name!r} is a coroutine function, {step!r}: "
                    f"only model 'async' awaits one, not {model!r}"
                )
    if (reason := why_not(model)) is not None:
        raise ValueError(f"model {model!r} can't run here: {reason}")
    if workers is None:
        return given, model, _default_workers(model, len(given))
    most = MOST_WORKERS[model]
    workers = _whole("workers", workers)
    if not 1 <= workers <= most:
        allowed = "1" if most == 1 else f"1 to {most:,}"
        raise ValueError(f"workers must be {allowed} for model {model!r}, not {workers:,}")
    return given, model, workers


def _whole(what: str, value: object) -> int:
    """Return a whole number, NumPy's too, as an int."""
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise TypeError(f"{what} must be a whole number or None, not {value!r}")
    return operator.index(value)


def _default_workers(model: str, tasks: int) -> int:
    if model != "processes":
        return min(tasks, MOST_WORKERS[model])
    return min(math.ceil(machine().usable_cores), MOST_WORKERS[model])


def _checked_cores(cores: int | None) -> int | None:
    if cores is None:
        return None
    cores = _whole("cores", cores)
    if not machine().can_pin:
        raise ValueError(
            f"cores={cores} can't be had on this system: only Linux and Windows let a program "
            "choose its cores. Leave cores=None"
        )
    most = len(allowed_cpus())
    if not 1 <= cores <= most:
        raise ValueError(
            f"cores must be 1 to {most}, the CPUs that this process may use, not {cores}"
        )
    return cores

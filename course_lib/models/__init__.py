"""The models: ways to run tasks. Each file is one model, and a worked example of it.

sequential, threads, asynchronous, processes, data_parallel: read them in this order. Then fork_join,
actors and csp, three ways for threads to share out work; hybrid, async and processes in one;
interpreters and free_threads, which new Pythons have; and dask, whose workers may be other machines.
"""

from __future__ import annotations

import importlib.util
import inspect
import math
import os
import pickle
import re
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from course_lib.machine import allowed_cpus, machine
from course_lib.tasks import (
    MOST_TASKS,
    Compute,
    Task,
    Wait,
    calibrate,
    duration,
    one_of,
    task_list,
    whole,
)

if TYPE_CHECKING:
    from course_lib.trace import Trace

__all__ = ["MODELS", "run", "why_not"]

#: The names of the models, as `run` takes them.
MODELS = (
    "sequential",
    "threads",
    "processes",
    "async",
    "interpreters",
    "free_threads",
    "data_parallel",
    "fork_join",
    "actors",
    "csp",
    "hybrid",
    "dask",
)

MOST_THREADS = 20_000
MOST_PROCESSES = 61 if sys.platform == "win32" else 512  # Windows waits for no more at once
MOST_WORKERS = {
    "sequential": 1,
    "threads": MOST_THREADS,
    "processes": MOST_PROCESSES,
    "async": MOST_TASKS,
    "interpreters": 64,  # each has its own copy of all modules
    "free_threads": MOST_THREADS,
    "data_parallel": MOST_PROCESSES,
    "fork_join": MOST_THREADS,
    "actors": MOST_THREADS,
    "csp": MOST_THREADS,
    "hybrid": MOST_TASKS,
    "dask": 32,  # on this machine, where each is a Python that imports Dask first
}
IN_PROCESSES = ("processes", "data_parallel", "hybrid", "dask")  # they start worker processes
AWAIT = ("async", "hybrid")  # they have an event loop for coroutine functions
#: So many workers, if not told; the others have one a usable core.
ONE_A_TASK = ("threads", "async", "free_threads", "actors", "hybrid")
#: They take only callables that can be imported elsewhere.
IMPORT = ("interpreters", "free_threads")
ADDRESS = re.compile(r"(\w+://)?[^\s/]+:\d+\S*")


def why_not(name: str) -> str | None:
    """Return None if a model can run here; else why it can't, and what would make it run.

    Raises
    ------
    ValueError
        If there is no such model.
    """
    one_of("model", name, MODELS)
    if name in IN_PROCESSES and importlib.util.find_spec("_multiprocessing") is None:
        return "this Python can't start processes (it runs in a browser, perhaps): use one on your own machine"
    if name == "interpreters" and sys.version_info < (3, 14):
        return (
            "it needs Python 3.14 or newer, and this is {}.{}: start the course with a newer one "
            "(python3.14 course.py, or uv run --python 3.14 jupyter lab)"
        ).format(*sys.version_info)
    if name == "free_threads":
        from course_lib.models import free_python

        return free_python.why_not()
    if name == "dask" and importlib.util.find_spec("distributed") is None:
        return (
            "it needs the package distributed, which isn't installed: "
            "`pip install 'distributed>=2024.8'` brings it"
        )
    return None


def run(
    tasks: Iterable[Task],
    model: str = "sequential",
    workers: int | None = None,
    *,
    cores: int | None = None,
    timeout: float = 30.0,
    address: Any = None,
) -> Trace:
    """Run tasks on this machine, now, and return the trace of what happened.

    Parameters
    ----------
    tasks : iterable of Task
        At least one; no name twice.
    model : str
        One of `MODELS`.
    workers : int, optional
        How many tasks may be in flight; for "data_parallel", which has one at a time, into how
        many parts a computation is cut. None: one a task for "threads", "async", "free_threads",
        "actors" and "hybrid", the usable cores (rounded up) for the others; "sequential" has 1.
    cores : int, optional
        How many cores may be busy: the run is pinned to so many (Linux and Windows). None: all
        usable ones.
    timeout : float
        Seconds after which the run is ended.
    address : str or cluster, optional
        For "dask": where a cluster's scheduler listens, such as "tcp://10.0.0.5:8786", or an object
        that knows it, such as dask_gateway's or dask_jobqueue's cluster. None: what the environment
        variable DASK_SCHEDULER_ADDRESS says; else a cluster on this machine, for this run.

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

    where = _checked_address(address, model)
    checked = _checked(tasks, model, workers, where)
    stage = Stage(*checked, cores=_checked_cores(cores, where), pace=calibrate(), address=where)
    if not duration("timeout", timeout) > 0:
        raise ValueError(f"timeout must be more than 0 seconds, not {timeout!r}")
    return conduct(stage, timeout)


def _checked(
    tasks: Iterable[Task], model: str, workers: int | None, address: Any
) -> tuple[tuple[Task, ...], str, int]:
    one_of("model", model, MODELS)
    given = task_list(tasks)
    for task in given:
        for step in task.steps:
            if not isinstance(step, Compute | Wait):
                _check_callable(task.name, step, model)
            elif address is not None and isinstance(step, Wait) and step.kind == "socket":
                raise ValueError(
                    f"a step of task {task.name!r} is {step!r}: it asks a service on this machine, "
                    f"which the cluster at {address!r} can't reach. Use wait(seconds)"
                )
    workers = _checked_workers(workers, model, len(given), address)
    if (reason := why_not(model)) is not None:
        raise ValueError(f"model {model!r} can't run here: {reason}")
    return given, model, workers


def _check_callable(task: str, step: Callable[[], object], model: str) -> None:
    """Raise if a model can't do a step."""
    if inspect.iscoroutinefunction(step) and model not in AWAIT:
        allowed = " and ".join(map(repr, AWAIT))
        raise TypeError(
            f"a step of task {task!r} is a coroutine function, {step!r}: "
            f"only {allowed} await one, not {model!r}"
        )
    if model == "data_parallel":
        raise TypeError(
            f"a step of task {task!r} is {step!r}, which model 'data_parallel' can't cut into "
            "parts: use compute(...) and wait(...)"
        )
    if model in IMPORT and not _importable(step):
        raise TypeError(
            f"a step of task {task!r} is {step!r}, which model {model!r} can't import: use a function "
            "that stands in a module, a file beside this one, not in a notebook or in a function"
        )


def _importable(step: Callable[[], object]) -> bool:
    """Return whether another Python can import a callable, with all that it holds."""
    try:
        return b"__main__" not in pickle.dumps(step)
    except Exception:  # noqa: BLE001 - whatever the learner's objects do
        return False


def _checked_address(address: Any, model: str) -> Any:
    if model != "dask":
        if address is not None:
            raise ValueError(f"address= is for model 'dask', not for {model!r}")
        return None
    where = os.environ.get("DASK_SCHEDULER_ADDRESS") or None if address is None else address
    known = getattr(where, "scheduler_address", where)
    if known is not None and not (type(known) is str and ADDRESS.fullmatch(known)):
        raise ValueError(
            "address must be a scheduler's address, such as 'tcp://127.0.0.1:8786', or a cluster "
            f"that has one, not {where!r}"
        )
    return where


def _checked_workers(workers: int | None, model: str, tasks: int, address: Any) -> int:
    most = MOST_WORKERS[model] if address is None else MOST_TASKS
    if workers is None:
        if address is not None:
            return most  # as many as the cluster has
        wanted = tasks if model in ONE_A_TASK else math.ceil(machine().usable_cores)
        return min(wanted, most)
    return whole("workers", workers, 1, most, f" for model {model!r}")


def _checked_cores(cores: int | None, address: Any) -> int | None:
    if cores is None:
        return None
    if address is not None:
        raise ValueError(f"cores={cores!r} pins this machine, not the cluster at {address!r}")
    if not machine().can_pin:
        raise ValueError(
            f"cores={cores} can't be had on this system: only Linux and Windows let a program "
            "choose its cores. Leave cores=None"
        )
    return whole("cores", cores, 1, len(allowed_cpus()), ", the CPUs that this process may use")

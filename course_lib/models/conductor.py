"""The conductor: plays a model on its stage, and sees to it that every run ends."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from functools import partial
from importlib import import_module

from course_lib.errors import RunError, RunTimeout, TaskFailed, WorkerDied
from course_lib.models.stage import Stage
from course_lib.patience import Line, patient
from course_lib.record import named
from course_lib.service import service
from course_lib.tasks import Wait
from course_lib.trace import Trace

PLAYERS = {"async": "asynchronous"}  # `async` is a word of the language, so no file can have it
#: Models whose tasks call functions in this process, where these may start threads.
CALL_HERE = ("sequential", "threads", "async", "fork_join", "actors", "csp")
SET_UP = 60.0  # seconds in which the workers must be there
GRACE = 1.0  # seconds in which a cancelled run must end


def conduct(stage: Stage, timeout: float) -> Trace:
    """Play the stage's model in a thread of its own, for at most `timeout` seconds.

    The caller's thread only waits: so it can be interrupted, and end a run that hangs.
    """
    play = import_module(f"course_lib.models.{PLAYERS.get(stage.model, stage.model)}").play
    failure: list[BaseException] = []
    done, before = threading.Event(), set(threading.enumerate())

    def perform() -> None:
        try:
            with pinned(stage.cores), service_for(stage):
                play(stage)
        except BaseException as error:  # noqa: BLE001 - raised again where the run was called
            failure.append(error)
        finally:
            stage.begun.set()
            done.set()

    try:
        stage.thread(perform, f"{stage.model} model")
        with Line() as line:
            starting = partial(line.tell, f"{stage.model}: starting")
            in_time = patient(stage.begun, SET_UP, starting) and patient(
                done, timeout, lambda: line.tell(*progress(stage))
            )
        if not in_time and stage.last is not None:  # all is done: workers are being put away
            in_time = patient(done, SET_UP)
        if not in_time:
            stage.cancel()
            patient(done, GRACE)
    except BaseException as interrupt:
        stage.cancel()
        patient(done, GRACE)
        interrupt.trace = stage.trace()  # type: ignore[attr-defined]
        interrupt.add_note(
            _still_running(stage, before) or "The run was ended; all of its tasks have stopped."
        )
        raise
    finally:
        stage.end_forked()
    trace, running = stage.trace(), _still_running(stage, before)
    if not in_time:
        raise RunTimeout(timeout, trace, running)
    if failure:
        (error,) = failure
        raise RunError(f"the run can't go on: {named(error)}", trace) from error
    if stage.died is not None:
        raise WorkerDied(trace) from stage.died
    for index, record in sorted(stage.records.items()):
        if record.error is not None:
            raise TaskFailed(stage.tasks[index].name, record.error, trace) from record.error
    if running:
        warnings.warn(running, RuntimeWarning, stacklevel=3)
    return trace


def progress(stage: Stage) -> tuple[str, float]:
    """Say how far a run is, in words and as a share of its tasks."""
    done, tasks = stage.done(), len(stage.tasks)
    return f"{stage.model}: {done:,} of {tasks:,} tasks done", done / tasks


def _still_running(stage: Stage, before: set[threading.Thread]) -> str:
    """Name the threads that don't stop: Python can't end a thread from outside."""
    end = time.monotonic() + 0.2
    said = []
    if alive := _alive(stage.threads, end):
        records = stage.records.items()
        busy = [repr(stage.tasks[i].name) for i, r in records if r.start and r.finish is None]
        said.append(f"thread {alive}, in task {', '.join(busy)}")
    if stage.model in CALL_HERE and any(callable(s) for task in stage.tasks for s in task.steps):
        others = set(threading.enumerate()) - before - set(stage.threads)
        if alive := _alive(others, end):
            said.append(f"thread {alive}, which was started during the run")
    if not said:
        return ""
    return f"Still running, for a thread can't be ended from outside: {'; '.join(said)}."


def _alive(threads: Iterable[threading.Thread], end: float) -> str:
    """Name those that still run at that time: one that is about to end shall have the time to."""
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return ", ".join(repr(thread.name) for thread in threads if thread.is_alive())


@contextlib.contextmanager
def pinned(cores: int | None) -> Iterator[None]:
    """Let this thread, and what it starts, use only so many cores."""
    if cores is None:
        yield
    elif sys.platform == "linux":  # a thread's own affinity, inherited by all that it starts
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, sorted(allowed)[:cores])
        try:
            yield
        finally:
            os.sched_setaffinity(0, allowed)
    else:
        import psutil

        process = psutil.Process()
        allowed = process.cpu_affinity()
        process.cpu_affinity(allowed[:cores])
        try:
            yield
        finally:
            process.cpu_affinity(allowed)


@contextlib.contextmanager
def service_for(stage: Stage) -> Iterator[None]:
    """Start the service that answers socket waits, if one of the tasks needs it."""
    if any(
        isinstance(step, Wait) and step.kind == "socket"
        for task in stage.tasks
        for step in task.steps
    ):
        with service() as stage.port:
            yield
    else:
        yield

"""Interpreters: several Pythons in one process, each with a GIL of its own.

Concurrent and parallel: as many tasks in flight as workers, as many cores busy as there are. They
start quicker than processes, and share as little: what one gets from another is pickled and copied,
but for plain memory, such as the stop flag here. Modules in C must be made for this: NumPy isn't.
"""

from __future__ import annotations

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import Any

from course_lib.models.stage import Stage
from course_lib.record import Record, Recorder


def play(stage: Stage) -> None:
    """Start the interpreters, and for each a thread that hands it tasks as they arrive."""
    queue: SimpleQueue[int | None] = SimpleQueue()
    settings, stop = pickle.dumps((stage.pace, stage.port)), memoryview(stage.stop)

    def work(worker: int, interpreter: Any) -> None:
        while (index := queue.get()) is not None:
            if not stage.stop[0]:
                with stage.recorder(index, worker):  # if nothing comes back, its start is known
                    steps = pickle.dumps(stage.tasks[index].steps)
                    record = interpreter.call(do, index, worker, steps, settings, stop)
                    stage.records[index] = record

    with ThreadPoolExecutor(stage.workers) as makers:
        crew = list(makers.map(lambda _: interpreter(), range(stage.workers)))
    threads = []
    try:
        for n, one in enumerate(crew):
            threads.append(stage.thread(partial(work, n, one), f"worker {n}"))
        stage.begin()
        for index in stage.arrivals():
            queue.put(index)
    finally:
        for _ in threads:
            queue.put(None)
        for thread in threads:
            thread.join()
        stage.end()
        for one in crew:
            one.close()


def interpreter() -> Any:
    """Return a new interpreter, which has imported what it needs."""
    from concurrent import interpreters  # type: ignore[attr-defined]  # new in Python 3.14

    new = interpreters.create()
    new.exec(f"import sys; sys.path[:] = {sys.path!r}; import {__name__}")
    return new


def do(index: int, worker: int, steps: bytes, settings: bytes, stop: memoryview) -> Record:
    """Do a task: called by a thread of the main interpreter, and run in another one."""
    pace, port = pickle.loads(settings)
    return Recorder(index, worker, pace, stop, port).perform_sent(steps)

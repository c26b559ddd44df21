"""Processes: a pool of workers, each a Python of its own, with a GIL of its own.

Concurrent and parallel: as many tasks in flight as workers, as many cores busy as there are. The
price is that tasks and results are pickled and sent.
"""

from __future__ import annotations

import os
import tempfile
import threading
from concurrent.futures import Future, wait
from pathlib import Path

import loky
from loky.backend.reduction import dumps
from loky.process_executor import ShutdownExecutorError

from course_lib.models.stage import Stage
from course_lib.models.worker import Board, helpers_ended, perform, settle, warm_up
from course_lib.record import Record, Stopped


def play(stage: Stage) -> None:
    """Start the workers, warm each one up, send them the tasks as they arrive."""
    with tempfile.TemporaryDirectory(prefix="course-") as folder, helpers_ended():
        board = Board.make(Path(folder) / "board", stage.workers + len(stage.tasks))
        try:
            _play(stage, board)
        finally:
            stage.on_cancel.clear()
            board.close()


def _play(stage: Stage, board: Board) -> None:
    settings = board.path, os.getpid(), stage.pace, stage.port
    pool = loky.ProcessPoolExecutor(stage.workers, initializer=settle, initargs=settings)
    kill = threading.Timer(0.3, pool.shutdown, kwargs={"kill_workers": True})
    stage.when_cancelled(board.stop, kill.start)  # ask first; who doesn't stop is ended
    try:
        warm = [pool.submit(warm_up, n, stage.workers) for n in range(stage.workers)]
        numbers = {future.result(): n for n, future in enumerate(warm)}  # process id → worker
        stage.begin()
        futures = stage.futures
        for index in stage.arrivals():
            try:
                steps = bytes(dumps(stage.tasks[index].steps))
                futures[index] = pool.submit(perform, index, stage.workers + index, steps)
            except (loky.BrokenProcessPool, ShutdownExecutorError) as error:
                stage.died = error.with_traceback(None)
                break  # nobody is left to do what is still to come
            except Exception as error:  # noqa: BLE001 - whatever the learner's objects do
                stage.records[index] = Record(index, -1, None, error=error)
        wait(futures.values())
        stage.end()
        for index, future in futures.items():
            record = _outcome(index, future, board.read(stage.workers + index))
            if record is not None:
                record.worker = numbers.get(record.worker, -1)
                stage.records[index] = record
            if isinstance(future.exception(), loky.BrokenProcessPool):
                stage.died = future.exception()
        stage.cpu = sum(record.cpu for record in stage.records.values())
    finally:
        kill.cancel()
        if kill.is_alive():
            kill.join()
        pool.shutdown(kill_workers=True)


def _outcome(index: int, future: Future[Record | None], signed: tuple[int, int]) -> Record | None:
    """Return the record of a task; None if it never started, and nothing was wrong with it."""
    error = future.exception()
    if error is None:
        return future.result()
    error.with_traceback(None)  # which would keep the pool alive
    start, pid = signed
    if not start:
        return None
    killed = isinstance(error, loky.BrokenProcessPool)  # by others; else by us: it didn't stop
    return Record(index, pid, start, error=error if killed else Stopped())

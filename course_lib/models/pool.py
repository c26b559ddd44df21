"""A pool of worker processes, as the models that compute in processes use it."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import loky
from loky.backend.reduction import dumps
from loky.process_executor import ShutdownExecutorError

from course_lib.models.stage import Stage
from course_lib.models.worker import Board, helpers_ended, perform, settle, warm_up
from course_lib.record import Lost, Record, Stopped
from course_lib.tasks import Step


@contextlib.contextmanager
def worker_processes(stage: Stage, workers: int, first: int = 0) -> Iterator[Pool]:
    """Start so many workers and warm each one up; nothing is left of them after the block.

    In the trace they are the workers `first`, `first + 1`, …
    """
    with (
        tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True) as folder,
        helpers_ended(),
    ):
        board = Board.make(Path(folder) / "board", workers + len(stage.tasks))
        try:
            with _warmed_up(stage, workers, first, board) as pool:
                yield pool
        finally:
            stage.on_cancel.clear()
            board.close()


@contextlib.contextmanager
def _warmed_up(stage: Stage, workers: int, first: int, board: Board) -> Iterator[Pool]:
    settings = board.path, os.getpid(), stage.pace, stage.port
    executor = loky.ProcessPoolExecutor(workers, initializer=settle, initargs=settings)
    kill = threading.Timer(0.3, executor.shutdown, kwargs={"kill_workers": True})
    stage.when_cancelled(board.stop, kill.start)  # ask first; who doesn't stop is ended
    try:
        warm = [executor.submit(warm_up, slot, workers) for slot in range(workers)]
        numbers = {future.result(): first + n for n, future in enumerate(warm)}
        yield Pool(stage, executor, board, numbers)
    finally:
        kill.cancel()
        if kill.is_alive():
            kill.join()
        executor.shutdown(kill_workers=True)


@dataclass(frozen=True, eq=False)
class Pool:
    """Workers that do the steps which they are sent, and send back the record of what they did."""

    stage: Stage
    executor: loky.ProcessPoolExecutor
    board: Board
    numbers: dict[int, int]  # process id → worker

    def send(self, index: int, steps: tuple[Step, ...]) -> Future[Record | None]:
        """Have steps of a task done by the next worker that is free."""
        answer: Future[Record | None] = Future()
        try:
            sent = bytes(dumps(steps))
            answer = self.executor.submit(perform, index, len(self.numbers) + index, sent)
        except (loky.BrokenProcessPool, ShutdownExecutorError) as error:
            self.stage.died = error.with_traceback(None)
            answer.set_exception(error)
        except Exception as error:  # noqa: BLE001 - whatever the learner's objects do
            answer.set_result(Record(index, -1, None, error=error))
        return answer

    def record(self, index: int, answer: Future[Record | None]) -> Record | None:
        """Return what a worker did; None if it never started, and nothing was wrong with it."""
        error = answer.exception()
        if error is None:
            record = answer.result()
        else:
            error.with_traceback(None)  # which would keep the pool alive
            killed = isinstance(error, loky.BrokenProcessPool)  # by others; else by us
            if killed:
                self.stage.died = error
            start, pid = self.board.read(len(self.numbers) + index)
            how = Lost() if killed else Stopped()
            record = Record(index, pid, start, error=how) if start else None
        if record is not None:
            record.worker = self.numbers.get(record.worker, -1)
        return record

    def gather(self, record: Record, answers: Iterable[Future[Record | None]]) -> None:
        """Wait for what workers do for a task and add it to its record; raise what went wrong."""
        errors: list[BaseException] = []
        for answer in answers:
            part = self.record(record.index, answer)
            if part is None:
                errors.append(Lost() if self.stage.died else Stopped())
                continue
            if part.start is not None:
                record.parts.append(part)
            record.cpu += part.cpu
            if part.error is not None:
                errors.append(part.error)
        if errors:
            raise errors[0]

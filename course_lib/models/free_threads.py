"""Free threads: the model threads, in a Python that has no GIL.

Concurrent and parallel: as many tasks in flight as workers, and as many cores busy as there are,
although all workers are threads of one process.

The Python that you use may have a GIL, so another one is started, and does what it is sent: the two
halves of this file are two processes. They send each other pickled messages through pipes. They share
one clock, so the times that the other one has recorded are right here, too.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, NoReturn, TextIO, cast

from course_lib.models import free_python, threads
from course_lib.models.stage import Stage
from course_lib.record import Lost, Recorder, Stopped, sendable
from course_lib.service import helper
from course_lib.tasks import Task

# The one that you use -----------------------------------------------------------------------------


def play(stage: Stage) -> None:
    """Start the other Python, send it the tasks, and note what it tells."""
    tasks = [(task.name, task.at, pickle.dumps(task.steps)) for task in stage.tasks]
    home = str(Path(__file__).parents[2])  # where it finds this package
    paths = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
    with helper(__name__, python=free_python.command(), PYTHONPATH=paths) as other:
        to_it = cast(TextIO, other.stdin).buffer
        stage.when_cancelled(partial(_stop, to_it))
        with contextlib.suppress(OSError):  # it has ended early, which is seen below
            pickle.dump((tasks, stage.workers, stage.pace, stage.port), to_it)
            to_it.flush()
        for message in _messages(cast(TextIO, other.stdout).buffer):
            match message:
                case "begin", zero:
                    stage.begin()
                    stage.zero = zero
                case "record", record:
                    stage.records[record.index] = record
                case "end", last, cpu:
                    stage.end()
                    stage.last, stage.cpu = last, cpu
        stage.on_cancel.clear()
    if not stage.zero:
        raise RuntimeError("the free-threaded Python has ended before the tasks could begin")
    if stage.last is None:
        _cut_short(stage)


def _messages(file: IO[bytes]) -> Iterator[Any]:
    """Yield what the other one tells, till it has ended."""
    with contextlib.suppress(EOFError, pickle.UnpicklingError):
        while True:
            yield pickle.load(file)


def _stop(to_it: IO[bytes]) -> None:
    """Tell the other one to stop: all that it is ever told after the tasks."""
    with contextlib.suppress(OSError, ValueError):
        to_it.write(b".")
        to_it.close()


def _cut_short(stage: Stage) -> None:
    """Make the best of what was told before the other one was ended, or ended itself."""
    stage.end()
    stage.cpu = sum(record.cpu for record in stage.records.values())
    if not stage.stop[0]:
        stage.died = RuntimeError("the free-threaded Python has ended in mid-run")
    for record in stage.records.values():
        if record.finish is None:
            record.error = Stopped() if stage.stop[0] else Lost()


# The other one --------------------------------------------------------------------------------------


class Teller(Stage):
    """A stage that tells what happens on it."""

    out: IO[bytes]

    def tell(self, *message: Any) -> None:
        """Send a message to the one who is to know."""
        sent = pickle.dumps(message)
        with self.lock:
            self.out.write(sent)
            self.out.flush()

    def begin(self) -> None:
        """Start the clock."""
        super().begin()
        self.tell("begin", self.zero)

    def recorder(self, index: int, worker: int) -> Recorder:
        """Return the recorder of a task that now starts."""
        recorder = super().recorder(index, worker)
        self.tell("record", recorder.record)
        return recorder

    def perform(self, index: int, worker: int = 0) -> None:
        """Do a task."""
        super().perform(index, worker)
        if index in self.records:
            self.tell("record", sendable(self.records[index]))


def _received(name: str, at: float, sent: bytes) -> Task:
    """Return a task as it was sent; if it can't be had here, one that says so."""
    try:
        return Task(name, *pickle.loads(sent), at=at)
    except Exception as error:  # noqa: BLE001 - whatever an import of the learner's module does
        return Task(name, partial(_fail, error), at=at)


def _fail(error: Exception) -> NoReturn:
    raise error


def _end_with_parent(stage: Stage) -> None:
    """Wait till the run is to be stopped, or the parent is gone; then end, whatever goes on."""
    sys.stdin.buffer.read(1)
    stage.cancel()
    time.sleep(0.3)
    os._exit(1)


def main() -> None:
    """Do the tasks that stand on standard input; tell what happens on standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a task prints is for people
    tasks, workers, pace, port = pickle.load(sys.stdin.buffer)
    stage = Teller(tuple(_received(*task) for task in tasks), "threads", workers, pace, port=port)
    stage.out = out
    threading.Thread(target=_end_with_parent, args=(stage,), daemon=True).start()
    threads.play(stage)
    stage.tell("end", stage.last, stage.cpu)
    sys.stdout.flush()
    os._exit(0)  # for a thread may be reading, or hang


if __name__ == "__main__":
    main()

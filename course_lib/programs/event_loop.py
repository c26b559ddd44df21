"""An event loop of one's own: what `await` hands control to, in some thirty lines.

A coroutine stops where it awaits something, and says what for. The loop notes that down, and goes on
with another that is ready. Where none is, it asks the operating system, by `selectors`, to be woken
up when something has come. There is no more to it: one thread, a queue, a list of moments, a list of
sockets.
"""

from __future__ import annotations

import inspect
import itertools
import socket
import time
from collections import deque
from collections.abc import Coroutine, Generator, Iterable
from contextlib import ExitStack
from heapq import heappop, heappush
from selectors import EVENT_READ, DefaultSelector
from types import coroutine
from typing import Any

from course_lib.errors import TaskFailed
from course_lib.models.stage import Stage
from course_lib.record import WAIT, clock
from course_lib.service import service
from course_lib.tasks import Task, Wait, calibrate, task_list
from course_lib.trace import Trace

__all__ = ["Loop", "play", "run_own", "until"]


@coroutine
def until(what: float | socket.socket) -> Generator[float | socket.socket, None, None]:
    """Await that so many seconds are over, or that a socket has something to read."""
    yield what  # through all who await, up to the loop


class Loop:
    """An event loop: runs coroutines that await `until(...)`."""

    def __init__(self) -> None:
        self.ready: deque[Coroutine[Any, Any, Any]] = deque()
        self.moments: list[tuple[float, int, Coroutine[Any, Any, Any]]] = []  # soonest first
        self.sockets = DefaultSelector()
        self.count = itertools.count()  # of two with the same moment, the first comes first

    def start(self, one: Coroutine[Any, Any, Any]) -> None:
        """Take in a coroutine: it is ready for its first step."""
        self.ready.append(one)

    def run(self) -> None:
        """Go on till all are done."""
        with self.sockets:
            while self.ready or self.moments or self.sockets.get_map():
                for _ in range(len(self.ready)):
                    self.step(self.ready.popleft())
                self.rest()

    def step(self, one: Coroutine[Any, Any, Any]) -> None:
        """Let a coroutine run, up to its next `await until(...)`."""
        try:
            what = one.send(None)
        except StopIteration:
            return  # it is done
        if isinstance(what, float | int):
            heappush(self.moments, (time.monotonic() + what, next(self.count), one))
        else:
            self.sockets.register(what, EVENT_READ, one)

    def rest(self) -> None:
        """Sleep till something has come that one of them waits for; that one is ready."""
        left = self.moments[0][0] - time.monotonic() if self.moments else None
        left = 0 if self.ready else left
        if self.sockets.get_map():
            for key, _ in self.sockets.select(None if left is None else max(0, left)):
                self.sockets.unregister(key.fileobj)
                self.ready.append(key.data)
        elif left and left > 0:
            time.sleep(left)
        while self.moments and self.moments[0][0] <= time.monotonic():
            self.ready.append(heappop(self.moments)[-1])


def run_own(tasks: Iterable[Task]) -> Trace:
    """Run tasks on this loop, a coroutine each, and return the trace.

    Raises
    ------
    ValueError, TypeError
        If the tasks can't be, or one has a coroutine function as a step.
    TaskFailed
        After the run, if a task has raised an error.
    """
    given = task_list(tasks)
    for task in given:
        if any(map(inspect.iscoroutinefunction, task.steps)):
            raise TypeError(
                f"a step of task {task.name!r} is a coroutine function, made for asyncio's loop: "
                "use compute(...), wait(...) or a plain callable"
            )
    stage = Stage(given, "own loop", len(given), calibrate())
    play(stage)
    for index, record in sorted(stage.records.items()):
        if record.error is not None:
            raise TaskFailed(given[index].name, record.error, stage.trace()) from record.error
    return stage.trace()


def play(stage: Stage) -> None:
    """Start a coroutine for each task, and run the loop: as the models in `course_lib.models` do."""
    loop = Loop()

    async def do(index: int) -> None:
        if stage.tasks[index].at:
            await until(stage.tasks[index].at)
        with stage.recorder(index, 0) as recorder:
            for step in stage.tasks[index].steps:
                if isinstance(step, Wait):
                    begin = clock()
                    await _waited(step, port)
                    over = begin + round(step.seconds * 1e9) if step.kind == "sleep" else clock()
                    recorder.record.spans.append((begin, min(over, clock()), WAIT, -1))
                else:
                    recorder.do(step)

    asked = [s.kind for t in stage.tasks for s in t.steps if isinstance(s, Wait)]
    with ExitStack() as stack:
        port = stack.enter_context(service()) if "socket" in asked else 0
        stage.begin()
        for index in range(len(stage.tasks)):
            loop.start(do(index))
        loop.run()
        stage.end()


async def _waited(step: Wait, port: int) -> None:
    if step.kind == "sleep":
        return await until(step.seconds)
    with socket.create_connection(("127.0.0.1", port)) as asked:
        asked.sendall(b"%r\n" % step.seconds)
        await until(asked)
        if not asked.recv(64):
            raise ConnectionError("the course's service has ended before it answered")

"""The recorder: what a task did, and when, as it happens.

A record holds integer nanoseconds of one clock, which all processes of a machine share. Between
two chunks of work the recorder reads that clock (a *tick*). As long as ticks follow each other
closely the task is running; a gap says that it was kept from running. Ticks draw the picture;
the CPU time that the operating system has accounted decides how many cores were busy.
"""

from __future__ import annotations

import ctypes
import math
import pickle
import socket
import sys
import time
import traceback
from array import array
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass, field
from functools import cache
from types import CoroutineType, TracebackType
from typing import Any, Self

from course_lib.forks import Alone, end_all
from course_lib.ready import queued
from course_lib.tasks import Compute, Pace, Step, Wait

__all__ = [
    "Lost",
    "Record",
    "Recorder",
    "Steps",
    "Stepwise",
    "Stopped",
    "clock",
    "named",
    "sendable",
    "timed",
    "told",
]

clock = time.perf_counter_ns
tick = time.perf_counter  # the same clock in seconds: quicker to subtract than integers of its size

Span = tuple[int, int, str, int]  #: start, stop, kind, core

#: What a span shows: the task ran · it waited · it was in a callable, whose inside isn't seen ·
#: it ran, in chunks too coarse to tell when.
RUN, WAIT, CALL, BLUR = "run", "wait", "call", "blur"

GONE = "the course's service has ended before it answered"
NAP = 0.05  # a wait looks up this often, in seconds, to see whether it shall stop


class Stopped(Exception):
    """The run is to end: raised in the tasks that are still under way."""


class Lost(Exception):
    """The worker that did the task has died."""


@dataclass(slots=True)
class Record:
    """What one task did. Times are nanoseconds of `clock`; `cpu` is CPU time."""

    index: int
    worker: int
    start: int | None
    finish: int | None = None
    cpu: float = 0
    spans: list[Span] = field(default_factory=list)
    value: Any = None
    error: BaseException | None = None
    parts: list[Record] = field(default_factory=list)  # what other workers did for this task
    queued: float = math.nan  # seconds in which it had no core; NaN where the system doesn't tell
    forked: list[int] = field(default_factory=list)  # the processes that the learner's code forked


def sendable(record: Record, dumps: Callable[[object], bytes] = pickle.dumps) -> Record:
    """Return a record that can be sent to another process: what can't is told in words."""
    end_all(record.forked)  # which only this process can do
    if record.error is not None:
        where = "".join(traceback.format_tb(record.error.__traceback__)[1:])
        record.error.add_note(f"In the worker:\n{where}")
    if record.value is None and record.error is None:
        return record
    try:
        pickle.loads(dumps((record.value, record.error)))
    except Exception as error:  # noqa: BLE001 - whatever the learner's objects do
        said = record.error or error
        record.value, record.error = None, TypeError(f"{type(said).__name__}: {said}")
    return record


@dataclass(slots=True)
class Recorder:
    """Do the steps of one task, and record them.

    As a context manager it keeps the task's start and its finish, and the error if there was one:
    a task that fails must not stop the others.
    """

    index: int
    worker: int
    pace: Pace
    stop: bytearray | memoryview  # one byte; as soon as it isn't 0, the task shall end
    port: int | None = None  # of the service that answers socket waits
    record: Record = field(init=False)

    def __post_init__(self) -> None:
        self.record = Record(self.index, self.worker, clock())

    def __enter__(self) -> Self:
        self.record.start = clock()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> bool:
        self.record.finish = clock()
        self.record.error = error
        return True

    def perform(self, steps: tuple[Step, ...]) -> Record:
        """Do the steps, one after the other."""
        before = queued()
        with self:
            for step in steps:
                self.do(step)
        self.record.queued = queued() - before
        return self.record

    def perform_sent(self, steps: bytes, dumps: Callable[[object], bytes] = pickle.dumps) -> Record:
        """Do steps that were sent, pickled, and return a record that can be sent back."""
        with self:
            received: tuple[Step, ...] = pickle.loads(steps)
        if self.record.error is None:
            self.perform(received)
        return sendable(self.record, dumps)

    def do(self, step: Step) -> None:
        """Do one step."""
        match step:
            case Compute():
                self.compute(step)
            case Wait():
                self.wait(step)
            case _:
                self.record.value = self.call(step)
                if isinstance(self.record.value, CoroutineType):
                    self.record.value.close()
                    raise TypeError(
                        "it returned a coroutine: models 'async' and 'hybrid' await one, if the "
                        "step is a coroutine function (async def)"
                    )

    async def perform_async(self, steps: tuple[Step, ...]) -> Record:
        """Do the steps on an event loop: waits are awaited, all else blocks the loop."""
        with self:
            for step in steps:
                await self.do_async(step)
        return self.record

    async def do_async(self, step: Step) -> None:
        """Do one step on an event loop."""
        match step:
            case Compute():
                self.compute(step)
            case Wait():
                await self.await_(step)
            case _:
                value = self.call(step)
                awaits = isinstance(value, Coroutine)
                self.record.value = await self._stepwise(value) if awaits else value

    def compute(self, step: Compute) -> None:
        """Work in chunks, with a tick after each."""
        work, amount, chunks = self.pace.chunks(step)
        switch = sys.getswitchinterval()
        blurred = step.kind == "python" and self.pace.python * amount > switch / 10
        kind = BLUR if blurred else RUN
        gap = math.inf if blurred else min(1e-3, switch / 3)
        spans, cpu, core = self.record.spans, time.thread_time_ns(), this_core()
        read = tick  # a local name is found sooner
        begin = last = read()
        try:
            while chunks > 0:
                for _ in range(min(chunks, 50)):
                    work(amount)
                    now = read()
                    if now - last > gap:  # it was kept from running
                        spans.append((_ns(begin), _ns(last), kind, core))
                        begin, core = now, this_core()
                    last = now
                chunks -= 50
                self._go_on()
                if core != (here := this_core()):
                    spans.append((_ns(begin), _ns(last), kind, core))
                    begin, core = last, here
        finally:
            spans.append((_ns(begin), _ns(last), kind, core))
            self.record.cpu += time.thread_time_ns() - cpu

    def wait(self, step: Wait) -> None:
        """Sleep till the time has come, or the service has answered."""
        begin = clock()
        end = begin + round(step.seconds * 1e9)
        try:
            if step.kind == "socket":
                with socket.create_connection(
                    ("127.0.0.1", self.port or 0), timeout=NAP
                ) as service:
                    service.sendall(b"%r\n" % step.seconds)
                    while not self._answered(service):
                        self._go_on()
                end = clock()
            while (left := end - clock()) > 0:
                self._go_on()
                time.sleep(min(left / 1e9, NAP))
        finally:
            self.record.spans.append((begin, min(end, clock()), WAIT, -1))

    async def await_(self, step: Wait) -> None:
        """Await the same: meanwhile the event loop turns to other tasks."""
        import asyncio

        begin = clock()
        end = begin + round(step.seconds * 1e9)
        try:
            if step.kind == "socket":
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(b"%r\n" % step.seconds)
                    if not await reader.readline():
                        raise ConnectionError(GONE)
                finally:
                    writer.transport.abort()
                end = clock()
            else:
                await asyncio.sleep(step.seconds)
        finally:
            self.record.spans.append((begin, min(end, clock()), WAIT, -1))

    def call(self, function: Callable[[], Any]) -> Any:
        """Call the learner's own function. What it does inside isn't seen, only its CPU time."""
        begin, cpu, core = clock(), time.thread_time_ns(), this_core()
        try:
            with Alone(self.record.forked):
                return function()
        finally:
            self.record.spans.append((begin, clock(), CALL, core))
            self.record.cpu += time.thread_time_ns() - cpu

    async def _stepwise(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Await the learner's own coroutine: each of its steps runs, between two steps it waits."""
        seen, record = Steady(coroutine, self.record.forked), self.record
        record.spans.pop()  # the call that only made the coroutine
        try:
            return await seen
        finally:
            record.spans += seen.spans()
            record.cpu = math.nan  # what a coroutine used isn't known

    def _go_on(self) -> None:
        if self.stop[0]:
            raise Stopped

    @staticmethod
    def _answered(service: socket.socket) -> bool:
        try:
            if service.recv(64):
                return True
        except TimeoutError:
            return False
        raise ConnectionError(GONE)


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


def told(error: BaseException) -> str:
    """Say in words how something ended that has raised this."""
    asyncio = sys.modules.get("asyncio")
    if isinstance(error, Stopped) or (asyncio and isinstance(error, asyncio.CancelledError)):
        return "stopped"
    if isinstance(error, Lost):
        return "its worker died"
    return named(error)


def named(error: BaseException) -> str:
    """Return an error's name and its words, if it has some."""
    try:
        words = str(error)
    except Exception:  # noqa: BLE001 - whatever the learner's errors do
        words = ""
    return type(error).__name__ + (f": {words}" if words else "")


class Steps(Coroutine[Any, Any, Any]):
    """A coroutine around another: it passes everything on and records when each step ran.

    An event loop drives a coroutine by `send` and `throw`; what lies between two such calls is
    the time in which the coroutine had handed the loop to others. There may be very many: so it
    is small, and `__next__`, which a loop calls at each step, is short.
    """

    __slots__ = ()
    _coroutine: Coroutine[Any, Any, Any]
    times: array[int]  # when it was made, and then: start, stop, start, stop, …
    ended: str  # how it ended, in words

    def __next__(self) -> Any:
        self.times.append(clock())
        try:
            return self._coroutine.send(None)
        except BaseException as error:  # StopIteration, too: it has come to its end
            self.ended = "done" if isinstance(error, StopIteration) else told(error)
            raise
        finally:
            self.times.append(clock())

    def send(self, value: Any) -> Any:
        """Do the next step."""
        return self._step(self._coroutine.send, value)

    def throw(self, *error: Any) -> Any:
        """Do the next step, which begins with an error."""
        return self._step(self._coroutine.throw, *error)

    def _step(self, act: Callable[..., Any], *what: Any) -> Any:
        self.times.append(clock())
        try:
            return act(*what)
        except BaseException as error:
            self.ended = "done" if isinstance(error, StopIteration) else told(error)
            raise
        finally:
            self.times.append(clock())

    def close(self) -> None:
        """End the coroutine."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self

    def __iter__(self) -> Self:
        return self

    def __getattr__(self, name: str) -> Any:  # cr_code, __qualname__ …: as the one inside
        return getattr(self._coroutine, name)

    @property
    def start(self) -> int | None:
        """When the first step began."""
        return self.times[1] if len(self.times) > 1 else None

    @property
    def finish(self) -> int | None:
        """When the last step ended."""
        return self.times[-1] if self.ended else None

    def spans(self) -> list[Span]:
        """Return the steps as run spans, and the times between them as wait spans."""
        edges, found = self.times, []
        for i in range(2, len(edges)):
            if edges[i] > edges[i - 1]:
                found.append((edges[i - 1], edges[i], WAIT if i % 2 else RUN, -1))
        return found


def timed(born: int) -> array[int]:
    """Return the times of a coroutine made at this moment, with room for its first step.

    Most of very many wait in it, and an array that grows takes more room than it needs.
    """
    times = array("q", (born, 0, 0))
    del times[1:]
    return times


class Stepwise(Steps):
    """A coroutine around another, by itself."""

    __slots__ = ("_coroutine", "ended", "times")

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine, self.ended = coroutine, ""
        self.times = timed(clock())


class Steady(Stepwise):
    """One that a run awaits: should a step fork, the copy of the loop ends with that step."""

    __slots__ = ("_forked",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any], forked: list[int]) -> None:
        super().__init__(coroutine)
        self._forked = forked

    def __next__(self) -> Any:
        return self.send(None)

    def _step(self, act: Callable[..., Any], *what: Any) -> Any:
        return super()._step(self._alone, act, *what)

    def _alone(self, act: Callable[..., Any], *what: Any) -> Any:
        with Alone(self._forked):
            return act(*what)


@cache
def _sched_getcpu() -> Callable[[], int] | None:
    try:
        function = ctypes.PyDLL(None).sched_getcpu
    except (OSError, AttributeError, TypeError):
        return None
    return function


def this_core() -> int:
    """Return the number of the core that this thread runs on; −1 where the system doesn't tell."""
    function = _sched_getcpu()
    return function() if function else -1

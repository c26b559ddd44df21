"""Where a model plays: the tasks, the clock, the record of each, and the way to stop them all."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from course_lib.forks import end_all
from course_lib.machine import busy_so_far, machine, throttled
from course_lib.ready import GIL, LOOP, UNKNOWN, causes, queued
from course_lib.record import NAP, Record, Recorder, clock, told
from course_lib.tasks import Pace, Task

if TYPE_CHECKING:
    import asyncio

    from course_lib.trace import Trace

__all__ = ["Stage"]

GAP = 1_000_000  # ns: shorter pauses between two spans aren't drawn


@dataclass(slots=True, eq=False)
class Stage:
    """What `run` hands to a model.

    A model sets up its workers, calls `begin`, takes the tasks from `arrivals`, has each one
    performed, and comes back when all of them are done.
    """

    tasks: tuple[Task, ...]
    model: str
    workers: int
    pace: Pace
    cores: int | None = None
    address: Any = None  # of the cluster that does the tasks, if there is one elsewhere
    usable: float | None = None  # cores of that cluster
    port: int | None = None
    stop: bytearray = field(default_factory=lambda: bytearray(1))
    records: dict[int, Record] = field(default_factory=dict)
    futures: dict[int, Future[Record | None]] = field(default_factory=dict)  # of worker processes
    died: BaseException | None = None  # what broke the workers, if they broke
    lock: threading.RLock = field(default_factory=threading.RLock)
    on_cancel: list[Callable[[], object]] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)
    begun: threading.Event = field(default_factory=threading.Event)
    zero: int = 0
    last: int | None = None
    cpu: float = 0  # CPU time of the run so far, or at `begin` the process's (see `end`)
    busy: float = math.nan  # seconds that all CPUs were busy, likewise
    queued: float = math.nan  # seconds that the model's own thread had no core, likewise
    throttled: float = 0.0  # seconds that a CPU quota held it back, likewise

    def begin(self) -> None:
        """Start the clock: the workers are there, the tasks may come."""
        self.busy, self.throttled = busy_so_far(), throttled() or 0.0
        self.queued = queued()
        self.zero, self.cpu = clock(), time.process_time_ns()
        self.begun.set()

    def arrivals(self) -> Iterator[int]:
        """Yield the index of each task, by arrival, as soon as it has arrived."""
        for index in sorted(range(len(self.tasks)), key=lambda i: self.tasks[i].at):
            while not self.stop[0] and (left := self.due_in(index)) > 0:
                time.sleep(min(left, NAP))
            if self.stop[0]:
                return
            yield index

    def due_in(self, index: int) -> float:
        """Return in how many seconds a task will arrive; 0 if it has."""
        return max(0.0, self.tasks[index].at - (clock() - self.zero) / 1e9)

    def recorder(self, index: int, worker: int) -> Recorder:
        """Return the recorder of a task that now starts on a worker."""
        recorder = Recorder(index, worker, self.pace, self.stop, self.port)
        self.records[index] = recorder.record
        return recorder

    def perform(self, index: int, worker: int = 0) -> None:
        """Do a task, here and now."""
        if not self.stop[0]:
            self.recorder(index, worker).perform(self.tasks[index].steps)

    def thread(self, target: Callable[[], object], name: str) -> threading.Thread:
        """Start a thread of this run."""
        # A daemon: a task that hangs must not keep Python alive.
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        self.threads.append(thread)
        return thread

    def done(self) -> int:
        """Return how many tasks are done so far."""
        if self.futures:
            return sum(future.done() for future in list(self.futures.values()))
        return sum(record.finish is not None for record in list(self.records.values()))

    def end(self) -> None:
        """Stop the clock. CPU time counts once: that of this process, over the whole run."""
        self.last, self.cpu = clock(), time.process_time_ns() - self.cpu
        self.busy, self.throttled = busy_so_far() - self.busy, (throttled() or 0.0) - self.throttled
        self.queued = queued() - self.queued

    def cancel(self) -> None:
        """Ask every task to stop. Computing and waiting ones do so within 0.1 s."""
        with self.lock:
            self.stop[0] = 1
            acts, self.on_cancel = self.on_cancel, []
        for act in acts:
            act()

    def end_forked(self) -> None:
        """End the processes that tasks have forked, and that live on."""
        for record in list(self.records.values()):
            end_all(record.forked)

    def when_cancelled(self, *acts: Callable[[], object]) -> None:
        """Have these called when the run is cancelled, or now if it has been."""
        with self.lock:
            self.on_cancel += acts
        if self.stop[0]:
            self.cancel()

    def when_cancelled_in(self, loop: asyncio.AbstractEventLoop, act: Callable[[], object]) -> None:
        """Have this called on an event loop when the run is cancelled, if the loop still goes on."""

        def ask() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and so have its tasks
                loop.call_soon_threadsafe(act)

        self.when_cancelled(ask)

    def trace(self) -> Trace:
        """Return what has been recorded, also when not all of it is done."""
        from course_lib.trace import Trace  # NumPy, which recording doesn't need

        if self.last is None and self.zero:
            self.end()
        found = {index: self.records[index] for index in sorted(self.records)}
        rows, spans, outcomes = [], [], []
        for index, task in enumerate(self.tasks):
            record = found.get(index) or Record(index, -1, None)
            times = (self._seconds(record.start), self._seconds(record.finish))
            rows.append((task.name, task.at, *times, record.cpu / 1e9))
            outcomes.append(outcome(record))
            for part in (record, *record.parts):
                for begin, stop, kind, core in gaps_filled(part, self.last):
                    where = index, part.worker, core
                    spans.append((*where, self._seconds(begin), self._seconds(stop), kind))
        return Trace.build(
            rows,
            spans,
            results=tuple(found[i].value if i in found else None for i in range(len(self.tasks))),
            outcomes=tuple(outcomes),
            cpu=self.cpu / 1e9,
            end=max(0.0, self._seconds(self.last)),
            others=0.0 if self.address else max(0.0, self.busy - self.cpu / 1e9),
            model=self.model,
            workers=self.workers,
            cores=self.cores,
            usable_cores=min(self.usable or machine().usable_cores, self.cores or math.inf),
            queued=tuple(found[i].queued if i in found else 0.0 for i in range(len(self.tasks))),
            causes=self._causes(spans, found),
        )

    def _causes(
        self, spans: list[tuple[int, int, int, float, float, str]], found: dict[int, Record]
    ) -> dict[str, float] | None:
        """Return what the tasks that were ready waited for."""
        ready = dict.fromkeys(found, 0.0)
        for index, _, _, start, stop, kind in spans:
            ready[index] += (stop - start) * (kind == "ready")
        if self.model == "async":  # all share one thread, which is this model's own
            return causes([sum(ready.values())], [self.queued], self.throttled, LOOP)
        several = self.model == "threads" and self.workers > 1
        rest = GIL if several and machine().gil else UNKNOWN
        waits = [record.queued for record in found.values()]
        return causes(ready.values(), waits, self.throttled, rest)

    def _seconds(self, time: int | None) -> float:
        return math.nan if time is None else (time - self.zero) / 1e9


def outcome(record: Record) -> str:
    """Say in words how a task ended."""
    if record.error is not None:
        return told(record.error)
    if record.start is None:
        return "never started"
    return "done" if record.finish is not None else "still running"


def gaps_filled(record: Record, end: int | None) -> Iterator[tuple[int, int, str, int]]:
    """Yield a task's spans, and where it could have run between them, but didn't, "ready"."""
    if record.start is None:
        return
    last = record.start
    parts = [(part.start or last, part.finish or last, "", -1) for part in record.parts]
    for span in [*sorted([*record.spans, *parts]), (record.finish or end or last, 0, "", -1)]:
        if span[0] - last > GAP:
            hangs = not span[1] and record.finish is None  # in a step that hasn't come back
            yield last, span[0], "call" if hangs else "ready", -1
        if span[2]:
            yield span
        last = max(last, span[1])

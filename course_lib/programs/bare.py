"""What a model itself costs: it is played with tasks that do nothing, and that nobody records."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Any, Self

from course_lib.machine import machine
from course_lib.models.conductor import conduct
from course_lib.models.stage import Stage
from course_lib.programs import event_loop
from course_lib.record import clock
from course_lib.tasks import Step, Task, calibrate, compute

__all__ = ["LOOPS", "POOLS", "Bare"]

LOOPS = ("own loop", "async", "hybrid")  # a coroutine for each task
POOLS = ("processes", "interpreters", "hybrid")  # whose workers take a while to start


class Nothing:
    """A recorder that records nothing, of tasks that do nothing: what is left is the model's own."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def do(self, step: Step) -> None:
        """Do a step."""

    async def perform_async(self, steps: tuple[Step, ...]) -> None:
        """Do all steps."""


class Bare(Stage):
    """A stage for tasks that do nothing. It notes when each was handed over, and when it started.

    First come some with a pause after each, then some all at once. Worker processes and interpreters
    record as ever, for they don't see this stage.
    """

    def __init__(self, model: str, single: int, at_once: int = 0) -> None:
        apart = 0.02 if model in POOLS else 0.004
        at = [apart * n for n in range(single)] + [apart * single] * at_once
        tasks = tuple(Task(f"{n}", compute(0), at=moment) for n, moment in enumerate(at))
        workers = len(tasks) if model in LOOPS else max(2, ceil(machine().usable_cores))
        super().__init__(tasks, model, 1 if model == "sequential" else workers, calibrate())
        self.handed: dict[int, int] = {}
        self.started: dict[int, int] = {}

    def arrivals(self) -> Iterator[int]:
        """Yield the tasks, and note when."""
        for index in super().arrivals():
            self.handed[index] = clock()
            yield index

    def perform(self, index: int, worker: int = 0) -> None:
        """Do a task."""
        self.started[index] = clock()

    def recorder(self, index: int, worker: int) -> Any:
        """Return the recorder of a task that now starts."""
        self.started[index] = clock()
        if self.model == "hybrid":  # which starts on the loop, and then hands over
            self.handed[index] = clock()
            return super().recorder(index, worker)
        return Nothing()

    def played(self) -> float:
        """Play the model; return the seconds that it took, once the workers were there."""
        if self.model == "own loop":
            event_loop.play(self)
            return self.trace().end
        return conduct(self, 30.0).end

    def delays(self) -> list[float]:
        """Return the seconds from when each task was handed over to when it started."""
        found = []
        for index in range(len(self.tasks)):
            record = self.records.get(index)
            last = record.parts[-1] if record and record.parts else record
            start = (last.start if last else None) or self.started[index]
            found.append((start - self.handed.get(index, self.zero)) / 1e9)
        return found

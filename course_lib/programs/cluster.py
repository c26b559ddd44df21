"""A cluster to experiment with: a scheduler here, and workers that are processes of this machine.

It stands for one of many machines: its processes share no memory, and what is sent to a worker is
pickled and goes through a socket, as to another machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil

from course_lib.models import MOST_WORKERS, run
from course_lib.models import why_not as why_no_model
from course_lib.programs.notes import note, notes
from course_lib.tasks import Step, Task, compute, whole

if TYPE_CHECKING:
    from distributed import Client, Scheduler

__all__ = ["Carried", "Cluster", "Counter", "Diary", "adding", "carried", "handed_out", "why_not"]

UP = 60.0  # seconds in which it must be there
PAUSE = 0.001  # seconds between a counter's reading and its writing
MB = 10**6


def why_not() -> str | None:
    """Return None if there can be a cluster here; else what it needs."""
    return why_no_model("dask")


class Cluster:
    """A cluster on this machine, until it is closed; a worker that dies is replaced.

    Attributes
    ----------
    address : str
        Where its scheduler listens: what `run(tasks, "dask", address=…)` takes.

    Raises
    ------
    ValueError, TypeError
        If it isn't a number of workers, or if there can't be a cluster here.
    """

    address: str
    _scheduler: Scheduler
    _loop: asyncio.AbstractEventLoop

    def __init__(self, workers: int = 2) -> None:
        self.workers = whole("workers", workers, 1, MOST_WORKERS["dask"])
        if (reason := why_not()) is not None:
            raise ValueError(f"no cluster can be made here: {reason}")
        self._up, self._failed = threading.Event(), list[BaseException]()
        self._thread = threading.Thread(target=self._live, name="cluster", daemon=True)
        self._thread.start()
        try:
            if not self._up.wait(UP):
                self._failed.append(TimeoutError(f"no worker has come in {UP:g} s"))
        except BaseException:  # an interrupt: don't leave it half made
            self.close()
            raise
        if self._failed:
            self.close()
            raise RuntimeError("the cluster couldn't be started") from self._failed[0]

    def _live(self) -> None:
        from course_lib.models.dask import quiet

        try:
            with quiet():
                asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 - raised again where it was made
            self._failed.append(error)
        finally:
            self._up.set()

    async def _main(self) -> None:
        from course_lib.models.dask import local_cluster

        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with local_cluster(self.workers, self._up) as self._scheduler:
            self.address = self._scheduler.address
            self._up.set()
            await self._end.wait()

    def close(self) -> None:
        """End its processes; nothing is left of them."""
        with contextlib.suppress(AttributeError, RuntimeError):  # it has never begun, or has ended
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Cluster of {self.workers} workers, its scheduler at {self.address}>"

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """Connect to the scheduler, as any program of Dask's does, when all workers are there."""
        from distributed import Client

        client = Client(self.address)  # type: ignore[no-untyped-call]
        try:
            client.wait_for_workers(self.workers, timeout=UP)
            yield client
        finally:
            client.close()  # type: ignore[no-untyped-call]

    def processes(self) -> list[int]:
        """Return the ids of its workers' processes; those that are at work come first."""
        workers = sorted(self._scheduler.workers.values(), key=lambda one: not one.processing)
        return [one.pid for one in workers]

    def kill(self, process: int | None = None) -> None:
        """Kill a worker, by its process's id; else one that is at work. It can't say goodbye."""
        for pid in self.processes()[:1] if process is None else [process]:
            with contextlib.suppress(psutil.Error):
                psutil.Process(pid).kill()

    def replace(self, process: int) -> None:
        """Kill a worker, by its process's id, and wait until a new one is there.

        Raises
        ------
        TimeoutError
            If none comes.
        """
        self.kill(process)
        end = time.monotonic() + UP
        while process in (there := self.processes()) or len(there) < self.workers:
            if time.monotonic() > end:
                raise TimeoutError(f"no new worker has come in {UP:g} s")
            time.sleep(0.02)

    @contextlib.contextmanager
    def losing(self, diary: Diary, lines: int = 3) -> Iterator[None]:
        """Kill a worker as soon as there are so many lines in a diary."""
        over = threading.Event()

        def lose() -> None:
            while not over.wait(0.02):
                if len(diary.read()) >= lines:
                    self.kill()
                    return

        watcher = threading.Thread(target=lose, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


class Diary:
    """A file in which tasks write, wherever on this machine they run: for what is seen from outside."""

    def __init__(self) -> None:
        file, self.path = tempfile.mkstemp(prefix="course-")
        os.close(file)
        self.end = weakref.finalize(self, Path(self.path).unlink, missing_ok=True)

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to a worker as what knows the file, and leaves it there."""
        return partial, (note, self.path)

    def __call__(self, line: str) -> None:
        """Add a line."""
        note(self.path, line)

    def read(self) -> list[str]:
        """Return all lines."""
        return notes(self.path)


class Counter:
    """A counter that reads, pauses and writes: whoever comes meanwhile reads the old number.

    As an actor it lives on one worker, and whoever has its handle counts with it.
    """

    def __init__(self) -> None:
        self.value = 0

    def add(self, number: int) -> int:
        """Add a number, and return what has been counted so far."""
        before = self.value
        time.sleep(PAUSE)
        self.value = before + number
        return self.value

    def where(self) -> int:
        """Return the id of the process that it lives in."""
        return os.getpid()


def adding(counter: Any, times: int) -> None:
    """Add 1 to an actor that counts, so many times, each when the one before is answered."""
    for _ in range(times):
        counter.add(1).result()


# What goes there --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Carried:
    """How long it took to sum so many bytes: here, sent to a worker, and made by the worker.

    Attributes
    ----------
    megabytes : int
    here, sent, scattered, made : float
        Seconds until the sum was known here. Sent: within the task; scattered: straight to a worker.
    """

    megabytes: int
    here: float
    sent: float
    scattered: float
    made: float

    @property
    def times(self) -> float:
        """How many times as long it takes to send the data to be summed, as to sum them here."""
        return self.sent / self.here

    def __repr__(self) -> str:
        ways = {
            "summed here": self.here,
            "sent in a task, summed there": self.sent,
            "scattered directly, summed there": self.scattered,
            "made by a worker, summed there": self.made,
        }
        rows = (f"{way:34}{seconds * 1e3:8.1f} ms" for way, seconds in ways.items())
        return "\n".join([f"{self.megabytes} MB", *rows])


def total(data: bytes) -> int:
    """Return the sum of all bytes."""
    import numpy as np

    return int(np.frombuffer(data, np.uint8).sum(dtype=np.int64))


def total_made(size: int) -> int:
    """Make so many bytes, and return their sum."""
    return total(bytes(size))


def carried(cluster: Cluster, megabytes: int = 32, rounds: int = 2) -> Carried:
    """Sum bytes here and on a cluster, and take the quickest of some rounds each.

    Raises
    ------
    ValueError, TypeError
        If the size isn't a whole number from 1 to 256.
    """
    size = whole("megabytes", megabytes, 1, 256) * MB
    data = bytes(size)
    with cluster.client() as client:
        ways: dict[str, Callable[[], Any]] = {
            "here": partial(total, data),
            "sent": lambda: _there(cluster, partial(total, data)),
            "scattered": lambda: _scattered(client, data),
            "made": lambda: _there(cluster, partial(total_made, size)),
        }
        return Carried(megabytes, **{way: _quickest(act, rounds) for way, act in ways.items()})


def _there(cluster: Cluster, step: Step) -> float:
    """Return the seconds from a task's arrival to the end of a run on a cluster."""
    return run([Task("sum", step)], "dask", address=cluster.address).end


def _scattered(client: Any, data: bytes) -> None:
    """Send data straight to a worker, past the scheduler, and have it summed there."""
    worker = min(client.nthreads())
    there = client.scatter(data, workers=[worker], direct=True, hash=False)
    client.submit(total, there, pure=False).result()


def _quickest(act: Callable[[], Any], rounds: int) -> float:
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        end = act()
        took.append(end if isinstance(end, float) else time.perf_counter() - began)
    return min(took)


def handed_out(
    cluster: Cluster,
    sizes: Sequence[float] = (0.001, 0.004, 0.016, 0.064),
    work: float = 0.128,
    rounds: int = 2,
) -> dict[float, float]:
    """Return, for tasks of these sizes in seconds, how many times as fast the cluster does them.

    Of each size there are as many as it takes for the same work in all, in seconds, but two a worker
    at least. On the cluster, the quickest of some rounds counts; one after the other, the quickest
    of all sizes, by the work that was done.
    """
    alone, there = list[float](), dict[float, float]()  # seconds for each second of work
    for size in sizes:
        number = max(2 * cluster.workers, round(work / size))
        tasks = [Task(f"T{n}", compute(size)) for n in range(number)]
        alone.append(run(tasks).makespan / (number * size))
        runs = (run(tasks, "dask", address=cluster.address) for _ in range(rounds))
        there[size] = min(one.makespan for one in runs) / (number * size)
    return {size: min(alone) / took for size, took in there.items()}

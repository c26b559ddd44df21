"""Dask: a scheduler hands the tasks to workers, which may be other machines.

Concurrent and parallel: as many tasks in flight as workers, as many cores busy as these have. One
*future* a task: a name for what is not there yet, on a machine that isn't known yet. What dies with
a worker is done again by another: so a task may be done more than once, and its result counts once.

The cluster is made here and lasts as long as the run, unless there is an address of one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import tempfile
import threading
import warnings
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any
from uuid import uuid4

import dask
from cloudpickle import dumps
from distributed import Client, KilledWorker, Scheduler, Worker, get_worker, utils

from course_lib.models.stage import Stage
from course_lib.models.worker import belong_to
from course_lib.record import Lost, Record, Recorder, Stopped, clock
from course_lib.tasks import Pace

Answer = tuple[Record, str, str]  # what a worker sends back, with its name and its address

ANSWER = 5  # seconds in which a scheduler must answer
GRACE = 0.3  # seconds in which tasks that are asked to stop do
HERE = "127.0.0.1"
PAUSE = 0.02  # seconds in which results come together, to be fetched by one message
TOPIC = "course"  # under which the scheduler keeps which tasks have started
WAY_OUT = (
    "what a task needs is pickled and sent to another machine, and this can't be: make it inside "
    "of the function, or hand over what it is made of, such as a file's name"
)
HELPER = "_offload_executor"
DASKS_OWN = vars(utils)[HELPER]
SETTINGS = {
    "distributed.admin.large-graph-warning-threshold": "1TB",  # who sends so much will see it
    "distributed.comm.timeouts.connect": ANSWER,
    "distributed.scheduler.allowed-failures": 1,  # a task that has killed two workers has failed
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,  # it would look at each task every 10 ms
}


def play(stage: Stage) -> None:
    """Find a cluster, or make one, and have it do the tasks."""
    with quiet():
        asyncio.run(_main(stage))


async def _main(stage: Stage) -> None:
    me = asyncio.current_task()
    assert me is not None
    stage.when_cancelled_in(asyncio.get_running_loop(), me.cancel)
    async with cluster_for(stage) as address, connected(address) as client:
        crew = Crew(stage, client)
        await crew.meet()
        room = asyncio.Semaphore(crew.room)
        stage.begin()
        tasks = [asyncio.create_task(crew.do(n, room)) for n in range(len(stage.tasks))]
        try:
            await crew.finished(tasks)
        finally:
            stage.end()
            await crew.leave(tasks)
            stage.cpu = sum(record.cpu for record in stage.records.values())


# This side --------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Crew:
    """The workers of a cluster, as one run sees them."""

    stage: Stage
    client: Any  # a Client, whose methods are awaited here
    token: str = field(default_factory=lambda: uuid4().hex)
    numbers: dict[str, int] = field(default_factory=dict)  # what a worker is called → its number
    clocks: dict[str, int] = field(default_factory=dict)  # address → ns that its clock is behind
    #: What is to be handed over: a task's number and its steps, by what its future is told to.
    calls: dict[asyncio.Future[Any], tuple[int, bytes]] = field(default_factory=dict)
    done: set[Any] = field(default_factory=set)  # futures whose results are there, not yet here
    fetched: dict[str, Any] = field(default_factory=dict)  # results by their futures' keys
    fetching: asyncio.Lock = field(default_factory=asyncio.Lock)
    room: int = 0  # tasks that may be under way at the scheduler

    @property
    def local(self) -> bool:
        """Whether the workers share this machine, and its clock."""
        return self.stage.address is None

    async def meet(self) -> None:
        """Wait for the workers, and see that they can do the tasks."""
        threads: dict[str, int] = await self.client.nthreads()
        if not threads:
            raise ConnectionError(f"the Dask scheduler at {self.stage.address!r} has no worker yet")
        if not self.local and not set(threads) <= _fit:
            await fit(self.client)
            _fit.update(threads)
        await asyncio.gather(*map(self._warm_up, threads))
        self.room, all_threads = self.stage.workers, sum(threads.values())
        if self.room >= all_threads:  # the cluster itself is what bounds the tasks in flight
            self.room, self.stage.workers = len(self.stage.tasks), all_threads
        if not self.local:
            self.stage.usable = float(all_threads)

    async def _warm_up(self, address: str) -> None:
        """Have a worker do nothing, so that it has seen all that a task needs."""
        if not self.local:
            self.clocks[address] = await behind(self.client, address)
        work = -1, bytes(dumps(())), self.token, self.stage.pace, None
        await self.client.submit(perform, *work, workers=[address], pure=False)

    async def do(self, index: int, room: asyncio.Semaphore) -> None:
        """Have a task done, when it has arrived."""
        stage = self.stage
        await asyncio.sleep(stage.due_in(index))
        async with room:
            if stage.stop[0] or stage.died:
                return
            try:
                steps = bytes(dumps(stage.tasks[index].steps))
            except Exception as error:  # noqa: BLE001 - whatever the learner's objects do
                unsent = TypeError(f"{error}: {WAY_OUT}")
                stage.records[index] = Record(index, -1, None, error=unsent)
                return
            record = await self._done(index, steps)
            if record is not None:
                stage.records[index] = record

    async def _done(self, index: int, steps: bytes) -> Record | None:
        while True:
            future = await self._submitted(index, steps)
            try:
                await future.exception()  # waits for an end, whichever it is
                answer = await self._fetched(future)
            except KilledWorker as error:
                if record := await self._lost(index):
                    self.stage.records[index] = record
                    self.stage.died = error.with_traceback(None)
                    raise  # nobody goes on
                continue  # it only stood in line where another one killed the worker
            except (CancelledError, OSError):  # by Dask: not asyncio's own
                raise ConnectionError("the cluster is gone: its scheduler has ended") from None
            return None if answer is None else await self._received(*answer)

    async def _submitted(self, index: int, steps: bytes) -> Any:
        """Hand a task to the scheduler: with all others of this moment, by one message."""
        handed = asyncio.get_running_loop().create_future()
        self.calls[handed] = index, steps
        if len(self.calls) == 1:
            asyncio.get_running_loop().call_soon(self._submit)
        return await handed

    def _submit(self) -> None:
        calls, self.calls = self.calls, {}
        more = {"token": self.token, "pace": self.stage.pace, "port": self.stage.port}
        keys = [f"{TOPIC}-{uuid4().hex}" for _ in calls]
        each = zip(*calls.values(), strict=True)
        futures = self.client.map(perform, *map(list, each), key=keys, pure=False, **more)
        for handed, future in zip(calls, futures, strict=True):
            if not handed.done():  # nor cancelled meanwhile
                handed.set_result(future)

    async def _fetched(self, future: Any) -> Any:
        """Return what has come of a future: fetched with others, by one message for all of them."""
        self.done.add(future)
        async with self.fetching:  # meanwhile, others come
            if future in self.done:
                if self.room >= len(self.stage.tasks):  # none waits for this one to be over
                    await asyncio.sleep(PAUSE)
                several, self.done = self.done, set()
                found = await self.client.gather({one.key: one for one in several}, errors="skip")
                self.fetched |= {key: one for key, one in found.items() if one is not None}
        # What has failed isn't among them; it raises here.
        return self.fetched.pop(future.key) if future.key in self.fetched else await future

    async def _received(self, record: Record, name: str, address: str) -> Record:
        """Put what a worker has recorded into this run's terms: its lanes, and its clock."""
        record.worker = self.numbers.setdefault(name, len(self.numbers))
        if not self.local:
            if address not in self.clocks:
                self.clocks[address] = await behind(self.client, address)
            late = self.clocks[address]
            record.start, record.finish = (record.start or 0) + late, (record.finish or 0) + late
            record.spans = [(a + late, b + late, kind, -1) for a, b, kind, _ in record.spans]
        return record

    async def _lost(self, index: int) -> Record | None:
        """Return what is known of a task that hasn't come back; None if it never started."""
        for _, (token, task, start, name, address) in await self.client.get_events(TOPIC):
            if (token, task) == (self.token, index):
                if not self.local:
                    start = start + self.clocks[address] if address in self.clocks else clock()
                number = self.numbers.setdefault(name, len(self.numbers))
                return Record(index, number, start, error=Lost())
        return None

    async def finished(self, tasks: list[asyncio.Task[None]]) -> None:
        """Wait for all tasks, or until something keeps the run from going on."""
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            if (error := task.exception()) is not None and self.stage.died is None:
                raise error  # something has gone wrong with the cluster

    async def leave(self, tasks: list[asyncio.Task[None]]) -> None:
        """Ask the tasks that are still under way to stop, and wait no longer than they may take."""
        running = [index for index, task in enumerate(tasks) if not task.done()]
        asked = asyncio.create_task(self.client.run(stop, self.token, bool(running)))
        await asyncio.wait([asked, *(tasks[index] for index in running)], timeout=GRACE)
        for task in (asked, *tasks):
            task.cancel()
        await asyncio.gather(asked, *tasks, return_exceptions=True)
        with contextlib.suppress(OSError):  # a cluster that is gone tells nothing
            for index in running:
                if index not in self.stage.records and (record := await self._lost(index)):
                    record.error = Stopped()
                    self.stage.records[index] = record


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Set Dask up for this run, and have it say nothing: what matters, the run itself says."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with ThreadPoolExecutor(1) as helper, dask.config.set(SETTINGS):
            mine = vars(utils)[HELPER] is DASKS_OWN  # which would leave its thread behind
            if mine:
                vars(utils)[HELPER] = helper
            try:
                yield
            finally:
                if mine:
                    vars(utils)[HELPER] = DASKS_OWN
    finally:
        logger.setLevel(before)


@contextlib.asynccontextmanager
async def cluster_for(stage: Stage) -> AsyncIterator[Any]:
    """Find the cluster at the run's address; without one make one here, and end it afterwards."""
    if stage.address is not None:
        yield stage.address
    else:
        async with local_cluster(stage.workers, stage.begun) as scheduler:
            yield scheduler.address


@contextlib.asynccontextmanager
async def local_cluster(workers: int, begun: threading.Event) -> AsyncIterator[Scheduler]:
    """Start a scheduler in this process, and so many workers; nothing is left of them after it."""
    free = f"{HERE}:0"  # a port that is free
    with tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True) as folder:
        with dask.config.set({"temporary-directory": folder}):
            boss = Scheduler(host=HERE, port=0, dashboard=False, dashboard_address=free)
        async with boss:
            keepers = [
                asyncio.create_task(keep(str(name), boss.address, folder, begun))
                for name in range(workers)
            ]
            try:
                while len(boss.workers) < workers:
                    for keeper in keepers:
                        if keeper.done():
                            keeper.result()  # raises why it ended
                    await asyncio.sleep(0.01)
                yield boss
            finally:
                for keeper in keepers:
                    keeper.cancel()
                await asyncio.gather(*keepers, return_exceptions=True)


async def keep(name: str, address: str, folder: str, begun: threading.Event) -> None:
    """Start a worker of this machine, and another one whenever it dies."""
    settings = address, name, folder, os.getpid()
    program = f"import sys; sys.path[:] = {sys.path!r}; import {__name__} as d; d.work{settings!r}"
    while True:
        worker = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdin=DEVNULL)
        try:
            await worker.wait()
        finally:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
        if not begun.is_set():
            raise RuntimeError(f"a worker ended as it started, with code {worker.returncode}")


@contextlib.asynccontextmanager
async def connected(address: Any) -> AsyncIterator[Any]:
    """Connect to a scheduler: by its address, or by an object that knows it, with its keys."""
    where = getattr(address, "scheduler_address", address)
    security = getattr(address, "security", None)
    options = {"security": security, "timeout": ANSWER, "set_as_default": False}
    client: Any = Client(where, asynchronous=True, **options)  # type: ignore[no-untyped-call]
    try:
        try:
            with warnings.catch_warnings(action="ignore"):
                await asyncio.wait_for(client, ANSWER + 1)
        except (OSError, TimeoutError, ValueError) as error:
            raise ConnectionError(
                f"no Dask scheduler answers at {where!r}, the address that was given (by address= "
                "or DASK_SCHEDULER_ADDRESS). Look whether it still runs; without an address the "
                f"model makes a cluster of its own. ({error})"
            ) from error
        yield client
    finally:
        await client.close(timeout=1)


_fit: set[str] = set()  # addresses of workers that have been found to fit


async def fit(client: Any) -> None:
    """Raise if a cluster's Python, packages or course isn't the one here: tasks wouldn't run."""
    versions = await client.get_versions()
    here = versions["client"]["packages"]
    others = {"the scheduler": versions["scheduler"], **versions["workers"]}
    for who, found in others.items():
        for package in ("python", "distributed", "cloudpickle"):
            there = found["packages"][package]
            ours, theirs = (".".join(str(v).split(".")[:2]) for v in (here[package], there))
            if ours != theirs:
                raise RuntimeError(
                    f"{who} has {package} {there}, and here it is {here[package]}: tasks and results "
                    "are pickled, so both sides need the same"
                )
    for who, answer in (await client.run(find_spec, "course_lib")).items():
        if answer is None:
            raise RuntimeError(
                f"worker {who} lacks the course's package: install it where the workers run"
            )


async def behind(client: Any, address: str) -> int:
    """Return by how many ns a worker's clock is behind ours: it is read half-way to its answer."""
    tries = []
    for _ in range(3):
        asked = clock()
        said = (await client.run(clock, workers=[address]))[address]
        took = clock() - asked
        tries.append((took, asked + took // 2 - said))
    took, found = min(tries)  # the quickest answer tells it best
    return found if abs(found) > took else 0  # else it is the same clock


# The other side ---------------------------------------------------------------------------------------

_stops: dict[str, bytearray] = {}  # of each run, whether its tasks shall stop


def work(address: str, name: str, folder: str, parent: int) -> None:
    """Be a worker with one thread, until the scheduler is gone."""
    belong_to(parent)

    async def main() -> None:
        options: dict[str, Any] = {"nthreads": 1, "host": HERE, "memory_limit": 0}
        async with Worker(address, name=name, local_directory=folder, **options) as worker:
            await worker.finished()

    with quiet():
        asyncio.run(main())


def perform(index: int, steps: bytes, token: str, pace: Pace, port: int | None) -> Answer | None:
    """Do a task, and return its record, with who has done it."""
    flag = _stops.setdefault(token, bytearray(1))
    if flag[0]:
        return None
    worker = get_worker()
    name = str(worker.name)
    if worker.state.nthreads > 1:
        name += f", thread {threading.get_ident()}"
    worker.log_event(TOPIC, (token, index, clock(), name, worker.address))
    recorder = Recorder(index, -1, pace, flag, port)
    return recorder.perform_sent(steps, dumps), name, worker.address


def stop(token: str, running: bool) -> None:
    """Have a run's tasks stop; forget the run if none is under way."""
    if running:
        _stops.setdefault(token, bytearray(1))[0] = 1
    else:
        _stops.pop(token, None)

"""Tasks on Dask's scheduler: a cluster of the run's own, one elsewhere, and none at all."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from course_lib import Task, compute, run, wait
from course_lib.errors import RunError, RunTimeout
from course_lib.models import dask
from course_lib.record import clock

#: A scheduler and a worker with two threads, as on another machine; it ends with its input.
ELSEWHERE = """
import asyncio, os, sys
from distributed import Scheduler, Worker

async def main():
    async with Scheduler(host="127.0.0.1", port=0, dashboard_address="127.0.0.1:0") as scheduler:
        folder = sys.argv[1]
        async with Worker(scheduler.address, nthreads=2, host="127.0.0.1", local_directory=folder):
            print(scheduler.address, flush=True)
            await asyncio.to_thread(sys.stdin.read)
            os._exit(0)

asyncio.run(main())
"""


class Cluster:
    """A cluster that isn't the run's own."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-c", ELSEWHERE, str(folder)]
        pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=quiet, text=True, cwd=Path.cwd()
        )
        assert self.process.stdout
        self.scheduler_address = self.process.stdout.readline().strip()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    there = Cluster(tmp_path_factory.mktemp("elsewhere"))
    yield there
    there.end()


def tasks(number: int, *steps: Any) -> list[Task]:
    return [Task(f"T{n}", *steps) for n in range(number)]


# A cluster of the run's own ---------------------------------------------------------------------------


def listening() -> set[tuple[str, int]]:
    """Return where this process and its children listen."""
    me = psutil.Process()
    found = set()
    for process in [me, *me.children(recursive=True)]:
        for one in process.net_connections("inet"):
            if one.status == psutil.CONN_LISTEN:
                found.add((one.laddr.ip, one.laddr.port))
    return found


def test_nothing_is_left_of_a_cluster_and_it_listens_on_this_machine_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    before, meanwhile = listening(), set[tuple[str, int]]()
    leave = dask.Crew.leave

    async def look_and_leave(crew: dask.Crew, running: Any) -> None:
        meanwhile.update(listening())
        assert list(tmp_path.iterdir())
        await leave(crew, running)

    monkeypatch.setattr(dask.Crew, "leave", look_and_leave)
    assert run(tasks(2, os.getpid), "dask", 1).outcomes == ("done", "done")
    assert {ip for ip, _ in meanwhile - before} == {"127.0.0.1"}
    assert listening() == before
    assert not list(tmp_path.iterdir())


def test_what_a_worker_loses_when_it_is_killed_is_done_by_another(tmp_path: Path) -> None:
    def once(marker: Path, number: int) -> int:
        if number == 1 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), 9)
        return number

    given = [Task(f"T{n}", wait(0.02), partial(once, tmp_path / "died", n)) for n in range(6)]
    trace = run(given, "dask", 2)
    assert trace.results == (0, 1, 2, 3, 4, 5)
    assert (tmp_path / "died").exists()
    assert trace.outcomes == ("done",) * 6


def test_a_worker_that_cannot_start_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "__name__", "no_such_module")
    began = time.monotonic()
    with pytest.raises(RunError, match="a worker ended as it started, with code 1"):
        run(tasks(1, wait(0)), "dask", 1)
    assert time.monotonic() - began < 20


# A cluster elsewhere ----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["address", "object", "environment"])
def test_tasks_are_done_by_the_cluster_at_an_address(
    how: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: dict[str, Any] = {}
    if how == "environment":
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster.scheduler_address)
    else:
        where["address"] = cluster if how == "object" else cluster.scheduler_address
    trace = run(tasks(4, wait(0.05), compute(0.01), os.getpid), "dask", **where)
    assert set(trace.results) == {cluster.process.pid}
    assert (trace.workers, trace.usable_cores) == (2, 2.0)
    assert set(trace.spans["worker"].tolist()) == {0, 1}
    assert (trace.spans["start"] >= 0).all() and trace.spans["stop"].max() <= trace.end
    assert 0 < trace.cpu < 1


def test_fewer_workers_than_the_cluster_has_bound_the_tasks_in_flight(cluster: Cluster) -> None:
    trace = run(tasks(4, wait(0.05)), "dask", 1, address=cluster.scheduler_address)
    assert trace.workers == 1 and trace.concurrency <= 1 + 1e-6


def test_a_run_elsewhere_that_takes_too_long_is_ended_and_the_cluster_lives_on(
    cluster: Cluster,
) -> None:
    where = cluster.scheduler_address
    with pytest.raises(RunTimeout) as caught:
        run(tasks(3, wait(20)), "dask", address=where, timeout=0.3)
    assert sorted(caught.value.trace.outcomes) == ["never started", "stopped", "stopped"]
    assert run(tasks(1, os.getpid), "dask", address=where).results == (cluster.process.pid,)


def test_a_cluster_that_goes_away_in_mid_run_is_told(tmp_path: Path) -> None:
    there = Cluster(tmp_path)
    try:
        end = partial(os.kill, there.process.pid, 9)
        with pytest.raises(RunError, match="the cluster is gone.*Done: 0 of 1"):
            run([Task("A", wait(0.1), end)], "dask", address=there.scheduler_address, timeout=10)
    finally:
        there.end()


def test_an_address_that_does_not_answer_is_named_soon() -> None:
    with socket.socket() as taken:  # it is bound, so nobody else gets it, and doesn't answer
        taken.bind(("127.0.0.1", 0))
        where = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(RunError, match=f"no Dask scheduler answers at '{where}'"):
            run(tasks(1, wait(0)), "dask", address=where)
        assert time.monotonic() - began < 10


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"address": ""}, "address must be .*not ''"),
    ({"address": 8786}, "address must be .*not 8786"),
    ({"address": "scheduler"}, "address must be .*not 'scheduler'"),
    ({"address": "tcp://here and there:1"}, "address must be"),
    ({"address": "tcp://127.0.0.1:1", "model": "threads"}, "address= is for model 'dask', not"),
    ({"address": "tcp://127.0.0.1:1", "cores": 1}, "cores=1 pins this machine, not the cluster"),
    ({"address": "tcp://127.0.0.1:1", "workers": 0}, "workers must be 1"),
    ({"address": "tcp://127.0.0.1:1", "tasks": tasks(1, wait(0, "socket"))}, "'T0'.*can't reach"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED)
def test_what_cannot_be_is_refused_before_anything_starts(
    arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        run(**{"tasks": tasks(1, wait(0)), "model": "dask", **arguments})


def test_an_environment_variable_that_is_no_address_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "nowhere")
    with pytest.raises(ValueError, match="address must be .*not 'nowhere'"):
        run(tasks(1, wait(0)), "dask")


# What another machine may be like ---------------------------------------------------------------------


class Far:
    """A client of a cluster with one worker, whose clock and packages aren't ours."""

    late, course = 0, True
    there: dict[str, str]

    def __init__(self, **there: str) -> None:
        self.there = there

    async def get_versions(self) -> dict[str, Any]:
        here = {"python": "3.11.7.final.0", "distributed": "2024.8.0", "cloudpickle": "3.0.0"}
        worker = {"packages": {**here, **self.there}}
        mine = {"packages": here}
        return {"client": mine, "scheduler": mine, "workers": {"tcp://far:1": worker}}

    async def run(self, function: Any, *_: Any, workers: Any = None) -> dict[str, Any]:
        await asyncio.sleep(0.001)
        answer = clock() - self.late if function is clock else self.course or None
        return {"tcp://far:1": answer}


@pytest.mark.parametrize(
    ("package", "version"),
    [("python", "3.12.1.final.0"), ("distributed", "2025.1.0"), ("cloudpickle", "2.2.1")],
)
def test_a_version_that_does_not_fit_is_named(package: str, version: str) -> None:
    words = f"tcp://far:1 has {package} {re.escape(version)}, and here it is"
    with pytest.raises(RuntimeError, match=words):
        asyncio.run(dask.fit(Far(**{package: version})))


def test_versions_that_fit_are_fit() -> None:
    asyncio.run(dask.fit(Far(python="3.11.9.final.0", distributed="2024.8.2")))


def test_a_worker_that_lacks_the_course_is_named() -> None:
    far = Far()
    far.course = False
    with pytest.raises(RuntimeError, match="worker tcp://far:1 lacks the course's package"):
        asyncio.run(dask.fit(far))


@pytest.mark.parametrize("late", [0, 10**12, -(10**12)])
def test_the_clock_of_another_machine_is_read_half_way_to_its_answer(late: int) -> None:
    far = Far()
    far.late = late
    found = asyncio.run(dask.behind(far, "tcp://far:1"))
    assert abs(found - late) < 10**8
    assert late or not found  # a clock that may be ours is ours


# None at all ------------------------------------------------------------------------------------------

WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        absent = name.partition(".")[0] in ("dask", "distributed")
        return None if absent else super().find_spec(name, path, target)

sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
from course_lib import Task, run, wait, why_not
print(why_not("dask"))
try:
    run([Task("A", wait(0))], "dask")
except ValueError as error:
    print(error)
"""


def test_without_distributed_it_is_said_what_brings_it() -> None:
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "distributed" in said[0] and "pip install 'distributed>=2024.8'" in said[0]
    assert said[1] == f"model 'dask' can't run here: {said[0]}"

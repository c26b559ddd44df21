"""Lesson 11: what its experiments show, and what it says where there can be no cluster."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from course_lib import Task, compute, run
from course_lib.programs import cluster as module
from course_lib.programs.cluster import Cluster, Counter, Diary, adding, carried, handed_out

LESSON = Path(__file__).parents[2] / "notebooks" / "11_beyond_one_machine.ipynb"


@pytest.fixture(scope="module")
def here() -> Iterator[Cluster]:
    with Cluster(2) as made:
        yield made


def test_a_cluster_is_gone_when_it_is_closed() -> None:
    threads = set(threading.enumerate())
    with Cluster(1) as made:
        (process,) = made.processes()
        assert psutil.pid_exists(process)
    assert not psutil.pid_exists(process)
    assert set(threading.enumerate()) <= threads
    made.close()  # again, which does no harm


@pytest.mark.parametrize("workers", [0, -1, 33, True, 1.5, "2"])
def test_a_cluster_has_a_number_of_workers(workers: object) -> None:
    with pytest.raises((ValueError, TypeError), match="workers must be"):
        Cluster(workers)  # type: ignore[arg-type]


def test_data_that_is_sent_takes_longer_than_data_that_is_summed_here(here: Cluster) -> None:
    found = carried(here, megabytes=16)
    assert found.sent > found.made
    assert found.sent > found.scattered > 0
    assert found.times > 1
    words = ("16 MB", "summed here", "sent", "scattered", "made")
    assert all(word in repr(found) for word in words)


@pytest.mark.parametrize("megabytes", [0, 257, 1.5])
def test_data_has_a_size(megabytes: object) -> None:
    with pytest.raises((ValueError, TypeError), match="megabytes must be"):
        carried(None, megabytes)  # type: ignore[arg-type]


def test_small_tasks_are_slower_on_a_cluster_and_larger_ones_gain(here: Cluster) -> None:
    found = handed_out(here, sizes=(0.0005, 0.05), work=0.1)
    assert found[0.0005] < 1
    assert found[0.05] > found[0.0005]


def test_a_lost_worker_costs_no_result_but_a_task_is_done_again(here: Cluster) -> None:
    diary = Diary()
    tasks = [
        Task(f"T{n}", partial(diary, f"T{n}"), compute(0.1), partial(int, n)) for n in range(6)
    ]
    before = set(here.processes())
    with here.losing(diary, lines=3):
        trace = run(tasks, "dask", address=here.address)
    assert trace.results == (0, 1, 2, 3, 4, 5)
    assert len(before - set(here.processes())) == 1
    assert len(diary.read()) > 6
    assert set(diary.read()) == {f"T{n}" for n in range(6)}


def test_a_diary_is_gone_with_who_has_it() -> None:
    diary = Diary()
    path = Path(diary.path)
    diary("a line")
    assert diary.read() == ["a line"] and path.exists()
    del diary
    assert not path.exists()


def test_an_actor_counts_one_message_at_a_time_and_is_lost_with_its_worker(here: Cluster) -> None:
    with here.client() as client:
        counter: Any = client.submit(Counter, actor=True).result()
        tasks = [
            client.submit(adding, counter, 20, workers=[worker], pure=False)
            for worker in client.nthreads()  # type: ignore[no-untyped-call]
        ]
        client.gather(tasks)  # type: ignore[no-untyped-call]
        assert counter.add(0).result() == 20 * here.workers
        lost = counter.where().result()
        here.replace(lost)
        assert lost not in here.processes() and len(here.processes()) == here.workers
        with pytest.raises((OSError, RuntimeError, ValueError)) as seen:
            counter.add(1).result(timeout=5)
        assert seen.type is not TimeoutError


def test_two_threads_lose_updates_of_the_same_counter() -> None:
    counter = Counter()
    pair = [threading.Thread(target=lambda: [counter.add(1) for _ in range(50)]) for _ in "AB"]
    for one in pair:
        one.start()
    for one in pair:
        one.join()
    assert counter.value < 100


def test_without_dask_each_cell_says_what_it_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "why_not", lambda: "it needs the package distributed")
    monkeypatch.setitem(sys.modules, "distributed", None)
    names: dict[str, object] = {"__name__": "__main__"}
    said = []
    for cell in nbformat.read(LESSON, 4).cells:  # type: ignore[no-untyped-call]
        if cell.cell_type == "code" and "check(" not in cell.source:
            lines = cell.source.splitlines()
            if "can't be shown" in cell.source:
                lines[-1] = f"shown = {lines[-1]}"
            exec("\n".join(lines), names)  # noqa: S102 - as a kernel does
            said += [names.pop("shown")] if "shown" in names else []
    assert len(said) >= 6
    assert all("can't be shown: it needs the package distributed" in str(one) for one in said)

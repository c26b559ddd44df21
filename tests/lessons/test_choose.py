"""What lesson 5 runs: connections, pairs, hearts, and the grain of tasks."""

from __future__ import annotations

import asyncio
import math
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import psutil
import pytest

from course_lib import Trace, machine
from course_lib.heartbeat import Heart
from course_lib.programs import grain as grain_module
from course_lib.programs import handing_out, many_asks
from course_lib.programs import replies as replies_module
from course_lib.programs.grain import Grain, grain
from course_lib.programs.hearts import Hearts
from course_lib.programs.many_asks import DELAY, Account
from course_lib.programs.pairs import WORKS, Pair, pair, pairs
from course_lib.programs.plain_pool import plain_pool
from course_lib.programs.replies import Replies, replies, replies_chart, replies_table
from course_lib.service import allow_files, helper, service
from tests.engine.test_run import at_best


def children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() <= before


def page_of(shown: Any) -> str:
    return str(shown._repr_mimebundle_()["text/html"])


# Connections ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["threads", "async"])
def test_waits_over_many_connections_overlap(way: str) -> None:
    found = replies(way, 64, seconds=0.5)
    assert (found.way, found.wanted, found.connections, found.limit) == (way, 64, 64, "")
    assert found.count >= 64
    assert found.latency >= DELAY - 0.005  # a service's clock may be a little coarse
    assert found.slowest >= found.latency
    assert found.throughput > 3 / DELAY  # one at a time never gets past 1 / DELAY
    assert found.parallelism <= machine().usable_cores + 0.1


def test_one_connection_at_a_time_is_as_slow_as_the_service() -> None:
    found = replies("sequential", 5, seconds=0.5)
    assert found.connections == 5
    assert 1 <= found.count <= 3
    assert found.throughput <= 1.02 / DELAY
    assert math.isnan(found.each)


def test_a_thousand_connections_each_get_a_reply_and_say_what_they_need() -> None:
    threads, coroutines = (replies(way, 1000, seconds=0.5) for way in ("threads", "async"))
    for found in (threads, coroutines):
        assert found.connections == 1000 or found.limit
        assert found.count >= 0.5 * found.connections
        assert 0 < found.each < 1e6
        assert 0 < found.cost < 0.1
    assert threads.each > coroutines.each
    page = page_of(replies_table(threads, coroutines))
    assert f"{threads.each / 1e3:.1f} kB" in page
    said = replies_chart(threads, coroutines).alt
    assert "if only waits took time, calculated" in said


def test_there_are_no_more_threads_than_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies_module, "allowed", lambda: (3, "so it was said"))
    found = replies("threads", 8, seconds=0.1)
    assert (found.wanted, found.connections, found.limit) == (8, 3, "so it was said")
    assert "8 were wanted: so it was said." in repr(replies_table(found))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_no_more_connections_than_files_and_the_soft_limit_is_raised() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
        assert allow_files(50) == 50  # it isn't lowered
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 300
        assert replies("async", 320, seconds=0.1).connections == 320  # the client raises its own
        assert allow_files(350) == 350
        assert allow_files(10**9) <= 10**9
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_under_a_hard_limit_there_are_fewer_connections_and_it_is_said() -> None:
    limited = (
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))\n"
        "from course_lib.programs.replies import replies, replies_table\n"
        "found = replies('async', 80, seconds=0.1)\n"
        "print(found.connections, replies_table(found).note)\n"
    )
    import subprocess

    said = subprocess.run(
        [sys.executable, "-c", limited], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert said.startswith("36 80 were wanted: a process here may open 100 files.")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("fibers", 8), ValueError, "^way must be one of"),
        (("async", 0), ValueError, "^connections must be 1 to 10,000"),
        (("async", 10**6), ValueError, "^connections must be"),
        (("async", "many"), TypeError, "^connections must be a whole number"),
        (("async", 8, 0), ValueError, "^seconds must be more than 0"),
        (("async", 8, 5), ValueError, "^seconds must be"),
        (("async", 8, math.nan), ValueError, "^seconds must be"),
    ],
)
def test_connections_that_can_not_be(arguments: Any, error: type[Exception], words: str) -> None:
    way, count, *seconds = arguments
    with pytest.raises(error, match=words):
        replies(way, count, **({"seconds": seconds[0]} if seconds else {}))


def test_what_a_client_needed() -> None:
    found = Replies("threads", 100, 100, 400, 200.0, 2.0, 0.5, 1e6, 0.3, 0.4, "")
    assert found.parallelism == 0.25
    assert (found.each, found.cost) == (1e4, 1.25e-3)


def test_a_full_machine_is_said_and_whose_work_fills_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    client = ("async", 100, 100, 400, 200.0, 2.0, 0.5, 1e6, 0.3, 0.4, "")
    assert Replies(*client, 1.0).noise == ""
    full = replies_table(Replies(*client, 1.7))
    assert "The client kept 0.25 busy, the service and all other programs 1.70, of 2." in full.note


def test_a_slow_machine_has_fewer_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(many_asks, "PATIENCE", -1.0)
    interval = sys.getswitchinterval()
    with service() as port, ExitStack() as stack:
        wires = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            for _ in range(3)
        ]
        try:
            found = many_asks.threads(wires, 0.1, 0)
        finally:
            sys.setswitchinterval(interval)
    assert (found["connections"], found["count"]) == (1, 1)
    assert found["limit"] == "no more threads could be started in -1 s"


def test_a_reply_counts_by_the_share_of_its_wait_within_the_time() -> None:
    account = Account(1.0)
    account.begin()
    start = account.start
    account.waits = [(start + a, start + b) for a, b in ((-0.5, 0.5), (0.5, 1), (0.75, 1.75))]
    facts = account.facts(0)
    assert facts["throughput"] == pytest.approx(0.5 + 1 + 0.25)
    assert facts["count"] == 3
    assert facts["seconds"] == pytest.approx(1.75)
    assert facts["latency"] == pytest.approx(2.5 / 3)
    assert facts["slowest"] == pytest.approx(1.0)
    assert isinstance(facts["rest"], float)
    assert 0 <= facts["rest"] <= (os.cpu_count() or 1) + 1  # clocks tick


def test_the_service_answers_each_line_and_hangs_up_on_what_is_no_number() -> None:
    import socket

    with service() as port, socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        start = time.monotonic()
        wire.sendall(b"0.05\n0.1")  # the second line comes in two parts
        wire.sendall(b"5\n")
        answers = b""
        while len(answers) < len(b"done\n" * 2):
            answers += wire.recv(100)
        assert answers == b"done\ndone\n"
        assert time.monotonic() - start >= 0.145
        wire.sendall(b"soon\n")
        assert wire.recv(100) == b""


# Pairs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORKS)
def test_the_same_work_twice(name: str) -> None:
    found = pair(name, rounds=1)
    assert found.in_turn.concurrency == pytest.approx(1.0, abs=0.1)
    assert found.in_turn.parallelism <= 1.1
    assert found.together.parallelism <= machine().usable_cores + 0.15
    assert found.times > 0
    if name in ("a Python loop", "sha256 of 1,000 bytes") and machine().gil:
        assert found.together.parallelism <= 1.15


def test_a_large_hash_lets_go_of_the_gil() -> None:
    def together() -> Trace:
        return pair("sha256 of 1 MB", rounds=1).together

    trace = at_best(together, lambda t, free: t.parallelism >= 0.7 * min(2, free))
    assert trace.concurrency > 1.15


def test_pairs_stand_in_a_table_with_what_disturbed_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_of(seconds: float, others: float = 0.0) -> Trace:
        row = [("A", 0, 0, seconds, seconds)]
        return Trace.build(
            row, [], cpu=seconds, end=seconds, model="threads", usable_cores=64, others=others
        )

    found = Pair("hashes", run_of(0.4), run_of(0.25, others=1000.0))
    assert found.times == pytest.approx(1.6)
    here = machine()
    monkeypatch.setattr("course_lib.programs.pairs.machine", lambda: here_with(here, 2.0))
    assert "hashes: Other programs kept" in pairs(found).note
    monkeypatch.setattr("course_lib.programs.pairs.machine", lambda: here_with(here, 0.5))
    assert pairs(found, found).note == (
        "What can't be seen here: with 0.5 usable core, two threads can't gain anything."
    )


def here_with(here: Any, cores: float) -> Any:
    import dataclasses

    return dataclasses.replace(here, usable_cores=cores)


def test_a_pair_that_can_not_be() -> None:
    with pytest.raises(ValueError, match="^name must be one of 'a Python loop'"):
        pair("sleep")
    with pytest.raises(ValueError, match="^rounds must be 1 to 20"):
        pair("a Python loop", 0)


# Hearts -----------------------------------------------------------------------------------------------


def beside(work: Any) -> Heart:
    async def program() -> Heart:
        async with Heart() as heart:
            await work()
        return heart

    return asyncio.run(program())


async def block() -> None:
    threading.Event().wait(0.3)


async def elsewhere() -> None:
    await asyncio.to_thread(time.sleep, 0.3)


def test_who_blocks_the_loop_stops_the_heart() -> None:
    blocked = beside(block)
    assert blocked.gap >= 0.3
    free = min((beside(elsewhere) for _ in range(5)), key=lambda heart: heart.gap)
    assert free.gap < 0.25
    assert len(free.beats) > len(blocked.beats)
    shown = Hearts({"blocked": blocked, "free": free})
    assert f"blocked: {len(blocked.beats) - 1} beats" in shown.picture().alt
    assert f"{blocked.gap * 1e3:.1f} ms" in page_of(shown)


def test_a_computation_in_a_process_leaves_the_loop_free() -> None:
    async def program(pool: Any) -> Heart:
        async with Heart() as heart:
            await asyncio.get_running_loop().run_in_executor(pool, time.sleep, 0.3)
        return heart

    with plain_pool(1) as pool:
        hearts = [asyncio.run(program(pool)) for _ in range(5)]
    assert min(heart.gap for heart in hearts) < 0.25


def test_a_heart_that_has_not_beaten_has_no_gap() -> None:
    assert math.isnan(Heart().gap)
    with pytest.raises(ValueError, match="^hearts must be some that have beaten"):
        Hearts({"silent": Heart()})
    with pytest.raises(ValueError, match="^every must be 0.001 to 1"):
        Heart(0)


def test_the_gap_is_the_longest_time_between_two_beats() -> None:
    heart = Heart()
    heart.beats = [0, 5_000_000, 30_000_000, 36_000_000]
    assert heart.gap == 0.025


@pytest.mark.parametrize("workers", [1, 2])
def test_a_plain_pool_has_as_many_workers_as_it_is_told(workers: int) -> None:
    with plain_pool(workers) as pool:
        assert len(set(pool.map(hello, range(8 * workers)))) <= workers
        assert os.getpid() not in set(pool.map(hello, range(workers)))


def hello(number: int) -> int:
    time.sleep(0.001)
    return os.getpid()


def test_a_plain_pool_that_can_not_be() -> None:
    with pytest.raises(ValueError, match="^workers must be 1 to 61"), plain_pool(0):
        pass


# The grain of tasks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["compute", "wait"])
def test_small_tasks_are_slower_handed_out(kind: str) -> None:
    found = grain(kind)
    assert len(found.sizes) == len(handing_out.SIZES[kind])
    ways = {"threads", "async"} | ({"processes"} if kind == "compute" else set())
    assert set(found.times) == set(found.empty) == ways
    for way in ways:
        assert found.empty[way] > 0
        assert found.slower_to(way) >= found.sizes[0]  # the smallest is slower in every way
    if kind == "wait":
        assert found.times["async"][-1] > 2  # and long waits overlap, on any machine
    page = page_of(found)
    assert "handed out one by one" in page
    assert "Curves of times as fast" in page


def made_up(**facts: Any) -> Grain:
    times = {"threads": (0.2, 1.2, 0.9, 1.3, 1.9), "async": (0.5, 0.9, 0.95, 0.99, 1.01)}
    sizes = (1e-5, 1e-4, 1e-3, 1e-2, 1.0)
    given = {"kind": "compute", "sizes": sizes, "times": times, "others": 0.0}
    return Grain(**{**given, "empty": {"threads": 2e-5, "async": 3e-6}, **facts})


def test_break_even() -> None:
    found = made_up()
    assert found.pays_from("threads") == 1e-2  # from there on, and not before
    assert found.slower_to("threads") == 1e-3
    assert found.pays_from("async") == math.inf  # a hundredth is noise
    rows = [row[1:4] for row in found.rows()]
    assert rows == [("20 µs", "1 ms", "10 ms"), ("3 µs", "10 ms", "no size here")]


def test_what_a_machine_can_not_show_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    here = machine()
    monkeypatch.setattr(grain_module, "machine", lambda: here_with(here, 1.0))
    assert "What can't be seen here: with 1 usable core" in made_up().note
    assert made_up(kind="wait").note == ""
    assert "Other programs kept 99.00 cores" in repr(made_up(others=99.0))


def test_a_grain_that_can_not_be() -> None:
    with pytest.raises(ValueError, match="^kind must be one of 'compute'"):
        grain("sleep")


def test_a_measuring_that_is_ended_leaves_no_worker() -> None:
    before = children()
    with pytest.raises(KeyboardInterrupt), helper(handing_out.__name__, "compute", "2") as process:
        end = time.monotonic() + 30
        while len(psutil.Process(process.pid).children(recursive=True)) < 2:
            assert time.monotonic() < end
            time.sleep(0.02)
        family = psutil.Process(process.pid).children(recursive=True)
        raise KeyboardInterrupt
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
    assert children() <= before


def test_each_way_does_all_of_the_work() -> None:
    done: list[float] = []
    with asyncio.Runner() as runner, ThreadPoolExecutor(2) as pool:
        for way in (handing_out.one_by_one, handing_out.looped(runner), handing_out.pooled(pool)):
            done.clear()
            way(done.append, 7, 20)
            assert done == [7] * 20

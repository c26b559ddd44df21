"""What recording asyncio costs: time a step, memory a task, and CPU on real requests.

Bare and observed take turns, of steps and requests in many short rounds. What disturbs a round only
makes it slower: so the quickest of each is judged, and the spread over the pairs is shown beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
import tracemalloc
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

from course_lib import observe
from tests.benchmarks.table import Row

Program = Callable[[], Coroutine[Any, Any, object]]


def rows(quick: bool = False) -> list[Row]:
    """Measure bare asyncio and the same under `observe()`, in turns."""
    rounds, many = (1, 2_000) if quick else (7, 100_000)
    tasks, steps, asked = 50, 100, 400
    bare, seen = pairs(lambda: stepping(tasks, steps), 20 * rounds)
    a_step = [(b - a) / (tasks * steps) * 1e6 for a, b in zip(bare, seen, strict=True)]
    few = min(rounds, 3)  # they hardly differ
    held, kept = ([memory(many // 10, watch) for _ in range(few)] for watch in (False, True))
    crowd, crowd_seen = pairs(lambda: crowding(many), rounds)
    alone, watched = pairs(lambda: requests(asked), 20 * rounds)
    return [
        Row("a step, bare", "µs", [a / (tasks * steps) * 1e6 for a in bare]),
        Row("a step, more under observe()", "µs", a_step),
        Row(
            "a step, more under observe(), quickest of each",
            "µs",
            [(min(seen) - min(bare)) / (tasks * steps) * 1e6],
            aim=0.8,
        ),
        Row("a task, bare", "B", held),
        Row(
            "a task, more under observe()",
            "B",
            [b - a for a, b in zip(held, kept, strict=True)],
            aim=350,
        ),
        Row(
            f"{many:,} tasks, observed by bare",
            "×",
            [b / a for a, b in zip(crowd, crowd_seen, strict=True)],
            aim=1.5,
        ),
        Row(
            "loopback requests, CPU more under observe()",
            "%",
            [(b / a - 1) * 100 for a, b in zip(alone, watched, strict=True)],
        ),
        Row(
            "loopback requests, CPU more, quickest of each",
            "%",
            [(min(watched) / min(alone) - 1) * 100],
            aim=10,
        ),
    ]


def pairs(program: Program | Callable[[], Any], rounds: int) -> tuple[list[float], list[float]]:
    """Return CPU seconds, round by round: bare, and under `observe()`."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for seconds, watch in zip(found, (False, True), strict=True):
            gc.collect()
            with observe() if watch else contextlib.nullcontext():
                start = time.process_time()
                asyncio.run(program())
                took = time.process_time() - start  # what it takes to make the trace comes after
            seconds.append(took)
    return found


async def stepping(tasks: int, steps: int) -> None:
    """Have tasks take turns, each for so many steps."""

    async def one() -> None:
        for _ in range(steps):
            await asyncio.sleep(0)

    await asyncio.gather(*(one() for _ in range(tasks)))


async def crowding(tasks: int) -> None:
    """Have very many tasks, each of which waits once."""

    async def one() -> None:
        await asyncio.sleep(0.01)

    await asyncio.gather(*(one() for _ in range(tasks)))


def memory(tasks: int, watch: bool) -> float:
    """Return the bytes that a waiting task takes.

    Its place in the set of all tasks, which asyncio itself keeps, is left out: a set grows in leaps, and
    whether a leap falls into one round or another is chance.
    """

    async def hold() -> float:
        gate = asyncio.Event()

        async def one() -> None:
            await gate.wait()

        before = allocated()
        waiting = [asyncio.create_task(one()) for _ in range(tasks)]
        await asyncio.sleep(0)
        held = allocated() - before
        gate.set()
        await asyncio.wait(waiting)
        return held / tasks

    gc.collect()
    tracemalloc.start()
    with observe() if watch else contextlib.nullcontext():
        found = asyncio.run(hold())
    tracemalloc.stop()
    return found


def allocated() -> int:
    """Return the bytes that are in use, but for weak sets' own."""
    sets = tracemalloc.Filter(False, weakref.WeakSet.add.__code__.co_filename)
    kept = tracemalloc.take_snapshot().filter_traces([sets])
    return sum(trace.size for trace in kept.traces)


async def requests(count: int) -> None:
    """Send so many requests, over 20 connections, to a server on the same loop."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
        writer.close()

    async def ask(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(count // 20):
            writer.write(b"hello\n")
            await writer.drain()
            await reader.readline()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await asyncio.gather(*(ask(port) for _ in range(20)))

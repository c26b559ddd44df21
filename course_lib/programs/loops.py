"""Event loops beside each other: one byte goes to and fro between two coroutines, over a socket.

The course's own loop in Python, asyncio's loop in Python and C, and uvloop, which is made of libuv,
the loop in C that Node.js runs on.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from course_lib.patience import sent_out
from course_lib.programs.event_loop import Loop, until
from course_lib.tasks import one_of, whole

__all__ = ["LOOPS", "seconds_a_trip", "why_not"]

LOOPS = ("own", "asyncio", "uvloop")


def why_not(loop: str) -> str | None:
    """Return None if there is such a loop here; else why not, and what would bring it."""
    one_of("loop", loop, LOOPS)
    if loop == "uvloop" and find_spec("uvloop") is None:
        return "uvloop isn't installed here: `pip install uvloop` adds it, but not on Windows"
    return None


def seconds_a_trip(loop: str = "asyncio", trips: int = 1_500) -> float:
    """Send a byte to and fro so many times; return the seconds that one round trip took.

    Raises
    ------
    ValueError, TypeError
        If there is no such loop, or `trips` isn't a whole number from 1 to 1,000,000.
    RuntimeError
        If that loop isn't installed.
    """
    if (reason := why_not(loop)) is not None:
        raise RuntimeError(reason)
    trips = whole("trips", trips, 1, 1_000_000)
    # In a thread, for a notebook's own loop is running in this one.
    return sent_out(partial(_measured, loop, trips)) / trips


def _measured(loop: str, trips: int) -> float:
    mine, its = socket.socketpair()
    with mine, its:
        mine.setblocking(False)
        its.setblocking(False)
        start = time.perf_counter()
        if loop == "own":
            own = Loop()
            own.start(_player(_read, mine, trips, serves=True))
            own.start(_player(_read, its, trips, serves=False))
            own.run()
        else:
            new = import_module("uvloop").new_event_loop if loop == "uvloop" else None
            with asyncio.Runner(loop_factory=new) as runner:
                runner.run(_both(mine, its, trips))
        return time.perf_counter() - start


async def _both(mine: socket.socket, its: socket.socket, trips: int) -> None:
    loop = asyncio.get_running_loop()

    async def read(file: socket.socket) -> bytes:
        return await loop.sock_recv(file, 1)

    await asyncio.gather(
        _player(read, mine, trips, serves=True), _player(read, its, trips, serves=False)
    )


async def _player(
    read: Callable[[socket.socket], Awaitable[Any]], file: socket.socket, trips: int, serves: bool
) -> None:
    for _ in range(trips):
        if serves:
            file.send(b".")
        await read(file)
        if not serves:
            file.send(b".")


async def _read(file: socket.socket) -> bytes:
    await until(file)
    return file.recv(1)

"""The client for `replies`, in a process of its own: many connections, asked in one of three ways.

Over each connection it asks, and asks again as soon as it has got its answer, until time is over.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import os
import socket
import struct
import sys
import threading
import time
from statistics import fmean

import psutil

from course_lib.machine import busy_so_far
from course_lib.service import allow_files

__all__ = ["DELAY"]

DELAY = 0.25  # seconds until the service answers
SPARE_FILES = 64  # for all that isn't a connection
PATIENCE = 1.2  # seconds, after which no more are opened, and no more threads started
QUESTION = f"{DELAY}\n".encode()
REPLY = b"done\n"
LINGER = "hh" if sys.platform == "win32" else "ii"  # how the system's structure is made


Facts = dict[str, float | str]


class Account:
    """What the connections have seen, and when they must stop."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.end = seconds, math.inf
        self.waits: list[tuple[float, float]] = []  # when it was asked, and when the reply came

    def begin(self) -> None:
        """Start the clock: from now on replies count."""
        self.waits.clear()
        self.busy, self.cpu = busy_so_far(), time.process_time()
        self.start = time.perf_counter()
        self.end = self.start + self.seconds

    def over(self) -> bool:
        """Return whether no more is to be asked."""
        return time.perf_counter() >= self.end

    def note(self, asked: float) -> None:
        """Count a reply."""
        self.waits.append((asked, time.perf_counter()))

    def facts(self, before: int) -> Facts:
        """Return all of it, when the last reply has come and everything is still there.

        A reply that is waited for at the beginning or the end of the time counts by the share of its
        wait that lies within.
        """
        cpu, lasted = time.process_time() - self.cpu, time.perf_counter() - self.start
        took = [came - asked for asked, came in self.waits]
        shares = (
            max(0.0, min(came, self.end) - max(asked, self.start)) / (came - asked)
            for asked, came in self.waits
        )
        return {
            "count": len(took),
            "throughput": math.fsum(shares) / self.seconds,
            "seconds": max(came for _, came in self.waits) - self.start,
            "cpu": cpu,
            "rest": max(0.0, busy_so_far() - self.busy - cpu) / lasted,
            "memory": memory() - before,
            "latency": fmean(took),
            "slowest": max(took),
        }


def memory() -> int:
    """Return how many bytes this process has in memory."""
    return int(psutil.Process().memory_info().rss)


def sequential(connections: list[socket.socket], seconds: float, before: int) -> Facts:
    """Ask over one connection after the other."""
    account = Account(seconds)
    account.begin()
    for connection in itertools.cycle(connections):
        if account.over():
            break
        ask(connection, account)
    return account.facts(before)


def ask(connection: socket.socket, account: Account) -> None:
    """Ask once, and wait for the reply."""
    asked = time.perf_counter()
    connection.sendall(QUESTION)
    if connection.recv(len(REPLY)) != REPLY:
        raise ConnectionError("the service has hung up")
    account.note(asked)


def threads(connections: list[socket.socket], seconds: float, before: int) -> Facts:
    """Ask over all connections, each on a thread of its own."""
    account, end, all_done = Account(seconds), threading.Lock(), threading.Event()
    pool: list[threading.Thread] = []
    finished: list[None] = []
    end.acquire()

    def one(connection: socket.socket) -> None:
        try:
            while not account.over():
                ask(connection, account)
        finally:
            finished.append(None)
            if len(finished) == len(
                pool
            ):  # which are all, for none is over before the clock starts
                all_done.set()
        with end:  # still there when memory is looked at
            pass

    # As long as a thread wants the GIL, it asks for it at each interval: at 5 ms, thousands of them
    # would do little else. None of these threads keeps it for long.
    sys.setswitchinterval(1.0)
    # They begin to ask while others are started: a crowd at a gate would cost more than the asking.
    limit, last = "", time.perf_counter() + PATIENCE
    for connection in connections:
        thread = threading.Thread(target=one, args=(connection,), daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            limit = f"the system said: {error}"
            break
        pool.append(thread)
        if time.perf_counter() > last and len(pool) < len(connections):
            limit = f"no more threads could be started in {PATIENCE:g} s"
            break
    account.begin()
    all_done.wait()
    facts = account.facts(before)
    end.release()
    return facts | {"connections": len(pool), "limit": limit}


def coroutines(connections: list[socket.socket], seconds: float, before: int) -> Facts:
    """Ask over all connections, each in a coroutine, all on one thread."""
    return asyncio.run(_coroutines(connections, seconds, before))


async def _coroutines(connections: list[socket.socket], seconds: float, before: int) -> Facts:
    streams = [await asyncio.open_connection(sock=connection) for connection in connections]
    end, all_done, left = asyncio.Event(), asyncio.Event(), len(connections)

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        while not account.over():
            asked = time.perf_counter()
            writer.write(QUESTION)
            await reader.readexactly(len(REPLY))
            account.note(asked)
        left -= 1
        if not left:
            all_done.set()
        await end.wait()

    account = Account(seconds)
    async with asyncio.TaskGroup() as group:
        for stream in streams:
            group.create_task(one(*stream))
        await asyncio.sleep(0)  # in which all of them ask
        account.begin()
        await all_done.wait()
        facts = account.facts(before)
        end.set()
    return facts


def main(way: str, wanted: int, seconds: float) -> None:
    """Connect to the port that is told, ask, and print what came of it."""
    count = min(wanted, allow_files(wanted + SPARE_FILES) - SPARE_FILES)
    limit = "" if count == wanted else f"a process here may open {count + SPARE_FILES:,} files"
    port = int(sys.stdin.readline())
    asyncio.run(asyncio.sleep(0))  # what that loads isn't the connections'
    before = memory()
    connections: list[socket.socket] = []
    last = time.perf_counter() + PATIENCE
    while len(connections) < count:
        if time.perf_counter() > last:
            limit = f"no more could be opened in {PATIENCE:g} s"
            break
        connection = socket.create_connection(("127.0.0.1", port), timeout=20)
        # At the end it is cut off, instead of keeping its port for a minute.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(LINGER, 1, 0))
        connections.append(connection)
    ways = {"sequential": sequential, "threads": threads, "async": coroutines}
    facts = {"connections": len(connections), "limit": limit}
    found = ways[way](connections, seconds, before)
    found["limit"] = found.get("limit") or limit
    print(json.dumps(facts | found), flush=True)
    os._exit(0)  # what is left needs no tidying


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))

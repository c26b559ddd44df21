"""A web server with one thread and one event loop, and the same as several processes, under load.

Each request waits 20 ms, as for a database, and computes 5 ms, as for a page. `serve` starts the
server and, in another process, a client that keeps it busy. A request is a task; that it came over
a connection that stays open doesn't matter, and the client's work isn't counted.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import ExitStack
from typing import Any

from aiohttp import web

from course_lib.machine import busy_so_far
from course_lib.models.stage import Stage
from course_lib.patience import Line, told
from course_lib.record import Record, Recorder
from course_lib.service import answer, ended, helper
from course_lib.tasks import Pace, Task, calibrate, compute, number, wait, whole
from course_lib.trace import Trace

__all__ = ["serve"]

WAIT, COMPUTE = wait(0.020), compute(0.005)


class Server:
    """One server process: an event loop that answers requests, and records each."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.records: list[Record] = []

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a request."""
        recorder = Recorder(len(self.records), 0, self.pace, bytearray(1))
        self.records.append(recorder.record)
        await recorder.perform_async((WAIT, COMPUTE))
        return web.Response(text="done")

    async def run(self) -> None:
        """Serve on a free port of this machine, till standard input ends."""
        app = web.Application()
        app.router.add_get("/", self.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        cpu = time.process_time_ns()
        await ended(sys.stdin)
        cpu = time.process_time_ns() - cpu
        done = [(r.start, r.finish, r.cpu, r.spans) for r in self.records if r.finish is not None]
        print(json.dumps({"cpu": cpu, "requests": done}), flush=True)
        await runner.cleanup()


def serve(workers: int = 1, *, connections: int = 32, seconds: float = 2.0) -> Trace:
    """Run the server under load, and return the trace of its requests.

    Parameters
    ----------
    workers : int
        How many server processes, each with one event loop: 1 to 64.
    connections : int
        How many clients ask, each again as soon as it has its answer: 1 to 512. They are dealt
        out evenly over the workers.
    seconds : float
        How long they go on asking: above 0, to 60.

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these.
    RuntimeError
        If the server or the client came to grief.
    """
    workers = whole("workers", workers, 1, 64)
    connections = whole("connections", connections, 1, 512)
    seconds = number("seconds", seconds, "above 0, to 60", lambda given: 0 < given <= 60)
    pace = calibrate()
    with ExitStack() as stack:
        line = stack.enter_context(Line())
        command = (__name__, str(pace.python), str(pace.native))
        servers = [stack.enter_context(helper(*command)) for _ in range(workers)]
        ports = [answer(server) for server in servers]
        load = f"{__package__}.client", str(connections), str(seconds), *map(str, ports)
        client = stack.enter_context(helper(*load))
        began, busy = int(answer(client)), busy_so_far()
        words = f"{connections} clients ask for {seconds:g} s"
        clients = float(told(client, line, words))  # their CPU time: they have finished
        busy = busy_so_far() - busy - clients
        said = []
        for server in servers:
            if server.stdin:
                server.stdin.close()  # which tells it to end
            said.append(json.loads(answer(server)))
    return _trace(said, began, busy)


def _trace(said: list[dict[str, Any]], zero: int, busy: float) -> Trace:
    requests = sorted(
        (start, finish, cpu, worker, spans)
        for worker, one in enumerate(said)
        for start, finish, cpu, spans in one["requests"]
    )
    tasks, records = [], {}
    for n, (start, finish, cpu, worker, spans) in enumerate(requests):
        tasks.append(Task(f"request {n + 1}", WAIT, COMPUTE, at=(start - zero) / 1e9))
        records[n] = Record(n, worker, start, finish, cpu, [tuple(span) for span in spans])
    stage = Stage(tuple(tasks), "server", len(said), calibrate(), records=records)
    stage.zero, stage.last = zero, max(request[1] for request in requests)
    stage.cpu, stage.busy = sum(one["cpu"] for one in said), busy
    return stage.trace()


if __name__ == "__main__":
    asyncio.run(Server(Pace(*map(float, sys.argv[1:3]))).run())

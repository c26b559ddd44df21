"""A slow service of pictures on this machine: each answer takes 15 ms, and at times it is a refusal.

It is a process of its own. Picture n of a visit is at /visit/n. Which requests are refused (by 503,
"Service Unavailable") is fixed: they depend on the picture and on how often it was asked for. Whoever
asks a third time is always answered. What was asked in a visit stands at /visit/log.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter, defaultdict

from aiohttp import web

from course_lib.programs.gallery import DIFFERENT, WAIT, picture, refusals
from course_lib.record import clock
from course_lib.service import ended


class Service:
    """The answers, and what was asked: for each visit, rows of picture, status, start and stop."""

    def __init__(self) -> None:
        self.asked: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.log: defaultdict[str, list[tuple[int, int, int, int]]] = defaultdict(list)

    async def serve(self, request: web.Request) -> web.Response:
        """Serve a picture, or refuse to."""
        start, visit = clock(), request.match_info["visit"]
        number = int(request.match_info["number"])
        self.asked[visit][number] += 1
        refused = self.asked[visit][number] <= refusals(number)
        await asyncio.sleep(WAIT)
        status = 503 if refused else 200
        self.log[visit].append((number, status, start, clock()))
        if refused:
            return web.Response(status=status, text="busy")
        return web.Response(body=picture(number), content_type="image/x-portable-graymap")

    async def tell(self, request: web.Request) -> web.Response:
        """Tell what was asked, and how many CPU seconds this process has used so far."""
        visit = request.match_info["visit"]
        return web.json_response({"asked": self.log[visit], "cpu": time.process_time()})

    async def run(self) -> None:
        """Serve on a free port of this machine, till standard input ends."""
        for number in range(DIFFERENT):
            picture(number)
        app = web.Application()
        app.router.add_get("/{visit}/log", self.tell)
        app.router.add_get(r"/{visit}/{number:\d+}", self.serve)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await ended(sys.stdin)
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(Service().run())

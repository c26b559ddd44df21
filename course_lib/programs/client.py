"""The load for the server: clients that each ask again as soon as they have got their answer."""

from __future__ import annotations

import asyncio
import sys
import time

import aiohttp

from course_lib.record import clock


async def load(connections: int, seconds: float, ports: list[int]) -> None:
    """Ask for so many seconds, over so many connections, dealt out over the ports."""
    end = clock() + seconds * 1e9

    async def one(port: int) -> None:
        async with aiohttp.ClientSession() as session:
            while clock() < end:
                async with session.get(f"http://127.0.0.1:{port}/") as response:
                    await response.read()

    print(clock(), flush=True)
    async with asyncio.timeout(seconds + 20):
        await asyncio.gather(*(one(ports[n % len(ports)]) for n in range(connections)))


if __name__ == "__main__":
    connections, seconds, *ports = sys.argv[1:]
    asyncio.run(load(int(connections), float(seconds), [int(port) for port in ports]))
    print(time.process_time(), flush=True)

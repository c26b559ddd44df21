"""Async: one thread, one event loop, a coroutine for each task.

Concurrent where tasks wait: the one that awaits hands the loop to the next. Not parallel: only one
of them computes at any time, and while it does, no other gets a turn.
"""

import asyncio
from functools import partial

from course_lib.models.stage import Stage


def play(stage: Stage) -> None:
    """Run an event loop of its own, so that the notebook's loop isn't touched."""
    asyncio.run(_main(stage))


async def _main(stage: Stage) -> None:
    room = asyncio.Semaphore(stage.workers)

    async def do(index: int) -> None:
        await asyncio.sleep(stage.due_in(index))
        async with room:
            if not stage.stop[0]:
                await stage.recorder(index, 0).perform_async(stage.tasks[index].steps)

    stage.begin()
    coroutines = [asyncio.create_task(do(index)) for index in range(len(stage.tasks))]
    stage.when_cancelled_in(asyncio.get_running_loop(), partial(_cancel, coroutines))
    await asyncio.wait(coroutines)
    stage.end()


def _cancel(coroutines: list[asyncio.Task[None]]) -> None:
    for coroutine in coroutines:
        coroutine.cancel()

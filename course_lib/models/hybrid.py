"""Hybrid: an event loop for all that waits, worker processes for all that computes.

Concurrent and parallel: waits are awaited, as in model async, and cost no more than a coroutine each.
What would block the loop is *handed off* to a process, as in model processes; the task awaits its
answer, and the loop is free for the others meanwhile. Plain callables are handed off, too; coroutine
functions are awaited on the loop.
"""

from __future__ import annotations

import asyncio
import inspect
import math

from course_lib.machine import machine
from course_lib.models.pool import Pool, worker_processes
from course_lib.models.stage import Stage
from course_lib.record import Recorder
from course_lib.tasks import Step, Wait


def play(stage: Stage) -> None:
    """Start the workers, not more than there are cores, and then the loop."""
    cores = math.ceil(machine().usable_cores)
    with worker_processes(stage, min(cores, stage.workers), first=1) as pool:
        asyncio.run(_main(stage, pool))
        handed_off = [part for record in stage.records.values() for part in record.parts]
        stage.cpu += sum(part.cpu for part in handed_off)  # to that of this process


async def _main(stage: Stage, pool: Pool) -> None:
    room = asyncio.Semaphore(stage.workers)

    async def do(index: int) -> None:
        await asyncio.sleep(stage.due_in(index))
        async with room:
            if not stage.stop[0]:
                with stage.recorder(index, 0) as recorder:
                    for step in stage.tasks[index].steps:
                        if isinstance(step, Wait) or inspect.iscoroutinefunction(step):
                            await recorder.do_async(step)
                        else:
                            await _hand_off(pool, recorder, step)
        if stage.died:  # nobody is left to compute for the others
            cancel()

    def cancel() -> None:
        for coroutine in coroutines:
            coroutine.cancel()

    stage.begin()
    coroutines = [asyncio.create_task(do(index)) for index in range(len(stage.tasks))]
    stage.when_cancelled_in(asyncio.get_running_loop(), cancel)
    await asyncio.wait(coroutines)
    stage.end()


async def _hand_off(pool: Pool, recorder: Recorder, step: Step) -> None:
    """Have a step done by a process, and await what comes of it."""
    answer = pool.send(recorder.index, (step,))
    there = asyncio.wrap_future(answer)
    try:
        await asyncio.wait([there])
    finally:
        if not there.done():  # the run was cancelled, so the worker stops in a moment
            await asyncio.wait([there])
        there.exception()  # which is looked at below
        pool.gather(recorder.record, [answer])
    if callable(step):
        recorder.record.value = recorder.record.parts[-1].value

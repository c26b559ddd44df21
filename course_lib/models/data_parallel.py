"""Data parallel: one flow of control, and each of its computations cut evenly over all workers.

Parallel, not concurrent: many cores work on the one task that is in flight. At a *barrier* the flow
waits for the slowest part, and only then goes on to the next step, and from task to task. The workers
are processes, so that Python code computes in parallel, too.
"""

from dataclasses import replace

from course_lib.models.pool import worker_processes
from course_lib.models.stage import Stage
from course_lib.tasks import Compute, Wait


def play(stage: Stage) -> None:
    """Do the tasks one after the other, and each computation on all workers at once."""
    with worker_processes(stage, stage.workers) as pool:
        stage.begin()
        for index in stage.arrivals():
            with stage.recorder(index, 0) as flow:
                for step in stage.tasks[index].steps:
                    if isinstance(step, Compute):
                        part = replace(step, seconds=step.seconds / stage.workers)
                        parts = [pool.send(index, (part,)) for _ in range(stage.workers)]
                        pool.gather(flow.record, parts)  # the barrier
                    elif isinstance(step, Wait):
                        flow.wait(step)
            if stage.died:
                break
        stage.end()
        stage.cpu = sum(record.cpu for record in stage.records.values())

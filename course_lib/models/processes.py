"""Processes: a pool of workers, each a Python of its own, with a GIL of its own.

Concurrent and parallel: as many tasks in flight as workers, as many cores busy as there are. The
price is that tasks and results are pickled and sent.
"""

from concurrent.futures import wait

from course_lib.models.pool import worker_processes
from course_lib.models.stage import Stage


def play(stage: Stage) -> None:
    """Start the workers, send them the tasks as they arrive, and collect what they did."""
    with worker_processes(stage, stage.workers) as pool:
        stage.begin()
        answers = stage.futures
        for index in stage.arrivals():
            answers[index] = pool.send(index, stage.tasks[index].steps)
            if stage.died:
                break  # nobody is left to do what is still to come
        wait(answers.values())
        stage.end()
        for index, answer in answers.items():
            record = pool.record(index, answer)
            if record is not None:
                stage.records[index] = record
        stage.cpu = sum(record.cpu for record in stage.records.values())

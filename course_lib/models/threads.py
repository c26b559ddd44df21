"""Threads: a pool of workers inside one process, which take tasks from one queue.

Concurrent: as many tasks in flight as there are workers. Parallel only as far as the tasks let go
of the GIL: while they wait, or compute in C (`kind="native"`). A free-threaded Python has none.
"""

from functools import partial
from queue import SimpleQueue

from course_lib.models.stage import Stage


def play(stage: Stage) -> None:
    """Start the workers, feed them the tasks as they arrive, and wait for the last."""
    queue: SimpleQueue[int | None] = SimpleQueue()

    def work(worker: int) -> None:
        while (index := queue.get()) is not None:
            stage.perform(index, worker)

    pool = []
    try:
        for n in range(stage.workers):
            pool.append(stage.thread(partial(work, n), f"worker {n}"))
        stage.begin()
        for index in stage.arrivals():
            queue.put(index)
    finally:
        for _ in pool:
            queue.put(None)  # one "go home" for each worker
    for thread in pool:
        thread.join()
    stage.end()

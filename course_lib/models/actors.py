"""Actors: one for each task, each with a mailbox, and each with a state that nobody else touches.

Actors share nothing and never call each other: they send messages. What an actor does is its
*behavior*: take the next message from the mailbox, act on it, take the next. Here a message is a step
of the task, and the state is the task's record; the foreman is an actor, too, whose messages are the
workers that have become free.

Concurrent, as many tasks in flight as workers. The workers are threads here: parallel as far as the
tasks let go of the GIL, or as the Python has none. No lock is needed, for nothing is shared.
"""

from __future__ import annotations

from functools import partial
from queue import SimpleQueue

from course_lib.models.stage import Stage
from course_lib.tasks import Step


class Actor:
    """One task's actor."""

    def __init__(self, stage: Stage, index: int) -> None:
        self.stage, self.index = stage, index
        self.mailbox: SimpleQueue[Step | None] = SimpleQueue()

    def tell(self, message: Step | None) -> None:
        """Send it a message: all that others may do to an actor."""
        self.mailbox.put(message)

    def behave(self, worker: int) -> None:
        """Do one message after the other, till there are no more to come."""
        with self.stage.recorder(self.index, worker) as state:
            while (step := self.mailbox.get()) is not None:
                state.do(step)


def play(stage: Stage) -> None:
    """Be the foreman: bring each task's actor to life on a free worker, as the tasks arrive."""
    mailbox: SimpleQueue[int] = SimpleQueue()  # workers that are free
    to_live: list[SimpleQueue[Actor | None]] = [SimpleQueue() for _ in range(stage.workers)]

    def work(worker: int) -> None:
        """Lend a thread to one actor at a time."""
        mailbox.put(worker)
        while (actor := to_live[worker].get()) is not None:
            actor.behave(worker)
            mailbox.put(worker)

    threads = []
    try:
        for n in range(stage.workers):
            threads.append(stage.thread(partial(work, n), f"worker {n}"))
        stage.begin()
        for index in stage.arrivals():
            actor = Actor(stage, index)
            for step in stage.tasks[index].steps:
                actor.tell(step)
            actor.tell(None)
            worker = mailbox.get()
            if not stage.stop[0]:
                to_live[worker].put(actor)
    finally:
        for queue in to_live:
            queue.put(None)
    for thread in threads:
        thread.join()
    stage.end()

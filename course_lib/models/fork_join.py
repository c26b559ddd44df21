"""Fork and join: divide and conquer. A list is halved, and halved again, down to single tasks.

Who has a list *forks* its second half, as something that anyone may take, does the first half, and
then *joins* the other: it waits till that is done. A worker with nothing to do *steals* the oldest
fork of another, which is the biggest. One that waits in a join does other forks meanwhile: if it only
waited, all workers could end up in joins, with nobody left to do the work.

Concurrent, as many tasks in flight as workers. The workers are threads here: parallel as far as the
tasks let go of the GIL, or as the Python has none.
"""

from __future__ import annotations

from collections import defaultdict, deque
from functools import partial
from threading import Condition

from course_lib.models.stage import Stage


class Fork:
    """A list of tasks that anyone may do."""

    def __init__(self, indices: list[int]) -> None:
        self.indices = indices
        self.done = False


class Crew:
    """Workers, each with its own pile of forks. They may look at all piles, one at a time."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        # The last one is for lists that have just arrived.
        self.piles: list[deque[Fork]] = [deque() for _ in range(stage.workers + 1)]
        self.changed = Condition()  # it guards the piles, and says when a fork is new or done
        self.home = False  # whether the workers may go home

    def work(self, worker: int) -> None:
        """Do forks till there will be no more: a worker's life."""
        while (fork := self.take(worker)) is not None:
            self.conquer(fork, worker)

    def conquer(self, fork: Fork, worker: int) -> None:
        """Do a fork: a single task as it is, a longer list half by half."""
        indices, half = fork.indices, len(fork.indices) // 2
        if half == 0:  # the cut-off
            self.stage.perform(indices[0], worker)
        else:
            second = self.fork(indices[half:], worker)
            self.conquer(Fork(indices[:half]), worker)
            self.join(second, worker)
        with self.changed:
            fork.done = True
            self.changed.notify_all()

    def fork(self, indices: list[int], worker: int) -> Fork:
        """Put a list on a worker's pile."""
        fork = Fork(indices)
        with self.changed:
            self.piles[worker].append(fork)
            self.changed.notify_all()
        return fork

    def join(self, fork: Fork, worker: int) -> None:
        """Wait till a fork is done, and do others meanwhile."""
        while (other := self.take(worker, unless=fork)) is not None:
            self.conquer(other, worker)

    def take(self, worker: int, unless: Fork | None = None) -> Fork | None:
        """Take one's own newest fork, or steal the oldest of another.

        None as soon as the workers may go home, or the fork that is joined is done.
        """
        with self.changed:
            while not (unless.done if unless else self.home):
                if self.piles[worker]:
                    return self.piles[worker].pop()
                for pile in self.piles:
                    if pile:
                        return pile.popleft()
                self.changed.wait()
        return None

    def await_(self, fork: Fork) -> None:
        """Wait till a fork is done, and do nothing meanwhile."""
        with self.changed:
            while not fork.done:
                self.changed.wait()

    def send_home(self) -> None:
        """Let the workers end."""
        with self.changed:
            self.home = True
            self.changed.notify_all()


def play(stage: Stage) -> None:
    """Start the workers, fork each list of tasks that arrive together, and join them all."""
    crew, lists = Crew(stage), defaultdict(list)
    for index, task in enumerate(stage.tasks):
        lists[task.at].append(index)
    threads = []
    try:
        for n in range(stage.workers):
            threads.append(stage.thread(partial(crew.work, n), f"worker {n}"))
        stage.begin()
        forks = []
        for index in stage.arrivals():
            if indices := lists.pop(stage.tasks[index].at, None):
                forks.append(crew.fork(indices, -1))
        for fork in forks:
            crew.await_(fork)
    finally:
        crew.send_home()
    for thread in threads:
        thread.join()
    stage.end()

"""What happens in observed code: activities, and which of them has started which."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

from course_lib.record import Stepwise, clock

__all__ = ["Activity", "begin", "current", "one_task"]


@dataclass(slots=True, eq=False)
class Activity:
    """Something that was started, and by what: the flow of control itself, a thread, a call.

    One that is *declared* to be one task takes in all that it starts: its threads and calls are
    not tasks of their own, but the lanes on which it runs.
    """

    name: str
    parent: Activity | None
    lists: tuple[list[Activity], ...]  # of the observations that see it
    declared: bool = False
    born: int = field(default_factory=clock)
    start: int | None = None
    finish: int | None = None
    cpu: float = float("nan")  # seconds; not every activity's can be told
    lanes_cpu: float = 0.0  # of a declared task: what its lanes used
    place: object = None  # the thread or the process where it runs
    steps: Stepwise | None = None  # an asyncio task's
    lanes: list[tuple[int, int, object]] = field(default_factory=list)  # start, stop, place

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """While this lasts, the activity runs on this thread, and what is started is its child."""
        before, cpu = current.get(), time.thread_time()
        current.set(self)
        self.place, self.start = threading.get_ident(), clock()
        try:
            yield
        finally:
            self.finish, self.cpu = clock(), time.thread_time() - cpu
            current.set(before)


#: The activity that this code belongs to; None if nobody observes it.
current: ContextVar[Activity | None] = ContextVar("activity", default=None)


def begin(name: str, *, declared: bool = False) -> Activity | None:
    """Make an activity, started by the current one; None if nobody observes it.

    What a declared task starts becomes a lane of it: an activity that is its own, and in no list.
    """
    parent = current.get()
    if parent is None:
        return None
    if parent.declared:
        return Lane(name, parent, (), declared=True)
    activity = Activity(name, parent, parent.lists, declared)
    for activities in activity.lists:
        activities.append(activity)
    return activity


class Lane(Activity):
    """A part of a declared task, on a thread or in a process of its own."""

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """While this lasts, the declared task runs on this thread, too."""
        with super().running():
            yield
        self.report()

    def report(self) -> None:
        """Tell the declared task that one of its lanes has ended."""
        owner: Activity | None = self.parent
        while isinstance(owner, Lane):
            owner = owner.parent
        if owner is not None and self.start is not None and self.finish is not None:
            owner.lanes.append((self.start, self.finish, self.place))
            owner.lanes_cpu += 0.0 if self.place == owner.place else self.cpu


@contextlib.contextmanager
def one_task(name: str) -> Iterator[None]:
    """Declare that what the block does is one task, however many threads it uses.

    What counts as one task is for the one who measures to say: a data-parallel operation is one,
    a request to a server is one. Outside of `observe` this does nothing.
    """
    activity = begin(name, declared=True)
    with activity.running() if activity else contextlib.nullcontext():
        yield

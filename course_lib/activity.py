"""What happens in observed code: activities, and which of them has started which."""

from __future__ import annotations

import contextlib
import math
import threading
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from time import thread_time  # by these names, whatever the observed code does to `time`
from typing import TYPE_CHECKING

from course_lib.record import clock, told

if TYPE_CHECKING:
    from course_lib.record import Span

__all__ = ["Activity", "Flow", "Lane", "begin", "current", "one_task"]


class Activity:
    """Something that was started, and by what. There may be very many, so each is small."""

    __slots__ = ("lists", "name", "parent", "place")

    def __init__(
        self, name: str, parent: Activity | None, lists: tuple[list[Activity], ...]
    ) -> None:
        self.name, self.parent = name, parent
        self.lists = lists  # of the observations that see it
        self.place: object = None  # the thread or the process where it runs
        for activities in lists:
            activities.append(self)

    @property
    @abstractmethod
    def born(self) -> int:
        """When it was made."""

    @property
    @abstractmethod
    def start(self) -> int | None:
        """When it began."""

    @property
    @abstractmethod
    def finish(self) -> int | None:
        """When it ended."""

    @property
    @abstractmethod
    def ended(self) -> str:
        """How it ended, in words; empty if it hasn't."""

    @property
    def steps(self) -> list[Span] | None:
        """When it ran and when it waited, if that is known."""
        return None

    @property
    def cpu(self) -> float:
        """Seconds; not every activity's can be told."""
        return math.nan

    @property
    def declared(self) -> bool:
        """Whether it is declared to be one task, with all that it starts."""
        return False

    @property
    def lanes(self) -> Sequence[tuple[int, int, object]]:
        """Where a declared task ran besides: start, stop, place."""
        return ()


class Flow(Activity):
    """The flow of control itself, a thread, a call on an executor, or a process.

    One that is *declared* to be one task takes in all that it starts: its threads and calls are
    not tasks of their own, but the lanes on which it runs.
    """

    __slots__ = ("born", "cpu", "declared", "ended", "finish", "lanes", "lanes_cpu", "start")

    def __init__(
        self,
        name: str,
        parent: Activity | None,
        lists: tuple[list[Activity], ...],
        declared: bool = False,
    ) -> None:
        super().__init__(name, parent, lists)
        self.declared: bool = declared
        self.born: int = clock()
        self.start: int | None = None
        self.finish: int | None = None
        self.ended: str = ""
        self.cpu: float = math.nan
        self.lanes: list[tuple[int, int, object]] = []
        self.lanes_cpu = 0.0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """While this lasts, the activity runs on this thread, and what is started is its child."""
        before, cpu = current.get(), thread_time()
        current.set(self)
        self.place, self.start = threading.get_ident(), clock()
        try:
            yield
        except BaseException as error:
            self.ended = told(error)
            raise
        finally:
            self.finish, self.cpu = clock(), thread_time() - cpu
            self.ended = self.ended or "done"
            current.set(before)


#: The activity that this code belongs to; None if nobody observes it.
current: ContextVar[Activity | None] = ContextVar("activity", default=None)


def begin(name: str, *, declared: bool = False) -> Flow | None:
    """Make an activity, started by the current one; None if nobody observes it.

    What a declared task starts becomes a lane of it: an activity that is its own, and in no list.
    """
    parent = current.get()
    if parent is None:
        return None
    if parent.declared:
        return Lane(name, parent, (), declared=True)
    return Flow(name, parent, parent.lists, declared)


class Lane(Flow):
    """A part of a declared task, on a thread or in a process of its own."""

    __slots__ = ()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """While this lasts, the declared task runs on this thread, too."""
        try:
            with super().running():
                yield
        finally:
            self.report()

    def report(self) -> None:
        """Tell the declared task that one of its lanes has ended."""
        owner: Activity | None = self.parent
        while isinstance(owner, Lane):
            owner = owner.parent
        if isinstance(owner, Flow) and self.start is not None and self.finish is not None:
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

"""CSP: communicating sequential processes. A producer, a channel, and consumers.

Each of them is a plain loop. What they share is a *channel*, which has room for so many items: who
puts one into a full channel waits, who takes one from an empty channel waits. So a quick producer
can't run away from slow consumers. `select` waits for several channels at once.

Concurrent, as many tasks in flight as consumers. They are threads here: parallel as far as the tasks
let go of the GIL, or as the Python has none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial
from threading import Condition, current_thread, main_thread
from typing import Generic, TypeVar

from course_lib.models.stage import Stage
from course_lib.tasks import whole

T = TypeVar("T")

NAP = 0.2  # seconds; an interrupt is only sure to be seen between two waits
MOST = 1_000_000

#: Guards all channels, and says when one has changed: so `select` can wait for any of them.
changed = Condition()


def wait_for_change() -> None:
    """Wait till a channel has changed; the main thread, which can be interrupted, in naps."""
    changed.wait(NAP if current_thread() is main_thread() else None)


class Closed(Exception):
    """Nothing can be put into this channel any more, or taken from it."""


class Channel(Generic[T]):
    """A bounded channel: first in, first out, with room for so many items.

    Parameters
    ----------
    room : int
        1 or more.

    Examples
    --------
    >>> channel = Channel(room=2)
    >>> channel.put("tea")
    >>> channel.put("cake")
    >>> channel.close()
    >>> list(channel)
    ['tea', 'cake']
    """

    def __init__(self, room: int = 1) -> None:
        self.room = whole("room", room, 1, MOST)
        self.items: deque[T] = deque()
        self.closed = False

    def put(self, item: T) -> None:
        """Put an item into the channel, as soon as there is room; raise Closed if it's closed."""
        with changed:
            while len(self.items) >= self.room and not self.closed:
                wait_for_change()
            if self.closed:
                raise Closed("nothing can be put into a closed channel")
            self.items.append(item)
            changed.notify_all()

    def take(self) -> T:
        """Take an item, as soon as there is one; raise Closed if there will be none."""
        return select(self)[1]

    def close(self) -> None:
        """Say that nothing more will come. What is in the channel can still be taken."""
        with changed:
            self.closed = True
            changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        """Take items till the channel is closed and empty."""
        while True:
            try:
                item = self.take()
            except Closed:
                return
            yield item


def select(*channels: Channel[T]) -> tuple[Channel[T], T]:
    """Take an item from the first of some channels that has one.

    Returns
    -------
    tuple
        The channel, and the item. If several have one: of the channel that stands first.

    Raises
    ------
    Closed
        If all are closed and empty.

    Examples
    --------
    >>> tea, cake = Channel(), Channel()
    >>> cake.put("a slice")
    >>> channel, item = select(tea, cake)
    >>> channel is cake, item
    (True, 'a slice')
    """
    with changed:
        while True:
            for channel in channels:
                if channel.items:
                    changed.notify_all()
                    return channel, channel.items.popleft()
            if all(channel.closed for channel in channels):
                raise Closed("nothing will come from a closed channel")
            wait_for_change()


def play(stage: Stage) -> None:
    """Start the consumers, then be the producer."""
    jobs: Channel[int] = Channel(room=stage.workers)

    def consume(worker: int) -> None:
        for index in jobs:
            stage.perform(index, worker)

    consumers = []
    try:
        for n in range(stage.workers):
            consumers.append(stage.thread(partial(consume, n), f"worker {n}"))
        stage.begin()
        for index in stage.arrivals():
            jobs.put(index)
    finally:
        jobs.close()
    for consumer in consumers:
        consumer.join()
    stage.end()

"""A heart that wants to beat every few milliseconds: how long an event loop lets others wait.

Whoever blocks the loop stops the heart. The longest pause between two beats is how long another
task of that loop, a click or a request, may have to wait.
"""

from __future__ import annotations

import asyncio
import math
from itertools import pairwise
from types import TracebackType
from typing import Self

from course_lib import hooks
from course_lib.record import clock
from course_lib.tasks import duration

__all__ = ["BEAT", "Heart"]

BEAT = 0.005  # seconds between two beats


class Heart:
    """Beats on the running event loop while its block lasts.

    Parameters
    ----------
    every : float
        Seconds between two beats: 0.001 to 1.

    Attributes
    ----------
    beats : list of int
        The clock at each beat, and at the block's end: nanoseconds.

    Raises
    ------
    ValueError, TypeError
        If `every` is none of these.

    Examples
    --------
    >>> import asyncio, time
    >>> async def program():
    ...     async with Heart() as heart:
    ...         time.sleep(0.05)
    ...     return heart.gap
    >>> asyncio.run(program()) >= 0.05
    True
    """

    def __init__(self, every: float = BEAT) -> None:
        if not 0.001 <= duration("every", every) <= 1:
            raise ValueError(f"every must be 0.001 to 1 second, not {every!r}")
        self.every = every
        self.beats: list[int] = []

    @property
    def gap(self) -> float:
        """The longest time between two beats, in seconds; NaN as long as there aren't two."""
        return max((b - a for a, b in pairwise(self.beats)), default=math.nan) / 1e9

    async def __aenter__(self) -> Self:
        with hooks._unwatched():  # it is none of the tasks that an observation is about
            self._task = asyncio.create_task(self._beat())
        try:
            await asyncio.sleep(0)  # the first beat
        except BaseException:
            self._task.cancel()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._task.cancel()
        self.beats.append(clock())

    async def _beat(self) -> None:
        while True:
            self.beats.append(clock())
            await asyncio.sleep(self.every)

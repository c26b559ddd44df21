"""Ask this machine, by a litmus test, whether its cores agree on an order of writes and reads.

Thread A writes x, then reads y; thread B writes y, then reads x. In whatever order these four steps
happen one after the other, who reads last reads what the other has written. If both read the old
value, they didn't happen in any order: each core kept its own write back while it read.

Numba compiles the loops, so no GIL orders anything. An empty instruction keeps the *compiler* from
changing the order, so what is seen is the processor's doing; a fence forbids it to the processor, too.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from course_lib.machine import allowed_cpus
from course_lib.programs import parallel_loop
from course_lib.tables import html_table
from course_lib.tasks import whole

__all__ = ["OUTCOMES", "Litmus", "litmus", "verdict", "why_not"]

OUTCOMES = ((0, 0), (0, 1), (1, 0), (1, 1))
LIMIT = 2.0  # seconds
ROW = 16  # numbers in a row: 128 bytes, so that no two rows share a cache line


def why_not() -> str | None:
    """Return None if the test can run here; else why it can't, and what would make it run."""
    if len(allowed_cpus()) < 2:
        return (
            "There is one core to use here, and a core always sees what it has itself written: "
            "it takes two that run at the same instant"
        )
    return parallel_loop.why_not()


@dataclass(frozen=True)
class Litmus:
    """How often each pair (r1, r2) was seen; 1 is what the other wrote in the round, 0 is older."""

    fenced: bool
    counts: tuple[int, int, int, int]

    @property
    def rounds(self) -> int:
        """How many rounds both threads have done."""
        return sum(self.counts)

    @property
    def both_old(self) -> int:
        """In how many rounds both read the old value."""
        return self.counts[0]

    def rows(self) -> list[tuple[str, str]]:
        """Return what was read, and how often."""
        return [
            (f"r1 = {one}, r2 = {two}", f"{count:,}")
            for (one, two), count in zip(OUTCOMES, self.counts, strict=True)
        ]

    @property
    def title(self) -> str:
        """What was run, in words."""
        return f"{self.rounds:,} rounds, {'with' if self.fenced else 'without'} a fence"

    def __repr__(self) -> str:
        return "\n".join([self.title, *(": ".join(row) for row in self.rows())])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        page = html_table(self.title, ("both have read", "rounds"), self.rows())
        return {"text/html": page, "text/plain": repr(self)}


def litmus(fenced: bool = False, rounds: int = 1_000_000) -> Litmus:
    """Write and read on two cores at once, round by round, for two seconds at most.

    Parameters
    ----------
    fenced : bool
        Whether each thread has a fence between its write and its read.
    rounds : int
        1 to 10,000,000.

    Raises
    ------
    RuntimeError
        If the test can't run here: `why_not()` says why.
    ValueError, TypeError
        If `rounds` is no such number.
    """
    rounds = whole("rounds", rounds, 1, 10_000_000)
    if (reason := why_not()) is not None:
        raise RuntimeError(reason)
    loop = _compiled(bool(fenced))
    shared, stop = np.zeros((4, ROW), dtype=np.int64), np.zeros(1, dtype=np.int64)
    new = np.zeros((2, rounds), dtype=np.bool_)
    done = [0, 0]

    def take_part(me: int) -> None:
        done[me] = loop(shared, me, new[me], stop)

    threads = [threading.Thread(target=take_part, args=(me,)) for me in (0, 1)]
    end = time.monotonic() + LIMIT
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
    finally:
        stop[0] = 1
        for thread in threads:
            thread.join()
    one, two = new[:, : min(done)]
    counts = [int(np.sum((one == a) & (two == b))) for a, b in OUTCOMES]
    return Litmus(bool(fenced), (counts[0], counts[1], counts[2], counts[3]))


def verdict(plain: Litmus, fenced: Litmus) -> str:
    """Say what the two runs show about sequential consistency on this machine."""
    if plain.both_old and not fenced.both_old:
        return (
            f"Refuted here: {plain.both_old:,} times in {plain.rounds:,} rounds both read the old "
            f"value, which no order of the four steps allows. With a fence: never."
        )
    if plain.both_old:
        return f"Both read the old value, with a fence too ({fenced.both_old:,} times): a fence failed."
    return (
        f"Not seen in {plain.rounds:,} rounds. That proves nothing: the two may hardly have met, or "
        "this processor may not do it."
    )


@functools.cache
def _compiled(fenced: bool) -> Callable[[Any, int, Any, Any], int]:
    """Return the loop of one thread, as machine code that holds no GIL."""
    import numba

    ir: Any = import_module("llvmlite.ir")

    def keep_order(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        nothing = ir.FunctionType(ir.VoidType(), [])
        builder.asm(nothing, "", "~{memory}", [], True)
        return context.get_dummy_value()

    def flush(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    def instruction(emit: Callable[..., Any]) -> Any:
        """Return a function that becomes what `emit` makes of it."""

        def signature(typing: Any) -> Any:
            return numba.types.void(), emit

        return import_module("numba.extending").intrinsic(signature)

    compiler_fence, fence = instruction(keep_order), instruction(flush)

    @numba.njit(nogil=True)
    def loop(shared: Any, me: int, new: Any, stop: Any) -> int:
        other = 1 - me
        for number in range(1, len(new) + 1):
            fence()
            shared[2 + me, 0] = number  # "I am there"
            compiler_fence()
            while shared[2 + other, 0] < number:
                compiler_fence()
                if stop[0]:
                    return number - 1
            fence()
            shared[me, 0] = number  # A: x = 1
            compiler_fence()
            if fenced:
                fence()
            seen = shared[other, 0]  # A: r1 = y
            compiler_fence()
            new[number - 1] = seen >= number
        return len(new)

    loop(np.zeros((4, ROW), np.int64), 0, np.zeros(0, np.bool_), np.zeros(1, np.int64))
    compiled: Callable[[Any, int, Any, Any], int] = loop
    return compiled

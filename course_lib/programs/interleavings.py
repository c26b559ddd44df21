"""All orders in which the steps of two threads or more can happen, one after the other.

A thread is a list of steps: "x = 1", "r1 = y", "x = r1 + 1", "lock m", "unlock m" or "fence". Each
step is indivisible, and keeps its place in its thread. Names that begin with r and have a number
are a thread's own registers; all others are shared, and begin as 0.

With `buffered=True`, a core keeps what it writes in a buffer of its own; it gets to the memory some
time later, in order. Until then, only this core sees it. Processors of the x86 kind behave so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from course_lib.tables import html_table

__all__ = ["STUCK", "Outcomes", "outcomes"]

MOST = 12  # steps: what is written to a buffer counts twice, for it also leaves it
MOST_ORDERS = 50_000
STUCK = "stuck: each waits for a lock that another holds"
STEP = re.compile(r"(lock|unlock) [a-z]\w*|fence|[a-z]\w* = [a-z0-9]\w*( [+-] [a-z0-9]\w*)*")
NAME = re.compile(r"[a-z]\w*")
REGISTER = re.compile(r"r\d+")

Values = dict[str, int]
Buffer = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Outcomes:
    """What can come out: each outcome, in how many of the orders, and one order that leads to it."""

    threads: tuple[tuple[str, ...], ...]
    found: dict[str, tuple[int, str]]
    buffered: bool = False

    @property
    def orders(self) -> int:
        """How many orders there are."""
        return sum(count for count, _ in self.found.values())

    def __contains__(self, outcome: object) -> bool:
        return outcome in self.found

    def rows(self) -> list[tuple[str, str, str]]:
        """Return a row for each outcome, in the order of their names."""
        return [(name, f"{count}", order) for name, (count, order) in sorted(self.found.items())]

    @property
    def title(self) -> str:
        """What was counted, in words."""
        return f"{self.orders} orders" + " with store buffers" * self.buffered

    def __repr__(self) -> str:
        return "\n".join([self.title, *(" | ".join(row) for row in self.rows())])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        page = html_table(self.title, ("outcome", "orders", "one of them"), self.rows())
        return {"text/html": page, "text/plain": repr(self)}


@dataclass(frozen=True)
class State:
    """How things stand: how far each thread is, what is in memory, in registers and in buffers."""

    at: tuple[int, ...]
    buffers: tuple[Buffer, ...]
    values: Values = field(default_factory=dict)
    locks: dict[str, int] = field(default_factory=dict)
    order: str = ""


def outcomes(*threads: Sequence[str], show: str = "", buffered: bool = False) -> Outcomes:
    """Go through all orders of some threads' steps, and count what comes out.

    Parameters
    ----------
    threads : sequences of str
        One thread or more: the steps of each.
    show : str
        Whose values make an outcome: names, with spaces between. Nothing: all registers, or, if
        there are none, everything that is written.
    buffered : bool
        Whether each core has a store buffer.

    Raises
    ------
    ValueError
        If a step is none of those that there are, or if there are more than 12 of them, or too
        many orders.

    Examples
    --------
    >>> outcomes(["r1 = x", "x = r1 + 1"], ["r2 = x", "x = r2 + 1"], show="x")
    6 orders
    x=1 | 4 | A B A B
    x=2 | 2 | A A B B
    """
    given = tuple(tuple(_checked(step) for step in thread) for thread in threads)
    sizes = [sum(1 + (buffered and _writes(step)) for step in thread) for thread in given]
    size = sum(sizes)
    if not 1 <= size <= MOST:
        doubled = ", where a write to a buffer counts twice" if buffered else ""
        raise ValueError(f"threads must have 1 to {MOST} steps together{doubled}, not {size}")
    orders = math.factorial(size) // math.prod(map(math.factorial, sizes))
    if orders > MOST_ORDERS:
        raise ValueError(
            f"threads must have {MOST_ORDERS:,} orders at most, and these have {orders:,}: "
            "take fewer threads, or fewer steps"
        )
    targets = {step.split(" = ")[0] for thread in given for step in thread if " = " in step}
    names = show.split() or sorted(filter(REGISTER.fullmatch, targets)) or sorted(targets)
    start = State(at=(0,) * len(given), buffers=((),) * len(given))
    found: dict[str, tuple[int, str]] = {}
    for end in _ends(start, given, buffered):
        whole = all(at == len(thread) for at, thread in zip(end.at, given, strict=True))
        said = " ".join(f"{name}={end.values.get(name, 0)}" for name in names) or "done"
        outcome = said if whole else STUCK
        count, order = found.get(outcome, (0, end.order))
        found[outcome] = count + 1, order
    return Outcomes(given, found, buffered)


def _checked(step: object) -> str:
    if not isinstance(step, str) or not STEP.fullmatch(step):
        raise ValueError(
            "a step must be one like 'x = 1', 'r1 = y', 'x = r1 + 1', 'lock m', 'unlock m' or "
            f"'fence', not {step!r}"
        )
    return step


def _writes(step: str) -> bool:
    """Return whether a step writes to memory."""
    return " = " in step and not REGISTER.fullmatch(step.split(" = ")[0])


def _ends(state: State, threads: tuple[tuple[str, ...], ...], buffered: bool) -> Iterator[State]:
    """Yield the state at the end of each order: nothing more can happen."""
    further = list(_next(state, threads, buffered))
    if not further:
        yield replace(state, order=state.order.strip())
    for then in further:
        yield from _ends(then, threads, buffered)


def _next(state: State, threads: tuple[tuple[str, ...], ...], buffered: bool) -> Iterator[State]:
    """Yield what things can look like after one more step: of each thread, or of its buffer."""
    for me, thread in enumerate(threads):
        letter, own = chr(ord("A") + me), state.buffers[me]
        if state.at[me] < len(thread):
            then = _done(thread[state.at[me]], state, me, buffered)
            if then is not None:
                at = (*state.at[:me], state.at[me] + 1, *state.at[me + 1 :])
                yield replace(then, at=at, order=f"{state.order} {letter}")
        if own:
            (name, value), rest = own[0], own[1:]
            buffers = (*state.buffers[:me], rest, *state.buffers[me + 1 :])
            values = state.values | {name: value}
            order = f"{state.order} {letter}→memory"
            yield replace(state, buffers=buffers, values=values, order=order)


def _done(step: str, state: State, me: int, buffered: bool) -> State | None:
    """Return what things look like after a step; None if it can't be done now."""
    word, _, rest = step.partition(" ")
    if word in ("lock", "unlock", "fence"):
        holder = state.locks.get(rest)
        if state.buffers[me] or (word == "lock" and holder is not None):
            return None  # these wait until all that was written before is in memory
        if word == "unlock" and holder != me:
            raise ValueError(f"a thread has {step!r}, and doesn't hold {rest}")
        others = {name: who for name, who in state.locks.items() if name != rest}
        return replace(state, locks=others | ({rest: me} if word == "lock" else {}))
    target, _, formula = step.partition(" = ")
    seen = {name: state.values.get(name, 0) for name in NAME.findall(formula)}
    seen |= {name: value for name, value in state.buffers[me] if name in seen}  # the newest counts
    value = int(eval(formula, {"__builtins__": {}}, seen))  # only names, numbers, + and -
    if buffered and _writes(step):
        grown = (*state.buffers[me], (target, value))
        return replace(state, buffers=(*state.buffers[:me], grown, *state.buffers[me + 1 :]))
    return replace(state, values=state.values | {target: value})

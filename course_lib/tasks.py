"""What is to be done: a task is a list of steps, and a step computes, or waits, or calls.

Nothing here runs anything. A *model* (``course_lib.models``) runs tasks on this machine.
"""

from __future__ import annotations

import hashlib
import math
import operator
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from numbers import Real
from typing import Any, Literal, SupportsIndex, TypeVar

__all__ = ["Compute", "Pace", "Step", "Task", "Wait", "calibrate", "compute", "wait"]


@dataclass(frozen=True, slots=True)
class Compute:
    """A fixed amount of work: what a quiet core of this machine does in `seconds`."""

    seconds: float
    kind: Literal["python", "native"] = "python"

    def __post_init__(self) -> None:
        object.__setattr__(self, "seconds", duration("compute(seconds)", self.seconds))
        one_of("kind", self.kind, ("python", "native"))


@dataclass(frozen=True, slots=True)
class Wait:
    """Time that passes while something else works: a timer, or a service on this machine."""

    seconds: float
    kind: Literal["sleep", "socket"] = "sleep"

    def __post_init__(self) -> None:
        object.__setattr__(self, "seconds", duration("wait(seconds)", self.seconds))
        one_of("kind", self.kind, ("sleep", "socket"))


Step = Compute | Wait | Callable[[], Any]
T = TypeVar("T")

MOST_TASKS = 200_000
LONGEST = 1e9  # seconds: some 30 years, which every clock and timer can count


def compute(seconds: float, kind: Literal["python", "native"] = "python") -> Compute:
    """Return a step that computes.

    The step is an *amount of work*, not a time: as many rounds as a quiet core does in `seconds`.
    On a busy machine, or with others holding the GIL, it takes longer, and that is what a
    timeline shows.

    Parameters
    ----------
    seconds : float
        0 or more.
    kind : {"python", "native"}
        "python" is a loop in pure Python, which holds the GIL. "native" is SHA-256 over blocks of
        64 KiB, which releases it.

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these.

    Examples
    --------
    >>> compute(0.1)
    Compute(seconds=0.1, kind='python')
    """
    return Compute(seconds, kind)


def wait(seconds: float, kind: Literal["sleep", "socket"] = "sleep") -> Wait:
    """Return a step that waits and needs no core meanwhile.

    Parameters
    ----------
    seconds : float
        0 or more.
    kind : {"sleep", "socket"}
        "sleep" waits for a timer; "socket" for the answer of a small service on this machine.

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these.
    """
    return Wait(seconds, kind)


@dataclass(frozen=True, slots=True, init=False)
class Task:
    """A named list of steps, done in their order.

    Parameters
    ----------
    name : str
        How the task is called in tables and pictures.
    *steps : Compute, Wait or callable
        At least one. A callable takes no argument; the value of the last one is the task's result.
    at : float
        When the task arrives, in seconds after the start of the run.

    Examples
    --------
    >>> Task("tea", compute(0.1), wait(0.2), at=0.5).name
    'tea'
    """

    name: str
    steps: tuple[Step, ...]
    at: float

    def __init__(self, name: str, *steps: Step, at: float = 0.0) -> None:
        if not str(name).strip() or type(name) is not str:
            raise TypeError(f"Task(name) must be a text that isn't empty, not {name!r}")
        if not steps:
            raise ValueError(
                f"task {name!r} has no step: give it compute(...), wait(...) or a callable"
            )
        for step in steps:
            if not isinstance(step, Compute | Wait) and not callable(step):
                raise TypeError(
                    f"a step of task {name!r} is {step!r}: "
                    "a step is compute(...), wait(...) or a callable without arguments"
                )
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "at", duration(f"at= of task {name!r}", at))


def duration(what: str, seconds: object) -> float:
    """Return `seconds` as a float; raise if it isn't a finite number of 0 or more."""
    allowed = f"a finite number of seconds, 0 or more (at most {LONGEST:.0e})"
    return number(what, seconds, allowed, lambda found: 0 <= found <= LONGEST)


def one_of(what: str, value: T, allowed: tuple[T, ...]) -> T:
    """Return `value`; raise if it isn't among `allowed`."""
    try:
        known = value in frozenset(allowed)
    except TypeError:  # it has no hash, such as an array, which would be compared item by item
        known = False
    if not known:
        names = ", ".join(map(repr, allowed))
        raise ValueError(f"{what} must be one of {names}, not {shown(value)}")
    return value


def number(what: str, value: object, allowed: str, fits: Callable[[float], bool]) -> float:
    """Return a number as a float; raise, and say in words what is allowed, if it doesn't fit."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{what} must be {allowed}, not {shown(value)}")
    try:
        found = float(value)
    except OverflowError:
        found = math.nan  # which fits nothing
    if not fits(found):
        raise ValueError(f"{what} must be {allowed}, not {shown(value)}")
    return found


def share(what: str, value: object, most: float = 1.0) -> float:
    """Return a share of a whole as a float; raise if it isn't a number from 0 to `most`."""
    return number(what, value, f"a share from 0 to {most:g}", lambda found: 0 <= found <= most)


def whole(what: str, value: object, least: int, most: int, more: str = "") -> int:
    """Return a whole number, NumPy's too, as an int; raise if it isn't one from least to most."""
    try:
        if isinstance(value, bool) or not isinstance(value, SupportsIndex):
            raise TypeError
        found = operator.index(value)  # an array says that it has one, even if it hasn't
    except TypeError:
        raise TypeError(f"{what} must be a whole number, not {shown(value)}") from None
    if not least <= found <= most:
        allowed = f"{least}" if least == most else f"{least} to {most:,}"
        said = f"{found:,}" if abs(found) < 10**15 else shown(found)
        raise ValueError(f"{what} must be {allowed}{more}, not {said}")
    return found


def shown(value: object) -> str:
    """Return a value as a message shows it: in at most 80 characters, whatever it is."""
    try:
        text = " ".join(line.strip() for line in repr(value).splitlines())
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "something too long to be shown"
    return text if len(text) <= 80 else f"{text[:79]}…"


def task_list(tasks: object) -> tuple[Task, ...]:
    """Return tasks as a tuple; raise if there are none, too many, or two of one name."""
    if isinstance(tasks, Task):
        raise TypeError(f"tasks must be a list of tasks: write [Task({tasks.name!r}, …)]")
    if not isinstance(tasks, Iterable):
        raise TypeError(f"tasks must be a list of tasks, made by Task(name, *steps), not {tasks!r}")
    given = tuple(tasks)
    if not 1 <= len(given) <= MOST_TASKS:
        raise ValueError(f"tasks must hold 1 to {MOST_TASKS:,} tasks, not {len(given):,}")
    seen: set[str] = set()
    for task in given:
        if not isinstance(task, Task):
            raise TypeError(f"tasks must hold tasks, made by Task(name, *steps), not {task!r}")
        if task.name in seen:
            raise ValueError(f"tasks must not hold a name twice, and {task.name!r} is there twice")
        seen.add(task.name)
    return given


# How much work is "0.1 seconds"? -----------------------------------------------------------------

BLOCK = bytes(64 * 1024)


def spin(rounds: int) -> int:
    """Compute in pure Python: `rounds` steps of a small random number generator."""
    x = 1
    for _ in range(rounds):
        x = x * 69069 + 1 & 0xFFFFFFFF
    return x


def digest(blocks: int) -> None:
    """Compute in C, with the GIL released: SHA-256 over `blocks` blocks of 64 KiB."""
    for _ in range(blocks):
        hashlib.sha256(BLOCK)


@dataclass(frozen=True, slots=True)
class Pace:
    """How quick a quiet core of this machine is: seconds a round of `spin`, seconds a `digest`."""

    python: float
    native: float

    def chunks(self, step: Compute) -> tuple[Callable[[int], object], int, int]:
        """Cut a step into chunks: the function that does one, its argument, how many of them.

        Between two chunks the recorder reads the clock, so a chunk must be short beside the 5 ms
        after which a thread is asked to hand on the GIL: a hundredth of it, from 5 to 50 µs.
        """
        if step.kind == "native":
            return digest, 1, round(step.seconds / self.native)
        longest = min(max(sys.getswitchinterval() / 100, 5e-6), 50e-6)
        rounds = round(step.seconds / self.python)
        chunks = min(rounds, math.ceil(step.seconds / longest))
        return spin, round(rounds / max(chunks, 1)), chunks


@cache
def calibrate() -> Pace:
    """Measure this machine's pace, once: the quickest of many short runs, which is the quietest.

    Each is a row of chunks as short as those of a task: in a long one, Python is slower a round.
    """

    def quickest(work: Callable[[int], object], amount: int, chunks: int, times: int = 80) -> float:
        took = []
        for _ in range(times):
            start = time.perf_counter_ns()
            for _ in range(chunks):
                work(amount)
            took.append(time.perf_counter_ns() - start)
        return min(took) / amount / chunks / 1e9

    return Pace(python=quickest(spin, 500, chunks=16), native=quickest(digest, 1, chunks=10))

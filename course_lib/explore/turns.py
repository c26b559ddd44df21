"""The rules of the scheduler game: in each turn, each core runs one step of the thread it is given.

The browser has the same rules in `turns.js`. A state is a value, and so is a level: what a move leads
to depends on nothing else, and all orders that there are can be tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

__all__ = ["NOBODY", "Level", "Search", "State", "begin", "choices", "move", "search", "verdict"]

#: The move that leaves a core idle; and who holds a free lock.
NOBODY = -1

Step = tuple[str, str, int]  # what is done, to what, and how much of it: ("read", "counter", 1)


@dataclass(frozen=True, slots=True)
class Level:
    """A level, with a plan chosen for each thread.

    Attributes
    ----------
    cores : int
    names : tuple of str
        The threads'.
    steps : tuple of tuple of Step
        What each thread does.
    memory, right : tuple of (str, int)
        What the memory holds at the beginning, and at the end if no update is lost.
    locks : tuple of str
    goal : str
        "meet" (deadlines), "lose" (an update), "deadlock", or "protect" (against the last two).
    by : tuple of int
        After which turn each thread must be done, to meet the deadlines.
    to : tuple of (str, int)
        What the memory must hold, to have lost; if empty, anything but what is right.
    """

    cores: int
    names: tuple[str, ...]
    steps: tuple[tuple[Step, ...], ...]
    memory: tuple[tuple[str, int], ...]
    right: tuple[tuple[str, int], ...]
    locks: tuple[str, ...]
    goal: str
    by: tuple[int, ...]
    to: tuple[tuple[str, int], ...]

    @classmethod
    def read(cls, content: Mapping[str, Any], plans: tuple[str, ...] = ()) -> Level:
        """Make a level of what a file has, with a plan for each thread if it leaves a choice."""
        threads: dict[str, Any] = content["threads"]
        chosen = dict(content.get("start", {})) | dict(zip(threads, plans, strict=False))
        texts = [
            steps[chosen[name]] if isinstance(steps, dict) else steps
            for name, steps in threads.items()
        ]
        steps = tuple(tuple(map(_step, lines)) for lines in texts)
        goal = content["goal"]
        return cls(
            cores=content["cores"],
            names=tuple(threads),
            steps=steps,
            memory=tuple(content.get("memory", {}).items()),
            right=tuple(content.get("right", {}).items()),
            locks=tuple(sorted({what for own in steps for does, what, _ in own if does == "lock"})),
            goal=goal["kind"],
            by=tuple(goal.get("by", {}).get(name, 0) for name in threads),
            to=tuple(goal.get("to", {}).items()),
        )


def _step(text: str) -> Step:
    does, what = text.split()
    return (does, what, 1) if what.isalpha() else (does, "", int(what))


class State(NamedTuple):
    """Where a game stands. One entry a thread, but for the clock, the memory and the locks."""

    clock: int  # how many turns are over
    picked: tuple[int, ...]  # whom the first cores run in this turn
    at: tuple[int, ...]  # how many steps are done
    left: tuple[int, ...]  # turns that the present step still needs
    register: tuple[int, ...]  # what was read, and added to
    done: tuple[int, ...]  # after which turn it was done; 0: it isn't
    memory: tuple[int, ...]
    holders: tuple[int, ...]  # of the locks


def begin(level: Level) -> State:
    """Return the state before the first turn."""
    none = (0,) * len(level.names)
    left = tuple(_length(own[0]) for own in level.steps)
    memory = tuple(value for _, value in level.memory)
    return State(0, (), none, left, none, none, memory, (NOBODY,) * len(level.locks))


def _length(step: Step) -> int:
    return step[2] if step[0] in ("compute", "wait") else 1


def status(level: Level, state: State, thread: int) -> str:
    """Return what a thread is: "ready", "running", "waiting", "blocked" (by a lock) or "done"."""
    if thread in state.picked:
        return "running"
    if state.at[thread] == len(level.steps[thread]):
        return "done"
    does, what, _ = level.steps[thread][state.at[thread]]
    if does == "wait":
        return "waiting"
    if does == "lock" and state.holders[level.locks.index(what)] != NOBODY:
        return "blocked"
    return "ready"


def choices(level: Level, state: State) -> list[int]:
    """Return who may run next; none if the game is over, or if nobody ever can.

    A core may be left idle where there are several, or where somebody waits.
    """
    if verdict(level, state):
        return []
    threads = range(len(level.names))
    ready = [thread for thread in threads if status(level, state, thread) == "ready"]
    waits = any(does == "wait" for own in level.steps for does, *_ in own)
    return ready + [NOBODY] * (waits or level.cores > 1)


def move(level: Level, state: State, thread: int) -> State:
    """Give the next core to a thread, or to nobody.

    A turn is over when each core has its thread, or when nobody is left who could run.
    """
    state = state._replace(picked=(*state.picked, thread))
    if thread != NOBODY:
        state = _run(level, state, thread)
    anybody = any(status(level, state, other) == "ready" for other in range(len(level.names)))
    if len(state.picked) < level.cores and anybody:
        return state
    clock = state.clock + 1
    waiting = [n for n in range(len(level.names)) if status(level, state, n) == "waiting"]
    for other in waiting:
        state = _advance(level, state, other)
    ends = zip(state.done, state.at, level.steps, strict=True)
    done = tuple(end or clock * (at == len(own)) for end, at, own in ends)
    return state._replace(clock=clock, picked=(), done=done)


def _run(level: Level, state: State, thread: int) -> State:
    """Let a thread do one turn's worth of its present step."""
    does, what, much = level.steps[thread][state.at[thread]]
    named = [name for name, _ in level.memory]
    if does == "read":
        state = _put(state, "register", thread, state.memory[named.index(what)])
    elif does == "add":
        state = _put(state, "register", thread, state.register[thread] + much)
    elif does == "write":
        state = _put(state, "memory", named.index(what), state.register[thread])
    elif does in ("lock", "unlock"):
        holder = thread if does == "lock" else NOBODY
        state = _put(state, "holders", level.locks.index(what), holder)
    return _advance(level, state, thread)


def _advance(level: Level, state: State, thread: int) -> State:
    if state.left[thread] > 1:
        return _put(state, "left", thread, state.left[thread] - 1)
    at = state.at[thread] + 1
    own = level.steps[thread]
    state = _put(state, "at", thread, at)
    return _put(state, "left", thread, _length(own[at]) if at < len(own) else 0)


def _put(state: State, field: str, at: int, value: int) -> State:
    old = getattr(state, field)
    return State(**(state._asdict() | {field: (*old[:at], value, *old[at + 1 :])}))


def verdict(level: Level, state: State) -> str:
    """Return how a game has ended; empty as long as it goes on.

    "met" · "late" · "right" (all are done, nothing is lost) · "lost" (an update) · "other" (one is
    lost, but the memory isn't what was asked for) · "deadlock".
    """
    threads = range(len(level.names))
    if level.goal == "meet":
        late = [state.clock >= by and not end for end, by in zip(state.done, level.by, strict=True)]
        return "late" if any(late) else "met" if all(state.done) else ""
    states = [status(level, state, thread) for thread in threads]
    if all(one == "done" for one in states):
        named = [name for name, _ in level.memory]
        now = dict(zip(named, state.memory, strict=True))
        if now == dict(level.right) or level.goal == "deadlock":
            return "right"
        return "lost" if not level.to or now == dict(level.to) else "other"
    return "deadlock" if set(states) <= {"done", "blocked"} else ""


#: With which ends a level's goal is reached; "protect": by the adversary.
REACHED = {
    "meet": ("met",),
    "lose": ("lost",),
    "deadlock": ("deadlock",),
    "protect": ("lost", "deadlock"),
}


# Every order ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Search:
    """What all orders of a level come to.

    Attributes
    ----------
    orders : int
        How many there are.
    reached : int
        In how many the goal is reached: by the learner, or, where something is to be protected, by
        the adversary.
    states : int
        How many different states there are on all these ways.
    example : tuple of int
        One order that reaches the goal, as moves; empty if there is none.
    """

    orders: int
    reached: int
    states: int
    example: tuple[int, ...]

    def __repr__(self) -> str:
        return f"{self.reached:,} of {self.orders:,} orders ({self.states:,} situations on the way)"


def search(level: Level) -> Search:
    """Try every order of turns: exhaustively, but each state only once."""
    wanted = REACHED[level.goal]

    @cache
    def count(state: State) -> tuple[int, int]:
        """Return how many orders go on from here, and how many of these reach the goal."""
        if end := verdict(level, state):
            return 1, int(end in wanted)
        ways = [count(move(level, state, thread)) for thread in choices(level, state)]
        return sum(one for one, _ in ways), sum(other for _, other in ways)

    state = begin(level)
    orders, reached = count(state)
    states = count.cache_info().currsize
    example: list[int] = []
    while reached and not verdict(level, state):
        after = ((thread, move(level, state, thread)) for thread in choices(level, state))
        thread, state = next((who, then) for who, then in after if count(then)[1])
        example.append(thread)
    return Search(orders, reached, states, tuple(example))

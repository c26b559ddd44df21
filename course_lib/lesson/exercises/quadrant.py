"""The exercises of lesson 2: ten waits that overlap, and a program that is both."""

from __future__ import annotations

from pathlib import Path

from course_lib.lesson.exercise import Exercise, Finding, Row, attainable
from course_lib.lesson.exercises.probes import Fetch, advise_early
from course_lib.lesson.guard import Limits, Seen
from course_lib.machine import machine
from course_lib.trace import WALL

__all__ = ["EXERCISES"]

FETCHES = 10
ENOUGH = 4.8  # counts as five in flight: to start them takes a moment, too
SPARE = 1.3  # cores that must be free, so that a program can be blamed for not using them


# Ten waits that overlap -------------------------------------------------------------------------------


def _judge_waits(seen: Seen, folder: Path) -> Finding:
    fetch = fetches(folder)
    ended = fetch.done()
    done = [one for one in ended if one[1] <= seen.returned]
    at_once = overlap([(start, stop) for start, stop, _ in done])
    rows = (
        Row("fetches done", f"{len(done)}", f"{FETCHES}", len(done) >= FETCHES),
        Row(
            "fetches in flight", f"{at_once:.2f}", f"5 or so ({ENOUGH} or more)", at_once >= ENOUGH
        ),
    )
    kinds = {kind for *_, kind in done}
    # One after the other is no noise: a slow machine makes them overlap less, but not so much less.
    late = len(ended) - len(done)
    advice = _advise_early(len(done), late, fetch.lost()) or _advise_waits(
        seen, len(done), at_once, kinds
    )
    return Finding(rows, advice, certain=at_once < 1.5)


def _advise_early(done: int, late: int, lost: int) -> str:
    """Say what a program did wrong that returned before its fetches had come; else nothing."""
    if done >= FETCHES:
        return ""
    if late:
        ways = ": `join` each thread, or let a `with ThreadPoolExecutor(10)` do it"
        return advise_early(late, "of its fetches had come", ways)
    if lost > 0:
        return (
            "You called `fetch.later`, but nothing awaited it, so it never ran (to its end). Await "
            "all ten: `asyncio.gather`."
        )
    return ""


def _advise_waits(seen: Seen, done: int, at_once: float, kinds: set[str]) -> str:
    if not done:
        return "`fetch` was never called: only its waits count, not a sleep of your own."
    if "blocked" in kinds:
        return (
            "A coroutine called `fetch(n)`, which blocks the thread that the event loop runs on: "
            "meanwhile no other coroutine gets a turn, `async` or not. Coroutines wait by "
            "`await fetch.later(n)`."
        )
    if done < FETCHES:
        return f"Only {done} of {FETCHES} were fetched."
    if at_once >= ENOUGH:
        return "While one waits, the others do, too: ten waits in the time of one."
    if at_once > WALL:
        return (
            f"They overlap, but only about {at_once:.1f} at once: something lets no more through, "
            "as a pool with too few workers does."
        )
    if seen.concurrency > WALL:
        return (
            "Several tasks are in flight, but only one of them fetches at a time: something lets "
            "in one after the other, as a lock does."
        )
    if "loop" in kinds:
        return (
            "Each `await` finishes its fetch before the next one begins. `async` alone overlaps "
            "nothing: start all ten, then wait for all."
        )
    if seen.tasks >= FETCHES:
        return (
            "You start a task for each fetch, but wait for it before you start the next. Start "
            "all ten, then wait for all."
        )
    return (
        "One after the other: each fetch begins when the last one is done, so ten waits of 0.1 s "
        f"took {seen.wall:.1f} s."
    )


def fetches(folder: Path) -> Fetch:
    """Return the `fetch` that the program is given."""
    return Fetch(folder / "fetches")


def overlap(spans: list[tuple[int, int]]) -> float:
    """Return how many spans there are at once, on average from the first to the last."""
    if not spans:
        return 0.0
    whole = max(stop for _, stop in spans) - min(start for start, _ in spans)
    return sum(stop - start for start, stop in spans) / whole if whole else 0.0


WAITS = Exercise(
    title="Make ten waits overlap",
    asked=(
        "Write a function that takes `fetch` and fetches ten times, with at least five fetches in "
        "flight. `fetch(n)` takes 0.1 s, all of it waiting; on an event loop, "
        "`await fetch.later(n)` does the same."
    ),
    starter="def program(fetch):\n    for n in range(10):\n        fetch(n)\n",
    hints=(
        "What does your program do while it waits for the first fetch? It could begin the second.",
        (
            "One flow of control waits in one place at a time. What have you seen in this lesson that "
            "starts several: threads, or coroutines?"
        ),
        (
            "With threads: `ThreadPoolExecutor(10)`, and its `map` calls a function for each number. "
            "With coroutines: `asyncio.gather` starts all that it is given."
        ),
    ),
    judge=_judge_waits,
    arguments=("fetch",),
    make=lambda folder: (fetches(folder),),
    limits=Limits(seconds=5.0),
)

# Concurrent and parallel --------------------------------------------------------------------------------


def _judge_both(seen: Seen, folder: Path) -> Finding:
    flying, parallel = seen.concurrency > WALL, seen.parallelism > WALL
    why_not = "" if parallel else cannot_tell(seen if flying else None)
    rows = (
        Row("tasks in flight", f"{seen.concurrency:.2f}", f"more than {WALL}", flying),
        Row(
            "cores busy",
            f"{seen.parallelism:.2f}",
            f"more than {WALL}",
            None if why_not else parallel,
        ),
    )
    return Finding(rows, _advise_both(seen), why_not, certain=not flying or one_core())


def one_core() -> bool:
    """Return whether this machine can show no parallel program at all."""
    return machine().usable_cores <= WALL


def cannot_tell(seen: Seen | None) -> str:
    """Return why a program couldn't keep more than one core busy; empty if it could."""
    if one_core():
        usable = f"{machine().usable_cores:g} usable core"
        return f"because it has {usable}: no program keeps more than one busy here, on average"
    if seen is not None and (free := free_cores(seen)) < SPARE:
        return (
            f"because something else is using it: only {free:.2f} cores were free for your "
            "program. Try again when it is quiet"
        )
    return ""


def free_cores(seen: Seen) -> float:
    """Return how many cores a program could have had: what others left, and what can be had now."""
    left = machine().logical_cores - seen.others / seen.wall if seen.wall > 0 else 0.0
    return left if left < SPARE else min(left, attainable())


def _advise_both(seen: Seen) -> str:
    flying, parallel = seen.concurrency > WALL, seen.parallelism > WALL
    if flying and parallel:
        return (
            "Several tasks are under way, and several cores work on them: concurrent and parallel."
        )
    if parallel:
        return (
            "Parallel, not concurrent: several cores work on what counts as one task. Give your "
            "program tasks that are under way together."
        )
    if seen.cpu < 0.1:
        return (
            f"Your program used {seen.cpu:.2f} s of CPU time: waiting keeps no core busy. Give each "
            "task some computing, half a second or so."
        )
    if not flying and seen.tasks > 1:
        return (
            "It starts several tasks, but each ends before the next begins. Threads and processes: "
            "start all, then wait for all. Coroutines: one that computes, and never waits, lets no "
            "other have a turn."
        )
    if not flying:
        return "One thing at a time: nothing is started that could be under way beside it."
    if seen.processes <= 1 and machine().gil:
        return (
            "Concurrent, not parallel: threads that run Python code take turns, for each needs the "
            "GIL. More threads don't change that; processes do, and so does work in C that lets go "
            "of the GIL."
        )
    return (
        "Several tasks are under way, but too little computing at the same time. If you start "
        "processes, that takes time as well: give each more to compute."
    )


BOTH = Exercise(
    title="Be concurrent and parallel",
    asked=(
        "Write a function without arguments that is concurrent and parallel: more than one task in "
        f"flight, more than one core busy (above {WALL}). What it computes is up to you."
    ),
    starter=(
        "def program():\n    for _ in range(2):\n        sum(i * i for i in range(5_000_000))\n"
    ),
    hints=(
        (
            "Two things are needed: tasks that are under way together, and work in each that a core "
            "of its own can do at the same instant."
        ),
        (
            "With the GIL, threads take turns at Python code. Which programs of this lesson kept more "
            "than one core busy, and what did they compute?"
        ),
        (
            "Threads will do if their work lets go of the GIL: `mandelbrot`, or "
            '`compute(0.5, kind="native")`. For Python code, give `run` the model "processes".'
        ),
    ),
    judge=_judge_both,
    limits=Limits(seconds=20.0),
)

EXERCISES = {"waits": WAITS, "both": BOTH}

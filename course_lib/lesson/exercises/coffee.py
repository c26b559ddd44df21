"""The exercises of lesson 4: one barista who juggles, and four places, never empty, never five."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from course_lib.lesson.exercise import Exercise, Finding, Row
from course_lib.lesson.exercises.probes import Serve, Served, most_at_once
from course_lib.lesson.exercises.quadrant import overlap
from course_lib.lesson.guard import Limits, Seen

__all__ = ["EXERCISES"]

ORDERS = 12
PLACES = 4
ENOUGH = 5  # orders in flight, at some moment
FULL = 3.0  # orders in flight; four at a time, then the next four, reach 2.5 at most


def served(folder: Path) -> Serve:
    """Return the `serve` that the program is given."""
    return Serve(folder / "served")


def different(done: Sequence[Served]) -> int:
    """Return how many of the twelve orders were served; once more doesn't count."""
    return len({one.number for one in done} & {*range(ORDERS)})


def mean(done: Sequence[Served]) -> float:
    """Return how many orders were in flight, on average."""
    return overlap([(one.start, one.stop) for one in done])


def most(done: Sequence[Served]) -> int:
    """Return how many orders were in flight at most."""
    return most_at_once((one.start for one in done), (one.stop for one in done))


def _row_of_served(done: Sequence[Served]) -> Row:
    count = different(done)
    return Row(f"served of orders 0 to {ORDERS - 1}", f"{count}", f"{ORDERS}", count == ORDERS)


def _not_served(done: Sequence[Served], lost: int) -> str:
    """Say what is wrong with what was served at all; empty if all twelve were."""
    count = different(done)
    if count < ORDERS and lost > 0:
        return (
            "You called `serve.later`, but nothing awaited it, so it never ran (to its end). Await "
            "all twelve: `asyncio.gather`."
        )
    if not done:
        return "`serve` was never called: only orders that it served count."
    if any(one.kind == "blocked" for one in done):
        return (
            "A coroutine called `serve(n)`, which blocks the thread that the event loop runs on: "
            "while one order brews, no other gets a turn. Coroutines wait by `await serve.later(n)`."
        )
    if count < ORDERS:
        return f"Only {count} of the {ORDERS} orders, 0 to {ORDERS - 1}, were served."
    return ""


# One barista who juggles ------------------------------------------------------------------------------


def _judge_juggle(seen: Seen, folder: Path) -> Finding:
    serve = served(folder)
    done = serve.done()
    at_once, threads = most(done), len({one.thread for one in done})
    rows = (
        _row_of_served(done),
        Row("most orders in flight", f"{at_once}", f"{ENOUGH} or more", at_once >= ENOUGH),
        Row("threads that served", f"{threads}", "1", threads == 1),
    )
    # One after the other is no noise, and neither are more threads.
    advice = _not_served(done, serve.lost()) or _advise_juggle(done, at_once, threads)
    return Finding(rows, advice, certain=at_once < 2 or threads > 1)


def _advise_juggle(done: Sequence[Served], at_once: int, threads: int) -> str:
    if threads > 1:
        return (
            f"{threads} threads served: those are {threads} baristas, of whom each stands and "
            "watches a coffee brew. One can do it: let one thread turn to the next order meanwhile."
        )
    if at_once >= ENOUGH:
        return "One thread, and while one order brews, it begins the next: one barista who juggles."
    if at_once > 1:
        return (
            f"They overlap, but never more than {at_once} at once: something lets no more through, "
            "as a semaphore with too few places does."
        )
    if any(one.kind == "loop" for one in done):
        return (
            "Each `await` finishes its order before the next one begins. `async` alone overlaps "
            "nothing: start all twelve, then wait for all."
        )
    return "One after the other: the barista watches each coffee brew before the next order."


JUGGLE = Exercise(
    title="One barista who juggles",
    asked=(
        "Write a function that takes `serve` and serves orders 0 to 11, at some moment with at "
        "least five in flight, all by one thread. `serve(n)` makes its thread wait while order n brews; in a "
        "coroutine, `await serve.later(n)` makes only the coroutine wait."
    ),
    starter="def program(serve):\n    for n in range(12):\n        serve(n)\n",
    hints=(
        "What can a barista do while a coffee brews? Which model of this lesson had one thread, and many in flight?",
        "An event loop: make it `async def program(serve)`, and use `serve.later(n)`.",
        "`await asyncio.gather(...)` starts all the coroutines that it is given, then waits for all.",
    ),
    judge=_judge_juggle,
    arguments=("serve",),
    make=lambda folder: (served(folder),),
    limits=Limits(seconds=6.0),
)


# Four places ------------------------------------------------------------------------------------------


def _judge_four(seen: Seen, folder: Path) -> Finding:
    serve = served(folder)
    done = serve.done()
    at_once, highest = mean(done), most(done)
    rows = (
        _row_of_served(done),
        Row("orders at once, at most", f"{highest}", f"{PLACES}", highest == PLACES),
        Row("orders in flight, on average", f"{at_once:.2f}", f"{FULL:g} or more", at_once >= FULL),
    )
    # Too many at once are no noise, and neither are too few by so much.
    certain = highest > PLACES or at_once < 2
    advice = _not_served(done, serve.lost()) or _advise_four(at_once, highest)
    return Finding(rows, advice, certain=certain)


def _advise_four(at_once: float, highest: int) -> str:
    if highest > PLACES:
        return (
            f"{highest} orders were in flight at once, and the machine has {PLACES} places. "
            "Something must make an order wait before it begins, not only after."
        )
    if highest == 1:
        return "One at a time: three of the four places are never used."
    if highest < PLACES:
        empty = PLACES - highest
        stay = f"{empty} of the places stay{'s' * (empty == 1)} empty"
        return f"Never more than {highest} at once, so {stay}."
    if at_once >= FULL:
        return "Whoever is done makes room for the next: four places, and hardly ever an empty one."
    return (
        "Four at once, but then places stay empty: either the next ones wait for the slowest of a "
        "batch, or each worker was given its orders beforehand. Let whoever is done take the next."
    )


FOUR = Exercise(
    title="Four places",
    asked=(
        "The machine brews four at a time. Write a function that takes `serve` and serves orders 0 "
        "to 11: at some moment four in flight, never five, and three or more on average. Any model "
        "will do."
    ),
    starter=(
        "from concurrent.futures import ThreadPoolExecutor\n\n\ndef program(serve):\n"
        "    with ThreadPoolExecutor(12) as pool:\n        list(pool.map(serve, range(12)))\n"
    ),
    hints=(
        "In this lesson's bars, which number bounds the orders in flight: baristas, or workers?",
        (
            "A pool of so many workers takes the next order whenever one of them is done. On an "
            "event loop, a semaphore does that: `asyncio.Semaphore(4)`."
        ),
        (
            "`ThreadPoolExecutor(4)` and its `map`; or a coroutine that does `async with places:` "
            "around `await serve.later(n)`, where `places` is one semaphore for all."
        ),
    ),
    judge=_judge_four,
    arguments=("serve",),
    make=lambda folder: (served(folder),),
    limits=Limits(seconds=6.0),
)

EXERCISES = {"juggle": JUGGLE, "four": FOUR}

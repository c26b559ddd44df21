"""The exercises of lesson 6: many who wait, waits and work together, and a state with one owner."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from course_lib.lesson.exercise import Exercise, Finding, Row
from course_lib.lesson.exercises import quadrant
from course_lib.lesson.exercises.models_probes import Crunch, Crunched, Listen
from course_lib.lesson.exercises.probes import Fetch, Served, Tally, advise_early, most_at_once
from course_lib.lesson.guard import Limits, Seen
from course_lib.machine import machine
from course_lib.tasks import calibrate
from course_lib.trace import WALL

__all__ = ["EXERCISES"]

# Many who wait ----------------------------------------------------------------------------------------

VISITORS = 100
MANY = 60  # in flight at some moment: all hundred begin within moments of each other
FEW = 4  # threads
CROWD = 32  # threads, from which on they are taken for one a visitor


def listener(folder: Path) -> Listen:
    """Return the `listen` that the program is given."""
    return Listen(folder / "heard")


def _judge_many(seen: Seen, folder: Path) -> Finding:
    noted = listener(folder).done()
    done = [one for one in noted if one.stop <= seen.returned]
    heard, threads = len({one.number for one in done}), len({one.thread for one in done})
    at_once = most_at_once([one.start for one in done], [one.stop for one in done])
    rows = (
        Row("different visitors heard", f"{heard}", f"{VISITORS}", heard >= VISITORS),
        Row("most visitors in flight", f"{at_once}", f"{MANY} or more", at_once >= MANY),
        Row("threads that listened", f"{threads}", f"1 to {FEW}", 1 <= threads <= FEW),
    )
    certain = at_once < MANY / 2 or threads > FEW  # no noise takes so much away, or adds threads
    early = advise_early(len(noted) - len(done), "visitors were heard")
    advice = early or _advise_many(done, heard, at_once, threads)
    return Finding(rows, advice, certain=certain)


def _advise_many(done: Sequence[Served], heard: int, at_once: int, threads: int) -> str:
    if not done:
        return "`listen` was never called: only visitors to whom it listened count."
    if any(one.kind == "blocked" for one in done):
        return (
            "A coroutine called `listen(n)`, which blocks the one thread that all coroutines share. "
            "On a loop, it is `await listen.later(n)`."
        )
    if heard < VISITORS:
        return f"Only {heard} of {VISITORS} were heard."
    if threads >= CROWD:
        return (
            f"They are heard by {threads} threads: each has a stack, and does nothing but "
            "wait. Which model has a task in flight without a thread for it?"
        )
    if threads > FEW:
        return (
            f"{threads} threads, and never more visitors than threads. In a pool, one more in flight "
            "takes one more thread: choose a model where waiting takes none."
        )
    if at_once >= MANY:
        return "A hundred wait, and hardly a thread is needed: that is what event loops are for."
    if any(one.kind == "loop" for one in done):
        return (
            f"On a loop, but only {at_once} at once: each `await` finishes before the next "
            "begins, or a semaphore lets too few through. Start all, then wait for all."
        )
    return f"So few threads hear {at_once} visitors at once: who listens to one can't to others."


MANY_VISITORS = Exercise(
    title="A hundred who wait",
    asked=(
        "A hundred visitors are connected, and each says something now and then. Write a function "
        f"that takes `listen` and listens to visitors 0 to 99, with {MANY} or more in flight, by "
        f"at most {FEW} threads. `listen(n)` takes 0.08 s, and its thread waits; in a coroutine, "
        "`await listen.later(n)` makes only the coroutine wait."
    ),
    starter=(
        "from concurrent.futures import ThreadPoolExecutor\n\n\ndef program(listen):\n"
        "    with ThreadPoolExecutor(16) as pool:\n        list(pool.map(listen, range(100)))\n"
    ),
    hints=(
        "What does a visitor who is silent take up: a core, a thread, or some memory?",
        "Look at the table of the models: which had many in flight, at a few kilobytes each?",
        "`async def program(listen)`, and `await asyncio.gather(...)` of a hundred `listen.later(n)`.",
    ),
    judge=_judge_many,
    arguments=("listen",),
    make=lambda folder: (listener(folder),),
    limits=Limits(seconds=11.0),
)

# Waits and work ---------------------------------------------------------------------------------------

PAGES = 4
WORK = 0.25  # seconds of computing a page


def parts(folder: Path) -> tuple[Fetch, Crunch]:
    """Return the `fetch` and the `crunch` that the program is given."""
    rounds = round(WORK / calibrate().python)
    return Fetch(folder / "fetched"), Crunch(folder / "crunched", rounds)


def _judge_mixed(seen: Seen, folder: Path) -> Finding:
    fetch, crunch = parts(folder)
    noted = crunch.done()
    done = [one for one in noted if one.stop <= seen.returned]
    fetched = sorted(stop for _, stop, _ in fetch.done())
    after = sum(one.start >= at for one, at in zip(sorted(done), fetched, strict=False))
    pages = min(after, len({one.page for one in done} & {f"page {n}" for n in range(PAGES)}))
    awaited = sum(kind == "loop" for *_, kind in fetch.done())
    blocked = sum(one.kind == "blocked" for one in done)
    still, loop = stood_still(seen, done), not math.isnan(seen.gap)
    at_once, busy = work_at_once(done)
    parallel = busy > WALL
    why_not = "" if parallel else quadrant.cannot_tell(seen if at_once > WALL else None)
    rows = (
        Row("pages fetched, then crunched", f"{pages}", f"{PAGES}", pages == PAGES),
        Row("fetches awaited on a loop", f"{awaited}", f"{PAGES}", awaited >= PAGES),
        Row("pages that blocked the loop", f"{blocked}", "0", blocked == 0),
        Row(
            "the loop's turns, while it crunches",
            "none" if still else "some" if loop else "no loop of ours",
            "some",
            loop and not still,
        ),
        Row(
            "cores busy, while it crunches",
            f"{busy:.2f}",
            f"more than {WALL}",
            None if why_not else parallel,
        ),
    )
    certain = blocked > 0 or awaited < PAGES
    early = advise_early(len(noted) - len(done), "pages were crunched")
    advice = early or _advise_mixed(done, pages, awaited if loop else 0, still)
    return Finding(rows, advice, why_not, certain=certain)


def stood_still(seen: Seen, done: Sequence[Crunched]) -> bool:
    """Tell whether the loop's heart paused for as long as all the crunching took, from its first start."""
    starts, stops = [one.start for one in done], [one.stop for one in done]
    return bool(done) and seen.gap >= (max(stops) - min(starts)) / 1e9


def work_at_once(done: Sequence[Crunched]) -> tuple[float, float]:
    """Return how many computations were under way, and how many cores they kept busy, on average."""
    if not done:
        return 0.0, 0.0
    whole = max(one.stop for one in done) - min(one.start for one in done)
    at_once = quadrant.overlap([(one.start, one.stop) for one in done])
    return at_once, sum(one.cpu for one in done) / whole


def _advise_mixed(done: Sequence[Crunched], pages: int, awaited: int, still: bool) -> str:
    at_once, busy = work_at_once(done)
    if not done:
        return "`crunch` was never called: each page is fetched, and then crunched."
    if any(one.kind == "blocked" for one in done):
        return (
            "A coroutine called `crunch(page)` itself: while it computes, the loop is blocked, and "
            "whoever waits for an answer waits. Hand it off, and await the answer."
        )
    if still:
        return (
            "The pages are crunched elsewhere, but the loop stood still all the while: `pool.map(...)` "
            "and `.result()` block who asks. Let the loop hand them off, and await the answers."
        )
    if not awaited:
        return (
            "There is no event loop of ours that could answer anybody meanwhile: make it "
            "`async def program(fetch, crunch)`, without `asyncio.run`, and wait by `await`."
        )
    if pages < PAGES:
        return f"Only {pages} of {PAGES} pages were fetched, then crunched."
    if at_once <= WALL:
        return (
            "The loop is free, but one page is crunched after the other: an `await` that finishes "
            "before the next page begins, or a pool with one worker."
        )
    if busy <= WALL and len({one.process for one in done}) == 1 and machine().gil:
        return (
            "The loop gets its turns, but the threads that crunch share one GIL: one core works. "
            "Hand Python code off to something that has a GIL of its own."
        )
    if busy <= WALL:
        return "Several pages are crunched at once, but the cores weren't free for them."
    return "Waits on the loop, work in processes, and a hand-off in between: hybrid."


MIXED = Exercise(
    title="Waits and work",
    asked=(
        "Write a coroutine function that takes `fetch` and `crunch`. For each page 0 to 3, "
        "`await fetch.later(n)` returns the page, and `crunch(page)` then computes for about "
        f"{WORK:g} s, in Python. No page may block the loop meanwhile, and where there are two "
        "cores, more than one must be busy."
    ),
    starter=(
        "import asyncio\n\n\nasync def program(fetch, crunch):\n    async def one(n):\n"
        "        crunch(await fetch.later(n))\n\n"
        "    await asyncio.gather(*(one(n) for n in range(4)))\n"
    ),
    hints=(
        "Which line blocks the loop, and for how long?",
        (
            "A loop can hand a function to a pool and await its answer: "
            "`await asyncio.get_running_loop().run_in_executor(pool, crunch, page)`. Which pool?"
        ),
        (
            "Threads would share one GIL. `from loky import ProcessPoolExecutor`: "
            "`with ProcessPoolExecutor(2) as pool:` around the `gather`."
        ),
    ),
    judge=_judge_mixed,
    arguments=("fetch", "crunch"),
    make=parts,
    limits=Limits(seconds=20.0),  # on a busy machine, a pool's start alone may take seconds
    heartbeat=True,
)

# A state with one owner -------------------------------------------------------------------------------

PASSES = 40
SEVERAL = 2.5  # passes at once; four doors, each with a pass after the other, reach nearly four


def doors(folder: Path) -> tuple[Fetch, Tally]:
    """Return the `enter` and the `tally` that the program is given."""
    return Fetch(folder / "entered"), Tally(folder / "tally")


def _judge_owner(seen: Seen, folder: Path) -> Finding:
    enter, tally = doors(folder)
    done, counts = enter.done(), tally.done()
    written = [value for value, *_ in counts]
    owners = len({(process, thread) for _, process, thread in counts})
    counted = written[-1] if written else 0
    steps = written == list(range(1, PASSES + 1)) or owners > 1
    at_once = quadrant.overlap([(start, stop) for start, stop, _ in done])
    rows = (
        Row("passes", f"{len(done)}", f"{PASSES}", len(done) == PASSES),
        Row("counted", f"{counted}", f"{PASSES}", counted == PASSES),
        Row("passes at once", f"{at_once:.2f}", f"{SEVERAL:g} or more", at_once >= SEVERAL),
        Row("updates of the tally", f"{len(written)}", f"{PASSES}, each by one", steps),
        Row("threads that change the tally", f"{owners}", "1", owners == 1),
    )
    advice = _advise_owner(len(done), counted, at_once, owners, steps)
    return Finding(rows, advice, certain=owners > 1 or at_once < 1.5)


def _advise_owner(passes: int, counted: int, at_once: float, owners: int, steps: bool) -> str:
    if not passes:
        return "`enter` was never called: only who has entered is counted."
    if passes != PASSES:
        return f"{passes} have entered, not {PASSES}."
    if owners > 1 and counted < PASSES:
        return (
            f"{owners} threads change the tally, and {PASSES - counted} passes are lost: two read "
            "the same number, and both write it back plus one. Let one own it, and tell that one."
        )
    if owners > 1:
        return (
            f"The number is right, but {owners} threads change the tally: they share it, by turns. "
            "Here it shall have one owner, to whom the others send a message."
        )
    if counted != PASSES:
        return f"{counted} were counted of {PASSES} who entered: does the owner get each message?"
    if not steps:
        return (
            "The number is right, but it wasn't counted: for each who enters, `tally.value += 1`."
        )
    if at_once < SEVERAL:
        return (
            f"One owner, but only {at_once:.1f} pass at once: who counts also waits at the door. "
            "Let several enter at a time, and tell the owner."
        )
    return (
        "Several enter at once, and one thread counts: no update can come between another's read "
        "and write, so no lock is needed. (Coroutines of one loop may share the tally, as long as "
        "no `await` stands in between.)"
    )


OWNER = Exercise(
    title="One owner",
    asked=(
        "Write a function that takes `enter` and `tally`. Forty visitors enter, by `enter(n)` for n "
        "from 0 to 39, which takes 0.1 s (in a coroutine, `await enter.later(n)`), several at once. "
        "Count each by `tally.value += 1`, which only *one* thread may do: no lock, one owner."
    ),
    starter=(
        "import concurrent.futures\n\n\ndef program(enter, tally):\n"
        "    def one(n):\n        enter(n)\n        tally.value += 1\n\n"
        "    with concurrent.futures.ThreadPoolExecutor(8) as pool:\n        list(pool.map(one, range(40)))\n"
    ),
    hints=(
        "Who may change the tally? What could the others do instead of changing it?",
        (
            "As an actor or a channel does it: those who enter put a message into a queue; one takes "
            "them out and counts."
        ),
        (
            "`queue.SimpleQueue()`: each worker does `messages.put(n)` after `enter(n)`; the program's "
            "own thread does `messages.get()` forty times, and counts each."
        ),
    ),
    judge=_judge_owner,
    arguments=("enter", "tally"),
    make=doors,
    limits=Limits(seconds=8.0),
)

EXERCISES = {"many": MANY_VISITORS, "mixed": MIXED, "owner": OWNER}

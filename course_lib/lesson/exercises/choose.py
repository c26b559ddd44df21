"""The exercises of lesson 5: a loop that stays free beside a long job, and batches of the right grain."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

from course_lib.lesson.exercise import Exercise, Finding, Row
from course_lib.lesson.exercises.choose_probes import JOB, Batch, Batches, Job
from course_lib.lesson.exercises.probes import most_at_once
from course_lib.lesson.guard import Limits, Seen

__all__ = ["EXERCISES"]

GAP = 0.15  # seconds
WHOLE = 0.9 * JOB  # seconds: a loop on which the job is done, or waited for, pauses for longer
BUSY = 0.5  # cores that others use: with so many, a pause may be theirs
PIECES = 4_000
CALLS = 100
SHARE = 0.8  # of the pieces, that one worker may do
LARGEST = 0.25  # of the pieces: a larger batch is worth a word


# A free loop ----------------------------------------------------------------------------------------


def job(folder: Path) -> Job:
    """Return the `job` that the program is given."""
    return Job(folder / "job")


def _judge_heart(seen: Seen, folder: Path) -> Finding:
    done, came = job(folder).done(), seen.value == job(folder).result
    beating = not math.isnan(seen.gap)
    free: bool | None = beating and seen.gap < GAP
    gap_ms = f"{seen.gap * 1e3:.0f} ms" if beating else "no event loop"
    why_not = ""
    busy = seen.wall > 0 and seen.others / seen.wall > BUSY
    if beating and busy and GAP <= seen.gap < WHOLE:
        free = None
        why_not = (
            f"because other programs keep it busy: the heart paused for {gap_ms}, which may be "
            "their doing. Try again when it is quiet"
        )
    rows = (
        Row("times the job was done", f"{len(done)}", "1", len(done) == 1),
        Row("its result was returned", "yes" if came else "no", "yes", came),
        Row("the heart's longest pause", gap_ms, f"less than {GAP * 1e3:g} ms", free),
    )
    certain = _on_the_loop(seen, done) or not beating or not done
    return Finding(rows, _advise_heart(seen, done, came, free is True), why_not, certain)


def _on_the_loop(seen: Seen, done: list[str]) -> bool:
    """Return whether the job was done on the heart's loop, and not on another thread's."""
    return "blocked" in done and seen.gap >= WHOLE


def _advise_heart(seen: Seen, done: list[str], came: bool, free: bool) -> str:
    if math.isnan(seen.gap):
        return (
            "There is no event loop here, so nothing that could go on beside the job: begin with "
            "`async def program(job):`."
        )
    if not done:
        return "`job` was never called, or never came to its end."
    if len(done) > 1:
        return f"The job was done {len(done)} times: once is enough."
    if _on_the_loop(seen, done) and seen.tasks > 1:  # the program itself is one
        return (
            "The job has a coroutine of its own, and still ran on the loop's thread: a coroutine "
            "that computes lets nobody else have a turn until it is done."
        )
    if _on_the_loop(seen, done):
        return (
            f"`job()` was called on the loop's own thread, and the heart stood still for "
            f"{seen.gap:.1f} s. `async` before the function doesn't move the work anywhere."
        )
    if not came:
        return (
            "The job is done elsewhere, and the loop is free. But the program didn't return what "
            "the job returned: await it."
        )
    if free:
        return "The job is done elsewhere, the loop awaits it, and the heart goes on beating."
    if "process" in done:
        return (
            f"The job was done by another process, but the loop stood still for {seen.gap:.1f} s all "
            "the same. To start and to end a pool of processes blocks, too, as `.result()` and "
            "`.join()` do: put all of that into a function, and await it on a thread."
        )
    return (
        f"The job was done by another thread, but the loop stood still for {seen.gap:.1f} s all the "
        "same: it looks as if it waited in a way that blocks, as `.result()`, `.join()` and the end "
        "of a `with` around a pool do. Await instead."
    )


HEART = Exercise(
    title="Keep the loop free",
    asked=(
        "Write a coroutine function that takes `job`, has it done once, and returns what it "
        f"returns. Beside it a heart beats on the same loop: it must never pause for {GAP * 1e3:g} ms."
    ),
    starter="async def program(job):\n    return job()\n",
    hints=(
        "Which thread does the job run on? Which thread does the heart need?",
        "In this lesson, one line moved a computation to another thread. The loop awaited it.",
        "`return await asyncio.to_thread(...)`, with the function itself, not with its result.",
    ),
    judge=_judge_heart,
    arguments=("job",),
    make=lambda folder: (job(folder),),
    limits=Limits(seconds=8.0),
    heartbeat=True,
)


# The right grain --------------------------------------------------------------------------------------


def batches(folder: Path) -> Batches:
    """Return the `work` that the program is given."""
    return Batches(folder / "batches")


def _judge_grain(seen: Seen, folder: Path) -> Finding:
    done = batches(folder).done()
    shares = Counter[str]()
    for batch in done:
        shares[batch.worker] += len(batch.pieces)
    most = max(shares.values(), default=0) / PIECES
    count = len({piece for batch in done for piece in batch.pieces})
    once = count == sum(shares.values()) == PIECES
    at_once = most_at_once((one.start for one in done), (one.stop for one in done))
    rows = (
        Row("pieces done, each once", f"{count:,}", f"{PIECES:,}", once),
        Row("calls of work", f"{len(done):,}", f"{CALLS} at most", 0 < len(done) <= CALLS),
        Row("done by one worker", f"{most:.0%}", f"{SHARE:.0%} at most", 0 < most <= SHARE),
        Row("calls under way at once", f"{at_once}", "2 or more", at_once >= 2),
    )
    # With batches that could be shared, a busy machine may still have one worker do most of them.
    certain = not once or len(done) > CALLS or len(done) < 2
    return Finding(rows, _advise_grain(done, shares, at_once), certain=certain)


def _advise_grain(done: list[Batch], shares: Counter[str], at_once: int) -> str:
    count = len({piece for batch in done for piece in batch.pieces})
    if not done:
        return "`work` was never called: only pieces that it did count."
    if count < PIECES:
        return f"Only {count:,} of {PIECES:,} pieces were done."
    if shares.total() > PIECES:
        return f"{shares.total() - PIECES:,} pieces were done twice or more."
    if len(done) > CALLS:
        return (
            f"{len(done):,} calls, each for a piece or a few: to hand one out costs about as much "
            "as to do it. (They were handed out in batches, by `chunksize`? `work` was still called "
            "for each.) Give each call a longer list."
        )
    if len(done) == 1:
        return "All in one call: that costs least to hand out, and leaves nothing to be shared."
    if any(batch.kind == "blocked" for batch in done):
        return (
            "The batches are there, but coroutines did them: all on the loop's one thread, one "
            "after the other. Work that computes needs threads or processes."
        )
    most = max(shares.values()) / PIECES
    if len(shares) == 1:
        return (
            f"{len(done)} calls, all by the same thread: the work is cut up, but it is not handed "
            "out to anybody."
        )
    if at_once < 2:
        return (
            f"{len(done)} calls by {len(shares)} workers, and never two at the same time: each was "
            "waited for before the next was handed out. Hand out all, then wait."
        )
    largest = max(len(batch.pieces) for batch in done) / PIECES
    if most <= SHARE and largest > LARGEST:
        return (
            f"Cheap to hand out, and shared. But the largest batch is {largest:.0%} of the work, so "
            f"all of it can't be more than {1 / largest:.2g} times as fast, on however many cores. "
            "Smaller batches share better."
        )
    if most <= SHARE:
        return (
            f"{len(done)} calls are few enough to be cheap, and none is more than {largest:.0%} of "
            "the work, so that workers can share it: a good grain."
        )
    return (
        f"One worker did {most:.0%}. Either the batches are of very different size, or too few for "
        "the others to get their share."
    )


GRAIN = Exercise(
    title="Find the grain",
    asked=(
        f"`work(some)` does a list of pieces, each of which takes some tens of µs, in C, without the "
        f"GIL. Have all {PIECES:,} done, each once, in {CALLS} calls at most, and shared: two or more "
        f"calls are under way at the same time, and no worker does more than {SHARE:.0%} of the pieces."
    ),
    starter=(
        "from concurrent.futures import ThreadPoolExecutor\n\n\ndef program(work, pieces):\n"
        "    with ThreadPoolExecutor(2) as pool:\n"
        "        list(pool.map(work, [[piece] for piece in pieces]))\n"
    ),
    hints=(
        "How many calls does the program make as it stands? How many does each worker need?",
        "A slice is a batch: `pieces[0:100]`, then `pieces[100:200]`, and so on.",
        (
            "`[pieces[start : start + 100] for start in range(0, len(pieces), 100)]` are 40 "
            "batches, for `pool.map`."
        ),
    ),
    judge=_judge_grain,
    arguments=("work", "pieces"),
    make=lambda folder: (batches(folder), list(range(PIECES))),
    limits=Limits(seconds=8.0),
)

EXERCISES = {"heart": HEART, "grain": GRAIN}

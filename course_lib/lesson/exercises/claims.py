"""The exercises of lesson 7: a count in which nothing is lost, and seats of which none is sold twice."""

from __future__ import annotations

from pathlib import Path

from course_lib.lesson.exercise import Exercise, Finding, Row
from course_lib.lesson.exercises.claims_probes import Seats
from course_lib.lesson.exercises.probes import Tally
from course_lib.lesson.guard import Limits, Seen
from course_lib.trace import WALL

__all__ = ["EXERCISES"]

THREADS, TIMES = 4, 50
ADDED = THREADS * TIMES
SEATS = 7
BUYERS = tuple(f"buyer {n}" for n in range(1, 13))


# A count in which nothing is lost -----------------------------------------------------------------------


def tally(folder: Path) -> Tally:
    """Return the number to count with."""
    return Tally(folder / "tally")


def _judge_count(seen: Seen, folder: Path) -> Finding:
    done = tally(folder).done()
    threads = {(process, thread) for _, process, thread in done}
    last = done[-1][0] if done else 0
    rows = (
        Row("times added", f"{len(done)}", f"{ADDED}", len(done) == ADDED),
        Row("threads that added", f"{len(threads)}", "2 or more", len(threads) >= 2),
        _under_way(seen),
        Row("count at the end", f"{last}", f"{ADDED}", last == ADDED),
    )
    # What is lost is no noise: a program that guards the count loses nothing, however busy a machine.
    advice = _advise_count(done, len(threads), last, seen.concurrency > WALL)
    return Finding(rows, advice, certain=last != len(done))


def _under_way(seen: Seen) -> Row:
    """Return the row that says whether the threads were under way at the same time."""
    flight = seen.concurrency
    return Row("threads in flight", f"{flight:.2f}", f"more than {WALL}", flight > WALL)


IN_A_ROW = (
    "One thread was joined before the next one started, so nobody could come in between. Start all, "
    "then join all, and "
)


def _advise_count(done: list[tuple[int, str, str]], threads: int, last: int, together: bool) -> str:
    if not done:
        return "`tally.value` was never changed: only what is added to it counts."
    if len({process for _, process, _ in done}) > 1:
        return (
            "Several processes added, and each has a copy of the number: what one adds, the others "
            "never see. Threads share it."
        )
    if last > len(done):
        return (
            f"The count says {last}, but it was changed {len(done)} times. Add one at a time, as "
            "if each came from somewhere else."
        )
    if last < len(done):
        return (
            f"{len(done) - last} of {len(done)} updates are lost: between one thread's read and "
            "its write, another one wrote. If you use a lock, it has to be the *same* for all "
            "threads, and to be held from before the read until after the write."
        )
    if len(done) != ADDED:
        return f"Nothing is lost, but one was added {len(done)} times instead of {ADDED}."
    if threads < 2:
        return (
            "Nothing is lost, for one thread did it all: nobody could come in between. Let four "
            "threads add, and lose nothing all the same."
        )
    if not together:
        return f"{IN_A_ROW}lose nothing all the same."
    return (
        "Nothing was lost in this run. If all threads hold the same lock from before the read until "
        "after the write, nothing can be, in any order: that is in your text; no run shows it."
    )


COUNT = Exercise(
    title="Count, and lose nothing",
    asked=(
        f"Write a function that takes `tally`. {THREADS} threads each add 1 to `tally.value`, "
        f"{TIMES} times. To read it takes a moment, in which others may write. Lose nothing."
    ),
    starter=(
        "from threading import Thread\n\n\ndef program(tally):\n    def add():\n"
        f"        for _ in range({TIMES}):\n            tally.value += 1\n\n"
        f"    threads = [Thread(target=add) for _ in range({THREADS})]\n"
        "    for thread in threads:\n        thread.start()\n"
        "    for thread in threads:\n        thread.join()\n"
    ),
    hints=(
        "`tally.value += 1` reads, adds and writes. What may happen between the read and the write?",
        "A lock lets one thread at a time into what stands under `with lock:`.",
        (
            "`lock = threading.Lock()` once, in `program`, before the threads start; and in the "
            "loop `with lock:` around `tally.value += 1`."
        ),
    ),
    judge=_judge_count,
    arguments=("tally",),
    make=lambda folder: (tally(folder),),
    limits=Limits(seconds=6.0),
)


# Seats of which none is sold twice ----------------------------------------------------------------------


def hall(folder: Path) -> Seats:
    """Return the seats that are for sale."""
    return Seats(folder / "seats", SEATS)


def _judge_seats(seen: Seen, folder: Path) -> Finding:
    seats = hall(folder)
    sold, threads = seats.sold(), len(set(seats.looked()))
    rows = (
        Row("seats sold", f"{len(sold)}", f"{SEATS}", len(sold) == SEATS),
        Row("different buyers", f"{len(set(sold))}", f"{SEATS}", len(set(sold)) == SEATS),
        Row("threads that looked", f"{threads}", "2 or more", threads >= 2),
        _under_way(seen),
    )
    # A program that looks and sells in one go never sells too many, however busy a machine.
    advice = _advise_seats(sold, threads, seen.concurrency > WALL)
    return Finding(rows, advice, certain=len(sold) > SEATS)


def _advise_seats(sold: list[str], threads: int, together: bool) -> str:
    if not sold:
        return "No seat was sold: `seats.sell(buyer)` sells one."
    if not threads:
        return "You sell without looking: `seats.left` says how many seats there still are."
    if len(sold) > SEATS:
        return (
            f"{len(sold)} buyers have bought {SEATS} seats: several looked, saw that one was left, "
            "and all of them bought it. To look and to sell belong together: hold *one* lock, the "
            "same for all, from before the look until after the sale."
        )
    if len(set(sold)) < len(sold):
        return "Somebody has bought more than one seat: a seat a buyer."
    if len(sold) < SEATS:
        return f"Only {len(sold)} of {SEATS} seats are sold, and there are {len(BUYERS)} buyers."
    if threads < 2:
        return (
            "No seat is sold twice, for one thread served all buyers, one after the other. Let them "
            "come at the same time, each on a thread, and sell no seat twice all the same."
        )
    if not together:
        return f"{IN_A_ROW}sell no seat twice all the same."
    return (
        "No seat was sold twice in this run. If one lock spans the look and the sale, none can be, "
        "in any order: that is in your text; no run shows it."
    )


SELL = Exercise(
    title="Sell the last seats",
    asked=(
        f"{SEATS} seats are left, and {len(BUYERS)} buyers come at once, each on a thread. "
        "`seats.left` says how many seats there are, which takes a moment; `seats.sell(buyer)` "
        f"sells one, whether there is one or not. Sell {SEATS} seats, to {SEATS} buyers."
    ),
    starter=(
        "from concurrent.futures import ThreadPoolExecutor\n\n\ndef program(seats, buyers):\n"
        "    def buy(buyer):\n        if seats.left > 0:\n            seats.sell(buyer)\n\n"
        "    with ThreadPoolExecutor(len(buyers)) as pool:\n        list(pool.map(buy, buyers))\n"
    ),
    hints=(
        "No update is lost here, and still it goes wrong. What is no longer true when the seat is sold?",
        "The lock guards what has to stay true: never more sold than there are. Which two lines is that?",
        (
            "`lock = threading.Lock()` once, in `program`; and in `buy`, `with lock:` around the "
            "`if` *and* the sale."
        ),
    ),
    judge=_judge_seats,
    arguments=("seats", "buyers"),
    make=lambda folder: (hall(folder), BUYERS),
    limits=Limits(seconds=6.0),
)

EXERCISES = {"count": COUNT, "seats": SELL}

"""The capstone: a program that waits and computes, made as fast as this machine allows, and sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from course_lib.lesson.exercise import Exercise, Finding, Row
from course_lib.lesson.exercises.capstone_probes import (
    ENOUGH,
    GAP,
    LEVEL,
    Trial,
    best_of,
    clean,
    right,
    several,
)
from course_lib.lesson.guard import Limits, Seen
from course_lib.programs.gallery import PICTURES
from course_lib.programs.gallery_bound import IN_HAND

__all__ = ["EXERCISES"]

AT_ONCE = 4  # requests, of waits that overlap
Turn = dict[str, Any]


def _judge(seen: Seen, folder: Path) -> Finding:
    turns: list[Turn] = seen.value["turns"]
    wrong = [turn for turn in turns if not right(turn)]
    best = best_of(turns)
    gap, in_hand = best["gap"], max(turn["in_hand"] for turn in turns)
    shared = ", made by several processes or free threads" * several()
    shown = wrong[0] if wrong else best
    rows = [
        *_soundness(shown),
        Row(
            "level 1: share of what one core allows",
            f"{best['share_one']:.0%}, {best['in_flight']:.1f} requests in flight",
            f"at least {LEVEL:.0%}",
            not wrong and _overlap(best),
        ),
    ]
    rows += [
        Row(
            f"level 2: share of what {_cores(best)} allow",
            f"{best['share']:.0%}, {best['busy']:.1f} cores busy with thumbnails",
            f"at least {LEVEL:.0%}{shared}",
            not wrong and best["share"] >= LEVEL and _spread(best),
        ),
        Row(
            f"level 3: share of what {_cores(best)} allow",
            f"{best['share']:.0%}: {best['wall']:.2f} s, bound {best['bound']:.2f} s",
            f"at least {ENOUGH:.0%}{shared}",
            not wrong and best["share"] >= ENOUGH and _spread(best),
        ),
        Row("level 3: pictures in hand at once", f"{in_hand}", f"at most {IN_HAND}", in_hand <= IN_HAND),
        Row("level 3: the heart's longest pause", f"{gap * 1e3:.0f} ms", f"less than {best['longest'] * 1e3:.0f} ms", best["calm"]),
    ]  # fmt: skip
    stopped = seen.value["stopped"]
    if stopped:
        rows.append(
            Row(
                "level 3: when it is interrupted",
                f"ends after {stopped['took']:.1f} s, then asks for {stopped['after']} more",
                f"ends within {stopped['prompt']:.1f} s, and asks no more",
                clean(stopped),
            )
        )
    return Finding(tuple(rows), _advise(shown, best, in_hand, gap, stopped), certain=True)


def _cores(turn: Turn) -> str:
    others = f" (others kept {turn['others']:.1f} busy)" if turn["others"] > 0.1 else ""
    return f"all usable cores{others}"


def _soundness(turn: Turn) -> list[Row]:
    n, good, saved, lines = (turn[what] for what in ("pictures", "right", "saved", "lines"))
    served, made = turn["served"], turn["made"]
    order = ", in order" if turn["in_order"] else ""
    return [
        Row(
            "pictures fetched, thumbnails made",
            f"{served}, {made}",
            f"{n}, {n}",
            min(served, made) >= n,
        ),
        Row("thumbnails that are right", f"{good}", f"{n}", good == n),
        Row("thumbnails written", f"{saved}", f"{n}, each once", saved == n),
        Row("lines of the index", f"{lines}{order}", f"{n}, in order", turn["in_order"]),
    ]


def _overlap(turn: Turn) -> bool:
    return bool(turn["share_one"] >= LEVEL and turn["at_once"] >= AT_ONCE)


def _spread(turn: Turn) -> bool:
    """Return whether several workers shared the thumbnails, where there are several cores."""
    return not several() or turn["workers"] >= 2


def _advise(shown: Turn, best: Turn, in_hand: int, gap: float, stopped: dict[str, Any]) -> str:
    if not right(shown):
        return _what_is_wrong(shown)
    if not _overlap(best):
        return _waits(best, gap)
    if not _spread(best):
        return (
            "Level 1 is reached: the waits overlap. But one process made nearly all thumbnails. "
            "They are computed by Python code, which the GIL lets one thread of a process run at a "
            "time. Which model keeps several cores busy?"
        )
    if in_hand > IN_HAND:
        return (
            f"Waits overlap, and several cores compute. But {in_hand} pictures were fetched and not "
            "yet written: with more of them, memory would run out. Let nobody fetch more than can "
            "be computed: by a semaphore, or by as many threads as pictures may be in hand."
        )
    if best["share"] < LEVEL:
        return (
            "Level 1 is reached: the waits overlap, and several workers compute. But not at the same "
            "time, or not often: look at the cores busy. What does a worker wait for?"
        )
    if not best["calm"]:
        return (
            f"Level 2 is reached. But the heart stood still for {gap:.1f} s: something blocks the "
            "event loop, or holds the GIL. Await it, or let a thread or a process do it."
        )
    if stopped and not clean(stopped):
        return (
            f"Level 2 is reached. But after an interrupt it took {stopped['took']:.1f} s to end, and "
            f"{stopped['after']} pictures were asked for after that. What is submitted goes on: the "
            "end of a `with` waits for all of it. Cancel what hasn't begun; an executor's `map` does "
            "so."
        )
    if best["share"] < ENOUGH:
        near = " So near to the mark, another try may pass." if best["share"] > 0.8 else ""
        return (
            f"Level 2 is reached, at {best['share']:.0%} of the bound. Is much handed over for "
            "little work? Are all cores busy to the end? Does one part wait until another is "
            "through? Is a pool started anew that could be kept?" + near
        )
    return (
        f"All three levels. {best['share']:.0%} of what this machine allows, and sound: bounded, "
        "responsive, ready to be stopped, and no picture lost."
    )


def _what_is_wrong(turn: Turn) -> str:
    if not turn["made"] and not turn["right"]:
        return "No thumbnail was made: `gallery.dither(picture)` makes one."
    if turn["saved"] > turn["pictures"]:
        return (
            f"{turn['saved'] - turn['pictures']} thumbnails were written a second time. Where something is "
            "tried again, only what failed must be: the request, not what comes after it."
        )
    if turn["saved"] < turn["pictures"]:
        return (
            f"{turn['pictures'] - turn['saved']} pictures are lost. At times the service refuses (`Busy`): "
            "who passes over that loses a picture. Ask again until it is there."
        )
    if turn["right"] < turn["pictures"]:
        return (
            f"{turn['pictures'] - turn['right']} thumbnails are not those of their pictures: a number and "
            "a picture got mixed up. Keep them together, whoever is ready first."
        )
    if min(turn["made"], turn["served"]) < turn["pictures"]:
        return (
            f"{turn['served']} pictures were fetched in this run, and {turn['made']} thumbnails made by "
            f"`gallery.dither`, instead of {turn['pictures']}. What an earlier run has made doesn't "
            "count: the pictures might have changed."
        )
    if turn["twice"]:
        return f"{turn['twice']} lines of the index are there twice."
    if turn["same"]:
        return (
            "The index has all its lines, in the order in which they got ready. It must be in the "
            "order of the numbers: `map` and `gather` return results in the order of what they got."
        )
    return (
        f"All thumbnails are right, but the index has {turn['lines']} lines. `gallery.index(lines)` "
        f"writes it, once, with the {turn['pictures']} lines that `gallery.save` returned."
    )


def _waits(best: Turn, gap: float) -> str:
    if best["at_once"] < 2 and gap > 0.5:
        return (
            "The event loop stood still: a coroutine that calls `gallery.fetch` blocks the loop for "
            "all others. `await gallery.later(number)` waits without that."
        )
    if best["at_once"] < 2:
        return (
            f"Correct, and slow: {best['wall']:.1f} s, with {best['in_flight']:.1f} requests in flight "
            f"and {best['busy']:.1f} cores busy. {best['bound']:.1f} s is what this machine allows. "
            "Begin with the waits: have many under way."
        )
    return (
        f"{best['in_flight']:.1f} requests are in flight, and {best['wall']:.1f} s is still far from "
        f"{best['bound']:.1f} s. Have more of them under way, and compute while others wait."
    )


STARTER = """\
from course_lib.programs.gallery import Busy


def fetched(gallery, number):
    while True:
        try:
            return gallery.fetch(number)
        except Busy:
            continue


def program(gallery):
    pictures = (fetched(gallery, number) for number in gallery.numbers)
    lines = [gallery.save(n, gallery.dither(p)) for n, p in enumerate(pictures)]
    gallery.index(lines)
"""

WHOLE = Exercise(
    title="Fill the gallery",
    asked=(
        f"Fetch {PICTURES} pictures from a slow service that refuses at times, make a thumbnail of "
        "each, write them, each once, and an index in order. Level 1: overlap the waits. Level 2: "
        f"keep all cores busy. Level 3: reach {ENOUGH:.0%} of what this machine allows, with "
        f"{IN_HAND} pictures in hand at most, no pause of {GAP * 1e3:g} ms, and a clean end."
    ),
    starter=STARTER,
    hints=(
        "Take the program's three kinds of step: which wait, which compute, which must be in order?",
        (
            "Level 1: a function for one picture, from its number to its line; and threads, as many "
            "as may be in flight. `ThreadPoolExecutor(16)` has a `map`, which keeps the order."
        ),
        (
            "Level 2: threads can't compute in parallel under the GIL, processes can. A thread may "
            "hand a picture to a process, and wait for the thumbnail. A pool can be kept."
        ),
        (
            "`pool = get_reusable_executor(workers())`, of `loky` and of "
            "`course_lib.programs.gallery_bound`; then `pool.submit(gallery.dither, "
            "picture).result()`."
        ),
        (
            "Level 3: to hand over a picture costs about a millisecond of computing, in the one process "
            "that hands over all. What if a process did the whole of some pictures: fetch them, "
            "compute, and write?"
        ),
        (
            "Each process takes five numbers at a time, and overlaps their waits by four threads. With "
            "two processes a core, one computes while another waits. And at an interrupt: cancel "
            "what hasn't begun, and wait for the rest, by `concurrent.futures.wait`."
        ),
    ),
    judge=_judge,
    arguments=("gallery",),
    make=lambda folder: (None,),
    around=Trial,
    limits=Limits(seconds=45.0),
)

EXERCISES = {"gallery": WHOLE}

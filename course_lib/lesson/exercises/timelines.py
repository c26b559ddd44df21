"""The exercise of lesson 3: a pipeline of two stations."""

from __future__ import annotations

from pathlib import Path

from course_lib.lesson.exercise import Exercise, Finding, Row
from course_lib.lesson.exercises.probes import Station, most_at_once
from course_lib.lesson.exercises.quadrant import overlap
from course_lib.lesson.guard import Limits, Seen
from course_lib.trace import WALL

__all__ = ["EXERCISES"]

CUPS = tuple(f"cup{number}" for number in range(1, 7))
GROUND = {f"{cup}+grind" for cup in CUPS}
ENOUGH = 1.4  # stations at work; a full line of two reaches 12 / 7, for it has to fill and to empty


def stations(folder: Path) -> tuple[Station, Station]:
    """Return the two stations that the program is given."""
    return Station(folder / "notes", "grind"), Station(folder / "notes", "brew")


def _judge(seen: Seen, folder: Path) -> Finding:
    grind, brew = (station.done() for station in stations(folder))
    ground = {f"{cup}+grind": stop for _, stop, cup in reversed(grind)}  # when, the first time
    whole = {cup for start, _, cup in brew if cup in GROUND and ground.get(cup, start + 1) <= start}
    most = max(
        most_at_once((start for start, *_ in done), (stop for _, stop, _ in done))
        for done in (grind, brew)
    )
    at_work = overlap([(start, stop) for start, stop, _ in grind + brew])
    rows = (
        Row(
            "cups ground, then brewed",
            f"{len(whole)}",
            f"{len(CUPS)}",
            len(whole) == len(CUPS),
        ),
        Row("most cups at one station at once", f"{most}", "1", most == 1),
        Row(
            "stations at work, on average", f"{at_work:.2f}", f"{ENOUGH} or more", at_work >= ENOUGH
        ),
    )
    return Finding(rows, _advise(grind, brew, whole, most, at_work), certain=most != 1)


def _advise(
    grind: list[tuple[int, int, str]],
    brew: list[tuple[int, int, str]],
    whole: set[str],
    most: int,
    at_work: float,
) -> str:
    if not grind and not brew:
        return "No station has done anything: call `grind(cup)`, and `brew` with what it returns."
    brewed = [cup for *_, cup in brew]
    if any(cup.startswith("<Future at ") for cup in brewed):
        return "You gave `brew` a future; it needs its `.result()`."
    if any(cup.startswith(("<Future ", "<Task ", "<coroutine ")) for cup in brewed):
        return "You gave `brew` what is still to be awaited; it needs what `await` hands back."
    if brewed and not any(cup.endswith("+grind") for cup in brewed):
        return "What you brew isn't ground: give `brew` what `grind` has returned, cup by cup."
    if most > 1:
        return (
            f"{most} cups were at one station at once, and each has room for one. Give each station "
            "one worker of its own, not each cup."
        )
    if len(whole) < len(GROUND & {*brewed}):
        return "A cup was brewed before it was ground: give `brew` what `grind` has returned."
    if len(whole) < len(CUPS):
        return f"Only {len(whole)} of {len(CUPS)} cups were ground and brewed."
    if at_work >= ENOUGH:
        return "While one cup is brewed, the next is ground: a pipeline."
    if max(stop for _, stop, _ in grind) <= min(start for start, *_ in brew):
        return (
            "All cups are ground before the first one is brewed: the stations never work at the same "
            "time. A cup may be brewed as soon as it is ground."
        )
    if at_work > WALL:
        return (
            f"They overlap, but only {at_work:.1f} of two stations are at work: something makes a "
            "station wait although a cup is there."
        )
    return (
        "One cup after the other: while it is brewed, nobody grinds. The next cup could enter as soon "
        "as the first station is free."
    )


PIPELINE = Exercise(
    title="Build a pipeline",
    asked=(
        "Write a function that takes `grind`, `brew` and the cups. Each cup is to be ground, then "
        "brewed: `brew(grind(cup))`. Each takes 0.1 s, and a station has room for one cup; ground cups "
        "may stand between them. Keep both stations at work."
    ),
    starter="def program(grind, brew, cups):\n    for cup in cups:\n        brew(grind(cup))\n",
    hints=(
        "Draw the timeline that you want: a row for each station, a box for each cup. Where may the second cup's first box begin?",
        "Each station needs a worker of its own. A pool with one thread is such a worker, and it has a queue.",
        (
            "`ThreadPoolExecutor(1)` twice. A pool's `map` hands back each cup as soon as it is ground: "
            "give the brewer's `map` what the grinder's `map` hands back."
        ),
    ),
    judge=_judge,
    arguments=("grind", "brew", "cups"),
    make=lambda folder: (*stations(folder), CUPS),
    limits=Limits(seconds=6.0),
)

EXERCISES = {"pipeline": PIPELINE}

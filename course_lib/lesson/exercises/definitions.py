"""The exercises of lesson 1: requests composed so that they overlap, and one task on several cores."""

from __future__ import annotations

from pathlib import Path

from course_lib.lesson.exercise import Exercise, Finding, Row
from course_lib.lesson.exercises import quadrant
from course_lib.lesson.exercises.probes import Station
from course_lib.lesson.guard import Limits, Seen
from course_lib.machine import machine
from course_lib.trace import WALL

__all__ = ["EXERCISES"]

REQUESTS = tuple("ABCDEF")
CONCERNS = ("read", "query", "render")
ENOUGH = 1.9  # waits at once; a pipeline of the three concerns reaches 18 / 8

Done = tuple[int, int, str]


# A server, composed -------------------------------------------------------------------------------------


def concerns(folder: Path) -> tuple[Station, ...]:
    """Return the three concerns that the program is given."""
    return tuple(Station(folder / "notes", name) for name in CONCERNS)


def _judge_compose(seen: Seen, folder: Path) -> Finding:
    read, query, render = (concern.done() for concern in concerns(folder))
    answered = {words for *_, words in render} & {f"{name}+read+query" for name in REQUESTS}
    at_once = quadrant.overlap([(start, stop) for start, stop, _ in read + query + render])
    whole = len(answered) == len(REQUESTS)
    rows = (
        Row("requests read, queried, rendered", f"{len(answered)}", f"{len(REQUESTS)}", whole),
        Row("waits at once, on average", f"{at_once:.2f}", "2 or more", at_once >= ENOUGH),
    )
    # One after the other is no noise: a slow machine makes them overlap less, but not so much less.
    advice = _advise_compose(read, query, render, len(answered), at_once)
    return Finding(rows, advice, certain=at_once < 1.5)


def _advise_compose(
    read: list[Done], query: list[Done], render: list[Done], answered: int, at_once: float
) -> str:
    if not read and not query and not render:
        return "None of the three was called: a request is read, queried and rendered."
    if render and not any(words.endswith("+read+query") for *_, words in render):
        return (
            "The three are there, but not in this order: `read` takes the request, `query` takes "
            "what `read` returned, and `render` what `query` returned."
        )
    if answered < len(REQUESTS):
        return f"Only {answered} of {len(REQUESTS)} requests were read, queried and rendered."
    if at_once >= ENOUGH:
        return "Each request keeps its own order, and while one waits, others go on: composed."
    if at_once > WALL:
        return (
            f"They overlap, but only about {at_once:.1f} at once: something lets no more through, "
            "as a pool with too few workers does."
        )
    if max(stop for _, stop, _ in read) <= min(start for start, *_ in query):
        return (
            "All requests are read before the first is queried, and at each moment one of them "
            "waits. Many are begun, but no two of their waits overlap."
        )
    return (
        "One request after the other: while it waits, nothing else goes on. Nothing in your "
        "requests demands this order; only the loop does."
    )


COMPOSE = Exercise(
    title="Compose a server",
    asked=(
        "Write a function that takes `read`, `query`, `render` and the requests. Answer each by "
        "`render(query(read(request)))`; each of the three waits for 0.1 s. While one request "
        "waits, others are to go on: two waits at once or more, on average."
    ),
    starter=(
        "def program(read, query, render, requests):\n"
        "    for request in requests:\n        render(query(read(request)))\n"
    ),
    hints=(
        "What must stay in order: the three steps of one request, or the requests?",
        (
            "Write a function that answers one request, whole. Then something has to have several "
            "of its calls under way: which models of this lesson can?"
        ),
        (
            "`Task(request, lambda request=request: render(query(read(request))))` is a task with "
            'one step. Give `run` a list of them and the model "threads".'
        ),
    ),
    judge=_judge_compose,
    arguments=("read", "query", "render", "requests"),
    make=lambda folder: (*concerns(folder), REQUESTS),
    limits=Limits(seconds=6.0),
)


# One task, several cores ----------------------------------------------------------------------------------


def _judge_share(seen: Seen, folder: Path) -> Finding:
    alone, parallel = seen.concurrency <= WALL, seen.parallelism > WALL
    why_not = "" if parallel else quadrant.cannot_tell(seen if alone and seen.cpu > 0.1 else None)
    rows = (
        Row("tasks in flight", f"{seen.concurrency:.2f}", f"at most {WALL}", alone),
        Row(
            "cores busy",
            f"{seen.parallelism:.2f}",
            f"more than {WALL}",
            None if why_not else parallel,
        ),
    )
    return Finding(rows, _advise_share(seen), why_not, certain=not alone or quadrant.one_core())


def _advise_share(seen: Seen) -> str:
    alone, parallel = seen.concurrency <= WALL, seen.parallelism > WALL
    if alone and parallel:
        return (
            "One task in flight, and several cores at work on it: parallel, not concurrent. (If you "
            "declared it by `one_task`: is it one for whoever waits for it, of no use in parts?)"
        )
    if parallel:
        return (
            "Several cores are busy, but with several tasks: parallel, and concurrent as well. If "
            'what they do are parts of one task, declare it: `with one_task("name"):` around them.'
        )
    if seen.cpu < 0.1:
        return (
            f"Your program used {seen.cpu:.2f} s of CPU time: waiting keeps no core busy. Give the "
            "task some computing, a second or so."
        )
    if not alone:
        return (
            "Several tasks are under way, and about one core works: that is concurrent, not "
            "parallel, the opposite room."
        )
    if seen.processes <= 1 and machine().gil:
        return (
            "One task, and one core at work on it. Which model of this lesson cut one task up, and "
            "gave every core a part?"
        )
    return (
        "One task, but several cores work on it for too little of the time. If you start "
        "processes, that takes time as well: give the task more to compute."
    )


SHARE = Exercise(
    title="Share one task",
    asked=(
        "Write a function without arguments that is parallel, not concurrent: one task in flight "
        f"(at most {WALL}), more than one core busy (above {WALL}). What it computes is up to you."
    ),
    starter=(
        "from course_lib import Task, compute, run\n\n\ndef program():\n"
        '    run([Task(name, compute(0.4)) for name in "AB"], "threads")\n'
    ),
    hints=(
        "How many tasks are in flight in the program as it stands? How many may be?",
        "Four ways to run three tasks: in which of them was one in flight, and several cores busy?",
        (
            'Give `run` one task with more to compute, and the model "data_parallel". The parts that '
            'it is cut into are calls like others: declare them to be one task, by `with one_task("A"):`.'
        ),
    ),
    judge=_judge_share,
    limits=Limits(seconds=20.0),
)

EXERCISES = {"compose": COMPOSE, "share": SHARE}

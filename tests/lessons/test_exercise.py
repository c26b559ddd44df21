"""Exercises: what fails, what passes, what is said; and nothing a program does gets out."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from course_lib import machine
from course_lib.lesson import exercise as exercises
from course_lib.lesson.exercise import Finding, Row, Verdict, check, exercise
from course_lib.lesson.exercises import LESSONS, definitions, quadrant, timelines
from course_lib.lesson.exercises.probes import Tally
from course_lib.lesson.guard import SIGN, Limits, Seen, guarded
from course_lib.record import clock
from tests.lessons.conftest import signed
from tests.lessons.exercising import POOL, Saved, page_of, refused, text_of, written

SOLUTIONS = Path(__file__).parents[2] / "notebooks" / "solutions"
KEYS = [
    f"{lesson}/{name}"
    for lesson, module in LESSONS.items()
    for name in import_module(f"course_lib.lesson.exercises.{module}").EXERCISES
]
WAITS = "02_quadrant/waits"
pytestmark = pytest.mark.usefixtures("saved", "nothing_left")


# The exercises ----------------------------------------------------------------------------------------


def solutions(lesson: str) -> list[tuple[str, str]]:
    """The solutions in a lesson's notebook: (key, code), a check's cell with the one before."""
    cells = json.loads((SOLUTIONS / f"{lesson}.ipynb").read_text("utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    found = [
        (called[1], f"{code[0]}\n{before}")
        for before, this in pairwise(code)
        if (called := re.match(r'check\("([^"]+)"', this))
    ]
    assert found
    return found


SOLVED = [pair for lesson in LESSONS for pair in solutions(lesson)]


@pytest.mark.parametrize("key", KEYS)
def test_a_starter_does_not_pass(key: str, saved: Saved) -> None:
    verdict = check(key, written(exercise(key).starter))
    assert verdict.passed is False
    assert verdict.seen.ended == "returned"
    lesson, name = key.split("/")
    entry = {"lesson": lesson, "exercise": name, "passed": False, "tries": 1}
    assert saved == {f"checks {key}": entry}


def test_a_lesson_begins_each_exercise_with_its_starter() -> None:
    for key in KEYS:
        cells = json.loads((SOLUTIONS.parent / f"{key.split('/')[0]}.ipynb").read_text("utf-8"))
        code = ["".join(cell["source"]) for cell in cells["cells"] if cell["cell_type"] == "code"]
        assert code[code.index(f'check("{key}", program)') - 1] == exercise(key).starter.strip()


@pytest.mark.parametrize(("key", "code"), SOLVED)
def test_a_solution_passes(key: str, code: str, saved: Saved) -> None:
    verdict = check(key, written(code))
    if verdict.passed is None:  # one usable core, or a busy machine
        assert "can't be decided on this machine, because" in text_of(verdict)
        assert saved == {}
    else:
        assert verdict.passed, text_of(verdict)
        assert saved[f"checks {key}"]["passed"] is True


def test_every_exercise_has_a_solution() -> None:
    assert {key for key, _ in SOLVED} == set(KEYS)


@pytest.mark.parametrize("key", ["02_quadrant", "02_quadrant/nothing", "nowhere/waits", ""])
def test_an_unknown_exercise(key: str) -> None:
    with pytest.raises(ValueError, match="waits|02_quadrant"):
        check(key, len)


WRONG_WAITS = {
    "asleep": ("import time\ndef program(fetch):\n    time.sleep(0.1)\n", "never called"),
    "blocking": (
        (
            "import asyncio\nasync def program(fetch):\n"
            "    async def one(n):\n        fetch(n)\n"
            "    await asyncio.gather(*(one(n) for n in range(10)))\n"
        ),
        "blocks the thread that the event loop runs on",
    ),
    "awaited one by one": (
        "async def program(fetch):\n    for n in range(10):\n        await fetch.later(n)\n",
        "`async` alone overlaps nothing",
    ),
    "joined at once": (
        (
            "from threading import Thread\ndef program(fetch):\n    for n in range(10):\n"
            "        thread = Thread(target=fetch, args=(n,))\n"
            "        thread.start()\n        thread.join()\n"
        ),
        "before you start the next",
    ),
    "a lock": (
        (
            f"{POOL}from threading import Lock\ndef program(fetch):\n    lock = Lock()\n"
            "    def one(n):\n        with lock:\n            fetch(n)\n"
            "    with ThreadPoolExecutor(10) as pool:\n        list(pool.map(one, range(10)))\n"
        ),
        "as a lock does",
    ),
    "two workers": (
        (
            f"{POOL}def program(fetch):\n"
            "    with ThreadPoolExecutor(2) as pool:\n        list(pool.map(fetch, range(10)))\n"
        ),
        "too few workers",
    ),
    "too few": (
        (
            f"{POOL}def program(fetch):\n"
            "    with ThreadPoolExecutor(9) as pool:\n        list(pool.map(fetch, range(9)))\n"
        ),
        "Only 9 of 10",
    ),
    "not waited for": (
        (
            "from threading import Thread\ndef program(fetch):\n    for n in range(10):\n"
            "        Thread(target=lambda: [fetch() for n in range(9)]).start()\n"
        ),
        "left 10 running",
    ),
    "called, and no more": (
        "def program(fetch):\n    for n in range(10):\n        fetch.later(n)\n",
        "nothing awaited it",
    ),
    "begun, and not awaited": (
        (
            "import asyncio\nasync def program(fetch):\n"
            "    kept = [asyncio.create_task(fetch.later(n)) for n in range(10)]\n"
            "    await asyncio.sleep(0)\n"
        ),
        "so it never ran (to its end)",
    ),
}
WRONG_PIPELINES = {
    "nothing": ("def program(grind, brew, cups):\n    pass\n", "No station has done anything"),
    "not ground": (
        "def program(grind, brew, cups):\n    for cup in cups:\n        brew(cup)\n",
        "isn't ground",
    ),
    "a worker a cup": (
        (
            f"{POOL}def program(grind, brew, cups):\n    with ThreadPoolExecutor(6) as pool:\n"
            "        list(pool.map(lambda cup: brew(grind(cup)), cups))\n"
        ),
        "one worker of its own, not each cup",
    ),
    "some cups": (
        "def program(grind, brew, cups):\n    for cup in cups[:3]:\n        brew(grind(cup))\n",
        "Only 3 of 6",
    ),
    "in two batches": (
        "def program(grind, brew, cups):\n    for cup in [grind(cup) for cup in cups]:\n        brew(cup)\n",
        "All cups are ground before the first",
    ),
    "one by one": (
        "def program(grind, brew, cups):\n    for cup in cups:\n        brew(grind(cup))\n",
        "while it is brewed, nobody grinds",
    ),
    "a future": (
        (
            f"{POOL}def program(grind, brew, cups):\n"
            "    with ThreadPoolExecutor(1) as b, ThreadPoolExecutor(1) as g:\n"
            "        for cup in cups:\n            b.submit(brew, g.submit(grind, cup))\n"
        ),
        "You gave `brew` a future; it needs its `.result()`",
    ),
    "a coroutine": (
        (
            "import asyncio\nasync def program(grind, brew, cups):\n    for cup in cups:\n"
            "        one = asyncio.to_thread(grind, cup)\n        brew(one)\n        await one\n"
        ),
        "is still to be awaited",
    ),
    "all cups as one": (
        "def program(grind, brew, cups):\n    brew([grind(cup) for cup in cups])\n",
        "cup by cup",
    ),
    "brewed meanwhile": (
        (
            f"{POOL}def program(grind, brew, cups):\n"
            "    with ThreadPoolExecutor(2) as pool:\n        for cup in cups:\n"
            "            both = pool.submit(grind, cup), pool.submit(brew, f'{cup}+grind')\n"
            "            [one.result() for one in both]\n"
        ),
        "brewed before it was ground",
    ),
    "two by two": (
        (
            f"{POOL}def program(grind, brew, cups):\n    for n in (0, 2, 4):\n"
            "        with ThreadPoolExecutor(1) as b, ThreadPoolExecutor(1) as g:\n"
            "            list(b.map(brew, g.map(grind, cups[n : n + 2])))\n"
        ),
        "a station wait although a cup is there",
    ),
}
RIGHT_PIPELINES = {
    "mapped": (
        f"{POOL}def program(grind, brew, cups):\n"
        "    with ThreadPoolExecutor(1) as b, ThreadPoolExecutor(1) as g:\n"
        "        list(b.map(brew, g.map(grind, cups)))\n"
    ),
    "a queue": (
        "from queue import Queue\nfrom threading import Thread\n"
        "def program(grind, brew, cups):\n    line = Queue()\n"
        "    def brewer():\n        for _ in cups:\n            brew(line.get())\n"
        "    thread = Thread(target=brewer)\n    thread.start()\n"
        "    for cup in cups:\n        line.put(grind(cup))\n    thread.join()\n"
    ),
}
LOOPS = "sum(i * i for i in range(3_000_000))"
WRONG_BOTH = {
    "threads around Python": (
        (
            f"{POOL}def program():\n    with ThreadPoolExecutor(2) as pool:\n"
            f"        list(pool.map(lambda n: {LOOPS}, 'AB'))\n"
        ),
        "take turns, for each needs the GIL",
    ),
    "coroutines that compute": (
        (
            "import asyncio\nasync def program():\n"
            f"    async def one():\n        {LOOPS}\n"
            "    await asyncio.gather(one(), one())\n"
        ),
        "never waits, lets no other have a turn",
    ),
    "only waits": (
        (
            "import asyncio\nasync def program():\n"
            "    await asyncio.gather(*(asyncio.sleep(0.3) for n in 'ABC'))\n"
        ),
        "waiting keeps no core busy",
    ),
}
if not machine().gil:
    del WRONG_BOTH["threads around Python"]  # there it is right


SEMAPHORE = (
    "import asyncio\nasync def program(serve):\n    places = asyncio.Semaphore({0})\n"
    "    async def one(n):\n        async with places:\n            {1}\n"
    "    await asyncio.gather(*(one(n) for n in range({2})))\n"
)
WRONG_JUGGLE = {
    "asleep": ("import time\ndef program(serve):\n    time.sleep(0.1)\n", "never called"),
    "watched": (
        "def program(serve):\n    for n in range(12):\n        serve(n)\n",
        "watches each coffee brew",
    ),
    "blocking": (
        SEMAPHORE.format(12, "serve(n)", 12),
        "blocks the thread that the event loop runs on",
    ),
    "awaited one by one": (
        "async def program(serve):\n    for n in range(12):\n        await serve.later(n)\n",
        "`async` alone overlaps nothing",
    ),
    "twelve baristas": (
        (
            f"{POOL}def program(serve):\n"
            "    with ThreadPoolExecutor(12) as pool:\n        list(pool.map(serve, range(12)))\n"
        ),
        "threads served: those are",
    ),
    "too few places": (SEMAPHORE.format(3, "await serve.later(n)", 12), "with too few places"),
    "too few": (SEMAPHORE.format(9, "await serve.later(n)", 9), "Only 9 of the 12"),
    "the same one": (SEMAPHORE.format(12, "await serve.later(0)", 12), "Only 1 of the 12"),
    "from one": (SEMAPHORE.format(12, "await serve.later(n + 1)", 12), "Only 11 of the 12"),
    "called, and no more": (
        "def program(serve):\n    for n in range(12):\n        serve.later(n)\n",
        "nothing awaited it",
    ),
    "begun, and not awaited": (
        (
            "import asyncio\nasync def program(serve):\n"
            "    kept = [asyncio.create_task(serve.later(n)) for n in range(12)]\n"
            "    await asyncio.sleep(0)\n"
        ),
        "so it never ran (to its end)",
    ),
}
WRONG_FOUR = {
    "asleep": ("import time\ndef program(serve):\n    time.sleep(0.1)\n", "never called"),
    "all at once": (SEMAPHORE.format(12, "await serve.later(n)", 12), "the machine has 4 places"),
    "one at a time": (SEMAPHORE.format(1, "await serve.later(n)", 12), "never used"),
    "two at a time": (
        SEMAPHORE.format(2, "await serve.later(n)", 12),
        "2 of the places stay empty",
    ),
    "four, then the next four": (
        (
            "import asyncio\nasync def program(serve):\n    for first in (0, 4, 8):\n"
            "        await asyncio.gather(*(serve.later(first + n) for n in range(4)))\n"
        ),
        "wait for the slowest",
    ),
    "a share for each": (
        (
            f"{POOL}def program(serve):\n    def some(first):\n"
            "        for n in range(first, 12, 4):\n            serve(n)\n"
            "    with ThreadPoolExecutor(4) as pool:\n        list(pool.map(some, range(4)))\n"
        ),
        "was given its orders beforehand",
    ),
    "blocking": (SEMAPHORE.format(4, "serve(n)", 12), "while one order brews, no other"),
    "too few": (SEMAPHORE.format(4, "await serve.later(n)", 10), "Only 10 of the 12"),
}
WRONG_COMPOSE = {
    "nothing": ("def program(read, query, render, requests):\n    pass\n", "None of the three"),
    "another order": (
        (
            "def program(read, query, render, requests):\n    for request in requests:\n"
            "        render(read(query(request)))\n"
        ),
        "not in this order",
    ),
    "some requests": (
        (
            f"{POOL}def program(read, query, render, requests):\n"
            "    with ThreadPoolExecutor(5) as pool:\n"
            "        list(pool.map(lambda r: render(query(read(r))), requests[:5]))\n"
        ),
        "Only 5 of 6",
    ),
    "a lock": (
        (
            f"{POOL}from threading import Lock\ndef program(read, query, render, requests):\n"
            "    lock = Lock()\n    def one(r):\n        with lock:\n"
            "            return render(query(read(r)))\n"
            "    with ThreadPoolExecutor(6) as pool:\n        list(pool.map(one, requests))\n"
        ),
        "One request after the other",
    ),
    "half of it": (
        (
            f"{POOL}def program(read, query, render, requests):\n"
            "    with ThreadPoolExecutor(2) as pool:\n"
            "        list(pool.map(lambda r: render(query(read(r))), requests[:3]))\n"
            "    for r in requests[3:]:\n        render(query(read(r)))\n"
        ),
        "They overlap, but only",
    ),
    "concern by concern": (
        (
            "def program(read, query, render, requests):\n    pages = requests\n"
            "    for concern in (read, query, render):\n"
            "        pages = [concern(page) for page in pages]\n"
        ),
        "All requests are read before",
    ),
}
RUN = "from course_lib import Task, compute, run\ndef program():\n    run("
WRONG_SHARE = {
    "threads": (
        f"{RUN}[Task(n, compute(0.4)) for n in 'AB'], 'threads')\n",
        "the opposite room",
    ),
    "one core": (f"def program():\n    {LOOPS}\n", "Which model of this lesson cut one task up"),
    "only waits": (
        "import time\ndef program():\n    time.sleep(0.2)\n",
        "waiting keeps no core busy",
    ),
}
if not machine().gil:
    del WRONG_SHARE["threads"], WRONG_SHARE["one core"]


@pytest.mark.parametrize("name", WRONG_COMPOSE)
def test_wrong_compositions_are_told_what_is_wrong(name: str) -> None:
    code, feedback = WRONG_COMPOSE[name]
    assert feedback in refused("01_definitions/compose", code)


@pytest.mark.parametrize("name", WRONG_SHARE)
def test_wrong_shares_are_told_what_is_wrong(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quadrant, "free_cores", lambda seen: 2.0)
    monkeypatch.setattr(quadrant, "one_core", lambda: False)
    code, feedback = WRONG_SHARE[name]
    assert feedback in refused("01_definitions/share", code)


def share(in_flight: float, cores: float, cpu: float = 1.0) -> Finding:
    """What is found in a program for one task on several cores, with these numbers."""
    seen = Seen("returned", "", in_flight, cores, cpu=cpu, wall=1.0, tasks=1, processes=2)
    return definitions.SHARE.judge(seen, Path())


def test_two_tasks_are_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"{RUN}[Task(n, compute(0.3)) for n in 'AB'], 'processes', workers=2)\n"
    assert check("01_definitions/share", written(code)).passed is False
    monkeypatch.setattr(quadrant, "one_core", lambda: False)
    assert "with several tasks: parallel, and concurrent" in share(2.0, 1.9).advice


def test_one_usable_core_cannot_show_a_shared_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quadrant, "one_core", lambda: True)
    assert share(1.0, 0.98).passed is None
    assert "usable core" in share(1.0, 0.98).why_not
    assert share(2.0, 0.98).passed is False  # but several tasks in flight are seen on any machine
    monkeypatch.setattr(quadrant, "one_core", lambda: False)
    assert share(1.0, 1.9).passed is True
    assert share(2.0, 1.9).passed is False
    assert "too little of the time" in share(1.0, 1.1).advice


@pytest.mark.parametrize(
    ("name", "exercise_", "wrong"),
    [(name, "juggle", WRONG_JUGGLE) for name in WRONG_JUGGLE]
    + [(name, "four", WRONG_FOUR) for name in WRONG_FOUR],
)
def test_wrong_baristas_are_told_what_is_wrong(
    name: str, exercise_: str, wrong: dict[str, tuple[str, str]]
) -> None:
    code, feedback = wrong[name]
    assert feedback in refused(f"04_coffee_bar/{exercise_}", code)


@pytest.mark.parametrize("name", WRONG_WAITS)
def test_wrong_waits_are_told_what_is_wrong(name: str) -> None:
    code, feedback = WRONG_WAITS[name]
    assert feedback in refused("02_quadrant/waits", code)


def test_fetches_that_came_after_the_program_had_returned_do_not_count(tmp_path: Path) -> None:
    fetch = quadrant.fetches(tmp_path)
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(fetch, range(10)))
    first, *_, last = sorted(stop for _, stop, _ in fetch.done())
    early, late = (Seen("returned", "", returned=moment) for moment in (first - 1, last))
    assert quadrant.WAITS.judge(late, tmp_path).rows[0].ok is True
    found = quadrant.WAITS.judge(early, tmp_path)
    assert found.passed is False and found.certain
    assert "returned before 10 of its fetches had come. Wait for" in found.advice


def test_when_a_program_returned_is_told() -> None:
    before = clock()
    seen = seen_of("return 1")
    assert before < seen.returned < clock()


@pytest.mark.parametrize("name", WRONG_BOTH)
def test_wrong_programs_for_both_are_told_what_is_wrong(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quadrant, "free_cores", lambda seen: 2.0)
    monkeypatch.setattr(quadrant, "one_core", lambda: False)
    code, feedback = WRONG_BOTH[name]
    assert feedback in refused("02_quadrant/both", code)


@pytest.mark.parametrize("name", WRONG_PIPELINES)
def test_wrong_pipelines_are_told_what_is_wrong(name: str) -> None:
    code, feedback = WRONG_PIPELINES[name]
    assert feedback in refused("03_timelines/pipeline", code)


@pytest.mark.parametrize("name", RIGHT_PIPELINES)
def test_any_pipeline_passes(name: str) -> None:
    verdict = check("03_timelines/pipeline", written(RIGHT_PIPELINES[name]))
    assert verdict.passed, text_of(verdict)


def test_five_orders_in_flight_are_enough() -> None:
    code = SEMAPHORE.format(5, "await serve.later(n)", 12)
    verdict = check("04_coffee_bar/juggle", written(code))
    assert verdict.passed, text_of(verdict)


@pytest.mark.parametrize("given", ["", "two words", ["one", "two"], "a\nb c", None])
def test_a_station_writes_down_whatever_it_is_given(given: Any, tmp_path: Path) -> None:
    grind, brew = timelines.stations(tmp_path)
    grind("cup1")
    assert brew(given) == f"{given}+brew"
    assert [cup for *_, cup in brew.done()] == [" ".join(str(given).split())]
    assert [cup for *_, cup in grind.done()] == ["cup1"]


def test_each_wrong_attempt_has_feedback_of_its_own() -> None:
    lesson_1 = (WRONG_COMPOSE, WRONG_SHARE)
    for wrong in (*lesson_1, WRONG_WAITS, WRONG_BOTH, WRONG_PIPELINES, WRONG_JUGGLE, WRONG_FOUR):
        assert len({feedback for _, feedback in wrong.values()}) == len(wrong)


def both(in_flight: float, cores: float) -> Finding:
    """What is found in a program with these numbers."""
    seen = Seen("returned", "", in_flight, cores, cpu=cores, wall=1.0, tasks=2, processes=1)
    return quadrant.BOTH.judge(seen, Path())


def test_one_task_on_several_cores_is_not_concurrent() -> None:
    assert both(1.0, 1.9).passed is False
    assert "Parallel, not concurrent" in both(1.0, 1.9).advice


def test_one_usable_core_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quadrant, "one_core", lambda: True)
    assert both(2.0, 0.98).passed is None
    assert "usable core" in both(2.0, 0.98).why_not
    assert both(1.0, 0.98).passed is False  # but one thing at a time is seen on any machine


def test_what_others_used_was_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quadrant, "attainable", lambda: 1.9)
    cores = machine().logical_cores
    quiet = Seen("returned", "", wall=2.0, others=-2.0)  # as if it had one core more, so two
    busy = Seen("returned", "", wall=2.0, others=2.0 * (cores - 1))
    assert quadrant.free_cores(quiet) == min(1.9, cores + 1)
    assert quadrant.free_cores(busy) == 1.0


def test_a_busy_machine_decides_nothing(monkeypatch: pytest.MonkeyPatch, saved: Saved) -> None:
    monkeypatch.setattr(quadrant, "one_core", lambda: False)
    monkeypatch.setattr(quadrant, "free_cores", lambda seen: 1.1)
    verdict = check("02_quadrant/both", written(WRONG_BOTH["only waits"][0]))
    assert verdict.passed is None
    assert "only 1.10 cores were free" in text_of(verdict)
    assert not verdict.hints
    assert saved == {}


#: What nobody expects that a program does with what it gets; and what is said.
ODD = {
    "08_amdahl/shrink": (
        (
            "def program(load, pack, check, join, workers):\n    for hour in load():\n"
            "        join(check(pack(hour)), b'')\n    return b''\n"
        ),
        "Only 1 of 12 hours",
    ),
    "09_beyond_amdahl/seldom": (
        "def program(book):\n    book.add(book.price(3 / 1))\n",
        "item must be a whole number, not 3.0",
    ),
    "07_misconceptions/count": (
        "def program(tally):\n    tally.value = 1.0\n",
        "value must be a whole number, not 1.0",
    ),
    "07_misconceptions/seats": (
        "def program(seats, buyers):\n    seats.sell('')\n",
        "You sell without looking",
    ),
    "06_models/mixed": (
        "def program(fetch, crunch):\n    crunch('')\n",
        "There is no event loop of ours",
    ),
    "10_history/transfers": (
        (
            "def program(accounts, transfers):\n    for one in accounts.values():\n"
            "        one.balance += 0.5\n"
        ),
        "balance must be a whole number",
    ),
}


@pytest.mark.parametrize("key", ODD)
def test_a_check_judges_whatever_a_program_does_with_what_it_gets(key: str) -> None:
    code, said = ODD[key]
    assert said in refused(key, code)


# The verdict ------------------------------------------------------------------------------------------


@pytest.fixture
def _idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run nothing: what is seen is a program that did nothing."""
    seen = Seen("returned", "", 1.0, 0.0)
    monkeypatch.setattr(exercises, "guarded", lambda *args, **options: seen)


@pytest.mark.usefixtures("_idle")
def test_each_try_that_fails_gives_one_more_hint(saved: Saved) -> None:
    program = written("def program(fetch):\n    pass\n")
    hints = [len(check(WAITS, program).hints) for _ in range(4)]
    assert hints == [1, 2, 3, 3]
    assert saved[f"checks {WAITS}"]["tries"] == 4


def test_what_passes_costs_no_hint(saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = iter([True, True, False, False])
    seen = Seen("returned", "")
    monkeypatch.setattr(exercises, "_best_run", lambda *_: (next(rows), seen, None))
    hints = [len(check(WAITS, lambda fetch: None).hints) for _ in range(4)]
    assert hints == [0, 0, 1, 2]
    assert (saved[f"checks {WAITS}"]["tries"], saved[f"checks {WAITS}"]["passed"]) == (2, True)


@pytest.mark.parametrize("code", ["def program(): pass", "lock = None\ndef program(fetch): lock"])
def test_a_program_that_never_began_costs_no_hint(saved: Saved, code: str) -> None:
    program = written(code)
    program.__globals__["lock"] = threading.Lock()
    verdict = check(WAITS, program)
    assert verdict.passed is False and verdict.seen.ended in ("unfit", "unsendable")
    assert verdict.hints == [] and not saved


@pytest.mark.usefixtures("_idle")
def test_what_was_passed_stays_passed(saved: Saved) -> None:
    saved[f"checks {WAITS}"] = {"passed": True, "tries": 2}
    assert check(WAITS, written("def program(fetch):\n    pass\n")).passed is False
    assert saved[f"checks {WAITS}"]["passed"] is True


def made_up(passed: bool | None) -> Verdict:
    row = Row("tasks <in> flight", "1.00", "5 or more", passed)
    seen = Seen("returned", "", printed="<b>", details="line 1")
    return Verdict(exercise(WAITS), passed, seen, Finding((row,), "so & so", "because"), 1)


@pytest.mark.parametrize(
    ("passed", "mark", "cell"),
    [
        (True, "✓ Passed", "✓ reached"),
        (False, "✗ Not yet", "✗ not reached"),
        (None, "– Can&#x27;t be decided", "– can&#x27;t be decided here"),
    ],
)
def test_a_verdict_is_told_in_words_and_symbols(passed: bool | None, mark: str, cell: str) -> None:
    page = page_of(made_up(passed))
    assert mark in page
    assert cell in page
    assert 'role="status"' in page
    assert "<caption>" in page
    assert "&lt;b&gt;" in page
    assert "<in>" not in page


def test_a_program_that_is_no_function() -> None:
    with pytest.raises(TypeError, match="program must be a function"):
        check(WAITS, written("def program(fetch): return 1\n")(None))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def program():\n    pass\n", "begin like this: `def program(fetch):`"),
        ("def program(fetch):\n    yield fetch()\n", "has a `yield`"),
        ("def program(fetch):\n    return (fetch(n) for n in range(10))\n", "a generator"),
    ],
)
def test_a_function_that_does_not_fit(code: str, said: str) -> None:
    assert said in refused(WAITS, code)


# What is seen -----------------------------------------------------------------------------------------

SMALL = Limits(seconds=1.5, memory=400 << 20, processes=10, threads=50, printed=200_000)


def seen_of(body: str, **options: Any) -> Seen:
    """What is seen of a program with this body."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return guarded(
        written(f"import os, sys, time, threading\ndef program():\n{lines}\n"), **options
    )


def test_the_numbers_of_a_program() -> None:
    seen = seen_of(
        "print('hello')\nthreads = [threading.Thread(target=time.sleep, args=(0.2,)) for _ in 'AB']\n"
        "[t.start() for t in threads]\n[t.join() for t in threads]\nreturn {'sum': 3}"
    )
    assert seen.ended == "returned", seen
    assert 1.5 < seen.concurrency < 2.1
    assert 0 <= seen.parallelism < 0.5
    assert (seen.tasks, seen.processes, seen.value, seen.left) == (2, 1, {"sum": 3}, ())
    assert seen.printed == "hello\n"
    assert 10e6 < seen.memory < 1e9
    assert 0.2 <= seen.wall < 1


def test_the_heart_beside_a_program_that_blocks_the_loop() -> None:
    code = (
        "import asyncio, time\nasync def program():\n"
        "    await asyncio.sleep(0.05)\n    {0}\n    await asyncio.sleep(0.05)\n"
    )
    blocked = guarded(written(code.format("time.sleep(0.3)")), heartbeat=True)
    free = guarded(written(code.format("await asyncio.to_thread(time.sleep, 0.3)")), heartbeat=True)
    assert blocked.gap > 0.25 > free.gap
    assert blocked.tasks == 1  # the heart is none of them


def test_memory_a_task() -> None:
    seen = seen_of(
        "def hold():\n    kept = b'x' * 20_000_000\n    time.sleep(0.3)\n"
        "threads = [threading.Thread(target=hold) for _ in range(4)]\n"
        "[t.start() for t in threads]\n[t.join() for t in threads]"
    )
    assert seen.tasks == 4
    if sys.platform == "linux":
        assert 15e6 < seen.memory_a_task < 40e6
    assert math.isnan(seen_of("pass").memory_a_task)


COUNT = """\
from threading import Lock, Thread
def program(tally):
    lock = {lock}
    def add():
        for n in range(200):
            with lock:
                tally.value += 1
    threads = [Thread(target=add) for _ in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
"""


@pytest.mark.parametrize("lock", ["Lock()", "__import__('contextlib').nullcontext()"])
def test_lost_updates_are_counted(lock: str, tmp_path: Path) -> None:
    tally = Tally(tmp_path / "tally")
    seen = guarded(written(COUNT.format(lock=lock)), (tally,))
    assert seen.ended == "returned", seen
    assert (tally.lost() == 0) == (lock == "Lock()")


def test_processes_that_do_work_are_counted() -> None:
    seen = seen_of(
        "from course_lib import Task, compute, run\n"
        "run([Task(n, compute(0.05)) for n in 'AB'], 'processes')"
    )
    assert seen.ended == "returned", seen
    assert seen.processes >= 2


# What goes wrong --------------------------------------------------------------------------------------

DEADLOCK = """\
a, b = threading.Lock(), threading.Lock()
def one(first, second):
    with first:
        time.sleep(0.1)
        with second:
            pass
threads = [threading.Thread(target=one, args=pair) for pair in ((a, b), (b, a))]
[t.start() for t in threads]
[t.join() for t in threads]"""
HANDLERS = """\
import signal
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
while True:
    try:
        time.sleep(1)
    except BaseException:
        pass"""
CHILD = "[sys.executable, '-c', 'import time; time.sleep(60)']"
BOMB = f"import subprocess\nfor n in range(20):\n    subprocess.Popen({CHILD})\ntime.sleep(60)"
HIDDEN = f"import subprocess\nsubprocess.Popen({CHILD}, start_new_session=True)\nos._exit(0)"
FORK = """\
for n in range(3):
    if os.fork() == 0:
        os.setsid()
        time.sleep(60)"""
HOSTILE = {
    "hang in Python": ("while True:\n    pass", "hung", "It was computing"),
    "hang in sleep": ("time.sleep(60)", "hung", "It was waiting"),
    "deadlock": (DEADLOCK, "hung", "as in a deadlock"),
    "hang in C": ("import re\nre.match('(a+)+$', 'a' * 40 + 'b')", "hung", "It was computing"),
    "endless print": ("while True:\n    print('spam ' * 20)", "printed", "printed more than"),
    "memory flood": (
        "kept = []\nwhile True:\n    kept.append(b'x' * 10_000_000)",
        "memory",
        "more memory than it may",
    ),
    "process bomb": (BOMB, "processes", "more than 10 processes"),
    "thread bomb": (
        (
            "for n in range(100):\n    threading.Thread(target=time.sleep, args=(60,)).start()\n"
            "time.sleep(60)"
        ),
        "threads",
        "more than 50 threads",
    ),
    "sys.exit": ("sys.exit(3)", "exited", "asked Python to end (SystemExit: 3) in line 3"),
    "os._exit": ("os._exit(3)", "died", "exit code 3, as by os._exit"),
    "raise": ("raise ValueError('no such thing')", "raised", "raised ValueError: no such thing"),
    "interrupt itself": ("raise KeyboardInterrupt", "raised", "raised KeyboardInterrupt"),
    "error that can't be shown": (
        "class Bad(Exception):\n    def __str__(self):\n        raise TypeError\nraise Bad",
        "raised",
        "its text can't be shown",
    ),
    "result that can't be shown": (
        "class Bad:\n    def __repr__(self):\n        raise TypeError\nreturn Bad()",
        "returned",
        "ran, and returned",
    ),
    "unpicklable result": ("return threading.Lock()", "returned", "ran, and returned"),
    "closed stdout": ("sys.stdout.close()\nprint(1)", "raised", "closed file"),
    "closed descriptors": ("os.close(1)\nos.close(2)\nreturn 1", "returned", "ran, and returned"),
    "all descriptors closed": ("os.closerange(0, 100)", "died", "ended in mid-run"),
    "recursion": ("def f():\n    return f()\nf()", "raised", "RecursionError"),
    "input": ("input()", "raised", "EOFError"),
    "threads that never end": (
        "for n in range(3):\n    threading.Thread(target=time.sleep, args=(60,)).start()",
        "returned",
        "left 3 running (thread",
    ),
    "children that never end": (
        f"import subprocess\nsubprocess.Popen({CHILD})",
        "returned",
        "left 1 running (process",
    ),
    "daemon": (HIDDEN, "died", "by os._exit(0)"),
    "signal handlers": (HANDLERS, "hung", "It was waiting"),
}
if sys.platform != "win32":
    HOSTILE |= {
        "fork and return": ("os.fork()", "returned", "returned"),
        "forked daemons": (FORK, "returned", "left 3 running (process"),
        "killed": ("os.kill(os.getpid(), 9)", "died", "killed by SIGKILL"),
        "crash": ("import ctypes\nctypes.string_at(0)", "died", "SIGSEGV"),
    }


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_program_is_reported_as_what_it_is(name: str) -> None:
    body, ended, said = HOSTILE[name]
    start = time.monotonic()
    seen = seen_of(body, limits=SMALL)
    assert (seen.ended, said in seen.sentence) == (ended, True), seen
    assert len(seen.printed) < 3000
    assert time.monotonic() - start < 10


def test_where_a_program_hung_is_told() -> None:
    seen = seen_of(DEADLOCK, limits=SMALL)
    assert seen.details.count("in one, line 7") == 2


def test_where_a_program_raised_is_told() -> None:
    seen = seen_of("x = 0\nreturn 1 / x", limits=SMALL)
    assert "in line 4" in seen.sentence
    assert 'File "<cell>", line 4, in program' in seen.details
    assert "course_lib" not in seen.details


def test_an_error_in_a_library_is_told_at_the_learners_line() -> None:
    program = written(
        "import numpy\n\n\ndef program():\n    numpy.linalg.inv(numpy.zeros((2, 2)))\n"
    )
    assert "Singular matrix in line 5" in guarded(program).sentence


def test_a_file_beside_the_notebook_may_be_called_as_a_module_of_pythons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queue.py").write_text("raise RuntimeError('mine, not yours')\n")
    monkeypatch.chdir(tmp_path)
    assert guarded(written("def program():\n    return 7\n")).value == 7


def test_a_new_process_that_cannot_find_a_function_of_a_cell() -> None:
    seen = guarded(
        written(
            "import multiprocessing\nfrom concurrent.futures import ProcessPoolExecutor\n"
            "def half(n):\n    return n / 2\n"
            "def program():\n"
            "    context = multiprocessing.get_context('spawn')\n"
            "    with ProcessPoolExecutor(1, mp_context=context) as pool:\n"
            "        list(pool.map(half, [1]))\n"
        )
    )
    assert seen.ended == "raised", seen
    assert "can't find a function that stands in a cell" in seen.sentence


def test_a_function_that_cannot_be_copied_names_what_it_uses() -> None:
    seen = guarded(
        written("import threading\nlock = threading.Lock()\ndef program():\n    with lock: pass\n")
    )
    assert seen.ended == "unsendable"
    assert "'lock'" in seen.sentence
    big = guarded(written("data = bytes(60_000_000)\ndef program():\n    return len(data)\n"))
    assert "60 MB" in big.sentence
    assert "'data'" in big.sentence


def test_a_function_that_cannot_be_loaded() -> None:
    code = (
        "def fail():\n    raise ValueError('not here')\nclass Odd:\n"
        "    def __reduce__(self):\n        return fail, ()\n"
        "odd = Odd()\ndef program():\n    return odd\n"
    )
    seen = guarded(written(code))
    assert seen.ended == "unsendable"
    assert "not here" in seen.sentence


def test_a_hostile_program_is_no_pass_and_its_report_is_a_verdict() -> None:
    verdict = check(WAITS, written("def program(fetch):\n    print('hi')\n    1 / 0\n"))
    assert verdict.passed is False
    assert "ZeroDivisionError" in page_of(verdict)
    assert "It printed:\nhi" in text_of(verdict)


# An interrupt may come just when psutil has opened a file: nobody is left to close it then.
@pytest.mark.filterwarnings("ignore:unclosed file .*/proc/:ResourceWarning")
@pytest.mark.filterwarnings(
    r"ignore:Exception ignored in. <_io\.\w+ name='/proc/:pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("body", ["time.sleep(60)", HANDLERS, BOMB])
def test_an_interrupt_ends_a_check_at_once(body: str) -> None:
    sent: list[float] = []

    def interrupt() -> None:
        sent.append(time.monotonic())
        signal.raise_signal(signal.SIGINT) if sys.platform == "win32" else os.kill(
            os.getpid(), signal.SIGINT
        )

    timer = threading.Timer(1.5, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        seen_of(body, limits=Limits(seconds=20))
    assert time.monotonic() - sent[0] < 0.5
    timer.join()


def test_what_a_check_leaves_would_be_seen() -> None:
    sleeping = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    variables = os.environ | {SIGN: "of a check"}
    with subprocess.Popen(sleeping, env=variables, stdout=subprocess.PIPE) as left:
        assert left.stdout and left.stdout.readline()
        seen = [process.pid for process in signed()]
        left.kill()
    assert seen == [left.pid]
    assert not signed()

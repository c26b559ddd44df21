"""The exercises of lesson 6: each wrong attempt gets feedback of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from course_lib import machine
from course_lib.lesson.exercise import check
from course_lib.lesson.exercises import models, quadrant
from course_lib.lesson.guard import Seen
from tests.lessons.exercising import POOL, text_of, written

pytestmark = pytest.mark.usefixtures("saved", "nothing_left")

GATHERED = (
    "import asyncio\nasync def program(listen):\n    places = asyncio.Semaphore({0})\n"
    "    async def one(n):\n        async with places:\n            {1}\n"
    "    await asyncio.gather(*(one(n) for n in range({2})))\n"
)
THREADED = (
    f"{POOL}def program(listen):\n"
    "    with ThreadPoolExecutor({0}) as pool:\n        list(pool.map(listen, range({1})))\n"
)
WRONG_MANY = {
    "asleep": ("import time\ndef program(listen):\n    time.sleep(0.1)\n", "never called"),
    "blocking": (GATHERED.format(100, "listen(n)", 10), "the one thread that all coroutines share"),
    "too few": (GATHERED.format(100, "await listen.later(n)", 99), "Only 99 of 100"),
    "a thread each": (THREADED.format(100, 100), "does nothing but wait"),
    "returns early": (
        (
            "import asyncio, threading\ndef program(listen):\n    async def hear(n):\n"
            "        await listen.later(n)\n    async def all_of_them():\n"
            "        await asyncio.gather(*(hear(n) for n in range(100)))\n"
            "    threading.Thread(target=asyncio.run, args=(all_of_them(),)).start()\n"
        ),
        "returned before 100 visitors were heard",
    ),
    "a pool": (THREADED.format(16, 100), "one more in flight takes one more thread"),
    "a small pool": (THREADED.format(4, 100), "who listens to one"),
    "few places": (GATHERED.format(10, "await listen.later(n)", 100), "a semaphore lets too few"),
}
HANDED = (
    "import asyncio, sys\n{0}\nasync def program(fetch, crunch):\n"
    "    loop = asyncio.get_running_loop()\n    with {1} as pool:\n"
    "        async def one(n):\n"
    "            await loop.run_in_executor(pool, crunch, await fetch.later(n))\n{2}"
)
TOGETHER = "        await asyncio.gather(*(one(n) for n in range(4)))\n"
IN_TURN = "        for n in range(4):\n            await one(n)\n"
LOKY = "from loky import ProcessPoolExecutor"
WRONG_MIXED = {
    "nothing": ("async def program(fetch, crunch):\n    await fetch.later(0)\n", "never called"),
    "no loop": (
        (
            f"{LOKY}\ndef program(fetch, crunch):\n    with ProcessPoolExecutor(2) as pool:\n"
            "        list(pool.map(crunch, [fetch(n) for n in range(4)]))\n"
        ),
        "There is no event loop",
    ),
    "blocking": (
        (
            "import asyncio\nasync def program(fetch, crunch):\n    async def one(n):\n"
            "        crunch(await fetch.later(n))\n"
            "    await asyncio.gather(*(one(n) for n in range(2)))\n"
        ),
        "Hand it off, and await the answer",
    ),
    "not the pages": (
        HANDED.format(LOKY, "ProcessPoolExecutor(2)", TOGETHER).replace("range(4)", "range(3)"),
        "Only 3 of 4",
    ),
    "one by one": (HANDED.format(LOKY, "ProcessPoolExecutor(2)", IN_TURN), "one page is crunched"),
    "threads": (HANDED.format(POOL, "ThreadPoolExecutor(4)", TOGETHER), "share one GIL"),
    "waits for the pool": (
        (
            f"import asyncio\n{LOKY}\nasync def program(fetch, crunch):\n"
            "    pages = await asyncio.gather(*(fetch.later(n) for n in range(4)))\n"
            "    with ProcessPoolExecutor(2) as pool:\n        list(pool.map(crunch, pages))\n"
        ),
        "the loop stood still all the while",
    ),
    "crunched before": (
        HANDED.format(LOKY, "ProcessPoolExecutor(2)", TOGETHER).replace(
            "crunch, await fetch.later(n))",
            "crunch, f'page {n}')\n            await fetch.later(n)",
        ),
        "Only 0 of 4",
    ),
}
COUNTED = (
    f"{POOL}from contextlib import nullcontext\n"
    "from threading import Lock\nfrom time import sleep\ndef program(enter, tally):\n"
    "    lock = {0}\n    def one(n):\n        enter(n)\n        with lock:\n"
    "            value = tally.value\n            sleep({1})\n            tally.value = value + 1\n"
    "    with ThreadPoolExecutor(8) as pool:\n        list(pool.map(one, range(40)))\n"
)
OWNED = (
    f"{POOL}from queue import SimpleQueue\ndef program(enter, tally):\n"
    "    messages = SimpleQueue()\n    def one(n):\n        enter(n)\n        messages.put(n)\n"
    "    with ThreadPoolExecutor({0}) as pool:\n        pool.map(one, range({1}))\n"
    "        for n in range({2}):\n            messages.get()\n            tally.value += 1\n"
)
WRONG_OWNER = {
    "nobody": ("def program(enter, tally):\n    tally.value += 1\n", "never called"),
    "too few": (OWNED.format(8, 39, 39), "39 have entered, not 40"),
    "shared": (COUNTED.format("nullcontext()", 0.02), "both write it back plus one"),
    "a lock": (COUNTED.format("Lock()", 0), "they share it, by turns"),
    "written at the end": (
        OWNED.format(8, 40, 40).replace("tally.value += 1", "tally.value = 40"),
        "it wasn't counted",
    ),
    "messages left": (OWNED.format(8, 40, 38), "does the owner get each message"),
    "one by one": (
        "def program(enter, tally):\n    for n in range(40):\n        enter(n)\n        tally.value += 1\n",
        "who counts also waits at the door",
    ),
}
if not machine().gil:
    del WRONG_MIXED["threads"]  # there it is right


@pytest.mark.parametrize(
    ("name", "exercise_", "wrong"),
    [(name, "many", WRONG_MANY) for name in WRONG_MANY]
    + [(name, "mixed", WRONG_MIXED) for name in WRONG_MIXED]
    + [(name, "owner", WRONG_OWNER) for name in WRONG_OWNER],
)
def test_wrong_models_are_told_what_is_wrong(
    name: str, exercise_: str, wrong: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quadrant, "free_cores", lambda seen: 2.0)
    monkeypatch.setattr(quadrant, "one_core", lambda: False)
    code, feedback = wrong[name]
    verdict = check(f"06_models/{exercise_}", written(code))
    assert verdict.passed is False
    assert feedback in text_of(verdict)


def crunched(
    *rows: tuple[int, int, int, str, int], fetched: str = "loop"
) -> Callable[[Path], Path]:
    """Write into a folder what a program for waits and work would have noted, in milliseconds."""

    def write(folder: Path) -> Path:
        fetch, crunch = models.parts(folder)
        lines = [
            f"{a * 10**6} {b * 10**6} {cpu * 10**6} {kind} {process} page_{n}"
            for n, (a, b, cpu, kind, process) in enumerate(rows)
        ]
        Path(crunch.path).write_text("\n".join(lines), "utf-8")
        Path(fetch.path).write_text(f"0 0 {fetched}\n" * 4, "utf-8")
        return folder

    return write


SIDE_BY_SIDE = [(0, 100, 100, "thread", 7), (0, 100, 100, "thread", 8)]
SIDE_BY_SIDE += [(100, 200, 100, "thread", 7), (100, 200, 100, "thread", 8)]
BY_TURNS = [(0, 400, 100, "thread", 7)] * 4


def test_waits_and_work_are_judged_by_what_was_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen("returned", "", wall=1.0, gap=0.0)
    judge = models.MIXED.judge
    assert judge(seen, crunched(*SIDE_BY_SIDE)(tmp_path)).passed is True
    unheard = Seen("returned", "", wall=1.0)  # it ran a loop of its own: nobody knows how that went
    found = judge(unheard, crunched(*SIDE_BY_SIDE)(tmp_path))
    assert found.passed is False and "without `asyncio.run`" in found.advice
    assert judge(seen, crunched(*SIDE_BY_SIDE, fetched="thread")(tmp_path)).passed is False
    monkeypatch.setattr(quadrant, "one_core", lambda: True)
    found = judge(seen, crunched(*BY_TURNS)(tmp_path))
    assert found.passed is None
    assert "usable core" in found.why_not
    assert judge(seen, crunched((0, 9, 9, "blocked", 7), *BY_TURNS)(tmp_path)).passed is False
    monkeypatch.setattr(quadrant, "one_core", lambda: False)
    monkeypatch.setattr(quadrant, "free_cores", lambda seen: 2.0)
    apart = [(0, 400, 100, "thread", process) for process in (7, 8, 9, 10)]
    assert "weren't free" in judge(seen, crunched(*apart)(tmp_path)).advice


def test_a_bound_of_eighty_lets_sixty_in() -> None:
    """What counts is how many are in flight, not how many are so on average, over two rounds."""
    code = GATHERED.format(80, "await listen.later(n)", 100)
    assert check("06_models/many", written(code)).passed is True


@pytest.mark.parametrize("wrong", [WRONG_MANY, WRONG_MIXED, WRONG_OWNER])
def test_each_wrong_attempt_has_feedback_of_its_own(wrong: dict[str, tuple[str, str]]) -> None:
    assert len({feedback for _, feedback in wrong.values()}) == len(wrong)

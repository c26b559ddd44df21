"""The exercises of lesson 7: each wrong attempt gets feedback of its own."""

from __future__ import annotations

import multiprocessing

import pytest

from course_lib.lesson.exercise import check
from tests.lessons.exercising import POOL, refused, text_of, written

pytestmark = pytest.mark.usefixtures("saved", "nothing_left")

ADDING = (
    "from threading import Lock\nfrom contextlib import nullcontext\n"
    f"{POOL}def program(tally):\n    {{lock}}\n    def add(thread):\n"
    "        for _ in range({times}):\n            {add}\n"
    "    with ThreadPoolExecutor({threads}) as pool:\n        list(pool.map(add, range(4)))\n"
)
WRONG_COUNT = {
    "nothing": ("def program(tally):\n    pass\n", "never changed"),
    "a lock each": (
        ADDING.format(
            lock="pass", times=50, threads=4, add="with Lock():\n                tally.value += 1"
        ),
        "the *same* for all",
    ),
    "a lock around the write": (
        ADDING.format(
            lock="lock = Lock()",
            times=50,
            threads=4,
            add="next = tally.value + 1\n            with lock:\n                tally.value = next",
        ),
        "held from before the read",
    ),
    "one thread": (
        "def program(tally):\n    for _ in range(200):\n        tally.value += 1\n",
        "one thread did it all",
    ),
    "in a row": (
        (
            "from threading import Thread\ndef program(tally):\n    def add():\n"
            "        for _ in range(50):\n            tally.value += 1\n"
            "    for _ in range(4):\n        one = Thread(target=add)\n"
            "        one.start()\n        one.join()\n"
        ),
        "joined before the next one started",
    ),
    "in one go": ("def program(tally):\n    tally.value = 200\n", "Add one at a time"),
    "too few": (
        ADDING.format(
            lock="lock = Lock()",
            times=5,
            threads=4,
            add="with lock:\n                tally.value += 1",
        ),
        "20 times instead of 200",
    ),
    "processes": (
        (
            "import multiprocessing\ndef add(tally):\n    for _ in range(50):\n"
            "        tally.value += 1\ndef program(tally):\n"
            "    context = multiprocessing.get_context('fork')\n"
            "    four = [context.Process(target=add, args=(tally,)) for _ in range(4)]\n"
            "    [one.start() for one in four]\n    [one.join() for one in four]\n"
        ),
        "each has a copy",
    ),
}
if "fork" not in multiprocessing.get_all_start_methods():
    del WRONG_COUNT["processes"]
BUYING = (
    f"from threading import Lock\n{POOL}def program(seats, buyers):\n    lock = Lock()\n"
    "    def buy(buyer):\n{buy}"
    "    with ThreadPoolExecutor(12) as pool:\n        list(pool.map(buy, buyers))\n"
)
WRONG_SEATS = {
    "nothing": ("def program(seats, buyers):\n    pass\n", "No seat was sold"),
    "in a row": (
        (
            "from threading import Thread\ndef program(seats, buyers):\n    def buy(buyer):\n"
            "        if seats.left > 0:\n            seats.sell(buyer)\n"
            "    for buyer in buyers:\n        one = Thread(target=buy, args=(buyer,))\n"
            "        one.start()\n        one.join()\n"
        ),
        "joined before the next one started",
    ),
    "a lock around the sale": (
        BUYING.format(
            buy=(
                "        if seats.left > 0:\n            with lock:\n"
                "                seats.sell(buyer)\n"
            )
        ),
        "belong together",
    ),
    "a lock each": (
        BUYING.format(
            buy=(
                "        with Lock():\n            if seats.left > 0:\n"
                "                seats.sell(buyer)\n"
            )
        ),
        "the same for all",
    ),
    "without looking": (
        "def program(seats, buyers):\n    [seats.sell(buyer) for buyer in buyers[:7]]\n",
        "without looking",
    ),
    "one by one": (
        (
            "def program(seats, buyers):\n    for buyer in buyers:\n"
            "        if seats.left > 0:\n            seats.sell(buyer)\n"
        ),
        "one thread served all",
    ),
    "all to one": (
        BUYING.format(
            buy=(
                "        with lock:\n            if seats.left > 0:\n"
                "                seats.sell('me')\n"
            )
        ),
        "more than one seat",
    ),
    "one left": (
        BUYING.format(
            buy=(
                "        with lock:\n            if seats.left > 1:\n"
                "                seats.sell(buyer)\n"
            )
        ),
        "Only 6 of 7",
    ),
}


@pytest.mark.parametrize(
    ("name", "exercise_", "wrong"),
    [(name, "count", WRONG_COUNT) for name in WRONG_COUNT]
    + [(name, "seats", WRONG_SEATS) for name in WRONG_SEATS],
)
def test_data_that_nothing_defends_are_told_what_is_wrong(
    name: str, exercise_: str, wrong: dict[str, tuple[str, str]]
) -> None:
    code, feedback = wrong[name]
    assert feedback in refused(f"07_misconceptions/{exercise_}", code)


@pytest.mark.parametrize("wrong", [WRONG_COUNT, WRONG_SEATS])
def test_each_wrong_attempt_has_feedback_of_its_own(wrong: dict[str, tuple[str, str]]) -> None:
    assert len({feedback for _, feedback in wrong.values()}) == len(wrong)


def test_threads_may_share_a_name_and_hold_the_lock_for_all_that_they_add() -> None:
    code = (
        "from threading import Lock, Thread\ndef program(tally):\n    lock = Lock()\n"
        "    def add():\n        with lock:\n            for _ in range(50):\n"
        "                tally.value += 1\n"
        "    four = [Thread(target=add, name='adder') for _ in range(4)]\n"
        "    [one.start() for one in four]\n    [one.join() for one in four]\n"
    )
    assert check("07_misconceptions/count", written(code)).passed is True


def test_a_lock_from_outside_is_named_though_an_inner_function_uses_it() -> None:
    code = (
        "from threading import Lock, Thread\nlock = Lock()\ndef program(tally):\n"
        "    def add():\n        with lock:\n            tally.value += 1\n    add()\n"
    )
    said = text_of(check("07_misconceptions/count", written(code)))
    assert "It uses 'lock' from outside: make that inside the function" in said

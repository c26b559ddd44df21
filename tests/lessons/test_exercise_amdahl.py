"""The exercises of lesson 8: each wrong attempt gets feedback of its own."""

from __future__ import annotations

import pytest

from course_lib.lesson.exercise import exercise
from tests.lessons.exercising import POOL, refused

pytestmark = pytest.mark.usefixtures("saved", "nothing_left")

STEPS = "def program(load, pack, check, join, workers):\n"
BOTH = "lambda hour: check(pack(hour))"


def shared_out(count: str, each: str = BOTH, hours: str = "load()") -> str:
    """A job that gives each hour to a pool's workers."""
    return (
        f"{POOL}{STEPS}    signature = b''\n    with ThreadPoolExecutor({count}) as pool:\n"
        f"        for fingerprint in pool.map({each}, {hours}):\n"
        "            signature = join(signature, fingerprint)\n    return signature\n"
    )


WRONG_SHRINK = {
    "nothing": (f"{STEPS}    pass\n", "None of the four steps"),
    "some hours": (shared_out("workers", hours="load()[:9]"), "Only 9 of 12 hours"),
    "another order": (shared_out("workers", hours="reversed(load())"), "in the order of the hours"),
    "too many workers": (shared_out("12"), "let `workers` bound your pool"),
    "one worker": (shared_out("1"), "`workers` changes nothing"),
    "as before": (
        exercise("08_amdahl/shrink").starter,
        "`check` is handed to the workers already",
    ),
    "the other step": (
        (
            f"{POOL}{STEPS}    signature = b''\n    with ThreadPoolExecutor(workers) as pool:\n"
            "        for packed in list(pool.map(pack, load())):\n"
            "            signature = join(signature, check(packed))\n    return signature\n"
        ),
        "`pack` is handed to the workers already",
    ),
    "two at a time": (
        (
            f"{POOL}{STEPS}    signature, hours = b'', load()\n"
            "    with ThreadPoolExecutor(workers) as pool:\n        while hours:\n"
            "            now, hours = hours[:2], hours[2:]\n"
            f"            for fingerprint in list(pool.map({BOTH}, now)):\n"
            "                signature = join(signature, fingerprint)\n    return signature\n"
        ),
        "such as the rest of a batch",
    ),
}


STOP = "def program(parallel, enough):\n    return "
LEAST = "parallel * enough / ((1 - parallel) * (1 - enough))"
WRONG_STOP = {
    "the speed-up": (f"{STOP}enough / (1 - parallel)\n", "That is the speed-up"),
    "nothing": (f"{STOP}None\n", "must return a number"),
    "not rounded": (f"{STOP}{LEAST}\n", "no halves of workers"),
    "rounded down": (f"{STOP}int({LEAST})\n", "is wanted"),
    "one too many": (f"{STOP}int({LEAST} + 2)\n", "fewer would be, too"),
}


@pytest.mark.parametrize("name", WRONG_STOP)
def test_wrong_numbers_of_workers_are_told_what_is_wrong(name: str) -> None:
    code, feedback = WRONG_STOP[name]
    assert feedback in refused("08_amdahl/stop", code)


@pytest.mark.parametrize("name", WRONG_SHRINK)
def test_wrong_redesigns_are_told_what_is_wrong(name: str) -> None:
    code, feedback = WRONG_SHRINK[name]
    assert feedback in refused("08_amdahl/shrink", code)


@pytest.mark.parametrize("wrong", [WRONG_SHRINK, WRONG_STOP])
def test_each_wrong_attempt_has_feedback_of_its_own(wrong: dict[str, tuple[str, str]]) -> None:
    assert len({feedback for _, feedback in wrong.values()}) == len(wrong)

"""The exercises of lesson 8: each wrong attempt gets feedback of its own."""

from __future__ import annotations

import pytest

from course_lib.lesson.exercise import check, exercise
from tests.lessons.exercising import POOL, text_of, written

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


@pytest.mark.parametrize("name", WRONG_SHRINK)
def test_wrong_redesigns_are_told_what_is_wrong(name: str) -> None:
    code, feedback = WRONG_SHRINK[name]
    verdict = check("08_amdahl/shrink", written(code))
    assert verdict.passed is False
    assert feedback in text_of(verdict)


def test_each_wrong_attempt_has_feedback_of_its_own() -> None:
    assert len({feedback for _, feedback in WRONG_SHRINK.values()}) == len(WRONG_SHRINK)

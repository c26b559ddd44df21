"""The exercises of lesson 9: each wrong attempt gets feedback of its own."""

from __future__ import annotations

import pytest

from tests.lessons.exercising import POOL, refused

pytestmark = pytest.mark.usefixtures("saved", "nothing_left")

WRONG_SELDOM = {
    "nothing": ("def program(book):\n    pass\n", "No item was priced"),
    "some": (
        "def program(book):\n    book.add(sum(map(book.price, range(100))))\n",
        "Only 100 of 120",
    ),
    "not entered": (
        "def program(book):\n    sum(map(book.price, range(120)))\n",
        "Nothing was entered",
    ),
    "wrong total": (
        "def program(book):\n    book.add(sum(map(book.price, range(120))) - 1)\n",
        "The total isn't the sum",
    ),
    "alone": (
        "def program(book):\n    book.add(sum(map(book.price, range(120))))\n",
        "only 1 thread did a fair share",
    ),
    "alone, and often": (
        "def program(book):\n    for n in range(120):\n        book.add(book.price(n))\n",
        "The book was needed 120 times",
    ),
    "one at a time": (
        (
            f"{POOL}from threading import Lock\ndef program(book):\n    lock = Lock()\n"
            "    def clerk(first):\n        total = 0\n"
            "        for n in range(first, 120, 4):\n            with lock:\n"
            "                total += book.price(n)\n        book.add(total)\n"
            "    with ThreadPoolExecutor(4) as pool:\n        list(pool.map(clerk, range(4)))\n"
        ),
        "Is there a lock around the pricing?",
    ),
    "by tens": (
        (
            f"{POOL}def program(book):\n    def clerk(n):\n"
            "        book.add(sum(map(book.price, range(n, n + 10))))\n"
            "    with ThreadPoolExecutor(4) as pool:\n"
            "        list(pool.map(clerk, range(0, 120, 10)))\n"
        ),
        "The book was needed 12 times",
    ),
}


@pytest.mark.parametrize("name", WRONG_SELDOM)
def test_wrong_clerks_are_told_what_is_wrong(name: str) -> None:
    code, feedback = WRONG_SELDOM[name]
    assert feedback in refused("09_beyond_amdahl/seldom", code)


@pytest.mark.parametrize("wrong", [WRONG_SELDOM])
def test_each_wrong_attempt_has_feedback_of_its_own(wrong: dict[str, tuple[str, str]]) -> None:
    assert len({feedback for _, feedback in wrong.values()}) == len(wrong)

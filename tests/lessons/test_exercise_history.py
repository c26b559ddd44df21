"""The exercises of lesson 10: each wrong attempt gets feedback of its own."""

from __future__ import annotations

import pytest

from tests.lessons.exercising import refused

pytestmark = pytest.mark.usefixtures("saved", "nothing_left")

TRANSFER = (
    "from threading import Lock, Thread\ndef program(accounts, transfers):\n    bank = Lock()\n"
    "    def move(source, target, amount):\n        {0}\n"
    "    threads = [Thread(target=move, args=one) for one in transfers{1}]\n"
    "    [thread.start() for thread in threads]\n    [thread.join() for thread in threads]\n"
)
BOTH_UPDATES = "accounts[source].balance -= amount; accounts[target].balance += amount"
WRONG_TRANSFERS = {
    "nothing": ("def program(accounts, transfers):\n    pass\n", "No account was touched"),
    "no lock": (TRANSFER.format(BOTH_UPDATES, ""), "who writes last wipes out"),
    "some": (TRANSFER.format(f"with bank: {BOTH_UPDATES}", "[:3]"), "and there were 6"),
    "another way round": (
        TRANSFER.format(
            "with bank: accounts[source].balance += amount; accounts[target].balance -= amount", ""
        ),
        "check the amounts",
    ),
    "one lock for all": (TRANSFER.format(f"with bank: {BOTH_UPDATES}", ""), "not the whole bank"),
    "one thread": (
        (
            "def program(accounts, transfers):\n    for source, target, amount in transfers:\n"
            f"        {BOTH_UPDATES}\n"
        ),
        "one thread does all of it",
    ),
    "locks in the money's order": (
        TRANSFER.format(
            "with accounts[source].lock:\n            accounts[source].balance -= amount\n"
            "            with accounts[target].lock: accounts[target].balance += amount",
            "",
        ),
        "as in a deadlock",
    ),
}


@pytest.mark.parametrize("name", WRONG_TRANSFERS)
def test_wrong_transfers_are_told_what_is_wrong(name: str) -> None:
    code, feedback = WRONG_TRANSFERS[name]
    assert feedback in refused("10_history/transfers", code)


@pytest.mark.parametrize("wrong", [WRONG_TRANSFERS])
def test_each_wrong_attempt_has_feedback_of_its_own(wrong: dict[str, tuple[str, str]]) -> None:
    assert len({feedback for _, feedback in wrong.values()}) == len(wrong)

"""The exercise of lesson 10: transfers that worked by luck, to be mended for many cores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from course_lib.lesson.exercise import Exercise, Finding, Row
from course_lib.lesson.exercises.history_probes import Account, Update, updates
from course_lib.lesson.exercises.probes import most_at_once
from course_lib.lesson.exercises.quadrant import overlap
from course_lib.lesson.guard import Limits, Seen

__all__ = ["EXERCISES"]

BALANCE = 500
#: Source, target, amount: no two amounts alike, so that no two errors cancel out.
TRANSFERS = (
    ("A", "B", 1),
    ("B", "A", 2),
    ("C", "D", 4),
    ("D", "C", 8),
    ("A", "B", 16),
    ("B", "A", 32),
    ("C", "D", 64),
    ("D", "C", 128),
)
UPDATES = 2 * len(TRANSFERS)
ENOUGH = 1.5  # updates at once; two pairs of accounts, each one transfer at a time, reach 2


def accounts(folder: Path) -> dict[str, Account]:
    """Return the accounts that the program is given."""
    return {name: Account(folder / "updates", name, BALANCE) for name in "ABCD"}


def right_balances() -> dict[str, int]:
    """Return what must be on each account in the end."""
    balances = dict.fromkeys("ABCD", BALANCE)
    for source, target, amount in TRANSFERS:
        balances[source] -= amount
        balances[target] += amount
    return balances


def _judge(seen: Seen, folder: Path) -> Finding:
    done = updates(folder / "updates")
    ends = {update.account: update.value for update in done}  # the last one counts
    right = sum(ends.get(name) == value for name, value in right_balances().items())
    most = max(
        most_at_once(
            (u.start for u in done if u.account == name),
            (u.stop for u in done if u.account == name),
        )
        for name in "ABCD"
    )
    at_once = overlap([(update.start, update.stop) for update in done])
    rows = (
        Row("updates of accounts", f"{len(done)}", f"{UPDATES}", len(done) == UPDATES),
        Row("most updates of one account at once", f"{most}", "1", most == 1),
        Row("accounts with the right balance", f"{right}", "4", right == 4),
        Row(
            "updates at once, on average", f"{at_once:.2f}", f"{ENOUGH} or more", at_once >= ENOUGH
        ),
    )
    advice = _advise(done, most, right, at_once)
    return Finding(rows, advice, certain=most != 1 or at_once < 1.1)


def _advise(done: Sequence[Update], most: int, right: int, at_once: float) -> str:
    if not done:
        return "No account was touched: each transfer is to be made."
    if len(done) != UPDATES:
        return f"{UPDATES} updates are needed, two for each transfer, and there were {len(done)}."
    if most > 1:
        return (
            f"Up to {most} threads updated one account at the same time: they read the same "
            "balance, and who writes last wipes out what the others did. A lock that all of them "
            "take for this account, before they read, keeps them apart."
        )
    if right < 4:
        return "No two updates of an account met, and yet a balance is wrong: check the amounts."
    if at_once >= ENOUGH:
        return (
            "In this run nothing was lost, nobody waited in a circle, and transfers between other "
            "accounts went on meanwhile. It is right by design, on any number of cores, if each "
            "account's lock is held from read to write, and all take locks in one order: that is in "
            "your text; no run shows it."
        )
    if len({update.thread for update in done}) == 1:
        return (
            "All is right, and one thread does all of it: on a machine with many cores, this is "
            "the program that leaves them idle. Keep a thread for each transfer."
        )
    return (
        "All is right, but one transfer at a time: C and D wait while money moves between A and B. "
        "A lock should guard an account, not the whole bank."
    )


TRANSFER = Exercise(
    title="Mend the transfers",
    asked=(
        "Write a function that takes the accounts, by name, and a list of transfers: (source, "
        "target, amount). Make each transfer, in threads. No update may be lost, nobody may wait "
        "forever, and transfers between different accounts go on at the same time."
    ),
    starter=(
        "from threading import Thread\n\n\ndef program(accounts, transfers):\n"
        "    def move(source, target, amount):\n"
        "        accounts[source].balance -= amount\n"
        "        accounts[target].balance += amount\n\n"
        "    threads = [Thread(target=move, args=transfer) for transfer in transfers]\n"
        "    for thread in threads:\n        thread.start()\n"
        "    for thread in threads:\n        thread.join()\n"
    ),
    hints=(
        "What can another thread do between the reading and the writing of a balance? Each account has a lock of its own, `accounts[name].lock`.",
        "If you hold one lock while you wait for the next, and another thread does it the other way round, both wait forever. In which order can all threads take them?",
        "`first, second = sorted((source, target))`, and then `with accounts[first].lock, accounts[second].lock:` around both updates.",
    ),
    judge=_judge,
    arguments=("accounts", "transfers"),
    make=lambda folder: (accounts(folder), TRANSFERS),
    limits=Limits(seconds=4.0),
)

EXERCISES = {"transfers": TRANSFER}

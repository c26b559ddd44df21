"""The exercise of lesson 9: clerks who share a book, and hardly ever need it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from course_lib.lesson.exercise import Exercise, Finding, Row
from course_lib.lesson.exercises.beyond_probes import Book
from course_lib.lesson.exercises.probes import most_at_once
from course_lib.lesson.guard import Limits, Seen

__all__ = ["EXERCISES"]

ITEMS = 120
CLERKS = 4
OFTEN = 2 * CLERKS  # entries; one a clerk is enough


def book(folder: Path) -> Book:
    """Return the book that the program is given."""
    return Book(folder / "book")


def _judge(seen: Seen, folder: Path) -> Finding:
    priced, entered = book(folder).done()
    items = {one.item for one in priced} & set(range(ITEMS))
    shares = Counter(one.thread for one in priced)
    fair = ITEMS // (4 * max(CLERKS, len(shares)))  # a quarter of an even share
    clerks = sum(count >= fair for count in shares.values())
    at_once = most_at_once((one.start for one in priced), (one.stop for one in priced))
    total = sum(100 + item * item % 97 for item in range(ITEMS))
    rows = (
        Row("different items priced", f"{len(items)}", f"{ITEMS}", len(items) == ITEMS),
        Row("total in the book", f"{sum(entered)}", f"{total}", sum(entered) == total),
        Row("clerks at work", f"{clerks}", f"{CLERKS} or more", clerks >= CLERKS),
        Row("items being priced at once, at most", f"{at_once}", "2 or more", at_once >= 2),
        Row("entries", f"{len(entered)}", f"at most {OFTEN}", 0 < len(entered) <= OFTEN),
    )
    advice = _advise(len(items), sum(entered) == total, clerks, len(entered), at_once)
    # How threads share the items may be luck; the rest isn't.
    return Finding(rows, advice, certain=not all(row.ok for row in rows[:2] + rows[4:]))


def _advise(items: int, right: bool, clerks: int, entries: int, at_once: int) -> str:
    if not items:
        return "No item was priced: `book.price(item)` says what an item costs."
    if items < ITEMS:
        return f"Only {items} of {ITEMS} items were priced."
    if not entries:
        return "Nothing was entered: `book.add(amount)` enters an amount."
    if not right:
        return (
            "The total isn't the sum of all prices. Where several threads add to one number, an "
            "update may get lost; and an item that is priced twice must be entered once."
        )
    if clerks < CLERKS and entries <= OFTEN:
        return (
            f"The book is seldom needed, but only {clerks} thread{'s' * (clerks != 1)} did a fair "
            f"share of the pricing. {CLERKS} clerks are to be at work."
        )
    if entries > OFTEN:
        return (
            f"The book was needed {entries} times, and each time the other clerks may have had to "
            "wait. Does each price have to be in it at once?"
        )
    if at_once < 2:
        return (
            "The book is seldom needed, but only one item is priced at a time: the clerks wait for "
            "each other all the same. Is there a lock around the pricing?"
        )
    return "Each clerk keeps a sum, and needs the book once: hardly anything is left to wait for."


SELDOM = Exercise(
    title="Seldom need the book",
    asked=(
        f"Price items 0 to {ITEMS - 1} by `book.price(item)`, with {CLERKS} threads or more, each "
        "with a fair share, and enter what they cost by `book.add(amount)`, so that the total is "
        f"right. But at most {OFTEN} entries."
    ),
    starter=(
        "from concurrent.futures import ThreadPoolExecutor\n\n\ndef program(book):\n"
        "    def clerk(item):\n        book.add(book.price(item))\n\n"
        "    with ThreadPoolExecutor(4) as pool:\n"
        f"        list(pool.map(clerk, range({ITEMS})))\n"
    ),
    hints=(
        "What must be shared while the clerks work, and what only in the end?",
        "Give a clerk many items, not one. What is the least that it has to tell the others?",
        (
            f"Clerk number n takes the items `range(n, {ITEMS}, {CLERKS})`, adds up their prices in "
            "a variable of its own, and calls `book.add` once."
        ),
    ),
    judge=_judge,
    arguments=("book",),
    make=lambda folder: (book(folder),),
    limits=Limits(seconds=10.0),
)

EXERCISES = {"seldom": SELDOM}

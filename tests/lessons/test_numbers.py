"""The numbers that lessons state in prose are those that the code has, or calculates."""

from __future__ import annotations

import inspect
import json
import math
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from course_lib import Task, compute, laws, simulate, wait
from course_lib.lesson.exercises import claims
from course_lib.programs import archive, coffee, server
from course_lib.programs.counting import count
from course_lib.trace import WALL

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
WORDS: dict[str, float] = {
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "twelve": 12,
}
WORDS |= {"seven": 7, "a hundred": 100, "fifty": 50, "half": 0.5, "three quarters": 0.75}

Numbers = Iterable[float]


def steps() -> list[Task]:
    return [Task(name, compute(0.05), wait(0.05), compute(0.05)) for name in "ABC"]


def jobs() -> list[Task]:
    return [Task("A", compute(24)), Task("B", compute(3)), Task("C", compute(3))]


def switching() -> Numbers:
    """How many switches there were, and how many seconds they cost."""
    plain = simulate(jobs(), policy="rr", quantum=4)
    dear = simulate(jobs(), policy="rr", quantum=4, switch_cost=0.25)
    lost = dear.makespan - plain.makespan
    return [lost / 0.25, lost]


def line(cups: int, stages: int, seconds: float) -> Numbers:
    """How many steps come after the first cup, and when the last cup is out."""
    return [cups - 1, (stages + cups - 1) * seconds]


def bars() -> Numbers:
    """What one barista needs, juggling and not, in minutes; and what share of their hands is used."""
    alone, juggling = simulate(coffee.orders(6), workers=1), simulate(coffee.orders(6))
    return [juggling.makespan / coffee.MINUTE, alone.makespan / coffee.MINUTE, alone.parallelism]


def bound() -> Numbers:
    tasks = [Task("A", compute(0.3)), Task("B", compute(0.2)), Task("C", compute(0.1))]
    return [simulate(tasks, cores=3).makespan, simulate(tasks).makespan]


def time_outs() -> Numbers:
    """What Dask waits for a connection, in seconds, and for a sign of life, in minutes."""
    from dask import config
    from dask.utils import parse_timedelta
    from distributed import config as _defaults  # noqa: F401 - fills them in

    given = (
        config.get("distributed.comm.timeouts.tcp"),
        config.get("distributed.scheduler.worker-ttl"),
    )
    return [parse_timedelta(given[0]), parse_timedelta(given[1]) / 60]


#: A notebook, words of its prose with each number in braces, and how to calculate these.
STATED: list[tuple[str, str, Callable[[], Numbers]]] = [
    ("01_definitions", "The walls stand at {1.15}", lambda: [WALL]),
    (
        "01_definitions",
        "For each request it waits {20} ms, as for a query, and computes {5} ms",
        lambda: [server.WAIT.seconds * 1e3, server.COMPUTE.seconds * 1e3],
    ),
    ("02_quadrant", 'the wall between "one" and "more" stands at {1.15}', lambda: [WALL]),
    (
        "02_quadrant",
        "it waits {20} ms, as for a database, then computes {5} ms",
        lambda: [server.WAIT.seconds * 1e3, server.COMPUTE.seconds * 1e3],
    ),
    (
        "02_quadrant",
        "one core can do no more than {200} a second",
        lambda: [1 / server.COMPUTE.seconds],
    ),
    ("03_timelines", "max(A, B, C) = {0.3} s", lambda: [*bound()][:1]),
    ("03_timelines", "never less than {0.6} s divided by the cores", lambda: [*bound()][1:]),
    (
        "03_timelines",
        "waited for the GIL for {5} ms asks for it",
        lambda: [sys.getswitchinterval() * 1e3],
    ),
    (
        "03_timelines",
        "computations of 50 ms on one thread: {0.3} s",
        lambda: [simulate(steps()).makespan],
    ),
    (
        "03_timelines",
        "{Three} switches, and the makespan grew by {three quarters} of a second",
        switching,
    ),
    ("03_timelines", "and {five} more steps, {0.8} s", lambda: line(6, 3, 0.1)),
    ("04_coffee_bar", "An order takes {four} minutes", lambda: [coffee.LENGTH]),
    ("04_coffee_bar", "{20} ms stand for a minute", lambda: [coffee.MINUTE * 1e3]),
    ("04_coffee_bar", "Done in {12} minutes instead of {24}", lambda: [*bars()][:2]),
    ("04_coffee_bar", "{0.50} cores busy", lambda: [*bars()][2:]),
    (
        "04_coffee_bar",
        "one barista can do {0.5} a minute",
        lambda: [coffee.MINUTE / simulate(coffee.orders(1)).cpu],
    ),
    (
        "03_timelines",
        "A waits {6} s, B {4}, C {7}",
        lambda: simulate(jobs(), policy="rr", quantum=4).waiting,
    ),
    ("03_timelines", "Of their {924} orders", lambda: [math.comb(12, 6)]),
    ("04_coffee_bar", "200 requests a second of 50 ms each are {10}", lambda: [200 * 0.050]),
    (
        "07_misconceptions",
        "{Four} threads add {50,000} times each",
        lambda: [
            inspect.signature(count).parameters[name].default for name in ("threads", "times")
        ],
    ),
    (
        "07_misconceptions",
        "{Four} threads each add 1 to `tally.value`, {fifty} times",
        lambda: [claims.THREADS, claims.TIMES],
    ),
    (
        "07_misconceptions",
        "{Seven} seats, and {twelve} buyers at once",
        lambda: [claims.SEATS, len(claims.BUYERS)],
    ),
    ("08_amdahl", "Else it may fall short of {1.82} by", lambda: [laws.amdahl(0.9, 2)]),
    ("08_amdahl", "N = P/(1 − P), which is {9} for P = 0.9", lambda: [0.9 / (1 - 0.9)]),
    (
        "08_amdahl",
        "no number of such workers makes the program more than {a hundred} times",
        lambda: [laws.amdahl(0.99, math.inf)],
    ),
    ("08_amdahl", "An archive has {240} pages", lambda: [archive.PAGES]),
    ("08_amdahl", "of {108} pairs", lambda: [0.9 * archive.PAGES / archive.GROUP]),
    ("09_beyond_amdahl", "Here s stays at {0.1}: one part", lambda: [1 - 0.9]),
    (
        "11_beyond_one_machine",
        "Then Dask waits {30} s for a connection, or {5} minutes for a sign of life",
        time_outs,
    ),
]


def prose(lesson: str) -> str:
    cells = json.loads((NOTEBOOKS / f"{lesson}.ipynb").read_text("utf-8"))["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def number(word: str) -> float:
    return WORDS[word.lower()] if word.lower() in WORDS else float(word.replace(",", ""))


def rounding(word: str) -> float:
    """Return by how much a number may differ that is stated so: whole ones are exact."""
    places = len(word.partition(".")[2])
    return 0.5 * 10**-places if places else 1e-6


@pytest.mark.parametrize(("lesson", "words", "numbers"), STATED)
def test_a_stated_number_is_what_the_code_has(
    lesson: str, words: str, numbers: Callable[[], Numbers]
) -> None:
    assert re.sub(r"[{}]", "", words) in prose(lesson)
    stated = re.findall(r"\{([^}]+)\}", words)
    calculated = list(numbers())
    assert len(stated) == len(calculated)
    for word, value in zip(stated, calculated, strict=True):
        assert number(word) == pytest.approx(value, abs=rounding(word)), word

"""The coffee bar: an order is a task, a barista is a core, so every machine here can run it.

An order needs a barista's hands, then the coffee machine brews, then hands again: compute, wait,
compute. Times are in minutes of the café; on this machine, 20 ms stand for a minute.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_lib.tables import Sheet
from course_lib.tasks import Step, Task, compute, number, share, wait, whole
from course_lib.trace import Trace

__all__ = ["LENGTH", "MINUTE", "Averages", "Sheet", "averages", "large_order", "little", "orders"]
__all__ += ["side_by_side"]

MINUTE = 0.02  # seconds on this machine
LENGTH = 4.0  # minutes from an order's start to its finish, if nothing has to be waited for
MOST = 100_000
SEED = 20_120_111  # so that all get the same orders


def orders(count: int = 6, *, brew: float = 0.5, rate: float | None = None) -> list[Task]:
    """Return orders, each of 4 minutes: hands, brewing, hands again.

    Parameters
    ----------
    count : int
        How many: 1 to 100,000.
    brew : float
        Which share of the 4 minutes is brewing: 0 to 0.9.
    rate : float, optional
        How many come in a minute, on average, at random; always the same ones. None: all are there
        when the bar opens.

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these.

    Examples
    --------
    >>> orders(2)[1]
    Task(name='B', steps=(Compute(seconds=0.02, kind='python'), Wait(seconds=0.04, kind='sleep'), \
Compute(seconds=0.02, kind='python')), at=0.0)
    """
    count = whole("count", count, 1, MOST)
    steps = _steps(_share(brew), 1)
    at = [0.0] * count if rate is None else _arrivals(count, _rate(rate))
    return [Task(_name(n), *steps, at=minutes * MINUTE) for n, minutes in enumerate(at)]


def large_order(cups: int = 6, *, brew: float = 0.5) -> list[Task]:
    """Return one large order: hands for so many cups, which are brewed together.

    Raises
    ------
    ValueError, TypeError
        If there are not 1 to 100,000 cups, or `brew` isn't 0 to 0.9.
    """
    return [Task("A", *_steps(_share(brew), whole("cups", cups, 1, MOST)))]


def _share(brew: float) -> float:
    return share("brew", brew, most=0.9)


def _rate(rate: float) -> float:
    allowed = "0.01 to 100 orders a minute, or None"
    return number("rate", rate, allowed, lambda orders: 0.01 <= orders <= 100)


def _steps(brew: float, cups: int) -> list[Step]:
    hands = compute((1 - brew) * LENGTH / 2 * cups * MINUTE)
    # An empty wait would not be nothing: after it, the order would queue for hands anew.
    return [hands, wait(brew * LENGTH * MINUTE), hands] if brew else [hands, hands]


def _name(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else str(number + 1)


def _arrivals(count: int, rate: float) -> list[float]:
    """Return when orders come, in minutes: random gaps (exponential), in whole thousandths.

    The browser computes the same, so the generator is one of a line: Park and Miller's.
    """
    at, state, found = 0, SEED, []
    for _ in range(count):
        state = state * 48271 % 2147483647
        at += round(-math.log(state / 2147483647) / rate * 1000)
        found.append(at / 1000)
    return found


# Little's law ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Averages:
    """What holds on average from the bar's opening to some minute.

    Attributes
    ----------
    in_bar, queue, in_flight : float
        Orders that have come and aren't done; those of them not begun; those begun. In the laws of
        queueing, `in_bar` is L.
    busy : float
        Baristas at work.
    rate : float
        Orders that came in a minute: λ.
    served : float
        Orders done in a minute: the throughput.
    stay : float
        Minutes from coming to done, of the orders that are done: W. NaN if none is.
    """

    in_bar: float
    queue: float
    in_flight: float
    busy: float
    rate: float
    served: float
    stay: float


def averages(trace: Trace, minutes: float) -> Averages:
    """Return the averages of a run of the bar, up to some minute. The browser computes the same.

    Raises
    ------
    ValueError, TypeError
        If `minutes` isn't a number above 0.
    """
    allowed = "a number of minutes above 0, and finite"
    minutes = number("minutes", minutes, allowed, lambda given: 0 < given < math.inf)
    arrival, start, finish = (trace.tasks[c] / MINUTE for c in ("arrival", "start", "finish"))
    runs = trace.spans[np.isin(trace.spans["kind"], ("run", "switch"))]

    def mean(begin: Any, end: Any) -> float:
        until = np.fmin(end, minutes)  # one that is never reached is NaN
        return float(np.sum(np.maximum(until - np.fmin(begin, minutes), 0)) / minutes)

    last = minutes * (1 + 1e-12)  # a time divided by MINUTE may be off by a last digit
    done = finish <= last
    return Averages(
        in_bar=mean(arrival, finish),
        queue=mean(arrival, start),
        in_flight=mean(start, finish),
        busy=mean(runs["start"] / MINUTE, runs["stop"] / MINUTE),
        rate=float(np.sum(arrival <= last) / minutes),
        served=float(np.sum(done) / minutes),
        stay=float(np.mean((finish - arrival)[done])) if done.any() else math.nan,
    )


# Tables ---------------------------------------------------------------------------------------------


def little(trace: Trace, minutes: Sequence[float]) -> Sheet:
    """Put L, counted, beside λ × W: from the opening to each of some minutes."""
    rows = []
    for until in minutes:
        found = averages(trace, until)
        product = found.rate * found.stay
        known = not math.isnan(product) and found.in_bar
        off = f"{product / found.in_bar - 1:+.1%}" if known else "–"
        numbers = (found.rate, found.stay, product, found.in_bar)
        said = ("–" if math.isnan(number) else f"{number:.3f}" for number in numbers)
        rows.append((f"{until:,.9g}", *said, off))
    head = (
        "minutes",
        "λ: orders a minute",
        "W: minutes in the bar",
        "λ × W",
        "L: orders in the bar",
    )
    return Sheet("Little's law, up to some minute", (*head, "difference"), tuple(rows))


def side_by_side(runs: Mapping[str, tuple[Trace, Trace]]) -> Sheet:
    """Put café time beside measured time: by name, a simulated trace and a measured one."""
    rows = []
    for name, (simulated, measured) in runs.items():
        for trace, what in ((simulated, "simulated"), (measured, "measured")):
            here = f"{trace.makespan:.3f} s" if trace is measured else "–"
            numbers = (f"{trace.concurrency:.2f}", f"{trace.parallelism:.2f}")
            rows.append((name, what, f"{trace.makespan / MINUTE:.1f} min", here, *numbers))
    head = ("bar", "how", "café time", "measured time", "in flight", "cores busy")
    noise = [f"{name}: {measured.noise}" for name, (_, measured) in runs.items() if measured.noise]
    caption = f"a minute in the café is {MINUTE * 1000:g} ms here"
    return Sheet(caption, head, tuple(rows), " ".join(noise))

"""How much quicker a program gets as it is given more workers, measured over and over.

In each round the program runs once on every number of workers, and its speed-ups are those within
the round: what slows the whole machine for a while slows both sides.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import Any, NamedTuple

from course_lib.hooks import children_cpu, cpu_since
from course_lib.machine import machine
from course_lib.speedup import NOISY, Meter, finished
from course_lib.tables import html_table
from course_lib.tasks import duration, number, shown, whole

__all__ = ["Scaling", "scaling", "worker_counts"]

ROUNDS = 15  # at most
MOST = 4096  # workers
SAME = 0.03  # as a share: as much more or less CPU time as the same work may take


@dataclass(frozen=True)
class Scaling:
    """Seconds by number of workers, a round a tuple: alone, and on so many workers.

    Attributes
    ----------
    counts : tuple of int
        The numbers of workers.
    alone, together : tuple of tuples of float
        For each round, for each count: seconds that one worker took, and that all of them took.
    others : float
        The share of this machine that other programs used meanwhile.
    cpu : tuple of tuples of (float, float)
        CPU seconds of the same runs, alone and together; NaN where that can't be told closely, as
        with other processes, whose CPU time is told in hundredths of a second.
    """

    counts: tuple[int, ...]
    alone: tuple[tuple[float, ...], ...]
    together: tuple[tuple[float, ...], ...]
    others: float = 0.0
    cpu: tuple[tuple[tuple[float, float], ...], ...] = ()

    @property
    def rounds(self) -> tuple[list[list[int]], list[list[float]]]:
        """Workers and speed-ups, a row a round: what `laws.fit_amdahl` takes."""
        speedups = [
            [a / max(b, 1e-9) for a, b in zip(alone, together, strict=True)]
            for alone, together in zip(self.alone, self.together, strict=True)
        ]
        return [[*self.counts] for _ in speedups], speedups

    @property
    def pairs(self) -> tuple[list[int], list[float]]:
        """Workers and speed-ups, one of each a run."""
        workers, speedups = self.rounds
        return [*chain(*workers)], [*chain(*speedups)]

    @property
    def best(self) -> dict[int, float]:
        """By workers, the speed-up of the quickest runs: what disturbs a run only makes it slower."""
        columns = zip(zip(*self.alone, strict=True), zip(*self.together, strict=True), strict=True)
        both = [min(alone) / max(min(together), 1e-9) for alone, together in columns]
        return dict(zip(self.counts, both, strict=True))

    @property
    def seconds(self) -> dict[int, float]:
        """By workers, the seconds of the quickest run."""
        columns = zip(*self.together, strict=True)
        return {n: min(took) for n, took in zip(self.counts, columns, strict=True)}

    @property
    def curve(self) -> tuple[list[int], list[float]]:
        """Workers and best speed-ups: what `pictures.curves` draws."""
        return list(self.best), list(self.best.values())

    def rows(self) -> list[list[str]]:
        """Return what the table shows: workers, seconds, speed-up and its range over the rounds."""
        rows = []
        for (count, best), own in zip(
            self.best.items(), zip(*self.rounds[1], strict=True), strict=True
        ):
            rows.append(
                [
                    f"{count}",
                    f"{self.seconds[count]:.3f}",
                    f"{best:.2f}",
                    f"{min(own):.2f} to {max(own):.2f}",
                ]
            )
        return rows

    @property
    def noise(self) -> str:
        """What to think of the figures, if other programs disturbed them; else empty."""
        doubt = "so another time these figures may be different ones."
        if self.others > NOISY:
            return f"Other programs used {self.others:.0%} of this machine meanwhile, {doubt}"
        uneven = (
            max(median(took) / max(min(took), 1e-9) for took in zip(*self.alone, strict=True)) - 1
        )
        if uneven > NOISY:
            return f"One worker alone took {uneven:.0%} longer in half of the rounds than in the quickest, {doubt}"
        return ""

    @property
    def work(self) -> str:
        """Where the same work took another CPU time on several workers: that moves a speed-up."""
        said = []
        for at, count in enumerate(self.counts if self.cpu else ()):
            (seconds, alone), (_, together) = (self._quickest(at, side) for side in (0, 1))
            more = together / max(alone, 1e-9) - 1
            if abs(more) > SAME and alone > seconds / 2:  # else it mostly waits
                said.append(f"{abs(more):.0%} {'more' if more > 0 else 'less'} on {count}")
        if not said:
            return ""
        return (
            f"The same work took another CPU time than on one worker: {', '.join(said)}. Sharing it "
            "out, or memory that can't follow, takes more; and a core was slower or quicker then if "
            "its clock was another, or if others that can't be seen from here used it as well."
        )

    def _quickest(self, at: int, side: int) -> tuple[float, float]:
        """Return a count's quickest run, alone (0) or together (1): its seconds, on CPUs too."""
        runs = (self.alone, self.together)[side]
        return min((took[at], cpu[at][side]) for took, cpu in zip(runs, self.cpu, strict=True))

    def __repr__(self) -> str:
        said = ", ".join(f"{count}: {best:.2f}" for count, best in self.best.items())
        return f"<Scaling {said}; {len(self.alone)} rounds{', noisy' * bool(self.noise)}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        rounds = f"{len(self.alone)} round{'s' * (len(self.alone) != 1)}"
        head = ["workers", "seconds", "speed-up", "in single rounds"]
        foot = " ".join(filter(None, (self.noise, self.work)))
        table = html_table(f"the quickest run of {rounds} counts", head, self.rows(), foot)
        return {"text/html": table, "text/plain": repr(self)}


def worker_counts(usable: float | None = None) -> tuple[int, ...]:
    """Return 1, 2, 4, … up to the usable cores, and their number itself.

    Examples
    --------
    >>> worker_counts(6), worker_counts(1.5)
    ((1, 2, 4, 6), (1,))
    """
    given = machine().usable_cores if usable is None else usable
    allowed = "a number of cores, 0 or more and finite"
    cores = number("usable", given, allowed, lambda found: 0 <= found < math.inf)
    most = max(1, math.floor(cores))
    powers = [2**power for power in range(most.bit_length())]
    return tuple(dict.fromkeys([*powers, most]))


def scaling(
    program: Callable[[int], object],
    counts: Sequence[int] | None = None,
    *,
    alone: Callable[[int], object] | None = None,
    budget: float = 4.0,
) -> Scaling:
    """Measure a program on 1, 2, 4, … workers, as far as there are cores, in rounds.

    Parameters
    ----------
    program : function
        Takes a number of workers, and does all its work with that many.
    counts : sequence of int, optional
        The numbers of workers; 1 is added. None: 1, 2, 4, … and all usable cores.
    alone : function, optional
        Takes a number of workers, and does with *one* what the program does with that many: needed
        if the work grows with them. None: `program(1)`.
    budget : float
        Seconds that all may take together. At least one round is done.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these; and what the program raises.

    Examples
    --------
    >>> import time
    >>> found = scaling(lambda workers: time.sleep(0.02 / workers), [1, 2], budget=0.3)
    >>> 1.5 < found.best[2] < 2.5
    True
    """
    for what, given in (("program", program), ("alone", program if alone is None else alone)):
        if not callable(given):
            raise TypeError(f"{what} must be a function of a number of workers, not {given!r}")
    if not duration("budget", budget) > 0:
        raise ValueError(f"budget must be more than 0 seconds, not {budget!r}")
    order = sorted({1, *(worker_counts() if counts is None else _counts(counts))})
    end = time.perf_counter() + budget
    meter = Meter()
    finished("program", program(order[-1]))  # warms up
    runs: list[list[tuple[Took, Took]]] = []  # of each round, by count: alone, together
    longest = 0.0
    while len(runs) < ROUNDS and (not runs or time.perf_counter() + 1.1 * longest < end):
        began = time.perf_counter()
        turns = order if len(runs) % 2 else order[::-1]
        together = {n: _took("program", program, n) for n in turns}
        each = {
            n: together[1] if alone is None or n == 1 else _took("alone", alone, n) for n in order
        }
        runs.append([(each[n], together[n]) for n in order])
        longest = max(longest, time.perf_counter() - began)
    return Scaling(
        tuple(order),
        alone=tuple(tuple(one.seconds for one, _ in its) for its in runs),
        together=tuple(tuple(all_.seconds for _, all_ in its) for its in runs),
        others=meter.others(),
        cpu=tuple(tuple((one.cpu, all_.cpu) for one, all_ in its) for its in runs),
    )


def _counts(given: Iterable[object]) -> list[int]:
    try:
        counts = iter(given)
    except TypeError:
        raise TypeError(
            f"counts must be a list of numbers of workers, such as [1, 2, 4], not {shown(given)}"
        ) from None
    return [whole("counts", count, 1, MOST) for count in counts]


class Took(NamedTuple):
    """What a run took: seconds on the clock, and of CPU time."""

    seconds: float
    cpu: float


def _took(what: str, program: Callable[[int], object], workers: int) -> Took:
    children, cpu = children_cpu(), time.process_time()
    start = time.perf_counter()
    finished(what, program(workers))
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    coarse = sys.platform == "win32" or cpu_since(children) > 0
    return Took(seconds, math.nan if coarse else cpu)

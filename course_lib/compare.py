"""Where a simulated and a measured run of the same tasks differ, and by how much."""

from __future__ import annotations

import html
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from course_lib.tables import html_table

if TYPE_CHECKING:
    from course_lib.trace import Trace

__all__ = ["Cause", "Difference", "compare"]

MOST = 12  # tasks that have a row of their own
PACE = 0.05  # as a share: from here on a core is quicker or slower than the simulated one


def compare(simulated: Trace, measured: Trace) -> Difference:
    """Compare a simulated run with a measured one of the same tasks.

    Returns
    -------
    Difference
        It shows itself in a notebook: both timelines in one picture, the numbers side by side, and
        what the simulated machine leaves out.

    Raises
    ------
    TypeError, ValueError
        If the first isn't a simulated run and the second a measured one, or the names of their
        tasks differ.
    """
    from course_lib.trace import Trace

    for what, trace, simulate in (("simulated", simulated, True), ("measured", measured, False)):
        if not isinstance(trace, Trace):
            raise TypeError(f"{what} must be a trace, as simulate and run return it, not {trace!r}")
        if trace.simulated != simulate:
            made = "simulate(...)" if simulate else "run(...)"
            raise ValueError(f"{what} must come from {made}, but its model is {trace.model!r}")
    names = [trace.tasks["name"].tolist() for trace in (simulated, measured)]
    if names[0] != names[1]:
        raise ValueError(
            f"both must be runs of the same tasks: {names[0][:5]} are simulated, {names[1][:5]} measured"
        )
    return Difference(simulated, measured)


@dataclass(frozen=True)
class Cause:
    """Something that a simulated machine leaves out: its name, how much, and what it is.

    The seconds are added up over all tasks, which go on side by side: so causes don't add up to the
    difference in makespan.
    """

    name: str
    seconds: float
    meaning: str


@dataclass(frozen=True)
class Difference:
    """A simulated and a measured run of the same tasks."""

    simulated: Trace
    measured: Trace

    @property
    def makespan(self) -> float:
        """By how much the measured makespan differs, as a share of the simulated one; NaN if that is 0."""
        simulated = self.simulated.makespan
        return self.measured.makespan / simulated - 1 if simulated else math.nan

    @cached_property
    def causes(self) -> list[Cause]:
        """What the simulated machine leaves out, the largest first."""
        both = self.simulated, self.measured
        delay = [first(t.tasks["start"]) - first(t.tasks["arrival"]) for t in both]
        dispatch, ready, work, waits = (
            [amount(t) for t in both] for amount in (idle, waited_for_a_turn, computed, asleep)
        )
        found = [
            Cause("start-up", delay[1] - delay[0], "until the first task had started"),
            Cause(
                "dispatch",
                dispatch[1] - dispatch[0],
                "workers without a task, though one was there",
            ),
            Cause(
                "turns", ready[1] - ready[0], "ready, not running: for a core, the GIL or the loop"
            ),
            Cause("work", work[1] - work[0], "CPU time: a slower clock, cold caches, the recorder"),
            Cause("waits", waits[1] - waits[0], "waits that ended late: timers and the way back"),
        ]
        return sorted(found, key=lambda cause: -abs(cause.seconds))

    @property
    def noise(self) -> str:
        """Say what made this machine another one than was simulated; empty if nothing did."""
        declared = computed(self.simulated)
        slower = computed(self.measured) / declared - 1 if declared else 0.0
        if self.measured.noise or not abs(slower) > PACE:
            return self.measured.noise
        more = "more" if slower > 0 else "less"
        when = "now" if slower > 0 else "then"
        return (
            f"The same work took {abs(slower):.0%} {more} CPU time than when this machine's pace was "
            f"measured: {when} a core's clock was lower, others that can't be seen from here used it "
            "as well, or two of its hardware threads worked side by side."
        )

    def rows(self) -> Iterator[list[str]]:
        """Yield the numbers: what, simulated, measured, difference."""
        one, other = self.simulated, self.measured
        numbers = [
            ("makespan (s)", one.makespan, other.makespan),
            ("in flight", one.concurrency, other.concurrency),
            ("cores busy", one.parallelism, other.parallelism),
        ]
        finished = zip(
            one.tasks["name"].tolist(), one.tasks["finish"], other.tasks["finish"], strict=True
        )
        numbers += [(f"{name} finished (s)", *both) for name, *both in list(finished)[:MOST]]
        for what, simulated, measured in numbers:
            change = measured - simulated
            share = f" ({change / simulated:+.0%})" if simulated else ""
            yield [what, f"{simulated:.3f}", f"{measured:.3f}", f"{change:+.3f}{share}"]

    def __repr__(self) -> str:
        largest = self.causes[0]
        share = "" if math.isnan(self.makespan) else f" ({self.makespan:+.0%})"
        return (
            f"makespan: simulated {self.simulated.makespan:.3f} s, measured "
            f"{self.measured.makespan:.3f} s{share}; most of all {largest.name}: "
            f"{largest.seconds:+.3f} s, {largest.meaning}"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from course_lib.pictures import timelines

        picture = timelines({"simulated": self.simulated, "measured": self.measured})
        bundle: dict[str, Any] = picture._repr_mimebundle_()
        head = ["", "simulated", "measured", "difference"]
        causes = [[c.name, f"{c.seconds:+.3f}", c.meaning] for c in self.causes]
        bundle["text/html"] += (
            html_table("the same tasks, simulated and measured", head, list(self.rows()))
            + html_table(
                "what the simulated machine leaves out, in seconds over all tasks",
                ["cause", "difference", "what it is"],
                causes,
            )
            + f"<p>{html.escape(self.noise)}</p>" * bool(self.noise)
        )
        bundle["text/plain"] = repr(self)
        return bundle


def first(moments: Any) -> float:
    """Return the first of some moments; NaN, which is never, only if there is no other."""
    return min((moment for moment in moments.tolist() if not math.isnan(moment)), default=math.nan)


def idle(trace: Trace) -> float:
    """Return the seconds that workers spent between two tasks while the second was there already."""
    both = zip(trace.spans["task"].tolist(), trace.spans["worker"].tolist(), strict=True)
    workers = dict(reversed(list(both)))  # the first span counts
    tasks: dict[int, list[tuple[float, float, float]]] = defaultdict(list)  # by worker
    times = (trace.tasks[name].tolist() for name in ("start", "finish", "arrival"))
    for task, its in enumerate(zip(*times, strict=True)):
        if task in workers:
            tasks[workers[task]].append(its)
    seconds = 0.0
    for own in tasks.values():
        own.sort()
        finishes = (trace.end if math.isnan(finish) else finish for _, finish, _ in own)
        until = accumulate(finishes, max)  # a task may be in flight longer than those after it
        for (start, _, arrival), busy in zip(own[1:], until, strict=False):
            seconds += max(0.0, start - max(busy, arrival))
    return seconds


def waited_for_a_turn(trace: Trace) -> float:
    """Return the seconds in which tasks were ready, but not running."""
    return float(trace.lasting("ready").sum())


def computed(trace: Trace) -> float:
    """Return the CPU seconds of all tasks."""
    return float(trace.tasks["cpu"].sum())


def asleep(trace: Trace) -> float:
    """Return the seconds that tasks waited."""
    return float(trace.lasting("wait").sum())

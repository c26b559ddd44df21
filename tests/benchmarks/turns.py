"""How exactly a timeline shows the turns that threads take with the GIL."""

from __future__ import annotations

import sys
from itertools import groupby
from math import isnan
from statistics import median

from course_lib import Task, Trace, compute, run
from tests.benchmarks.table import Row


def rows(quick: bool = False) -> list[Row]:
    """Run two threads under several switch intervals; no rows where there is no GIL.

    A thread asks for the GIL when the interval has passed. If another program has taken its core
    by then, it asks late, and the turn is as much longer: what the GIL does shows in rounds in
    which the machine had nothing else to do.
    """
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return []
    said = []
    before = sys.getswitchinterval()
    wanted = 1 if quick else 5
    try:
        for interval in (0.005, 0.020, 0.100):
            sys.setswitchinterval(interval)
            pair = [Task(name, compute(interval * (4 if quick else 12))) for name in "AB"]
            all_rounds: list[Trace] = []
            while len(all_rounds) < 3 * wanted and sum(map(quiet, all_rounds)) < wanted:
                all_rounds.append(run(pair, "threads"))
            traces = list(filter(quiet, all_rounds)) or all_rounds
            off = [abs(median(turns(trace)) / interval - 1) * 100 for trace in traces]
            name = f"{interval * 1000:g} ms"
            calm = f"{sum(map(quiet, all_rounds))} quiet rounds of {len(all_rounds)}"
            said.append(Row(f"median turn, off the interval of {name}; {calm}", "%", off, aim=3))
            both = [overlap(trace) * 100 for trace in traces]
            said.append(Row(f"both running, interval of {name}", "%", both, aim=0.1))
    finally:
        sys.setswitchinterval(before)
    return said


def quiet(trace: Trace) -> bool:
    """Return whether nothing else used this machine, and the threads had a core when ready."""
    queued = sum(wait for wait in trace.queued if not isnan(wait))  # NaN: nobody tells
    return trace.others < 0.1 * trace.makespan and queued < 0.02 * trace.makespan


def turns(trace: Trace) -> list[float]:
    """Return the seconds of each turn: till the other thread runs.

    Where the operating system lets another program in between, it is still the same turn. The last
    ones don't count: a task ends them, not the GIL.
    """
    found = []
    runs = trace.spans[trace.spans["kind"] == "run"]
    for _, turn in groupby(runs, key=lambda span: span["task"]):
        spans = list(turn)
        found.append(float(spans[-1]["stop"] - spans[0]["start"]))
    return found[:-2] or [float("nan")]


def overlap(trace: Trace) -> float:
    """Return in which share of the makespan both threads seem to run."""
    one, other = (
        trace.spans[(trace.spans["task"] == task) & (trace.spans["kind"] == "run")]
        for task in range(2)
    )
    seconds = 0.0
    for span in one:
        start = other["start"].clip(span["start"], span["stop"])
        stop = other["stop"].clip(span["start"], span["stop"])
        seconds += float((stop - start).sum())
    return seconds / trace.makespan

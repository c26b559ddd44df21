"""How exactly a timeline shows the turns that threads take with the GIL."""

from __future__ import annotations

import sys
from itertools import groupby
from statistics import median

from course_lib import Task, Trace, compute, run
from tests.benchmarks.table import Row


def rows(quick: bool = False) -> list[Row]:
    """Run two threads under several switch intervals; no rows where there is no GIL."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return []
    said = []
    before = sys.getswitchinterval()
    try:
        for interval in (0.005, 0.020, 0.100):
            sys.setswitchinterval(interval)
            pair = [Task(name, compute(interval * (4 if quick else 12))) for name in "AB"]
            traces = [run(pair, "threads") for _ in range(1 if quick else 5)]
            off = [abs(median(turns(trace)) / interval - 1) * 100 for trace in traces]
            name = f"{interval * 1000:g} ms"
            said.append(Row(f"median turn, off the interval of {name}", "%", off, aim=3))
            both = [overlap(trace) * 100 for trace in traces]
            said.append(Row(f"both running, interval of {name}", "%", both, aim=0.1))
    finally:
        sys.setswitchinterval(before)
    return said


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

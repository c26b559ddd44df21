"""A trace in the Trace Event format, which ui.perfetto.dev and chrome://tracing open.

The format: a JSON object whose `traceEvents` have a phase `ph` each. "M" names a process or a
thread, "X" is something that lasts, "C" is what a counter reads from now on, "b" and "e" are the
ends of something that may overlap with anything. Times are microseconds.

Source: "Trace Event Format", by the authors of Chrome's tracing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course_lib import files
from course_lib.layout import lay_out
from course_lib.trace import Trace

__all__ = ["events", "export"]

BEGINNING = '{"traceEvents": ['
RUNNING = ("run", "blur", "call", "switch")
#: Names of colors that chrome://tracing knows; Perfetto takes its own.
COLORS = {
    "run": "thread_state_running",
    "blur": "thread_state_running",
    "call": "thread_state_uninterruptible",
    "ready": "thread_state_runnable",
    "wait": "thread_state_sleeping",
    "switch": "thread_state_iowait",
}

Event = dict[str, Any]


def export(trace: Trace, path: Path) -> None:
    """Write a trace as Trace Events; see `Trace.to_chrome`."""
    if path.exists():
        with path.open(encoding="utf-8", errors="replace") as file:
            if file.read(len(BEGINNING)) != BEGINNING:
                raise FileExistsError(
                    f"{path} can't be written: a file that isn't such an export stands there. "
                    "Choose another name"
                )
    lines = ",\n".join(json.dumps(event, allow_nan=False) for event in events(trace))
    files.write(path, f'{BEGINNING}\n{lines}\n], "displayTimeUnit": "ms"}}\n')


def events(trace: Trace) -> list[Event]:
    """Return the events: first the names, then all else in the order of time."""
    rows, labels = lay_out(trace)
    names: list[Event] = [_named("process_name", 0, f"{trace.model}: {trace.numbers}")]
    for row, label in enumerate(labels):
        names.append(_named("thread_name", row + 1, label or "also in flight"))
        names.append(_event("M", "thread_sort_index", row + 1) | {"args": {"sort_index": row}})
    lasting = [*_spans(trace, rows)]
    for name, steps in (("in flight", _in_flight(trace)), ("cores busy", _cores_busy(trace))):
        for moment, value in zip(*steps, strict=True):
            lasting.append(_event("C", name, 0, _ns(moment)) | {"args": {name: round(value, 3)}})
    return names + sorted(lasting, key=lambda event: event["ts"])


def _spans(trace: Trace, rows: dict[tuple[int, int], int]) -> Iterator[Event]:
    names = trace.tasks["name"].tolist()
    for number, span in enumerate(trace.spans.tolist()):
        task, worker, core, start, stop, kind = span
        row, begin, end = rows[task, worker] + 1, _ns(start), _ns(stop)
        if kind == "held":  # what runs meanwhile lies across it, and slices of a row may not
            name = f"{names[task]}: what it started is in flight"
            for phase, moment in (("b", begin), ("e", end)):
                yield _event(phase, name, row, moment) | {"cat": kind, "id": number}
            continue
        name = names[task] if kind == "run" else f"{names[task]}: {kind}"
        event = _event("X", name, row, begin) | {"dur": (end - begin) / 1e3, "cat": kind}
        yield event | {"cname": COLORS[kind], "args": {"core": core} if core >= 0 else {}}


def _in_flight(trace: Trace) -> tuple[list[float], list[float]]:
    """Return when the number of tasks in flight changes, and what it is from then on."""
    begun = ~np.isnan(trace.tasks["start"])
    start, finish = trace.tasks["start"][begun], trace.tasks["finish"][begun]
    held = trace.spans[trace.spans["kind"] == "held"]
    stop = np.where(np.isnan(finish), trace.end, finish)
    return _steps(
        np.concatenate([start, held["stop"]]),
        np.concatenate([stop, held["start"]]),
        np.ones(len(start) + len(held)),
    )


def _cores_busy(trace: Trace) -> tuple[list[float], list[float]]:
    """Return the same of the cores busy: each task's CPU time, spread over what may have run.

    What of the run's CPU time no task is known to have used is spread over the other tasks.
    """
    spans = trace.spans[np.isin(trace.spans["kind"], RUNNING)]
    lasting, cpu = trace.lasting(*RUNNING), trace.tasks["cpu"]
    unknown = np.isnan(cpu)
    left = max(0.0, trace.cpu - float(np.nansum(cpu))) if trace.cpu == trace.cpu else 0.0
    cpu = np.where(unknown, left * lasting / max(float(lasting[unknown].sum()), 1e-12), cpu)
    rate = np.divide(cpu, lasting, out=np.zeros(len(cpu)), where=lasting > 0)
    return _steps(spans["start"], spans["stop"], rate[spans["task"]])


def _steps(
    starts: NDArray[Any], stops: NDArray[Any], heights: NDArray[Any]
) -> tuple[list[float], list[float]]:
    """Return the sum of boxes as a step function: its moments, and its value from each on."""
    moments, place = np.unique(np.concatenate([starts, stops]), return_inverse=True)
    changes = np.bincount(place, np.concatenate([heights, -heights]), len(moments))
    return moments.tolist(), np.maximum(np.cumsum(changes), 0.0).tolist()


def _named(what: str, row: int, name: str) -> Event:
    return _event("M", what, row) | {"args": {"name": name}}


def _event(phase: str, name: str, row: int, moment: int = 0) -> Event:
    return {"ph": phase, "name": name, "pid": 1, "tid": row, "ts": moment / 1e3}


def _ns(seconds: float) -> int:
    return max(0, round(seconds * 1e9))

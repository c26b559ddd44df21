"""How long a timeline takes from the trace to the PNG, beside matplotlib's own `broken_barh`.

What disturbs a round only makes it slower: so the quickest is judged, and the spread shown.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from course_lib.pictures import COLORS, timeline
from course_lib.trace import Trace
from tests.benchmarks.table import Row

AIM = 500.0  # ms, for 100,000 spans


def crowd(count: int, workers: int = 8) -> Trace:
    """Make a trace of so many spans: each worker's run, wait or are ready, one after the other."""
    random, each = np.random.default_rng(3), count // workers
    spans = []
    for worker in range(workers):
        edges = np.cumsum(random.exponential(1 / each, each + 1)).tolist()
        for n in range(each):
            kind = ("run", "wait", "ready")[n % 3]
            spans.append((4 * worker + n % 4, worker, 0, edges[n], edges[n + 1], kind))
    tasks = [(f"T{n}", 0.0, 0.0, 1.2, 0.3) for n in range(4 * workers)]
    return Trace.build(tasks, spans, cpu=1.0, end=1.2, model="made")


def bars(trace: Trace) -> bytes:
    """Draw the spans that run by `broken_barh`, a call a task: the least that a timeline needs."""
    figure = Figure(figsize=(9, 6.2))
    axes = figure.add_subplot()
    for task in range(len(trace.tasks)):
        mine = trace.spans[(trace.spans["task"] == task) & (trace.spans["kind"] == "run")]
        wide = zip(mine["start"].tolist(), (mine["stop"] - mine["start"]).tolist(), strict=True)
        axes.broken_barh(list(wide), (task - 0.3, 0.6), color=COLORS[task % len(COLORS)])
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=144)
    return file.getvalue()


def rows(quick: bool = False) -> list[Row]:
    """Draw each number of spans in turn, after a first time that loads fonts."""
    ways: list[tuple[str, Callable[[Trace], object]]] = [
        ("broken_barh (a third of them)", bars),
        ("timeline", lambda trace: timeline(trace).png),
    ]
    said = []
    for count in (1_000,) if quick else (1_000, 10_000, 100_000):
        trace = crowd(count)
        for name, draw in ways:
            times = []
            for _ in range(3 if quick else 13):
                start = time.perf_counter()
                draw(trace)
                times.append((time.perf_counter() - start) * 1e3)
            said.append(Row(f"{count:,} spans, {name}", "ms", times[1:]))
        said.append(Row(f"{count:,} spans, timeline, the quickest", "ms", [min(times[1:])], AIM))
    return said

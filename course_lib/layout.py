"""Rows for pictures: which task stands where, so that no two lie on each other."""

from __future__ import annotations

import math
from heapq import heappop, heappush
from itertools import groupby

import numpy as np

from course_lib.trace import Trace

__all__ = ["lay_out"]


def lay_out(trace: Trace, until: float = math.inf) -> tuple[dict[tuple[int, int], int], list[str]]:
    """Give each (task, worker) a row: a worker has as many rows as it has tasks in flight at once.

    Returns
    -------
    rows : dict, (task, worker) → row
    labels : list of str
        One a row: the worker's number on its first, and the task's name if the row has only one.
    """
    spans = trace.spans[trace.spans["start"] <= until]
    number = spans["worker"].astype(np.int64) << 32 | spans["task"]  # of the pair, as one
    pairs, place = np.unique(number, return_inverse=True)
    first, last = np.full(len(pairs), math.inf), np.full(len(pairs), -math.inf)
    np.minimum.at(first, place, spans["start"])
    np.maximum.at(last, place, spans["stop"])
    keys = zip((pairs >> 32).tolist(), (pairs & 0xFFFFFFFF).tolist(), strict=True)
    ends = dict(zip(keys, zip(first.tolist(), last.tolist(), strict=True), strict=True))
    rows: dict[tuple[int, int], int] = {}
    labels: list[str] = []
    names = trace.tasks["name"].tolist()
    for worker, places in groupby(sorted(ends), key=lambda key: key[0]):
        base = len(labels)
        free: list[int] = []  # rows that may be taken again, the topmost first
        busy: list[tuple[float, int]] = []  # until when a row is taken
        for key in sorted(places, key=lambda key: ends[key]):
            while busy and busy[0][0] <= ends[key][0]:
                heappush(free, heappop(busy)[1])
            row = heappop(free) if free else len(labels)
            if row == len(labels):
                labels.append("")
            heappush(busy, (ends[key][1], row))
            rows[key[1], worker] = row
            labels[row] = " …" if labels[row] else f" {names[key[1]]}"
        labels[base:] = [label.replace(" …", "") for label in labels[base:]]
        labels[base] = (f"worker {worker}:" if worker >= 0 else "unknown:") + labels[base]
    return rows, [label.removesuffix(":").strip() for label in labels]

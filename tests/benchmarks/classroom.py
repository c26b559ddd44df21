"""A class of 1,000: their files read and checked, and drawn."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from course_lib.lesson.classroom import pool, pretend
from tests.benchmarks.table import Row


def rows(quick: bool = False) -> list[Row]:
    """Pool 1,000 files; the peer is json, which reads them and checks nothing."""
    bare, whole = [], []
    with tempfile.TemporaryDirectory() as folder:
        pretend(folder, 1000)
        for _ in range(2 if quick else 7):
            start = time.perf_counter()
            for path in Path(folder).glob("*.json"):
                json.loads(path.read_bytes())
            bare.append(time.perf_counter() - start)
            start = time.perf_counter()
            pool(folder)._repr_mimebundle_()
            whole.append(time.perf_counter() - start)
    return [
        Row("1,000 files, json alone", "s", bare),
        Row("1,000 files, pool and its picture", "s", whole, 2.0),
    ]

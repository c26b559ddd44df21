"""A trace as a file, and back: JSON, which any program can read, and which can't run anything.

Python writes a float with as many digits as it takes to read the same float back, so times come
back to the last bit. A schema checks the frame; the columns, up to millions of cells, are checked
here, for a schema would take a minute.
"""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from course_lib import files
from course_lib.files import Newer, Unfit
from course_lib.trace import KIND as SPAN_KIND
from course_lib.trace import KINDS, Trace

__all__ = ["load", "save"]

KIND, VERSION = "course_lib trace", 1
SCHEMA = Path(__file__).with_name("trace.schema.json")
FACTS = ("model", "workers", "cores", "usable_cores", "cpu", "end", "others", "causes")
TIMES = ("cpu", "end", "others")
INDEXES = ("task", "worker", "core")
ORDER = {
    "tasks": ("name", "arrival", "start", "finish", "cpu"),
    "spans": (*INDEXES, "start", "stop", "kind"),
}


def save(trace: Trace, path: Path) -> None:
    """Write a trace to a file; see `Trace.save`."""
    if path.exists():
        try:
            files.read(path, SCHEMA, VERSION)
        except (Unfit, Newer) as error:
            raise FileExistsError(
                f"{path} can't be written: a file that isn't a trace of this version stands there "
                f"({error}). Choose another name"
            ) from error
    try:
        files.write(path, _dumped(trace))
    except OSError as error:
        error.add_note(f"The trace wasn't saved as {path}.")
        raise


def load(path: Path) -> Trace:
    """Read a trace from a file; see `Trace.load`."""
    try:
        return _trace(files.read(path, SCHEMA, VERSION))
    except (Unfit, Newer) as error:
        raise ValueError(f"{path} can't be loaded as a trace: {error}") from error


def _dumped(trace: Trace) -> str:
    facts = {name: getattr(trace, name) for name in FACTS}
    content = {
        "kind": KIND,
        "version": VERSION,
        **{name: _cell(value) if name in TIMES else value for name, value in facts.items()},
        **{table: _columns(getattr(trace, table)) for table in ("tasks", "spans")},
        "outcomes": trace.outcomes,
        "queued": [_cell(seconds) for seconds in trace.queued],
        "results": [_result(value) for value in trace.results],
    }
    try:  # a column a line: a person can look into it
        lines = (
            f" {json.dumps(key)}: {json.dumps(content[key], allow_nan=False)}" for key in content
        )
        return "{\n" + ",\n".join(lines) + "\n}\n"
    except ValueError as error:
        raise ValueError(f"a trace with an infinite time can't be saved: {error}") from error


def _columns(table: Any) -> dict[str, list[Any]]:
    columns = {}
    for name in table.dtype.names:
        cells = table[name].tolist()
        columns[name] = [_cell(x) for x in cells] if table.dtype[name].kind == "f" else cells
    return columns


def _cell(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _result(value: Any) -> dict[str, Any]:
    """Return what JSON can hold of a result: the value, if it comes back equal, else its text."""
    with contextlib.suppress(Exception):  # whatever the learner's objects do
        if bool(json.loads(json.dumps(value, allow_nan=False)) == value):
            return {"value": value}
    with contextlib.suppress(Exception):
        return {"text": repr(value)}
    return {"text": f"<{type(value).__name__}>"}


def _trace(content: dict[str, Any]) -> Trace:
    names, outcomes = content["tasks"]["name"], content["outcomes"]
    kinds, results = content["spans"]["kind"], content["results"]
    _only(names, "tasks.name", str)
    _only(outcomes, "outcomes", str)
    if unknown := set(map(str, kinds)) - set(KINDS):
        raise Unfit(f"at spans.kind: {min(unknown)!r} is none of {', '.join(KINDS)}")
    if not all(isinstance(each, dict) and each.keys() in ({"value"}, {"text"}) for each in results):
        raise Unfit("at results: each must hold a value or a text")
    _only(waits := content["queued"], "queued", float, int, type(None))
    width = max(map(len, names), default=1) or 1
    tasks = _table("tasks", content["tasks"], {"name": f"U{width}"})
    spans = _table("spans", content["spans"], {"kind": SPAN_KIND} | dict.fromkeys(INDEXES, "i4"))
    for what, cells in (("outcomes", outcomes), ("results", results), ("queued", waits)):
        if len(cells) != len(tasks):
            raise Unfit(f"it has {len(tasks)} tasks, but {len(cells)} {what}")
    if len(spans) and not 0 <= spans["task"].min() <= spans["task"].max() < len(tasks):
        raise Unfit(f"at spans.task: there are tasks 0 to {len(tasks) - 1} only")
    if np.isnan(spans["start"]).any() or np.isnan(spans["stop"]).any():
        raise Unfit("at spans: each must have a start and a stop")
    facts = {name: content[name] for name in FACTS}
    try:
        facts |= {name: math.nan if facts[name] is None else float(facts[name]) for name in TIMES}
        if facts["usable_cores"] is not None:
            facts["usable_cores"] = float(facts["usable_cores"])
    except OverflowError as error:
        raise Unfit(f"at {', '.join(TIMES)} or usable_cores: {error}") from error
    values = tuple(each["value"] if "value" in each else each["text"] for each in results)
    queued = tuple(math.nan if wait is None else float(wait) for wait in waits)
    return Trace(tasks, spans, values, tuple(outcomes), queued=queued, **facts)


def _table(what: str, columns: dict[str, list[Any]], types: dict[str, str]) -> Any:
    """Return columns as a structured array; those whose type isn't given hold floats, or null."""
    if len(lengths := {len(cells) for cells in columns.values()}) != 1:
        raise Unfit(f"at {what}: its columns have different lengths, {sorted(lengths)}")
    table = np.empty(lengths.pop(), [(name, types.get(name, "f8")) for name in ORDER[what]])
    for name, cells in columns.items():
        if name in INDEXES:
            _only(cells, f"{what}.{name}", int)
        elif name not in types:
            _only(cells, f"{what}.{name}", float, int, type(None))
        try:
            table[name] = cells
        except OverflowError as error:
            raise Unfit(f"at {what}.{name}: {error}") from error
    return table


def _only(cells: list[Any], where: str, *allowed: type) -> None:
    wrong = set(map(type, cells)) - set(allowed)
    if wrong:
        words = ", ".join(sorted(kind.__name__ for kind in wrong))
        raise Unfit(f"at {where}: it may hold {allowed[0].__name__}s, but not {words}")

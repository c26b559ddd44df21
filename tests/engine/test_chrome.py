"""The export is as the Trace Event format wants it, and says what the trace says."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from course_lib import Task, Trace, compute, observe, run, simulate, wait
from course_lib.chrome import events

nan = math.nan

#: What of the Trace Event format is used here, as its text has it.
COMMON = {
    "name": {"type": "string", "minLength": 1},
    "pid": {"type": "integer", "minimum": 0},
    "tid": {"type": "integer", "minimum": 0},
    "ts": {"type": "number", "minimum": 0},
}
NAMES = {"process_name": "name", "thread_name": "name", "thread_sort_index": "sort_index"}


def phase(letter: str, **more: Any) -> dict[str, Any]:
    properties = {"ph": {"const": letter}, **COMMON, **more}
    required = [name for name in properties if name not in ("cname", "args")]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


SCHEMA = {
    "type": "object",
    "required": ["traceEvents"],
    "properties": {
        "displayTimeUnit": {"enum": ["ms", "ns"]},
        "traceEvents": {
            "type": "array",
            "items": {
                "oneOf": [
                    phase(
                        "M", name={"enum": [*NAMES]}, args={"type": "object", "minProperties": 1}
                    ),
                    phase(
                        "X",
                        dur={"type": "number", "minimum": 0},
                        cat={"type": "string"},
                        cname={"type": "string"},
                        args={"type": "object"},
                    ),
                    phase(
                        "C",
                        args={
                            "type": "object",
                            "minProperties": 1,
                            "additionalProperties": {"type": "number", "minimum": 0},
                        },
                    ),
                    phase("b", cat={"type": "string"}, id={"type": "integer"}),
                    phase("e", cat={"type": "string"}, id={"type": "integer"}),
                ]
            },
        },
    },
}

MADE = Trace.build(
    [("A", 0, 0, 3, 1.0), ("B", 0, 1, 4, 2.0), ("C", 0, nan, nan, nan)],
    [
        (0, 0, 0, 0, 1, "run"),
        (0, 0, -1, 1, 2, "ready"),
        (0, 0, -1, 2, 3, "wait"),
        (1, 1, 1, 1, 4, "call"),
        (0, 0, -1, 1.5, 2.5, "held"),
    ],
    cpu=3.0,
    end=4.0,
    model="made",
)


def exported(trace: Trace, folder: Path) -> list[dict[str, Any]]:
    """Return the events that were written; they fit the format."""
    trace.to_chrome(folder / "trace.json")
    content = json.loads((folder / "trace.json").read_text("utf-8"))
    Draft202012Validator(SCHEMA).validate(content)
    written: list[dict[str, Any]] = content["traceEvents"]
    timed = [event["ts"] for event in written if event["ph"] != "M"]
    assert timed == sorted(timed)
    for event in written:
        if event["ph"] == "M":
            assert NAMES[event["name"]] in event["args"]
    return written


def slices(written: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (event["name"], event["cat"], event["tid"], event["ts"], event["dur"])
        for event in written
        if event["ph"] == "X"
    ]


def nested(written: list[dict[str, Any]]) -> None:
    """Assert that no two slices of a thread cross: viewers would draw them wrong."""
    threads = defaultdict(list)
    for _, _, thread, start, lasts in slices(written):
        threads[thread].append((start, start + lasts))
    for mine in threads.values():
        open_until: list[float] = []
        for start, stop in sorted(mine, key=lambda pair: (pair[0], -pair[1])):
            while open_until and open_until[-1] <= start + 1e-6:
                open_until.pop()
            assert not open_until or stop <= open_until[-1] + 1e-6
            open_until.append(stop)


def counter(written: list[dict[str, Any]], name: str) -> list[tuple[float, float]]:
    return [(e["ts"], e["args"][name]) for e in written if e["ph"] == "C" and e["name"] == name]


def test_spans_are_slices_in_microseconds(tmp_path: Path) -> None:
    assert slices(exported(MADE, tmp_path)) == [
        ("A", "run", 1, 0, 1e6),
        ("A: ready", "ready", 1, 1e6, 1e6),
        ("B: call", "call", 2, 1e6, 3e6),
        ("A: wait", "wait", 1, 2e6, 1e6),
    ]


def test_what_overlaps_has_two_ends_instead(tmp_path: Path) -> None:
    ends = [(e["ph"], e["ts"]) for e in exported(MADE, tmp_path) if e.get("cat") == "held"]
    assert ends == [("b", 1.5e6), ("e", 2.5e6)]


def test_rows_have_the_names_of_the_timeline(tmp_path: Path) -> None:
    written = exported(MADE, tmp_path)
    names = {e["tid"]: e["args"]["name"] for e in written if e["name"] == "thread_name"}
    assert names == {1: "worker 0: A", 2: "worker 1: B"}
    [process] = [e["args"]["name"] for e in written if e["name"] == "process_name"]
    assert process == f"made: {MADE.numbers}"


def test_counters_say_what_the_numbers_say(tmp_path: Path) -> None:
    written = exported(MADE, tmp_path)
    assert counter(written, "in flight") == [
        (0, 1), (1e6, 2), (1.5e6, 1), (2.5e6, 2), (3e6, 1), (4e6, 0),
    ]  # fmt: skip
    assert counter(written, "cores busy") == [(0, 1), (1e6, 0.667), (4e6, 0)]


def mean(steps: list[tuple[float, float]], lasts: float) -> float:
    at, values = np.array(steps).T
    return float(np.sum(np.diff(at) * values[:-1]) / 1e6 / lasts)


@pytest.mark.parametrize("model", ["sequential", "threads", "async", "processes"])
def test_a_run_is_exported(model: str, tmp_path: Path) -> None:
    tasks = [Task(name, compute(0.03), wait(0.02), compute(0.01)) for name in "ABC"]
    trace = run(tasks, model)
    written = exported(trace, tmp_path)
    nested(written)
    assert len(slices(written)) == len(trace.spans)
    in_flight = mean(counter(written, "in flight"), trace.makespan)
    assert in_flight == pytest.approx(trace.concurrency, rel=0.02)
    known = mean(counter(written, "cores busy"), trace.makespan)
    assert known == pytest.approx(float(trace.tasks["cpu"].sum()) / trace.makespan, rel=0.02)


def test_an_observed_program_is_exported(tmp_path: Path) -> None:
    import asyncio

    async def one() -> None:
        await asyncio.sleep(0.01)
        sum(range(10_000))

    async def main() -> None:
        await asyncio.gather(*(one() for _ in range(20)))

    with observe() as trace:
        asyncio.run(main())
    written = exported(trace, tmp_path)
    nested(written)
    in_flight = mean(counter(written, "in flight"), trace.makespan)
    assert in_flight == pytest.approx(trace.concurrency, rel=0.02)


def test_a_trace_of_nothing_is_exported(tmp_path: Path) -> None:
    assert not slices(exported(Trace.build([], [], cpu=0.0, end=0.0, model="made"), tmp_path))


def test_an_export_may_be_replaced_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    MADE.to_chrome(file)
    MADE.to_chrome(str(file))
    MADE.save(tmp_path / "saved.json")
    before = (tmp_path / "saved.json").read_bytes()
    with pytest.raises(FileExistsError, match=r"saved\.json can't be written"):
        MADE.to_chrome(tmp_path / "saved.json")
    assert (tmp_path / "saved.json").read_bytes() == before
    with pytest.raises(FileExistsError, match="isn't a trace"):
        MADE.save(file)


def test_events_are_in_the_order_of_time_after_the_names() -> None:
    phases = [event["ph"] for event in events(MADE)]
    assert phases == sorted(phases, key=lambda letter: letter != "M")


def test_a_simulated_machine_is_exported_with_its_switches(tmp_path: Path) -> None:
    tasks = [Task("A", compute(0.02)), Task("B", compute(0.02))]
    written = exported(simulate(tasks, policy="rr", quantum=0.01, switch_cost=0.001), tmp_path)
    assert sum(event.get("cat") == "switch" for event in written) == 3
    nested(written)

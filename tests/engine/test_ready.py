"""What a ready task waited for: counted right, told where the system tells, and said in words."""

from __future__ import annotations

import math
import os
import sys
import threading
from typing import Any

import pytest

from course_lib import Task, Trace, compute, machine, run, wait
from course_lib.ready import CORE, GIL, LOOP, QUOTA, UNKNOWN, causes, queued, threads

LINUX = sys.platform == "linux" and os.path.exists("/proc/self/schedstat")
TRIES = 8


def made(**facts: Any) -> Trace:
    spans = [(0, 0, -1, 0.0, 0.3, "ready"), (0, 0, 0, 0.3, 1.0, "run")]
    rows = [("A", 0.0, 0.0, 1.0, 0.7)]
    return Trace.build(rows, spans, **{"cpu": 0.7, "end": 1.0, "model": "made", **facts})


def test_what_is_no_wait_for_a_core_is_the_rest() -> None:
    assert causes([0.3], [0.1], 0.0, GIL) == {CORE: 0.1, QUOTA: 0, GIL: pytest.approx(0.2)}


def test_a_task_waits_for_a_core_no_longer_than_it_is_ready() -> None:
    assert causes([0.3, 0.0], [0.5, 9.0], 0.0, GIL) == {CORE: 0.3, QUOTA: 0, GIL: 0}


def test_a_quota_is_why_there_is_no_core() -> None:
    assert causes([0.3], [0.2], 0.15, GIL) == {
        CORE: pytest.approx(0.05),
        QUOTA: 0.15,
        GIL: pytest.approx(0.1),
    }
    assert causes([0.3], [0.2], 7.0, GIL) == {CORE: 0, QUOTA: 0.2, GIL: pytest.approx(0.1)}


def test_what_the_system_does_not_tell_is_not_guessed() -> None:
    assert causes([0.3], [math.nan], 0.1, GIL) is None
    assert causes([], [], 0.0, GIL) is None
    assert causes([0.3, 0.2], [math.nan, 0.2], 0.0, GIL) == {
        CORE: 0.2,
        QUOTA: 0,
        GIL: 0,
        UNKNOWN: 0.3,
    }


def test_the_sentence_names_the_greatest_first_and_none_that_is_nothing() -> None:
    said = "Ready, but not running: 0.30 s. Waiting for the GIL 0.20 s, for a core 0.10 s."
    trace = made(causes={CORE: 0.1, QUOTA: 0.001, GIL: 0.2})
    assert trace.why_ready == said
    assert trace.table().count(said) == 1
    assert "this system doesn't tell" in made().why_ready


def test_causes_too_short_to_be_told_are_not() -> None:
    trace = made(causes={CORE: 0.003, QUOTA: 0.0, GIL: 0.003})
    assert trace.why_ready == "Ready, but not running: 0.30 s."


def test_nothing_is_said_where_nothing_was_ready() -> None:
    trace = Trace.build([("A", 0, 0, 1, 1)], [], cpu=1.0, end=1.0, model="made", causes={CORE: 0.0})
    assert trace.why_ready == ""
    assert "Ready" not in trace.table()


def test_the_time_in_the_queue_only_grows() -> None:
    if LINUX:
        seen = [queued() for _ in range(100)]
        assert seen == sorted(seen) and seen[0] >= 0
        mine = threads([os.getpid()])
        assert threading.get_native_id() in mine
        assert mine[threading.get_native_id()][1] >= seen[-1]
        assert threads([2**22 + 1]) == {}
    else:
        assert math.isnan(queued())
        assert not threads([os.getpid()])


def test_looking_does_not_let_go_of_the_gil() -> None:
    """A thread that counts must not get a turn meanwhile."""
    before = sys.getswitchinterval()
    counts, stop = [0], threading.Event()

    def count() -> None:
        while not stop.is_set():
            counts[0] += 1

    thread = threading.Thread(target=count)
    sys.setswitchinterval(0.5)
    try:
        thread.start()
        # This thread got the GIL by a release of the other's, and keeps it for half a second.
        seen = counts[0]
        for _ in range(200):
            queued()
        assert counts[0] == seen or not machine().gil
    finally:
        stop.set()
        sys.setswitchinterval(before)
        thread.join()


def share(trace: Trace, what: str) -> float:
    """Return which part of the ready time was a wait for this."""
    assert trace.causes is not None
    ready = float(trace.lasting("ready").sum())
    assert sum(trace.causes.values()) == pytest.approx(ready, abs=1e-6)
    return trace.causes[what] / ready if ready else 0.0


def tasks(*steps: Any) -> list[Task]:
    return [Task(name, *steps) for name in "ABCD"]


def test_what_a_run_waited_for_is_told_where_the_system_tells() -> None:
    if not LINUX:
        assert all(run(tasks(compute(0.05)), m).causes is None for m in ("threads", "async"))
        return
    by_turns = tasks(compute(0.05), wait(0.02), compute(0.05))
    if machine().gil:
        assert any(share(run(by_turns, "threads"), GIL) > 0.5 for _ in range(TRIES))
    assert any(share(run(by_turns, "async"), LOOP) > 0.5 for _ in range(TRIES))
    native = tasks(compute(0.1, "native"))
    assert any(share(run(native, "threads", cores=1), CORE) > 0.5 for _ in range(TRIES))
    trace = run(by_turns, "processes", 2, cores=1)
    assert share(trace, CORE) > 0.5
    assert all(seconds >= 0 for seconds in trace.queued)

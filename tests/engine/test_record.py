"""The recorder, on a clock that the test sets: which spans it makes of which ticks."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Coroutine, Generator, Iterator
from itertools import pairwise
from time import perf_counter_ns
from typing import Any

import pytest

from course_lib import compute, wait
from course_lib.models.stage import gaps_filled, outcome
from course_lib.record import (
    CALL,
    RUN,
    WAIT,
    Lost,
    Record,
    Recorder,
    Stepwise,
    Stopped,
    clock,
    this_core,
)
from course_lib.tasks import Pace

PACE = Pace(python=5e-5, native=1e-4)  # a chunk of Python code is one round of 50 µs here
room = importlib.import_module("course_lib.record")
Span = tuple[int, int, str, int]


class Time:
    """A clock that goes on by 50 µs whenever it is read, and further where the test says so."""

    def __init__(self) -> None:
        self.now = self.reads = 0
        self.jumps: dict[int, int] = {}  # at which reading, by how many nanoseconds more

    def __call__(self) -> int:
        self.reads += 1
        self.now += 50_000 + self.jumps.get(self.reads, 0)
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    set_by_hand = Time()
    monkeypatch.setattr(room, "clock", set_by_hand)
    monkeypatch.setattr(room, "tick", lambda: set_by_hand() / 1e9)
    monkeypatch.setattr(room, "this_core", lambda: 3)
    return set_by_hand


@pytest.fixture(autouse=True)
def _switch_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.005)
    yield
    sys.setswitchinterval(before)


def recorder(stop: bytearray | None = None) -> Recorder:
    return Recorder(7, 2, PACE, bytearray(1) if stop is None else stop)


def test_the_clock_is_the_one_that_all_processes_share() -> None:
    assert clock() <= perf_counter_ns() <= clock()


def test_a_record_knows_its_task_its_worker_and_its_times(time: Time) -> None:
    record = recorder().perform((lambda: 1, lambda: "result"))
    assert (record.index, record.worker, record.value, record.error) == (7, 2, "result", None)
    assert record.start is not None and record.finish is not None
    assert record.start < record.finish <= time.now
    assert [span[2] for span in record.spans] == [CALL, CALL]


def test_ticks_that_follow_each_other_closely_are_one_span(time: Time) -> None:
    record = recorder().perform((compute(0.005),))
    [(begin, stop, kind, core)] = record.spans
    assert (kind, core) == (RUN, 3)
    assert stop - begin == 100 * 50_000  # 100 chunks


def test_a_gap_between_two_ticks_says_that_it_was_kept_from_running(time: Time) -> None:
    time.jumps = {40: 7_000_000}
    record = recorder().perform((compute(0.005),))
    first, second = record.spans
    assert second[0] - first[1] == 7_050_000
    assert (first[1] - first[0]) + (second[1] - second[0]) == 99 * 50_000


def test_a_pause_under_a_millisecond_is_no_gap(time: Time) -> None:
    time.jumps = {40: 900_000}
    record = recorder().perform((compute(0.005),))
    assert len(record.spans) == 1


def test_a_new_core_begins_a_new_span(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    cores = iter([0, 0, 0, 5, 5, 5, 5, 5])
    monkeypatch.setattr(room, "this_core", lambda: next(cores))
    record = recorder().perform((compute(0.015),))
    assert [span[3] for span in record.spans] == [0, 5]
    assert record.spans[0][1] == record.spans[1][0]


def test_chunks_too_coarse_for_the_switch_interval_are_not_drawn_as_running(time: Time) -> None:
    sys.setswitchinterval(1e-4)
    record = recorder().perform((compute(0.001),))
    assert {span[2] for span in record.spans} == {"blur"}


def test_native_chunks_are_drawn_as_running_all_the_same(time: Time) -> None:
    sys.setswitchinterval(1e-4)
    record = recorder().perform((compute(0.001, "native"),))
    assert {span[2] for span in record.spans} == {RUN}


def test_nothing_to_compute_takes_no_time(time: Time) -> None:
    record = recorder().perform((compute(0),))
    assert all(stop == begin for begin, stop, _, _ in record.spans)
    assert record.error is None


def test_a_task_that_shall_stop_does_so_after_a_few_chunks(time: Time) -> None:
    record = recorder(stop=bytearray(b"\1")).perform((compute(1000), lambda: 1))
    assert isinstance(record.error, Stopped)
    assert time.reads < 100
    assert record.value is None and record.finish is not None
    assert [span[2] for span in record.spans] == [RUN]


def test_a_wait_that_shall_stop_does_so() -> None:
    record = recorder(stop=bytearray(b"\1")).perform((wait(1000),))
    assert isinstance(record.error, Stopped)
    [(begin, stop, what, core)] = record.spans
    assert (what, core) == (WAIT, -1)
    assert stop - begin < 100e9


def test_a_wait_is_at_least_as_long_as_it_says() -> None:
    record = recorder().perform((wait(0.02),))
    [(begin, stop, what, _)] = record.spans
    assert what == WAIT
    assert stop - begin == 20_000_000
    assert record.start is not None and record.finish is not None
    assert record.start <= begin and stop <= record.finish


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_an_error_is_kept_and_ends_the_task(error: type[BaseException], time: Time) -> None:
    def fail() -> None:
        raise error("no")

    reached: list[int] = []
    record = recorder().perform((compute(0.001), fail, lambda: reached.append(1)))
    assert type(record.error) is error
    assert record.finish is not None and not reached
    assert [span[2] for span in record.spans] == [RUN, CALL]


def test_only_the_thread_that_works_is_charged_for_it() -> None:
    record = recorder().perform((wait(0.02),))
    assert record.cpu == 0
    record = Recorder(0, 0, Pace(1e-7, 1e-4), bytearray(1)).perform((compute(0.02),))
    assert record.cpu > 0


def test_the_core_is_a_number_or_unknown() -> None:
    assert this_core() >= -1


# Coroutines -----------------------------------------------------------------------------------------


class Pause:
    """What an event loop sees of an `await`: something that is yielded."""

    def __await__(self) -> Generator[str, str, str]:
        return (yield "paused")


async def two_pauses() -> list[str]:
    return [await Pause(), await Pause()]


async def one_pause_that_may_fail() -> str:
    try:
        return await Pause()
    except KeyError as error:
        return f"caught {error.args[0]}"


def drive(stepwise: Stepwise, *answers: Callable[[Stepwise], Any]) -> Any:
    """Do what an event loop does: send and throw until the coroutine returns."""
    assert stepwise.send(None) == "paused"
    try:
        for answer in answers:
            answer(stepwise)
    except StopIteration as end:
        return end.value
    raise AssertionError("the coroutine isn't done")


def test_a_coroutine_in_a_wrapping_does_what_it_did(time: Time) -> None:
    assert drive(Stepwise(two_pauses()), lambda c: c.send("a"), lambda c: c.send("b")) == ["a", "b"]
    assert (
        drive(Stepwise(one_pause_that_may_fail()), lambda c: c.throw(KeyError("x"))) == "caught x"
    )


def test_its_steps_run_and_between_them_it_waits(time: Time) -> None:
    stepwise = Stepwise(two_pauses())
    drive(stepwise, lambda c: c.send("a"), lambda c: c.send("b"))
    spans = stepwise.spans()
    assert [span[2] for span in spans] == [RUN, WAIT, RUN, WAIT, RUN]
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    assert spans[-1][1] - spans[0][0] == 5 * 50_000


def test_a_wrapping_passes_for_the_coroutine_inside() -> None:
    inside = two_pauses()
    outside = Stepwise(inside)
    assert isinstance(outside, Coroutine)
    assert outside.cr_code is two_pauses.__code__ and outside.__qualname__ == "two_pauses"
    outside.close()
    with pytest.raises(RuntimeError, match="cannot reuse"):  # it is closed
        inside.send(None)
    assert outside.spans() == []


# From a record to what is drawn -----------------------------------------------------------------------


def filled(spans: list[Span], start: int | None, finish: int | None, end: int) -> list[Span]:
    return list(gaps_filled(Record(0, 0, start, finish, spans=spans), end))


def test_what_lies_between_two_spans_is_ready() -> None:
    run, later = (5_000_000, 8_000_000, RUN, 0), (13_000_000, 14_000_000, RUN, 1)
    assert filled([run, later], 0, 19_000_000, 30_000_000) == [
        (0, 5_000_000, "ready", -1),
        run,
        (8_000_000, 13_000_000, "ready", -1),
        later,
        (14_000_000, 19_000_000, "ready", -1),
    ]


def test_short_pauses_are_not_drawn() -> None:
    spans = [(50_000, 3_000_000, RUN, 0), (3_100_000, 9_000_000, WAIT, -1)]
    assert filled(spans, 0, 9_100_000, 20_000_000) == spans


def test_a_task_of_which_nothing_is_heard_was_in_some_function() -> None:
    assert filled([], 0, None, 20_000_000) == [(0, 20_000_000, CALL, -1)]


def test_while_other_workers_work_for_a_task_it_is_not_ready() -> None:
    parts = [Record(0, n, 2_000_000, 9_000_000) for n in (1, 2)]
    whole = Record(0, 0, 0, 15_000_000, spans=[(10_000_000, 11_000_000, WAIT, -1)], parts=parts)
    assert list(gaps_filled(whole, None)) == [
        (0, 2_000_000, "ready", -1),
        (10_000_000, 11_000_000, WAIT, -1),
        (11_000_000, 15_000_000, "ready", -1),
    ]


def test_a_task_that_never_started_has_no_span() -> None:
    assert filled([], None, None, 20_000_000) == []


def test_an_outcome_says_how_a_task_ended() -> None:
    assert outcome(Record(0, 0, None)) == "never started"
    assert outcome(Record(0, 0, 5)) == "still running"
    assert outcome(Record(0, 0, 5, 6)) == "done"
    assert outcome(Record(0, 0, 5, 6, error=Stopped())) == "stopped"
    assert outcome(Record(0, 0, 5, 6, error=KeyError("x"))) == "KeyError: 'x'"
    assert outcome(Record(0, 0, 5, None, error=Lost())) == "its worker died"


def test_a_task_computes_for_as_long_as_its_chunks_take(time: Time) -> None:
    steps = compute(0.001), compute(0.002, "native")
    record = recorder().perform(steps)
    chunks = sum(PACE.chunks(step)[2] for step in steps)
    assert sum(stop - begin for begin, stop, _, _ in record.spans) == chunks * 50_000

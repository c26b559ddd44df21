"""What the recorder's tick costs, beside other recorders of the same loop.

The loop does the chunks of one compute step. What differs is who watches: nobody, the course's
recorder, or a profiler. They take short turns. What disturbs a turn, such as others on the same core,
only makes it slower: so in a *batch* of turns each one's quickest counts, and that is one figure.

There are two loops. Chunks of 5 µs are the smallest that the course uses, and tell by how much it
is slowed; but their own time varies by more than a tick takes. With chunks of a single round the
tick stands out, and tells what it costs. Most of it is to read the clock, which some machines do
more slowly than others: so that has a row of its own.
"""

from __future__ import annotations

import contextlib
import cProfile
import math
import sys
import time
from collections.abc import Callable, Iterator

from viztracer import VizTracer

from course_lib.record import Recorder
from course_lib.tasks import Pace, calibrate, compute
from tests.benchmarks.table import Row

CHUNK = 5e-6  # seconds
STEP = compute(400 * CHUNK)
NOBODY, COURSE, CPROFILE, VIZTRACER = "nobody watching", "course_lib", "cProfile", "viztracer"
CLOCK = "the clock read, no more"

Turn = Callable[[], int]  # does the loop once; returns its nanoseconds


def bare(work: Callable[[int], object], amount: int, chunks: int) -> None:
    """Do what `Recorder.compute` does, without looking at anything."""
    while chunks > 0:
        for _ in range(min(chunks, 20)):
            work(amount)
        chunks -= 20


def turns(pace: Pace) -> dict[str, Turn]:
    """Return a turn of the unwatched loop, and one of each watcher."""
    work, amount, chunks = pace.chunks(STEP)
    clock = time.perf_counter_ns
    tracer = VizTracer(verbose=0, tracer_entries=100_000)  # not `with`: that writes a file

    def unwatched() -> int:
        start = clock()
        bare(work, amount, chunks)
        return clock() - start

    def recorded() -> int:
        recorder = Recorder(0, 0, pace, bytearray(1))
        start = clock()
        recorder.compute(STEP)
        return clock() - start

    def read() -> int:
        start, left, look = clock(), chunks, time.perf_counter
        while left > 0:
            for _ in range(min(left, 20)):
                work(amount)
                look()
            left -= 20
        return clock() - start

    def profiled() -> int:
        with cProfile.Profile():
            return unwatched()

    def traced() -> int:
        tracer.start()
        try:
            return unwatched()
        finally:
            tracer.stop()
            tracer.clear()

    watchers = {CLOCK: read, COURSE: recorded, CPROFILE: profiled, VIZTRACER: traced}
    return {NOBODY: unwatched, **watchers}


def batch(players: dict[str, Turn], rounds: int) -> dict[str, float]:
    """Return nanoseconds a chunk: of the unwatched loop, and what each watcher adds to them."""
    chunks = STEP.seconds / CHUNK
    quickest = dict.fromkeys(players, math.inf)
    for number in range(rounds):
        for name in list(players)[:: -1 if number % 2 else 1]:  # forth and back: drift falls out
            quickest[name] = min(quickest[name], players[name]() / chunks)
    return {
        name: figure - (0 if name == NOBODY else quickest[NOBODY])
        for name, figure in quickest.items()
    }


def pace_now(rounds: int) -> Pace:
    """Return the pace at which a chunk takes `CHUNK`: calibrated, then corrected by a trial."""
    first = calibrate()
    trial = batch(turns(first), rounds)[NOBODY]
    return Pace(first.python * trial / (CHUNK * 1e9), first.native)


@contextlib.contextmanager
def smallest_chunks() -> Iterator[None]:
    """Set the switch interval so that `Pace.chunks` cuts chunks of `CHUNK`, and set it back."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(100 * CHUNK)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def rows(quick: bool = False) -> list[Row]:
    """Take turns on both loops; return what is added, in nanoseconds and on 5 µs in percent too."""
    batches, rounds = (2, 2) if quick else (7, 200)
    said = []
    with smallest_chunks():
        one_round = Pace(python=CHUNK, native=CHUNK)  # as if a round took as long as a chunk shall
        players = turns(one_round)
        found = [batch(players, rounds) for _ in range(batches)]
        for name in players:
            aim = 120.0 if name == COURSE else None
            said.append(Row(f"1 round a chunk, {name}", "ns", [each[name] for each in found], aim))

        players = turns(pace_now(rounds))
        found = [batch(players, rounds) for _ in range(batches)]
        for name in players:
            said.append(Row(f"5000 ns a chunk, {name}", "ns", [each[name] for each in found]))
        for name in list(players)[1:]:
            share = [100 * each[name] / each[NOBODY] for each in found]
            said.append(
                Row(f"5000 ns a chunk, {name}", "%", share, 2.5 if name == COURSE else None)
            )
    return said

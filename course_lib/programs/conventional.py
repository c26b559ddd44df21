"""How the models are usually rated, beside what was measured here, and why the two may differ."""

from __future__ import annotations

import math
from collections.abc import Sequence

from course_lib.machine import machine
from course_lib.programs.ratings import WAITS, Rating
from course_lib.tables import Sheet
from course_lib.trace import WALL

__all__ = ["CONVENTIONAL", "beside"]

#: As the models are usually rated: name, concurrency, parallelism, use.
CONVENTIONAL = {
    "async": ("async/await", "high", "none to low", "I/O, web servers"),
    "own loop": ("event loop", "high", "none", "servers, GUIs"),
    "threads": ("thread pool", "medium", "high", "CPU-bound, batch"),
    "fork_join": ("fork/join", "medium", "high", "divide and conquer"),
    "simd": ("SIMD and GPU", "low", "very high", "data, science"),
    "actors": ("actors", "very high", "medium", "distributed systems"),
    "csp": ("CSP", "high", "high", "general"),
}
THREADED = ("threads", "fork_join", "actors", "csp")


def beside(ratings: Sequence[Rating]) -> Sheet:
    """Put the usual rating beside the measured one, for the models that have a usual one."""
    rows = []
    for one in ratings:
        if one.model in CONVENTIONAL:
            name, concurrency, parallelism, use = CONVENTIONAL[one.model]
            here = f"{one.in_flight:.1f} of {WAITS}" if one.model != "simd" else "1 operation"
            if not math.isnan(one.memory):
                here += f", {one.memory / 1e3:.1f} kB each"
            python = "–" if math.isnan(one.python) else f"{one.python:.2f}"
            cores = f"{python} in Python, {one.native:.2f} in C"
            rows.append((name, use, concurrency, here, parallelism, cores, why(one)))
    head = ("model", "use", "concurrency, usually", "in flight, here")
    more = ("parallelism, usually", "cores busy, here", "as rated? if not, why")
    noise = next((f"{one.model}: {one.noise}" for one in ratings if one.noise), "")
    return Sheet("the usual rating, and what was measured here", (*head, *more), tuple(rows), noise)


def why(one: Rating) -> str:
    """Say whether the parallelism was as usually rated, and if not, why."""
    if one.model not in THREADED:
        if one.model == "simd":
            return "lanes inside a core aren't cores: a stopwatch sees them"
        return "as rated: one thread" if max(one.python, one.native) <= WALL else "more than rated"
    if one.python > WALL:
        said = "as rated" if one.model != "actors" else "parallel, as far as there are threads"
    elif one.native > WALL:
        said = "only in C: " + (
            "for Python code, the GIL" if machine().gil else "others had the cores"
        )
    elif machine().usable_cores <= WALL:
        said = "not here: one usable core"
    else:
        said = "not in this run: others had the cores"
    more = {
        "actors": "; the scheduler decides: a thread an actor here",
        "csp": "; Go's goroutines share few threads, and need no GIL",
    }
    return said + more.get(one.model, "")

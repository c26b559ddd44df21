"""Why a task that could run doesn't: what Linux tells about it.

For each thread Linux counts the time in which it was ready, but had no core (in `schedstat`, "run
queue wait"), and for each control group the time in which a quota held it back. A thread that
waits for the GIL isn't ready for Linux, it sleeps: so that is what is left of a gap.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

__all__ = ["GIL", "LOOP", "UNKNOWN", "causes", "queued", "threads"]

CORE, QUOTA, GIL = "a core", "the CPU quota", "the GIL"
LOOP, UNKNOWN = "another task on the loop", "something else"


@cache
def _reader() -> Callable[[], bytes] | None:
    """Return a function that reads this thread's schedstat, and keeps the GIL while it does.

    Python's own `open` lets go of the GIL; to get it back may take 5 ms, so that looking at a gap
    would make one.
    """
    if sys.platform != "linux" or not Path("/proc/thread-self/schedstat").exists():
        return None
    try:
        library = ctypes.PyDLL(None)
        open_, read, close = library.open, library.read, library.close
    except (OSError, AttributeError):
        return None

    def reader() -> bytes:
        text = ctypes.create_string_buffer(64)
        file = open_(b"/proc/thread-self/schedstat", 0)
        if file < 0:
            return b""
        read(file, text, 63)
        close(file)
        return text.value

    return reader


def queued() -> float:
    """Return for how many seconds this thread was ready, but had no core; NaN if unknown."""
    reader = _reader()
    words = reader().split() if reader else []
    return int(words[1]) / 1e9 if len(words) == 3 else math.nan


def threads(processes: Iterable[int]) -> dict[int, tuple[float, float]]:
    """Return, by number, what each living thread of these processes used and waited for.

    Returns
    -------
    dict of thread to (CPU seconds, seconds in which it was ready, but had no core)
        Empty where the system doesn't tell.
    """
    found = {}
    for process in processes:
        for file in Path(f"/proc/{process}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError, ValueError):  # it ended meanwhile
                cpu, wait, _ = file.read_text().split()
                found[int(file.parent.name)] = int(cpu) / 1e9, int(wait) / 1e9
    return found


def causes(
    ready: Iterable[float], queued: Iterable[float], throttled: float, rest: str
) -> dict[str, float] | None:
    """Tell apart what ready tasks waited for.

    Parameters
    ----------
    ready, queued : floats, one a task
        Seconds in which it didn't run, though it could; seconds in which it had no core (NaN:
        unknown).
    throttled : float
        Seconds in which a quota held the run back.
    rest : str
        What else such a task waits for, under this model.

    Returns
    -------
    dict of words to seconds; None if the system tells of no task

    Examples
    --------
    >>> causes([0.3, 0.1], [0.1, 0.0], throttled=0.0, rest="the GIL")
    {'a core': 0.1, 'the CPU quota': 0.0, 'the GIL': 0.3}
    """
    pairs = list(zip(ready, queued, strict=True))
    told = [(gap, min(gap, wait)) for gap, wait in pairs if not math.isnan(wait)]
    if not told:
        return None
    core = math.fsum(wait for _, wait in told)
    quota = min(core, throttled)
    found = {CORE: core - quota, QUOTA: quota, rest: math.fsum(gap - wait for gap, wait in told)}
    untold = math.fsum(gap for gap, wait in pairs if math.isnan(wait))
    if untold:
        found[UNKNOWN] = found.get(UNKNOWN, 0.0) + untold
    return found

"""The child process in which a learner's function runs: what `guard` starts, and hears from.

Whatever the function does to its process, it can't do to the notebook: it has another one. The
process ends as soon as its standard input does, so it can't outlive the notebook.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import inspect
import io
import json
import linecache
import os
import pickle
import reprlib
import signal
import struct
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import IO, Any

import psutil

from course_lib.heartbeat import Heart
from course_lib.observe import Observation, observe
from course_lib.trace import Trace

__all__ = ["LENGTH", "main"]

LENGTH = struct.Struct("!Q")  # of the message that follows
GRACE = 0.2  # seconds in which what is about to end may still do so
LONGEST = 4000  # characters of a traceback, or of a value

Facts = dict[str, Any]


def main() -> None:
    """Hear what to run, run it, tell what was seen, end."""
    lifeline, report = os.dup(0), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the program prints goes where its complaints go
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # and nobody is there to answer
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - as long as the process lives
    sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", 0, closefd=False), "utf-8", write_through=True)
    (length,) = LENGTH.unpack(_read(lifeline, LENGTH.size))
    order = pickle.loads(_read(lifeline, length))
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    sys.path[:] = order["path"]
    for file, lines in order["sources"].items():  # cells are in no file, but belong in tracebacks
        linecache.cache[file] = len(lines), None, lines, file
    pid, program, unlimited = os.getpid(), None, _limit(order["room"], order["cpu"])
    stacks = open(order["stacks"], "w", encoding="utf-8")  # noqa: SIM115 - as above
    faulthandler.enable(stacks)
    try:
        program, arguments = pickle.loads(order["program"])
    except Exception as error:  # noqa: BLE001 - whatever the learner's objects do
        facts: Facts = {"ended": "unsendable", "error": _short(error)}
    else:
        sys.modules["__main__"].__dict__.update(_names(program))
        _say(report, {"ready": True})
        faulthandler.dump_traceback_later(order["seconds"], file=stacks)
        facts = perform(program, arguments, heartbeat=order["heartbeat"])
    if os.getpid() != pid:  # a copy that the program has made of itself by os.fork
        os._exit(0)
    faulthandler.cancel_dump_traceback_later()
    unlimited()
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError):  # if the program has closed the pipe
        _say(report, facts)
    os._exit(0)


def _say(report: IO[bytes], facts: Facts) -> None:
    report.write(json.dumps(facts).encode() + b"\n")
    report.flush()


def _read(file: int, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = os.read(file, length - len(parts))
        if not part:
            os._exit(1)  # the notebook is gone
        parts += part
    return bytes(parts)


def _end_with(lifeline: int) -> None:
    """End this process, and all that it has started, when the notebook's side is closed."""
    with contextlib.suppress(OSError):
        os.read(lifeline, 1)
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    child.kill()
        if sys.platform != "win32":
            os.killpg(0, signal.SIGKILL)
        os._exit(1)


def _limit(room: int, cpu: int) -> Callable[[], object]:
    """Limit the memory (bytes more than now) and the CPU seconds; return what lifts the first."""
    lift: Callable[[], object] = int  # nothing to do
    if sys.platform != "win32":
        import resource

        def lower(kind: int, to: int) -> None:
            with contextlib.suppress(OSError, ValueError):
                hard = resource.getrlimit(kind)[1]
                resource.setrlimit(kind, (to if hard < 0 else min(to, hard), hard))

        lower(resource.RLIMIT_CORE, 0)
        lower(resource.RLIMIT_CPU, cpu)  # should nobody be left to stop it
        if sys.platform == "linux":
            before = resource.getrlimit(resource.RLIMIT_AS)
            lower(resource.RLIMIT_AS, psutil.Process().memory_info().vms + room)
            lift = partial(resource.setrlimit, resource.RLIMIT_AS, before)
    return lift


def innermost(program: Any) -> Any:
    """Return the learner's own function, without what stands around it."""
    while (own := getattr(program, "__wrapped__", None)) or isinstance(program, partial):
        program = own or program.func
    return program


def _names(program: Any) -> dict[str, Any]:
    """Return what the program can name: its helpers are looked up in the main module, too."""
    known = getattr(innermost(program), "__globals__", {})
    return {name: value for name, value in known.items() if not name.startswith("__")}


# The run --------------------------------------------------------------------------------------------


def perform(
    program: Callable[..., Any], arguments: tuple[Any, ...], *, heartbeat: bool = False
) -> Facts:
    """Run the program under observation, and return what was seen, in words and numbers."""
    watch, before = observe(), _peak()
    heart: Heart | None = None
    value = error = None
    with watch as trace:
        try:
            value = program(*arguments)
            if inspect.iscoroutine(value):
                heart = Heart() if heartbeat else None
                value = asyncio.run(_beside(value, heart))
        except BaseException as raised:  # noqa: BLE001 - a report is made of it
            error = raised
    facts = _measured(trace, watch)
    facts["grown"] = facts["memory"] - before
    if heart and heart.beats:
        facts["gap"] = heart.gap
    facts |= {"ended": "returned", **_value(value)} if error is None else _failure(error)
    facts["left"] = _left(watch) if error is None else []
    return facts


async def _beside(program: Coroutine[Any, Any, Any], heart: Heart | None) -> Any:
    """Run a coroutine, and a heart beside it if there is one."""
    if heart is None:
        return await program
    async with heart:
        return await program


def _measured(trace: Trace, watch: Observation) -> Facts:
    places = [lane for activity in watch.activities for *_, lane in activity.lanes]
    places += [activity.place for activity in watch.activities if activity.place]
    others = {place[0] for place in places if isinstance(place, tuple)}
    here = any(not isinstance(place, tuple) for place in places[1:]) or not others
    return {
        "concurrency": trace.concurrency,
        "parallelism": trace.parallelism,
        "cpu": trace.cpu,
        "wall": trace.makespan,
        "returned": watch.root.finish,
        "others": trace.others,
        "tasks": len(trace.tasks) - 1,  # the main flow isn't one that it has started
        "processes": len(others) + here,
        "memory": _peak(),
    }


def _peak() -> int:
    """Return the most memory, in bytes, that this process has had."""
    if sys.platform == "linux":  # where `resource` would count what our parent had, too
        with contextlib.suppress(OSError, IndexError, ValueError):
            status = Path("/proc/self/status").read_text()
            return 1024 * int(status.split("VmHWM:")[1].split()[0])
    memory = psutil.Process().memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))


def _value(value: Any) -> Facts:
    facts: Facts = {}
    try:
        facts["result"] = reprlib.repr(value)[:LONGEST]
    except Exception as error:  # noqa: BLE001 - whatever the learner's objects do
        facts["result"] = f"a value that can't be shown ({_short(error)})"
    with contextlib.suppress(Exception):
        text = json.dumps(value)
        facts["value"] = value if len(text) < LONGEST else None
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        facts["lazy"] = "a generator"
    elif isinstance(value, Awaitable):
        facts["lazy"] = "something that nobody has awaited"
    return facts


def _failure(error: BaseException) -> Facts:
    if isinstance(error, MemoryError):
        traceback.clear_frames(error.__traceback__)  # what they hold is needed now
    at, frames = error.__traceback__, []
    while at is not None:
        name = at.tb_frame.f_code.co_filename
        if not name.startswith(OURS) and "site-packages" not in name:
            frames.append((name, at.tb_lineno))
        at = at.tb_next
    file, line = frames[-1] if frames else ("", 0)
    text = "".join(traceback.format_exception(type(error), error, _without_ours(error), limit=-20))
    facts: Facts = {
        "error": _short(error),
        "line": line,
        "code": linecache.getline(file, line).strip(),
        "details": text
        if len(text) < LONGEST
        else f"{text[: LONGEST // 2]}\n…\n{text[-LONGEST // 2 :]}",
    }
    if isinstance(error, SystemExit):
        return {"ended": "exited", **facts}
    return {"ended": "memory" if isinstance(error, MemoryError) else "raised", **facts}


#: Where frames are not the learner's.
OURS = (str(Path(__file__).parents[1]), sysconfig.get_paths()["stdlib"])


def _without_ours(error: BaseException) -> Any:
    """Return the traceback from the learner's first line on."""
    at = error.__traceback__
    while at is not None and at.tb_frame.f_code.co_filename.startswith(OURS):
        at = at.tb_next
    return at or error.__traceback__


def _short(error: BaseException) -> str:
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - whatever the learner's objects do
        said = "(its text can't be shown)"
    return f"{type(error).__name__}: {said}"[:300] if said else type(error).__name__


def _left(watch: Observation) -> list[str]:
    """Name what the program has started and not waited for; what is about to end may do so."""
    end = time.monotonic() + GRACE
    while (left := _running(watch)) and time.monotonic() < end:
        time.sleep(0.01)
    return left


def _running(watch: Observation) -> list[str]:
    left = [
        f"thread {activity.name!r}"
        for activity in watch.activities
        if isinstance(activity.place, int)
        and activity.start is not None
        and activity.steps is None
        and activity.finish is None
    ]
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                words = " ".join(child.cmdline())
                if child.status() == psutil.STATUS_ZOMBIE or any(
                    helper in words for helper in ("resource_tracker", "forkserver", "loky")
                ):
                    continue  # ended, or a pool's own
                left.append(f"process {child.name()!r}")
    return left

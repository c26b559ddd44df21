"""Run a learner's function in a child process, watch over it, and leave nothing behind.

The child's side is `sandbox`. This side decides when it is enough: too long, too much memory, too
many processes or threads, too much printed.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import linecache
import math
import os
import pickle
import queue
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import IO, Any

import psutil
from loky.backend.reduction import dumps

from course_lib.lesson.sandbox import LENGTH, OURS, innermost
from course_lib.patience import Line

__all__ = ["Limits", "Seen", "guarded"]

NAP = 0.03
LAST_WORDS = 0.5  # seconds until all that an ended process has said is read
LOOK = 0.1  # seconds from one look at the processes to the next
SET_UP = 60.0  # seconds in which the child must be ready
SIGN = "COURSE_CHECK"  # an environment variable, by which all that the program starts is known
ROOM = 4 << 30  # bytes of address space that threads' stacks and libraries may reserve
LARGEST = 50_000_000  # bytes of a function and what it refers to
SHOWN = 2000  # characters of what it printed

CORES = os.cpu_count() or 1
#: Not by -m: so the main module is empty, and takes the learner's names. The folder where the learner
#: is comes last: a file there may be called as a module of Python's is.
CHILD = "import sys; sys.path.append(sys.path.pop(0)); from course_lib.lesson.sandbox import main; main()"


@dataclass(frozen=True)
class Limits:
    """How much a program may use before it is stopped."""

    seconds: float = 10.0
    memory: int = (1 << 30) + CORES * (128 << 20)  # bytes, of all its processes
    processes: int = 40 + 2 * CORES
    threads: int = 400 + 24 * CORES  # of which NumPy alone starts one a core in each process
    printed: int = 1_000_000  # bytes


@dataclass(frozen=True)
class Seen:
    """What a program did.

    Attributes
    ----------
    ended : str
        "returned" · "raised" · "exited" (asked Python to end) · "died" (its process ended) ·
        "late" (its process wasn't ready in time) · "unfit" (it takes other arguments) ·
        "hung" · "memory" · "processes" · "threads" · "printed" (too long or too much: stopped) ·
        "unsendable" (it couldn't be sent to its process).
    sentence : str
        The same, in words.
    """

    ended: str
    sentence: str
    concurrency: float = math.nan
    parallelism: float = math.nan
    cpu: float = math.nan  # seconds
    wall: float = math.nan  # seconds
    others: float = 0.0  # CPU seconds that everything else on this machine used meanwhile
    tasks: int = 0  # that it has started
    processes: int = 0  # that have done work
    memory: int = 0  # bytes, at most
    grown: int = 0  # bytes, by how much its memory grew
    value: Any = None  # what it returned, if that is plain data
    result: str = ""  # what it returned, as text
    lazy: str = ""  # if what it returned has never run: what it is
    returned: float = math.inf  # when it did, by `record.clock`
    left: tuple[str, ...] = ()  # what still ran when it returned
    gap: float = math.nan  # seconds: the longest between two beats of the heart beside it
    printed: str = ""
    details: str = ""  # the traceback, or where it stood

    @property
    def memory_a_task(self) -> float:
        """Bytes of memory for each task that it has started; nan if there was none."""
        return self.grown / self.tasks if self.tasks else math.nan


def guarded(
    program: Callable[..., Any],
    arguments: tuple[Any, ...] = (),
    limits: Limits | None = None,
    *,
    heartbeat: bool = False,
) -> Seen:
    """Run a function in a child process under observation, and return what was seen.

    Whatever it does, when this returns (or raises, as on an interrupt), the child and all that it
    has started are gone.
    """
    limits = limits or Limits()
    try:
        packed = bytes(dumps((program, arguments)))
    except Exception as error:  # noqa: BLE001 - whatever the learner's objects do
        return Seen("unsendable", _unsendable(program, f"{type(error).__name__}: {error}"))
    if len(packed) > LARGEST:
        size = f"with all that it refers to it has {len(packed) / 1e6:.0f} MB"
        return Seen("unsendable", _unsendable(program, size))
    with tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True) as folder:
        order = {
            "path": sys.path,
            "sources": _sources(program),
            "program": packed,
            "stacks": str(Path(folder) / "stacks"),
            "seconds": max(0.05, limits.seconds - 0.2),
            "room": limits.memory + ROOM,
            "cpu": math.ceil(limits.seconds * CORES) + 60,
            "heartbeat": heartbeat,
        }
        with _started(folder) as child, Line() as line:
            end, facts = _watch(child, pickle.dumps(order), limits, line)
        return _seen(end, facts, child, limits, Path(folder) / "stacks")


# The child and its family -----------------------------------------------------------------------------


@dataclass
class Child:
    """The child process, what it says, what it prints, and all that it has started."""

    process: subprocess.Popen[bytes]
    sign: str
    lines: queue.SimpleQueue[bytes] = field(default_factory=queue.SimpleQueue)
    printed: bytearray = field(default_factory=bytearray)
    count: int = 0  # bytes printed, also those that aren't kept
    known: dict[tuple[int, float], psutil.Process] = field(default_factory=dict)

    def listen(self) -> None:
        """Hear what the child says."""
        with contextlib.suppress(OSError, ValueError):
            for line in _pipe(self.process.stdout):
                self.lines.put(line)
        self.lines.put(b"")

    def read(self, most: int) -> None:
        """Read what it prints, until it is too much."""
        file = _pipe(self.process.stderr).fileno()
        with contextlib.suppress(OSError, ValueError):
            while self.count <= most and (part := os.read(file, 65536)):
                self.count += len(part)
                self.printed += part[: max(0, 2 * SHOWN - len(self.printed))]

    def family(self) -> list[psutil.Process]:
        """Return the processes that live: the child, and all that it is known to have started."""
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self.process.pid)
            for member in [root, *root.children(recursive=True)]:
                self.known[member.pid, member.create_time()] = member
        return [member for member in self.known.values() if _lives(member)]

    def cpu(self) -> float:
        """Return the CPU seconds of all that live."""
        seconds = 0.0
        for member in self.family():
            with contextlib.suppress(psutil.Error):
                times = member.cpu_times()
                seconds += times.user + times.system
        return seconds

    def end(self, grace: float) -> None:
        """End all of the family, also those that have hidden from it."""
        deadline = time.monotonic() + grace
        for _ in range(100):
            members = {member.pid: member for member in [*self.family(), *self.strays()]}
            for member in members.values():
                # A resource tracker clears away what its processes held, and then ends.
                if time.monotonic() > deadline or not _tracks(member):
                    with contextlib.suppress(psutil.Error):
                        member.kill()
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if not members:
                return
            time.sleep(0.01)

    def strays(self) -> Iterator[psutil.Process]:
        """Yield the processes that carry the child's sign."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(SIGN) == self.sign and _lives(process):
                    yield process


def _pipe(file: IO[bytes] | None) -> IO[bytes]:
    assert file is not None
    return file


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _tracks(process: psutil.Process) -> bool:
    try:
        return "resource_tracker" in " ".join(process.cmdline())
    except psutil.Error:
        return False


@contextlib.contextmanager
def _started(folder: str) -> Iterator[Child]:
    """Start a child, and end it with all that it has started."""
    sign = secrets.token_hex(8)
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), folder)  # cleared away with the folder
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **places, SIGN: sign, "PYTHONIOENCODING": "utf-8"},
        start_new_session=True,  # an interrupt from the keyboard is for us, not for it
    )
    child = Child(process, sign)
    grace = 0.1
    try:
        yield child
        grace = 1.0
    finally:
        with contextlib.suppress(OSError):
            _pipe(process.stdin).close()
        child.end(grace)


# Watching ---------------------------------------------------------------------------------------------


def _watch(child: Child, order: bytes, limits: Limits, line: Line) -> tuple[str, dict[str, Any]]:
    """Let the child do what it is told; return how that ended, and what the child says."""
    threads = [
        threading.Thread(target=child.listen, daemon=True),
        threading.Thread(target=child.read, args=(limits.printed,), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        with contextlib.suppress(OSError):
            stdin = _pipe(child.process.stdin)
            stdin.write(LENGTH.pack(len(order)) + order)
            stdin.flush()
        ready = _next(child, limits, SET_UP, line)
        if isinstance(ready, str):
            return ("late" if ready == "hung" else ready), {}
        if "ready" not in ready:
            return str(ready["ended"]), ready
        before = child.cpu()
        facts = _next(child, limits, limits.seconds, line)
        if isinstance(facts, str):
            return facts, {"used": child.cpu() - before}
        return str(facts["ended"]), facts
    finally:
        child.end(0.1 if sys.exc_info()[0] else 1.0)
        for thread, pipe in zip(threads, (child.process.stdout, child.process.stderr), strict=True):
            thread.join(1.0)
            if not thread.is_alive():
                _pipe(pipe).close()


def _next(child: Child, limits: Limits, seconds: float, line: Line) -> dict[str, Any] | str:
    """Return what the child says next; or, as a word, why it has to be stopped."""
    deadline = time.monotonic() + seconds
    look = 0.0
    while True:
        line.tell("checking")
        with contextlib.suppress(queue.Empty):
            return _told(child.lines.get(timeout=NAP))
        if child.process.poll() is not None:  # a copy of it may still hold the pipe open
            with contextlib.suppress(queue.Empty):
                return _told(child.lines.get(timeout=LAST_WORDS))
            return "died"
        if child.count > limits.printed:
            return "printed"
        if time.monotonic() > look:
            look = time.monotonic() + LOOK
            if excess := _excess(child, limits):
                return excess
        if time.monotonic() > deadline:
            return "hung"


def _told(words: bytes) -> dict[str, Any] | str:
    return dict(json.loads(words)) if words else "died"


def _excess(child: Child, limits: Limits) -> str:
    """Return what there is too much of, if anything."""
    family = child.family()
    if len(family) > limits.processes:
        return "processes"
    memory = threads = 0
    for member in family:
        with contextlib.suppress(psutil.Error):
            memory += member.memory_info().rss
            threads += member.num_threads()
    if memory > min(limits.memory, (psutil.virtual_memory().available + memory) * 0.7):
        return "memory"
    return "threads" if threads > limits.threads else ""


# In words ---------------------------------------------------------------------------------------------


def _seen(end: str, facts: dict[str, Any], child: Child, limits: Limits, stacks: Path) -> Seen:
    numbers = {k: v for k, v in facts.items() if k in Seen.__dataclass_fields__}
    numbers["left"] = tuple(facts.get("left", ()))
    numbers["ended"] = end
    printed = child.printed.decode(errors="replace").replace("\r\n", "\n")
    more = child.count > len(child.printed) or len(printed) > SHOWN
    numbers["printed"] = printed[:SHOWN] + "\n… and more" * more
    if end == "hung":
        numbers["details"] = _where(stacks)
    return Seen(**{**numbers, "sentence": _sentence(end, facts, child, limits)})


def _sentence(end: str, facts: dict[str, Any], child: Child, limits: Limits) -> str:
    at = f" in line {facts['line']}" if facts.get("line") else ""
    at += f" ({facts['code']})" if facts.get("code") else ""
    stopped = {
        "late": f"The child process was not ready after {SET_UP:g} s, and was ended.",
        "processes": f"Your program had more than {limits.processes} processes, and was stopped.",
        "threads": f"Your program had more than {limits.threads} threads, and was stopped.",
        "printed": f"Your program printed more than {limits.printed / 1e6:g} MB, and was stopped.",
        "memory": f"Your program took more memory than it may ({limits.memory / 1e9:.1f} GB), "
        "and was stopped.",
    }
    lost = ""
    if b"Can't get attribute" in child.printed:  # said by a process that it started
        lost = (
            " A new process can't find a function that stands in a cell. "
            'Use `run(…, "processes")`, or loky, or put the function in a file.'
        )
    if end in stopped:
        return stopped[end] + lost
    if end == "hung":
        return _hung(limits.seconds, facts["used"]) + lost
    if end == "raised":
        return f"Your program raised {facts['error']}{at}.{lost}"
    if end == "exited":
        return f"Your program asked Python to end ({facts['error']}){at}, instead of returning."
    if end == "unsendable":
        return f"Your function arrived in its process, but couldn't be loaded: {facts['error']}."
    if end == "died":
        return _died(child.process.returncode)
    left = facts.get("left")
    if left:
        names = ", ".join(left[:3]) + ", …" * (len(left) > 3)
        return (
            f"Your program returned, but left {len(left)} running ({names}). They were stopped: "
            f"wait for what you start.{lost}"
        )
    if facts.get("lazy"):
        return f"Your program returned {facts['lazy']}, so what stands in it has never run."
    return f"Your program ran, and returned.{lost}"


def _hung(seconds: float, cpu: float) -> str:
    ended = f"Your program had not ended after {seconds:g} s, and was stopped."
    if cpu < 0.3 * seconds:
        return (
            f"{ended} It was waiting, with hardly any CPU time used ({cpu:.1f} s): for something "
            "that takes too long, or never comes, as in a deadlock."
        )
    return (
        f"{ended} It was computing ({cpu:.1f} s of CPU time): a loop without end, or too much work."
    )


def _died(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        why = f"killed by {name}"
        if name == "SIGKILL":
            why += ", as the system does when memory runs out"
        if name in ("SIGSEGV", "SIGBUS", "SIGABRT"):
            why += ", a crash below Python: a recursion too deep, or a broken library"
    else:
        why = f"exit code {code}, as by os._exit" if code else "as by os._exit(0)"
    return f"Your program's process ended in mid-run ({why}), so there is nothing to measure."


def _unsendable(program: Any, why: str) -> str:
    """Say that a function can't be sent to its process, and which of the things it uses is why."""
    names = ", ".join(map(repr, _unsendables(innermost(program), set())))
    advice = f" It uses {names} from outside: make that inside the function." if names else ""
    return f"Your function can't be copied to a process of its own: {why[:200]}.{advice}"


def _unsendables(function: Any, seen: set[int]) -> list[str]:
    """Return the names of what a function uses, or a helper that it calls, and can't be sent."""
    culprits = []
    seen.add(id(function))
    code, known = getattr(function, "__code__", None), getattr(function, "__globals__", {})
    used = {name: known[name] for name in _mentioned(code) if name in known}
    cells = getattr(function, "__closure__", None) or ()
    for name, cell in zip(getattr(code, "co_freevars", ()), cells, strict=False):
        with contextlib.suppress(ValueError):
            used[name] = cell.cell_contents
    for name, value in used.items():
        try:
            large = len(bytes(dumps(value))) > LARGEST // 4
        except Exception:  # noqa: BLE001 - that is the question
            large = True
        if large and id(value) not in seen:
            inside = _unsendables(value, seen) if inspect.isfunction(value) else []
            culprits += inside or [name]
    return list(dict.fromkeys(culprits))


def _mentioned(code: CodeType | None) -> list[str]:
    """Return the names that a function looks up, and those of the functions inside it."""
    if code is None:
        return []
    inside = [part for part in code.co_consts if isinstance(part, CodeType)]
    return [*code.co_names, *(name for part in inside for name in _mentioned(part))]


def _sources(program: Any) -> dict[str, list[str]]:
    """Return the lines of the cells in which the program and its helpers are written."""
    program = innermost(program)
    helpers = [v for v in getattr(program, "__globals__", {}).values() if inspect.isfunction(v)]
    files = {f.__code__.co_filename for f in [program, *helpers] if hasattr(f, "__code__")}
    return {file: linecache.getlines(file) for file in files if not Path(file).is_file()}


def _where(stacks: Path) -> str:
    """Say at which of the learner's lines each thread stood, latest first as they were written."""
    with contextlib.suppress(OSError):
        places = []
        for stack in re.split(
            r"^(?=Thread|Current thread)", stacks.read_text("utf-8"), flags=re.MULTILINE
        ):
            for file, line, name in re.findall(r'File "(.+?)", line (\d+) in (\S+)', stack):
                if not file.startswith(OURS) and "site-packages" not in file:
                    code = linecache.getline(file, int(line)).strip()
                    places.append(f"in {name}, line {line}" + f": {code}" * bool(code))
                    break
        return "\n".join(["Where its threads stood:", *places]) if places else ""
    return ""

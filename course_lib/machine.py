"""What this machine can show: its cores, what limits them, and how its Python runs threads.

`machine` looks up, `spin_check` measures. Each limit is looked up by one short function, and the
smallest limit wins.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import IO, Any

from course_lib import cgroups
from course_lib.cgroups import Limit, positive, short


@dataclass(frozen=True)
class Machine:
    """The facts about a machine that decide what an experiment on it can show."""

    usable_cores: float  # what this process may use: the smallest limit, a fraction under a quota
    limits: tuple[str, ...]  # what keeps them below the logical cores, the tightest first
    logical_cores: int  # what the operating system schedules on
    physical_cores: int | None  # None where it can't be told
    gil: bool
    switch_interval: float  # seconds
    start_method: str  # of multiprocessing
    descriptor_limit: int | None  # None where there is none
    python: str
    system: str
    binder: bool

    @property
    def smt(self) -> bool:
        """Whether some physical cores run several hardware threads (logical cores) each."""
        return self.physical_cores is not None and self.physical_cores < self.logical_cores

    @property
    def can_pin(self) -> bool:
        """Whether the system lets a program choose its cores: Linux and Windows do."""
        return sys.platform in ("linux", "win32")

    def card(self) -> list[tuple[str, str, str]]:
        """Return the machine card's rows: a fact, its value, what it means for experiments."""
        usable = short(self.usable_cores)
        speed_up = "no parallel speed-up can be seen here; the lessons say so in place"
        if self.usable_cores > 1:
            speed_up = f"in parallel, at best {usable} times the work of one core"
        limited = "why not every logical core" if self.limits else "every logical core is usable"
        cores = "as the system reports them; each does its own computing"
        if self.smt:
            cores = "each shared by two or more logical cores, which are not whole cores then"
        turns = "threads of Python code run in parallel"
        if self.gil:
            turns = "threads take turns at running Python code: concurrent, not parallel"
        start = {
            "fork": "a new process begins as a copy of this one",
            "forkserver": "a new process is copied from a small, clean server process",
            "spawn": "a new process begins as a fresh Python and imports what it needs",
        }
        rows = [
            ("Usable cores", usable, speed_up),
            ("Limited by", "; ".join(self.limits) or "nothing", limited),
            ("Logical cores", self.logical_cores, "what the operating system schedules on"),
            ("Physical cores", self.physical_cores or "unknown", cores),
            ("GIL", "on" if self.gil else "off", turns),
            (
                "Switch interval",
                f"{short(1000 * self.switch_interval)} ms",
                "after so long, a waiting thread asks for the GIL",
            ),
            ("Start method", self.start_method, start.get(self.start_method, "")),
            ("Open files", self.descriptor_limit or "no limit", "at most; sockets and pipes count"),
            ("Python", self.python, "runs the experiments"),
            ("System", self.system, "shares out the cores"),
        ]
        if self.binder:
            rows.insert(0, ("Place", "Binder: 1 CPU", "what mybinder.org gives to each session"))
        return [(fact, str(value), meaning) for fact, value, meaning in rows]

    def __str__(self) -> str:
        """Return the machine card as text, a line a fact."""
        return "\n".join(f"{fact + ':':17}{value} ({why})" for fact, value, why in self.card())

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        left = 'style="text-align: left"'
        rows = "\n".join(
            f'<tr><th scope="row" {left}>{escape(fact)}</th>'
            f"<td {left}>{escape(value)}</td><td {left}>{escape(meaning)}</td></tr>"
            for fact, value, meaning in self.card()
        )
        heads = ("Fact", "Value", "What it means")
        head = "".join(f'<th scope="col" {left}>{text}</th>' for text in heads)
        caption = "<caption>This machine, as the experiments see it</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table>"


def machine() -> Machine:
    """Return what this machine can show, looked up anew at each call.

    Examples
    --------
    >>> here = machine()
    >>> 0 < here.usable_cores <= here.logical_cores
    True
    """
    logical, physical = _count_cores()
    limits = sorted(limit for limit in _limits(logical) if limit.cores < logical)
    default_start_method = multiprocessing.get_all_start_methods()[0]
    return Machine(
        usable_cores=float(limits[0].cores if limits else logical),
        limits=tuple(dict.fromkeys(limit.words for limit in limits)),
        logical_cores=logical,
        physical_cores=physical,
        gil=bool(getattr(sys, "_is_gil_enabled", lambda: True)()),
        switch_interval=sys.getswitchinterval(),
        start_method=multiprocessing.get_start_method(allow_none=True) or default_start_method,
        descriptor_limit=_descriptor_limit(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        system=f"{platform.system()} {platform.release()}, {platform.machine()}",
        binder=any(name.startswith("BINDER_") for name in os.environ),
    )


_SPIN = """
import os, sys, threading, time

def end_with_parent():
    os.read(0, 1)  # comes back when the parent closes the pipe, or is gone
    os._exit(1)

print("ready", flush=True)
if os.read(0, 1):
    threading.Thread(target=end_with_parent, daemon=True).start()
    cpu, start = time.process_time(), time.perf_counter()
    while time.perf_counter() < start + float(sys.argv[1]):
        pass
    print(time.process_time() - cpu, start, time.perf_counter(), flush=True)
"""


def spin_check(seconds: float = 1.0) -> float:
    """Measure how many cores this process gets: keep all of them busy and count CPU time.

    One process for each logical core that is allowed spins for `seconds` (0.1 to 5). Under a CPU
    quota, take 1 s or more: a shorter run may burst past the quota.

    Returns
    -------
    float
        CPU seconds of all processes together per second, from the first start to the last stop.

    Raises
    ------
    ValueError
        If `seconds` is not a number from 0.1 to 5.
    """
    try:
        allowed = 0.1 <= seconds <= 5
    except TypeError:
        allowed = False
    if not allowed:
        raise ValueError(f"seconds must be a number from 0.1 to 5, not {seconds!r}")
    command = [sys.executable, "-I", "-S", "-c", _SPIN, str(float(seconds))]
    spinners: list[Popen[str]] = []
    try:
        for _ in allowed_cpus():
            spinners.append(Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, text=True))
        _answers(spinner.stdout for spinner in spinners)  # all are ready: start them together
        for spinner in spinners:
            print(".", end="", file=spinner.stdin, flush=True)
        while any(spinner.poll() is None for spinner in spinners):
            time.sleep(0.02)  # an interrupt gets through at once, on every system
        cpu, starts, stops = zip(*_answers(spinner.stdout for spinner in spinners), strict=True)
    finally:
        for spinner in spinners:
            spinner.kill()
        for spinner in spinners:
            spinner.communicate()
    return sum(map(float, cpu)) / (max(map(float, stops)) - min(map(float, starts)))


def _answers(outputs: Iterable[IO[str] | None]) -> list[list[str]]:
    """Return the words of the next line of each output."""
    answers = [output.readline().split() for output in outputs if output]
    if not all(answers):
        raise RuntimeError("a spinning process ended before it could report")
    return answers


def allowed_cpus() -> list[int]:
    """Return the numbers of the CPUs that the scheduler may put this process on."""
    if sys.platform == "linux":
        return sorted(os.sched_getaffinity(0))
    elif sys.platform == "win32":
        import psutil

        return psutil.Process().cpu_affinity() or list(range(_count_cores()[0]))
    else:
        return list(range(_count_cores()[0]))


def busy_so_far() -> float:
    """Return for how many seconds all CPUs together have been busy since the machine's start.

    Time that a hypervisor gave to other guests counts as busy. NaN without psutil.
    """
    try:
        import psutil
    except ImportError:
        return math.nan
    times = psutil.cpu_times()
    parts = ("user", "nice", "system", "irq", "softirq", "steal", "interrupt", "dpc")
    return float(sum(getattr(times, part, 0.0) for part in parts))


def throttled() -> float | None:
    """Return for how many seconds CPU quotas have held back this process's control groups so far.

    Seconds are summed over CPUs and over nested groups; None where the system doesn't tell.
    """
    return cgroups.throttled(Path("/"))


def _limits(logical: int) -> Iterator[Limit]:
    """Yield everything that may limit the cores of this process."""
    allowed = len(allowed_cpus())
    yield Limit(allowed, f"the affinity mask allows {allowed} of {logical} CPUs")
    yield from cgroups.quotas(Path("/"))
    settings = {
        "-X cpu_count={} given to Python": sys._xoptions.get("cpu_count"),
        "PYTHON_CPU_COUNT={} set in the environment": os.environ.get("PYTHON_CPU_COUNT"),
        "CPU_LIMIT={} set by JupyterHub": os.environ.get("CPU_LIMIT"),
    }
    for words, value in settings.items():
        if cores := positive(str(value)):
            yield Limit(cores, words.format(short(cores)))


def _count_cores() -> tuple[int, int | None]:
    """Return the logical and the physical cores of the machine."""
    try:
        import psutil
    except ImportError:
        return os.cpu_count() or 1, None
    return psutil.cpu_count() or 1, psutil.cpu_count(logical=False)


def _descriptor_limit() -> int | None:
    if sys.platform == "win32":
        return None
    else:
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return None if soft == resource.RLIM_INFINITY else soft

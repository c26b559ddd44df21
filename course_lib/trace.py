"""A trace: what a run of some tasks did, and the numbers that say so.

All models, real or simulated, give the same kind of trace, and each picture shows one.
"""

from __future__ import annotations

import html
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from course_lib.tables import html_table

if TYPE_CHECKING:
    from course_lib.pictures import Picture

__all__ = ["ROOMS", "WALL", "Trace", "room"]

#: The kinds of span: it runs · it waits · it could run but doesn't · it is in code whose inside
#: isn't seen · it runs, in chunks too coarse to say when · it is held by what it has started · its
#: core turns to it.
KINDS = ("run", "wait", "ready", "call", "blur", "held", "switch")
KIND = f"U{max(map(len, KINDS))}"  # the column that holds one

#: Where the quadrant's walls stand, on both axes: below, "one" with some room for measuring.
WALL = 1.15

#: The four rooms: (concurrent?, parallel?) → name.
ROOMS = {
    (False, False): "sequential",
    (False, True): "parallel, not concurrent",
    (True, False): "concurrent, not parallel",
    (True, True): "concurrent and parallel",
}

Array = NDArray[np.float64]
Table = NDArray[np.void]


def room(in_flight: float, cores_busy: float) -> str:
    """Return the name of the quadrant's room that a pair of numbers falls into.

    Examples
    --------
    >>> room(in_flight=8, cores_busy=0.4)
    'concurrent, not parallel'
    """
    return ROOMS[in_flight > WALL, cores_busy > WALL]


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """What a run did.

    Times are in seconds since the start of the trace.

    Attributes
    ----------
    tasks : structured array, one row a task
        `name`, `arrival`, `start`, `finish` (NaN: not started, not finished) and `cpu`, the
        seconds of CPU time that the task is known to have used.
    spans : structured array, one row a span
        `task` and `worker` (their numbers), `core` (−1: unknown), `start`, `stop`, and `kind`:
        "run", "wait", "ready" (it could run, but something else did), "call" (in a function
        whose inside isn't seen), "blur" (chunks too coarse to tell), "held" (what it has started
        is in flight, and counts instead), "switch" (its core turns to it: simulated).
    results : tuple
        Each task's result: the value of its last callable, else None.
    outcomes : tuple of str
        In words: "done", or what happened.
    cpu : float
        CPU seconds of the whole run, as the operating system accounted them.
    end : float
        When the recording ended.
    others : float
        CPU seconds that everything else on this machine used meanwhile; NaN if unknown.
    queued : tuple of float
        For how many seconds each task had no core, though it was ready; NaN if unknown.
    causes : mapping of str to float, or None
        What the tasks that were ready waited for, in words, and for how many seconds; None where
        the system doesn't tell.
    """

    tasks: Table
    spans: Table
    results: tuple[Any, ...]
    outcomes: tuple[str, ...]
    cpu: float
    end: float
    model: str
    workers: int | None = None
    cores: int | None = None
    usable_cores: float | None = None
    others: float = math.nan
    queued: tuple[float, ...] = ()
    causes: Mapping[str, float] | None = None

    @classmethod
    def build(
        cls,
        tasks: Iterable[tuple[str, float, float, float, float]],
        spans: Iterable[tuple[int, int, int, float, float, str]],
        **facts: Any,
    ) -> Trace:
        """Make a trace from rows: see `tasks` and `spans` for what stands in them."""
        rows = list(tasks)
        width = max((len(row[0]) for row in rows), default=1)
        columns = [
            ("name", f"U{width}"),
            *((c, "f8") for c in ("arrival", "start", "finish", "cpu")),
        ]
        numbers = [(c, "i4") for c in ("task", "worker", "core")]
        span_type = [*numbers, ("start", "f8"), ("stop", "f8"), ("kind", KIND)]
        table = np.array(rows, dtype=columns)
        lines = np.array(list(spans), dtype=span_type)
        lines = lines[np.lexsort((lines["task"], lines["stop"], lines["start"]))]
        facts.setdefault("results", (None,) * len(rows))
        facts.setdefault("outcomes", ("done",) * len(rows))
        facts.setdefault("queued", (math.nan,) * len(rows))
        return cls(table, lines, **facts)

    def __getattr__(self, name: str) -> Any:
        if "tasks" not in self.__dict__:
            raise AttributeError(
                f"this trace has no {name} yet, for it is still being recorded: "
                "ask for it after the block of `with observe()`"
            )
        raise AttributeError(f"a trace has no attribute {name!r}")

    # The two numbers -------------------------------------------------------------------------

    @property
    def makespan(self) -> float:
        """Seconds from the first arrival to the last finish (to the end, if a task has none)."""
        finish = self._finish()
        if not len(finish):
            return self.end
        return max(0.0, float(finish.max() - self.tasks["arrival"].min()))

    @property
    def concurrency(self) -> float:
        """Mean number of tasks in flight: started, and not finished.

        A task counts while nothing that it has started is in flight (spans of kind "held").
        """
        start = self.tasks["start"]
        began = ~np.isnan(start)
        in_flight = float(np.sum(self._finish()[began] - start[began])) - float(
            self.lasting("held").sum()
        )
        return in_flight / self.makespan if self.makespan > 0 else float("nan")

    @property
    def parallelism(self) -> float:
        """Mean number of cores busy: CPU seconds / wall seconds."""
        return self.cpu / self.makespan if self.makespan > 0 else float("nan")

    @property
    def throughput(self) -> float:
        """Tasks finished per second."""
        finished = int(np.sum(~np.isnan(self.tasks["finish"])))
        return finished / self.makespan if self.makespan > 0 else float("nan")

    @property
    def room(self) -> str:
        """The quadrant's room that this run falls into, by name."""
        return room(self.concurrency, self.parallelism)

    # One value a task ------------------------------------------------------------------------

    @property
    def response(self) -> Array:
        """Seconds from each task's arrival to its start."""
        return np.asarray(self.tasks["start"] - self.tasks["arrival"])

    @property
    def turnaround(self) -> Array:
        """Seconds from each task's arrival to its finish."""
        return np.asarray(self.tasks["finish"] - self.tasks["arrival"])

    @property
    def waiting(self) -> Array:
        """Seconds in which each task could have run but didn't: turnaround − running − wait steps."""
        return self.turnaround - self.lasting("run", "call", "blur", "wait", "held")

    def lasting(self, *kinds: str) -> Array:
        """Seconds that each task spent in spans of these kinds; where some overlap, once."""
        chosen = self.spans[np.isin(self.spans["kind"], kinds)]
        chosen = chosen[np.argsort(chosen["task"], kind="stable")]
        apart = chosen["task"] * (self.end + 1)  # one task's spans end before the next one's begin
        stop = np.maximum.accumulate(chosen["stop"] + apart)
        covered = np.concatenate([[0.0], stop])[:-1] - apart
        lasting = (chosen["stop"] - np.maximum(chosen["start"], covered)).clip(0)
        return np.bincount(chosen["task"], weights=lasting, minlength=len(self.tasks)).astype(
            np.float64
        )

    def _finish(self) -> Array:
        finish = self.tasks["finish"]
        return np.where(np.isnan(finish), self.end, finish)

    # Files -----------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write this trace to a file, as JSON; a trace that is there already is replaced.

        All comes back by `Trace.load`, times to the last bit. Only of the results those that JSON
        can hold come back as they are; of the others, their text does (their `repr`).

        Raises
        ------
        FileExistsError
            If a file that isn't a trace of this version stands there. It is left alone.
        OSError
            If the file can't be written. What was there is still there.
        ValueError
            If a time is infinite.
        """
        from course_lib.saving import save

        save(self, Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Trace:
        """Read a trace that `save` has written.

        Raises
        ------
        ValueError
            If the file is damaged, isn't a trace, or is of a newer version: it is said which.
        OSError
            If it can't be read.
        """
        from course_lib.saving import load

        return load(Path(path))

    @property
    def simulated(self) -> bool:
        """Whether this run was simulated, not measured."""
        return self.model == "simulate"

    def to_chrome(self, path: str | os.PathLike[str]) -> None:
        """Write a file that ui.perfetto.dev and chrome://tracing open, to look into it closely.

        A row of the timeline is a thread there; tasks in flight and cores busy are counters. An
        export that is there already is replaced.

        Raises
        ------
        FileExistsError
            If another file stands there. It is left alone.
        OSError
            If the file can't be written.
        """
        from course_lib.chrome import export

        export(self, Path(path))

    # Pictures --------------------------------------------------------------------------------

    def timeline(self, until: float | None = None) -> Picture:
        """Draw who ran, waited or was ready, and when; only the first `until` seconds, if given."""
        from course_lib.pictures import timeline

        return timeline(self, until)

    def quadrant(self) -> Picture:
        """Draw this run's point on the quadrant."""
        from course_lib.pictures import quadrant

        return quadrant({self.model: self})

    @property
    def numbers(self) -> str:
        """The three numbers, in words, in the order in which they stand under each picture."""
        return (
            f"makespan {self.makespan:.3g} s · in flight {self.concurrency:.2f} · "
            f"cores busy {self.parallelism:.2f}"
        )

    @property
    def noise(self) -> str:
        """Say how much of this machine other programs used meanwhile, if that matters."""
        others = self.others / self.makespan if self.makespan > 0 else 0.0
        usable = self.usable_cores or 1.0
        left = max(os.cpu_count() or 1, usable) - others  # the run's machine may be a larger one
        if not left < usable - 0.2:
            return ""
        return (
            f"Other programs kept {others:.2f} cores of this machine busy meanwhile: "
            f"{max(0.0, left):.2f} of {usable:g} were left for this run."
        )

    @property
    def why_ready(self) -> str:
        """Say for how long tasks could have run but didn't, and what they waited for."""
        ready = float(self.lasting("ready").sum())
        if round(ready, 2) == 0:
            return ""
        if self.causes is None:
            untold = "" if self.simulated else " What for, this system doesn't tell."
            return f"Ready, but not running: {ready:.2f} s.{untold}"
        parts = sorted(self.causes.items(), key=lambda part: -part[1])
        said = [f"for {what} {seconds:.2f} s" for what, seconds in parts if round(seconds, 2)]
        waiting = f" Waiting {', '.join(said)}." if said else ""
        return f"Ready, but not running: {ready:.2f} s.{waiting}"

    def __repr__(self) -> str:
        return f"<Trace of {_count(len(self.tasks), 'task')}, {self.model}: {self.numbers}>"

    def table(self, most: int = 12) -> str:
        """Return the tasks as an HTML table, up to `most` rows."""
        head = ["task", "arrival", "start", "finish", "CPU time", "outcome"]
        rows = [
            [
                str(row["name"]),
                *(_seconds(row[c]) for c in ("arrival", "start", "finish", "cpu")),
                outcome,
            ]
            for row, outcome in zip(self.tasks[:most], self.outcomes, strict=False)
        ]
        held = self.lasting("held")
        if held.any():  # those don't count, so the table says which, and for how long
            head.insert(5, "held by what it started")
            for row, seconds in zip(rows, held, strict=False):
                row.insert(5, _seconds(seconds) if seconds else "–")
        more = len(self.tasks) - most
        note = f"the first {most} of {len(self.tasks)} tasks; " if more > 0 else ""
        return html_table(f"{note}times in seconds", head, rows, self.why_ready)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        picture = self.timeline()
        bundle = picture._repr_mimebundle_()
        run = "This simulated run" if self.simulated else "This run"
        where = f"<p>{run} was <b>{html.escape(self.room)}</b>. {self.noise}</p>"
        bundle["text/html"] += where + self.table()
        bundle["text/plain"] = repr(self)
        return bundle


def _seconds(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

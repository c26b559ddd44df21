"""Check what a learner's program does: not how it is written, but what is seen when it runs."""

from __future__ import annotations

import html
import inspect
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from course_lib.lesson.exercises import LESSONS
from course_lib.lesson.guard import Limits, Seen, guarded
from course_lib.machine import spin_check

__all__ = ["Exercise", "Finding", "Row", "Verdict", "attainable", "check", "exercise"]

RUNS = 3  # the best of them counts: a busy machine spoils one now and then
PATIENCE = 4.0  # seconds, after which no further run is begun

LIMITS = Limits()
_tries: dict[str, int] = {}  # that failed, in this kernel, also while progress isn't kept


@dataclass(frozen=True)
class Row:
    """One thing that was looked at; `ok` is None where this machine can't show it."""

    what: str
    seen: str
    expected: str
    ok: bool | None


@dataclass(frozen=True)
class Finding:
    """What a check has found: the rows, what to say about them, and why it may not be decided.

    One that is `certain` is no matter of luck: another run would find the same.
    """

    rows: tuple[Row, ...]
    advice: str
    why_not: str = ""
    certain: bool = False

    @property
    def passed(self) -> bool | None:
        """Whether all is as expected; None if that can't be decided."""
        answers = {row.ok for row in self.rows}
        return False if False in answers else None if None in answers else True


@dataclass(frozen=True)
class Exercise:
    """An exercise: its texts, what the program is given, and how it is judged.

    Attributes
    ----------
    starter : str
        The code that a learner begins with; it doesn't pass.
    hints : tuple of str
        Given one by one, one more at each try that doesn't pass.
    judge : function
        Takes what was seen, and the folder that `make` was given; returns a Finding.
    arguments : tuple of str
        The names of what the program is given.
    make : function
        Makes those, anew for each run; takes a folder in which they may keep notes.
    around : function
        Takes the program and the folder; returns what is called instead, with what `make` made. Its
        attribute `__wrapped__` is the program.
    """

    title: str
    asked: str
    starter: str
    hints: tuple[str, ...]
    judge: Callable[[Seen, Path], Finding]
    arguments: tuple[str, ...] = ()
    make: Callable[[Path], tuple[Any, ...]] = lambda folder: ()
    around: Callable[[Callable[..., Any], Path], Callable[..., Any]] = lambda program, folder: (
        program
    )
    limits: Limits = LIMITS
    heartbeat: bool = False


def exercise(key: str) -> Exercise:
    """Return an exercise by its key, lesson/name.

    Raises
    ------
    ValueError
        If there is no such exercise.
    """
    lesson, _, name = key.partition("/")
    if lesson not in LESSONS:
        raise ValueError(f"key must be lesson/name, of the lessons {sorted(LESSONS)}, not {key!r}")
    module = import_module(f"course_lib.lesson.exercises.{LESSONS[lesson]}")
    found: dict[str, Exercise] = module.EXERCISES
    if name not in found:
        raise ValueError(f"lesson {lesson} has the exercises {sorted(found)}, not {name!r}")
    return found[name]


def check(key: str, program: Callable[..., Any]) -> Verdict:
    """Run a program in a process of its own, and say what was seen and what was expected.

    It is stopped if it takes too long, or too much; nothing of it is left behind.

    Parameters
    ----------
    key : str
        Which exercise: lesson/name.
    program : function
        It takes what the exercise gives, and may be a coroutine function.

    Returns
    -------
    Verdict
        It shows itself in a notebook.

    Raises
    ------
    ValueError
        If there is no such exercise.
    TypeError
        If the program is not a function.
    """
    from course_lib.lesson.progress import recall, remember

    asked = exercise(key)
    if not callable(program):
        raise TypeError(
            f"program must be a function (its name, without brackets), not {program!r:.80}"
        )
    passed, seen, finding = _best_run(asked, program)
    before = recall("checks", key) or {}
    judged = passed is not None and seen.ended not in NOT_RUN  # else it isn't counted as a try
    tries = max(int(before.get("tries", 0)), _tries.get(key, 0)) + (judged and not passed)
    if judged:
        _tries[key] = tries
        lesson, _, name = key.partition("/")
        entry = {"lesson": lesson, "exercise": name, "tries": tries}
        entry["passed"] = passed or bool(before.get("passed"))
        remember("checks", key, entry)
    return Verdict(asked, passed, seen, finding, tries)


def attainable() -> float:
    """Return how many cores programs made to keep all of them busy get at this moment."""
    return spin_check(0.3)


def _best_run(
    asked: Exercise, program: Callable[..., Any]
) -> tuple[bool | None, Seen, Finding | None]:
    """Run the program until it passes, three times at most; return the best that was seen."""
    wrong = _does_not_fit(program, asked.arguments)
    if wrong:
        return False, Seen("unfit", wrong), None
    runs: list[tuple[Finding, Seen]] = []
    end = time.monotonic() + PATIENCE
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True) as folder:
            made = asked.make(Path(folder))
            called = asked.around(program, Path(folder))
            seen = guarded(called, made, asked.limits, heartbeat=asked.heartbeat)
            if seen.ended != "returned" or seen.left or seen.lazy:
                return False, seen, None
            finding = asked.judge(seen, Path(folder))
        runs.append((finding, seen))
        if finding.passed or finding.certain or time.monotonic() > end:
            break
    finding, seen = max(runs, key=lambda run: _merit(run[0]))
    return finding.passed, seen, finding


def _merit(finding: Finding) -> tuple[bool, int, bool]:
    """Return what makes a run better: passed, much reached, and rather decided than not."""
    reached = sum(row.ok is True for row in finding.rows)
    return finding.passed is True, reached, finding.passed is not None


def _does_not_fit(program: Callable[..., Any], arguments: tuple[str, ...]) -> str:
    """Say why a program can't be called with what it is given; empty if it can."""
    if inspect.isgeneratorfunction(program) or inspect.isasyncgenfunction(program):
        return "Your function has a `yield`, so calling it runs nothing. Leave the `yield` out."
    try:
        inspect.signature(program).bind(*arguments)
    except TypeError:
        example = f"def program({', '.join(arguments)}):"
        count = f"{len(arguments)} argument{'' if len(arguments) == 1 else 's'}"
        return f"Your function is called with {count}, so it must begin like this: `{example}`"
    except ValueError:
        pass  # a function in C, whose signature isn't known
    return ""


NOT_RUN = ("unfit", "unsendable", "late")  # ends of a program that never began
MARKS = {True: "✓ Passed", False: "✗ Not yet", None: "– Can't be decided on this machine"}
CELLS = {True: "✓ reached", False: "✗ not reached", None: "– can't be decided here"}
EDGES = {True: "#009e73", False: "#d55e00", None: "#0072b2"}


@dataclass(frozen=True)
class Verdict:
    """What a check says; `passed` is None if this machine can't decide it."""

    exercise: Exercise
    passed: bool | None
    seen: Seen
    finding: Finding | None  # None if there was nothing to judge
    tries: int  # that didn't pass

    @property
    def head(self) -> str:
        """The verdict in a line."""
        return f"{MARKS[self.passed]}: {self.exercise.title}"

    @property
    def advice(self) -> str:
        """What it makes of what was seen."""
        if self.finding is None:
            return self.seen.sentence
        if self.passed is None:
            return f"This can't be decided on this machine, {self.finding.why_not}."
        return self.finding.advice

    @property
    def hints(self) -> list[str]:
        """The hints so far: one more at each try that didn't pass."""
        texts = self.exercise.hints if self.passed is False else ()
        return [f"Hint {n} of {len(texts)}: {t}" for n, t in enumerate(texts[: self.tries], 1)]

    def __repr__(self) -> str:
        rows = self.finding.rows if self.finding else ()
        lines = [self.head, self.advice]
        lines += [f"  {r.what}: seen {r.seen}, expected {r.expected}  {CELLS[r.ok]}" for r in rows]
        lines += self.hints
        if self.seen.details:
            lines.append(self.seen.details)
        if self.seen.printed:
            lines.append(f"It printed:\n{self.seen.printed}")
        return "\n".join(lines)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._page(), "text/plain": repr(self)}

    def _page(self) -> str:
        parts = [f"<p><strong>{_words(self.head)}</strong></p>", f"<p>{_words(self.advice)}</p>"]
        if self.finding:
            left = 'style="text-align: left"'
            heads = ("looked at", "seen", "expected", "")
            rows = [(r.what, r.seen, r.expected, CELLS[r.ok]) for r in self.finding.rows]
            parts.append(
                f"<table><caption>{_words(self.exercise.title)}: what was seen</caption><tr>"
                + "".join(f'<th scope="col" {left}>{head or "verdict"}</th>' for head in heads)
                + "</tr>"
                + "".join(
                    f'<tr><th scope="row" {left}>{_words(first)}</th>'
                    + "".join(f"<td {left}>{_words(cell)}</td>" for cell in rest)
                    + "</tr>"
                    for first, *rest in rows
                )
                + "</table>"
            )
        parts += [f"<p>{_words(hint)}</p>" for hint in self.hints]
        for name, text in (
            ("Where it happened", self.seen.details),
            ("What it printed", self.seen.printed),
        ):
            if text:
                pre = f'<pre style="white-space: pre-wrap">{html.escape(text)}</pre>'
                parts.append(f"<details><summary>{name}</summary>{pre}</details>")
        edge = f"border-left: 5px solid {EDGES[self.passed]}; padding: 2px 0 2px 12px"
        return f'<div role="status" style="{edge}; max-width: 44em">{"".join(parts)}</div>'


def _words(text: str) -> str:
    """Return a text as HTML; what stands between backticks is code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text))

"""What the tests of the exercises share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from course_lib.lesson.exercise import Verdict, check

Saved = dict[str, dict[str, Any]]
POOL = "from concurrent.futures import ThreadPoolExecutor\n"


def written(code: str) -> Callable[..., Any]:
    """The function that a cell with this code defines."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(code, "<cell>", "exec"), names)  # noqa: S102 - as a cell is
    program: Callable[..., Any] = names["program"]
    return program


def refused(key: str, code: str) -> str:
    """Have a program checked that must not pass; return what is said."""
    verdict = check(key, written(code))
    assert verdict.passed is False
    return text_of(verdict)


def text_of(verdict: Verdict) -> str:
    return verdict._repr_mimebundle_()["text/plain"]


def page_of(verdict: Verdict) -> str:
    return verdict._repr_mimebundle_()["text/html"]

"""The cell magic `%%observe`: record what a cell of a notebook does.

A cell that awaits is a coroutine, and a magic can't await. So such a cell is rewritten before it
runs: into one that awaits a function here.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any

from course_lib.observe import observe

__all__ = ["register", "unregister"]

WORD = "%%observe"


def register(shell: Any) -> None:
    """Add the magic to an IPython shell."""

    def observe_cell(line: str, cell: str) -> None:
        """Record what this cell does, and show its trace: `%%observe`, or `%%observe name`.

        With a name, the trace is kept in a variable of that name. If the cell raises an error,
        what was recorded until then is shown all the same. A cell may await.
        """
        name, code = _name(line), _compiled(shell, cell)
        if _awaits(code):  # a second line of the cell, for example: it wasn't rewritten
            raise SyntaxError(f"this cell awaits: {WORD} must be its first line")
        with _shown(shell, name):
            eval(code, shell.user_ns)

    async def observe_awaiting(line: str, cell: str) -> None:
        name, code = _name(line), _compiled(shell, cell)
        with _shown(shell, name):
            await eval(code, shell.user_ns)

    def rewritten(lines: list[str]) -> list[str]:
        head, *rest = lines or [""]
        word, _, line = head.strip().partition(" ")
        cell = "".join(rest)
        if word != WORD or not cell.strip() or not _awaiting(shell, cell):
            return lines
        call = f"get_ipython().course_observe({line!r}, {cell!r})"
        return [f"await {call}\n"]

    shell.register_magic_function(observe_cell, "cell", "observe")
    shell.course_observe = observe_awaiting
    shell.input_transformers_cleanup.append(rewritten)
    shell.course_rewritten = rewritten


def unregister(shell: Any) -> None:
    """Take the magic away."""
    shell.magics_manager.magics["cell"].pop("observe", None)
    if hasattr(shell, "course_rewritten"):
        shell.input_transformers_cleanup.remove(shell.course_rewritten)
        del shell.course_rewritten, shell.course_observe


@contextmanager
def _shown(shell: Any, name: str) -> Iterator[None]:
    """Observe the block; keep and show the trace, also after an error."""
    from IPython.display import display

    observation = observe()
    try:
        with observation as trace:
            yield
    finally:
        if name:
            shell.user_ns[name] = trace
        display(trace)  # type: ignore[no-untyped-call]


def _name(line: str) -> str:
    name = line.strip()
    if name and not name.isidentifier():
        from IPython.core.error import UsageError

        raise UsageError(f"write {WORD}, or {WORD} and the name of a variable, not {name!r}")
    return name


def _compiled(shell: Any, cell: str) -> CodeType:
    text = shell.transform_cell(cell)
    file = shell.compile.cache(text, shell.execution_count, raw_code=cell)  # for tracebacks
    tree = shell.transform_ast(shell.compile.ast_parse(text, filename=file))
    with shell.compile.extra_flags(ast.PyCF_ALLOW_TOP_LEVEL_AWAIT):
        code: CodeType = shell.compile(tree, file, "exec")
    return code


def _awaits(code: CodeType) -> bool:
    return bool(code.co_flags & inspect.CO_COROUTINE)


def _awaiting(shell: Any, cell: str) -> bool:
    try:
        text = shell.transform_cell(cell)
        code = compile(text, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError, OverflowError):
        return False  # it is said when the cell runs
    return _awaits(code)

"""Notes in a file: lines that any thread or process may add, and that stay whole."""

from __future__ import annotations

import contextlib
import os

__all__ = ["note", "notes"]


def note(path: str, line: str) -> None:
    """Add a line to a file; whoever else writes at the same time, it stays whole."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)


def notes(path: str) -> list[str]:
    """Return the lines of such a file; none if nothing was written."""
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
        return [line.removesuffix("\n") for line in file]
    return []

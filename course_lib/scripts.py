"""A widget's script: files of JavaScript, one after the other."""

from __future__ import annotations

from pathlib import Path

__all__ = ["script"]

KEYS = Path(__file__).with_name("keys.js")
POINTER = Path(__file__).with_name("pointer.js")


def script(folder: Path, *names: str) -> str:
    """Return what all widgets do about keys and pointers, and then these files of a folder."""
    files = [KEYS, POINTER, *(folder / name for name in names)]
    return "".join(file.read_text("utf-8") for file in files)

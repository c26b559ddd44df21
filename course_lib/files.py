"""JSON files that may have been changed by anybody: checked when read, written whole or not at all."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["Newer", "Unfit", "check", "dump", "parse", "read", "reason", "write"]


T = TypeVar("T")


class Unfit(ValueError):
    """A file that isn't what it should be; its text says why."""


class Newer(ValueError):
    """A file that a newer version of the course has written."""

    def __str__(self) -> str:
        return "a newer version of the course wrote it; update the course to use it"


def read(path: Path, schema: Path, version: int) -> Any:
    """Return what a JSON file holds: an object that fits a schema and has a `version`.

    Raises
    ------
    OSError, Unfit, Newer
        If it can't be read, doesn't fit, or is of a newer version.
    """
    return parse(_patiently(path.read_bytes), schema, version)


def parse(text: bytes, schema: Path, version: int) -> Any:
    """Return what a JSON text holds, as `read` does.

    Raises
    ------
    Unfit, Newer
        If it doesn't fit, or is of a newer version.
    """
    try:
        content = json.loads(text.decode("utf-8-sig"), parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise Unfit(f"it isn't JSON ({str(error)[:120]})") from error
    found = content.get("version") if isinstance(content, dict) else None
    if type(found) is int and found > version:
        raise Newer
    check(content, schema)
    return content


def check(content: Any, schema: Path) -> None:
    """Raise Unfit, which says where and why, if the content doesn't fit the schema."""
    from jsonschema.exceptions import best_match

    try:
        error = best_match(_validator(schema).iter_errors(content))
    except RecursionError:  # its words would show all of it
        raise Unfit("it is nested too deeply") from None
    if error is not None:
        raise Unfit(f"at {error.json_path[:120]}: {error.message[:120]}")


def write(path: Path, text: str, private: bool = False) -> None:
    """Write a file, whole or not at all; a private one is only for this user to read.

    Others may read it as any new file here, or as the file before it. A link stays one.

    Raises
    ------
    OSError
        If it can't be written. What was there is still there.
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.stem}.{secrets.token_hex(4)}.tmp")
    try:
        opener = partial(os.open, mode=0o600 if private else 0o666)
        with open(new, "x", encoding="utf-8", newline="\n", opener=opener) as file:
            if not private and path.exists():
                with contextlib.suppress(PermissionError):  # some file systems have no modes
                    shutil.copymode(path, new)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _patiently(partial(os.replace, new, path))
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise


def _patiently(act: Callable[[], T]) -> T:
    """Do something with a file; on Windows, wait for who has it open at this moment."""
    for _ in range(20 if sys.platform == "win32" else 0):
        with contextlib.suppress(PermissionError):
            return act()
        time.sleep(0.05)
    return act()


def dump(content: Any) -> str:
    """Return the JSON text of an object.

    Raises
    ------
    TypeError, ValueError
        If it holds what JSON can't, NaN and infinity among it.
    """
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def reason(error: Exception) -> str:
    """Say in a few words why a file can't be used."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "a file stands where its folder would be"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} isn't a finite number")
    return number


@functools.cache
def _validator(schema: Path) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(schema.read_text("utf-8")))

"""Each test has a learner's folder of its own, and is in a lesson."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
import pytest

from course_lib.lesson import exercise as exercises
from course_lib.lesson import guard
from course_lib.lesson.progress import Kernel, kernel
from tests.lessons.exercising import Saved


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep progress in a folder that isn't there yet, as in a new kernel."""
    folder = tmp_path / "home"
    monkeypatch.setenv("COURSE_HOME", str(folder))
    for name, value in vars(Kernel("a lesson")).items():
        monkeypatch.setattr(kernel, name, value)
    return folder


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> Saved:
    """Keep progress in a dictionary, and count tries from zero."""
    entries: Saved = {}
    module = import_module("course_lib.lesson.progress")  # its package has a function of that name

    def remember(kind: str, key: str, entry: dict[str, Any]) -> None:
        entries[f"{kind} {key}"] = entry

    monkeypatch.setattr(module, "remember", remember)
    monkeypatch.setattr(module, "recall", lambda kind, key: entries.get(f"{kind} {key}"))
    monkeypatch.setattr(exercises, "_tries", {})
    return entries


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """No process, no thread, no file descriptor may be left behind."""
    gc.collect()
    threads, files = threading.active_count(), psutil.Process().num_fds() if fds() else 0
    yield
    end = time.monotonic() + 2
    while (left := signed()) and time.monotonic() < end:
        time.sleep(0.01)
    assert not left
    assert not [child for child in psutil.Process().children() if "sandbox" in words(child)]
    while threading.active_count() > threads and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() <= threads
    assert not fds() or psutil.Process().num_fds() <= files + 1  # /proc itself may be open


def fds() -> bool:
    return hasattr(psutil.Process(), "num_fds")


def words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def signed() -> list[psutil.Process]:
    """The processes that live and carry a check's sign, of a check that this test has run."""
    found, home = [], os.environ["COURSE_HOME"]
    for process in psutil.process_iter():
        try:
            variables = process.environ()
            mine = guard.SIGN in variables and variables.get("COURSE_HOME") == home
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found

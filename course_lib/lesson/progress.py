"""Progress: what a learner predicted, answered and had checked, kept in one file.

The file is `progress.json` in the folder that the system has for a program's data, or in the one
that the environment variable COURSE_HOME names. It never leaves this computer by itself.

Where it can't be written, the lesson goes on: what would have been saved is kept until the kernel
ends, and is saved as soon as that works again.
"""

from __future__ import annotations

import contextlib
import copy
import html
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from course_lib import files
from course_lib.files import Newer, Unfit

if TYPE_CHECKING:
    from course_lib.lesson.calibration import Progress

__all__ = [
    "begin",
    "export_progress",
    "finish",
    "forget",
    "import_progress",
    "place",
    "progress",
    "recall",
    "remember",
    "trouble",
]

Kind = Literal["predictions", "answers", "checks"]
Lessons = dict[str, dict[str, Any]]

KINDS = ("predictions", "answers", "checks")
VERSION = 1
PATIENCE = 10.0  # seconds to wait for another notebook that is saving
SCHEMA = Path(__file__).with_name("progress.schema.json")


@dataclass
class Kernel:
    """What this kernel knows: the lesson, what isn't saved yet, why, and what it has said."""

    lesson: str = ""
    unsaved: Lessons = field(default_factory=dict)
    trouble: str = ""
    told: set[str] = field(default_factory=set)


kernel = Kernel()


# What a lesson calls --------------------------------------------------------------------------------


def begin(lesson: str) -> None:
    """Name the lesson that the following cells belong to.

    Before it, nothing is remembered and nothing recalled.

    Raises
    ------
    ValueError
        If the name is empty.
    """
    if not lesson.strip():
        raise ValueError("lesson must be a lesson's name; it is empty")
    kernel.lesson = lesson
    if "begun" not in lessons().get(lesson, {}):
        _add({lesson: {"begun": now()}})


def finish() -> Progress:
    """Note that this lesson was gone through to its end, and show all progress."""
    if kernel.lesson and "done" not in lessons().get(kernel.lesson, {}):
        _add({kernel.lesson: {"done": now()}})
    return progress()


def remember(kind: Kind, key: str, entry: dict[str, Any]) -> None:
    """Save an entry of this lesson, instead of the one with the same key.

    Parameters
    ----------
    kind : {"predictions", "answers", "checks"}
    key : str
        What the entry is about; it need only differ within the lesson.
    entry : dict
        What fits into JSON. Progress counts answers by `right` and `tries`, checks by `passed`.

    Raises
    ------
    ValueError
        If the kind is unknown, or the entry isn't one that can be saved.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    try:
        change: Lessons = json.loads(files.dump({kernel.lesson: {kind: {key: entry}}}))
        files.check({"version": VERSION, "lessons": change}, SCHEMA)
    except (TypeError, ValueError) as error:
        raise ValueError(f"entry can't be saved: {error}") from error
    if kernel.lesson:
        _add(change)


def recall(kind: Kind, key: str) -> dict[str, Any] | None:
    """Return an entry that this lesson has remembered, in this kernel or before; else None."""
    found: dict[str, Any] | None = lessons().get(kernel.lesson, {}).get(kind, {}).get(key)
    return found


def progress() -> Progress:
    """Return all lessons' progress, which shows itself in a notebook."""
    from course_lib.lesson.calibration import Progress

    return Progress(lessons(), place())


def trouble() -> str:
    """Say why the latest change isn't saved; empty if it is."""
    return kernel.trouble


# What a learner calls -------------------------------------------------------------------------------


def forget(lesson: str) -> None:
    """Start a lesson over: remove what was predicted, answered and checked in it."""
    known = lessons()
    if lesson not in known:
        say(f"There is nothing to forget of {lesson!r}. Begun: {', '.join(known) or 'no lesson'}.")
        return
    kernel.unsaved.pop(lesson, None)
    _update(lambda saved: saved.pop(lesson, None))
    done = f"{lesson} is forgotten. Restart the kernel and run the lesson again to start over."
    say(kernel.trouble or done)


def export_progress(path: str | os.PathLike[str]) -> None:
    """Write all progress to a file, to take it to another computer."""
    target = Path(path)
    try:
        known = merge(copy.deepcopy(kernel.unsaved), _read())
    except (OSError, Newer) as error:  # which must not pass for no progress
        say(f"Nothing was exported: {place()} can't be read, for {reason(error)}.")
        return
    try:
        if target.exists():
            load(target)  # only a file of progress is replaced
        write(target, known)
    except (OSError, Unfit, Newer) as error:
        say(f"Nothing was exported: {target} can't be written, for {reason(error)}.")
    else:
        say(f"Your progress is in {target.resolve()}. To take it in: import_progress(…).")


def import_progress(path: str | os.PathLike[str]) -> None:
    """Add the progress that a file holds. What is here already stays as it is."""
    source = Path(path)
    try:
        found = load(source)
    except (OSError, Unfit, Newer) as error:
        say(f"Nothing was imported: {source} doesn't fit, for {reason(error)}.")
        return
    before = count(lessons())
    _update(lambda saved: merge(saved, found))
    if kernel.trouble:  # then this kernel at least has it
        merge(kernel.unsaved, without(found, lessons()))
    added = count(lessons()) - before
    say(f"Imported from {source}: {added} of {count(found)} entries; the others were here already.")


# The file -------------------------------------------------------------------------------------------


def place() -> Path:
    """Return where progress is kept."""
    home = os.environ.get("COURSE_HOME")
    if home:
        return Path(home) / "progress.json"
    from platformdirs import user_data_path

    return user_data_path("concurrency-is-not-parallelism", appauthor=False) / "progress.json"


def lessons() -> Lessons:
    """Return all that is remembered: what the file holds, and what isn't saved yet."""
    found: Lessons = {}
    try:
        found = _read()
    except (OSError, Newer) as error:
        _unsaved(error)
    return merge(copy.deepcopy(kernel.unsaved), found)


def load(path: Path) -> Lessons:
    """Read a file of progress.

    Raises
    ------
    OSError, Unfit, Newer
        If it can't be read, isn't one, or is one of a newer version.
    """
    found: Lessons = files.read(path, SCHEMA, VERSION)["lessons"]
    return found


def write(path: Path, content: Lessons, private: bool = False) -> None:
    """Write a file of progress, whole or not at all; a private one only this user can read.

    Raises
    ------
    OSError
        If it can't be written. What was there is still there.
    """
    files.write(path, files.dump({"version": VERSION, "lessons": content}), private)


def merge(into: Lessons, other: Lessons) -> Lessons:
    """Add what `into` doesn't have yet; return it."""
    for lesson, content in other.items():
        mine = into.setdefault(lesson, {})
        for kind, entries in content.items():
            if kind in KINDS:
                mine[kind] = entries | mine.get(kind, {})
            else:
                mine.setdefault(kind, entries)
    return into


def without(content: Lessons, known: Lessons) -> Lessons:
    """Return what of some progress isn't known yet."""
    new: Lessons = {}
    for name, lesson in content.items():
        here = known.get(name, {})
        new[name] = {key: value for key, value in lesson.items() if key not in (*KINDS, *here)}
        for kind in KINDS:
            had = here.get(kind, {})
            if left := {key: one for key, one in lesson.get(kind, {}).items() if key not in had}:
                new[name][kind] = left
    return new


def count(content: Lessons) -> int:
    """Return how many predictions, answers and checks there are."""
    return sum(len(lesson.get(kind, {})) for lesson in content.values() for kind in KINDS)


def now() -> str:
    """Return the time, as the file has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _add(change: Lessons) -> None:
    """Note a change, and save it with all that isn't saved yet."""
    kernel.unsaved = merge(change, kernel.unsaved)
    _update(lambda saved: None)


def _update(edit: Callable[[Lessons], object]) -> None:
    """Read, edit and write the file, alone; say so if that can't be."""
    try:
        with _alone():
            saved = _read(locked=True)
            edit(saved)
            write(place(), merge(copy.deepcopy(kernel.unsaved), saved), private=True)
    except (OSError, Newer) as error:
        _unsaved(error)
    else:
        kernel.unsaved, kernel.trouble = {}, ""


def _read(locked: bool = False) -> Lessons:
    """Read the file; set it aside if it is damaged.

    Raises
    ------
    OSError, Newer
        If it can't be read or, being damaged, set aside; if it is of a newer version.
    """
    path = place()
    try:
        return load(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except Unfit as damage:
        aside = path.with_name(f"progress.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.json")
        try:
            if not locked:  # another kernel may set it aside at this moment
                with _alone():
                    return _read(locked=True)
            os.replace(path, aside)
        except OSError as error:
            raise OSError(f"damaged ({damage}), can't be set aside ({reason(error)})") from error
        say(f"Your progress file was damaged: {damage}. It is kept as {aside}; a new one is begun.")
        return {}


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Keep other kernels from writing meanwhile."""
    from filelock import FileLock

    path = place().with_name("progress.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(path, timeout=PATIENCE, poll_interval=0.005)
        lock.acquire()
    except NotImplementedError as error:
        raise OSError(f"{path.parent} can't lock files") from error
    try:
        yield
    finally:
        lock.release()


# What is said ---------------------------------------------------------------------------------------


def reason(error: Exception) -> str:
    """Say in a few words why a file can't be used."""
    if isinstance(error, TimeoutError):
        return f"another notebook has been saving for {PATIENCE:g} s"
    return files.reason(error)


def _unsaved(error: Exception) -> None:
    """Note why the latest change isn't saved; say it once a kernel."""
    kernel.trouble = f"Not saved: {place()}: {reason(error)}."
    if kernel.trouble not in kernel.told:
        kernel.told.add(kernel.trouble)
        say(f"{kernel.trouble} The lesson goes on; what you answer is kept until its kernel ends.")


def say(sentence: str) -> None:
    """Show one sentence: in a notebook's cell, or where else print would."""
    shell = sys.modules.get("IPython")
    if shell is None or shell.get_ipython() is None:
        print(sentence)
        return
    from IPython.display import display

    text = {"text/html": f"<p>{html.escape(sentence)}</p>", "text/plain": sentence}
    display(text, raw=True)  # type: ignore[no-untyped-call]

"""Find a free-threaded Python on this machine: one that has no GIL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

#: Asked of each: it must start without a GIL. Others don't know the option, or end with an error.
WITHOUT_GIL = ("-X", "gil=0")
ASK = "import sys; print(sys._is_gil_enabled())"


def command() -> list[str]:
    """Return the command that starts a free-threaded Python; empty if none is found.

    The one that COURSE_FREE_THREADED names; else this one, one on PATH, of uv, conda or pyenv.
    """
    found = _find(os.environ.get("COURSE_FREE_THREADED"), os.environ.get("PATH"))
    if not found:
        _find.cache_clear()  # one may be installed any moment
    return found


def why_not() -> str | None:
    """Return None if there is a free-threaded Python; else what would bring one."""
    if command():
        return None
    named = os.environ.get("COURSE_FREE_THREADED")
    if named:
        return (
            f"the environment variable COURSE_FREE_THREADED names {named!r}, which doesn't run as a "
            "free-threaded Python, 3.13 or newer"
        )
    return (
        "it needs a free-threaded Python (3.13 or newer) beside this one, and none was found. "
        "`uv python install 3.14t` brings one, or `conda create -n free python-freethreading "
        "-c conda-forge`; one that is elsewhere is named by the environment variable "
        "COURSE_FREE_THREADED"
    )


@cache
def _find(named: str | None, path: str | None) -> list[str]:
    for python in [named] if named else dict.fromkeys(_places()):
        command = [shutil.which(python) or python, *WITHOUT_GIL]
        try:
            asked = subprocess.run(
                [*command, "-c", ASK], capture_output=True, text=True, timeout=10, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if asked.stdout.strip() == "False":
            return command
    return []


def _places() -> Iterator[str]:
    """Yield where one may be, the likeliest first."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        yield sys.executable
    for version in range(20, 12, -1):
        if found := shutil.which(f"python3.{version}t"):
            yield found
    home, windows = Path.home(), sys.platform == "win32"
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    if windows:
        data = Path(os.environ.get("APPDATA") or home)
    uv = os.environ.get("UV_PYTHON_INSTALL_DIR") or data / (
        "uv/data/python" if windows else "uv/python"
    )
    folders = sorted(Path(uv).glob("cpython-*freethreaded*"), reverse=True)
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    folders += sorted(pyenv.glob("versions/3.*t"), reverse=True)
    conda = home / ".conda/environments.txt"  # where conda keeps a list of its environments
    if conda.is_file():
        folders += map(Path, filter(None, conda.read_text(errors="replace").split("\n")))
    for folder in folders:
        yield from map(str, sorted(folder.glob("python*.exe" if windows else "bin/python3.*t")))

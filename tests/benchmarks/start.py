"""How long the README's first command takes to JupyterLab's ready line, and its peers beside it.

The packages come from pip's cache; what isn't there yet comes from the index in a first run, which isn't
counted. In a hurry, only JupyterLab without the course is started.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.table import Row
from tests.browser.lab import ROOT, address, command, end, environment

FREE = ["--no-browser", "--ServerApp.port=0", "--IdentityProvider.token="]
LEFT_OUT = (".git", ".venv*", ".*_cache", "__pycache__", ".ipynb_checkpoints", "*.egg-info")


def rows(quick: bool = False) -> list[Row]:
    """Set the course up in new folders with new homes, and start it, twice in each."""
    first, again, alone, bare = ([] for _ in range(4))
    for number in range(1 if quick else 4):
        with tempfile.TemporaryDirectory() as folder:
            home, copy = Path(folder, "home"), Path(folder, "course")
            home.mkdir()
            shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_OUT))
            alone.append(started(command(copy, "jupyterlab"), copy, home))
            if quick:
                break
            took = [started([sys.executable, "course.py", *FREE], copy, home) for _ in range(2)]
            if number:
                first.append(took[0])
                again.append(took[1])
                bare.append(installed(copy, Path(folder, "bare")))
    counted = [
        Row("first run, to the ready line", "s", first, aim=60),
        Row("a new environment and pip alone", "s", bare),
        Row("a later run, to the ready line", "s", again, aim=5),
    ]
    return counted * (not quick) + [Row("JupyterLab without the course", "s", alone)]


def cached() -> dict[str, str]:
    """Return where pip keeps what it has fetched, for a home that is new."""
    ask = [sys.executable, "-m", "pip", "cache", "dir"]
    answer = subprocess.run(ask, check=True, capture_output=True, text=True)
    return {"PIP_CACHE_DIR": answer.stdout.strip()}


def started(words: list[str], copy: Path, home: Path) -> float:
    """Return the seconds from a command's start until its server answers."""
    variables, log = environment(home) | cached(), home / "lab.log"
    begun = time.perf_counter()
    with log.open("wb") as output:
        server = subprocess.Popen(
            words, cwd=copy, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            address(server, home / "runtime", log, patience=600)
            return time.perf_counter() - begun
        finally:
            end(server, variables["HOME"])


def installed(copy: Path, place: Path) -> float:
    """Return the seconds in which venv and pip install the course's packages, with nothing around."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    what = ["pip", "install", "-q", "--no-deps", "-r", str(copy / "requirements.txt")]
    environ = environment(place) | cached()
    subprocess.run([python, "-m", *what], check=True, env=environ)
    return time.perf_counter() - begun

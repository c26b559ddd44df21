"""A JupyterLab, or a Jupyter Notebook, of its own: nothing of this computer's settings goes in, and no process is left."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
READY = 60.0  # seconds in which the server must answer
ENDED = 15.0  # seconds in which all that it started must be gone

#: All cells stand in the page, also those out of sight.
SETTINGS = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}
#: Nothing asks for news: as course.py sets it up, which may not have made this environment.
NEWS = ("@jupyterlab/apputils-extension:announcements", "@jupyterlab/extensionmanager-extension")
PAGE = {"disabledExtensions": dict.fromkeys(NEWS, True)}


@contextlib.contextmanager
def lab(folder: Path, application: str = "jupyterlab") -> Iterator[str]:
    """Serve a copy of the notebooks from a new folder; yield its address.

    The application is "jupyterlab", or "notebook": Jupyter Notebook.

    Raises
    ------
    AssertionError
        If the server didn't start, or if a process was left after its end (which is then killed).
    """
    root, runtime = folder / "course", folder / "runtime"
    shutil.copytree(
        ROOT / "notebooks",
        root / "notebooks",
        ignore=shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__"),
    )
    config = folder / "config" / "labconfig"
    config.mkdir(parents=True)
    (config / "default_setting_overrides.json").write_text(json.dumps(SETTINGS), "utf-8")
    (config / "page_config.json").write_text(json.dumps(PAGE), "utf-8")
    log = folder / "lab.log"
    variables = environment(folder)
    with log.open("wb") as output:
        server = subprocess.Popen(
            command(root, application), cwd=root, env=variables, stdout=output, stderr=output
        )
        try:
            yield address(server, runtime, log)
        finally:
            end(server, variables["HOME"])


def command(root: Path, application: str) -> list[str]:
    """Return the command: on a free port of this computer only, with no browser and no token."""
    words = [sys.executable, "-m", application, "--no-browser", "--expose-app-in-browser"]
    words += [f"--ServerApp.root_dir={root}", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0"]
    words += ["--IdentityProvider.token=", "--LanguageServerManager.autodetect=False"]
    return words + ["--allow-root"] * (getattr(os, "geteuid", lambda: 1)() == 0)


def environment(folder: Path) -> dict[str, str]:
    """Return this environment with a new home, and no word about Jupyter, IPython or Matplotlib."""
    apart = ("JUPYTER", "JPY_", "IPYTHON", "MPL", "XDG_", "COLAB", "BINDER")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(apart)}
    homes = {"HOME": "home", "USERPROFILE": "home", "APPDATA": "home", "COURSE_HOME": "progress"}
    homes |= {f"JUPYTER_{kind.upper()}_DIR": kind for kind in ("config", "data", "runtime")}
    for name in set(homes.values()):
        (folder / name).mkdir(exist_ok=True)
    return kept | {name: str(folder / place) for name, place in homes.items()}


def address(
    server: subprocess.Popen[bytes], runtime: Path, log: Path, patience: float = READY
) -> str:
    """Wait till the server listens; it writes down its address shortly before."""
    until = time.monotonic() + patience
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError, ConnectionRefusedError):
            note = json.loads((runtime / f"jpserver-{server.pid}.json").read_text("utf-8"))
            with socket.create_connection((note["hostname"], note["port"]), timeout=READY):
                return str(note["url"])
        time.sleep(0.05)
    raise AssertionError(f"The server didn't start:\n{log.read_text('utf-8', 'replace')}")


def end(server: subprocess.Popen[bytes], home: str) -> None:
    """End the server, and see that no process is left that has its home."""
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(ENDED)
    left = psutil.wait_procs(at_home(home), ENDED)[1]
    names = [process.info["cmdline"] for process in left]
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    server.wait()
    assert not names, f"left after the server's end, now killed: {names}"


def at_home(home: str) -> list[psutil.Process]:
    """Return the processes that have this home: who starts a process hands it on."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "environ"])
        if (process.info["environ"] or {}).get("HOME") == home
    ]

"""Give a lesson as a lecture: python -m docs.lecture number [options to JupyterLab].

JupyterLab opens the lesson a slide at a time, in large type. Its cells run here: what the hall is
asked shows by itself, an experiment when you press R or "Run"; "Stop" ends one. "Restart" begins
with a new kernel, in which all that was passed runs again. The arrow keys turn. All happens on a
copy with no earlier answers, which is gone afterwards.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from course import JUPYTERLAB

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parent / "notebooks"
SETTINGS = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}


def lesson(number: str) -> Path:
    """Return the lesson with this number.

    Raises
    ------
    ValueError
        If there is none.
    """
    paths = {str(int(path.name[:2])): path for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))}
    if number not in paths:
        raise ValueError(f"number must be a lesson's, 0 to {len(paths) - 1}, not {number!r}")
    return paths[number]


def prepare(folder: Path, path: Path) -> tuple[list[str], dict[str, str]]:
    """Put into a new folder what the lecture needs; return JupyterLab's command and environment."""
    shutil.copytree(
        NOTEBOOKS, folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints")
    )
    settings = folder / "config" / "labconfig"
    settings.mkdir(parents=True)
    (settings / "default_setting_overrides.json").write_text(json.dumps(SETTINGS), "utf-8")
    command = [sys.executable, "-m", *JUPYTERLAB, f"--ServerApp.root_dir={folder}"]
    command += [f"--LabApp.extra_labextensions_path={HERE / 'lab'}"]
    command += [f"--LabApp.workspaces_dir={folder / 'workspaces'}"]
    command += [f"--LabApp.user_settings_dir={folder / 'settings'}"]
    command += [f"--LabApp.default_url=/doc/tree/notebooks/{path.name}"]
    places = {"JUPYTER_CONFIG_DIR": folder / "config", "COURSE_HOME": folder / "answers"}
    return command, os.environ | {name: str(place) for name, place in places.items()}


def main(words: list[str]) -> int:
    """Open the lecture that is named, until JupyterLab ends."""
    if not words or words[0] in {"-h", "--help"}:
        print(__doc__)
        return not words
    try:
        path = lesson(words[0])
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(
        prefix="course-lecture-", ignore_cleanup_errors=True
    ) as folder:
        command, environment = prepare(Path(folder), path)
        with subprocess.Popen([*command, *words[1:]], env=environment) as server:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is JupyterLab's to answer
            signal.signal(signal.SIGTERM, lambda *_: server.terminate())
            return server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

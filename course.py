"""Set the course up and start it.

python3 course.py                 open the course in JupyterLab, in your browser
python3 course.py lab [options]   the same; the options go to JupyterLab, such as --no-browser
python3 course.py test [options]  run every test; the options go to pytest, such as -x
python3 course.py site [folder]   run every lesson here and write them as pages, into docs/site
python3 course.py lecture 3       give lesson 3 as a lecture: slides, with live experiments

On Windows, type "py" for "python3". The first start makes the folder .venv beside this file and
installs the course's packages there, which takes about a minute; later starts take seconds.
To begin afresh, delete .venv.
"""

import contextlib
import hashlib
import importlib.util
import os
import signal
import subprocess
import sys
import venv
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def check_python(version: "tuple[int, ...]" = sys.version_info[:2]) -> None:
    """End with one sentence on a Python that is too old (it can still read this file)."""
    if version < (3, 11):
        sys.exit("Python 3.11 or newer is needed; this is Python {}.{}.".format(*version))


check_python()
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "course-stamp.txt"
PINS = {"lab": ROOT / "requirements.txt", "test": ROOT / "requirements-test.txt"}
JUPYTERLAB = ["jupyterlab", "--ServerApp.ip=127.0.0.1"]
JUPYTERLAB += ["--LanguageServerManager.autodetect=False"]  # it warns about what isn't needed
JUPYTERLAB += ["--allow-root"] * (getattr(os, "geteuid", lambda: 1)() == 0)
LAB = [*JUPYTERLAB, f"--ServerApp.root_dir={ROOT}"]
LAB += ["--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb"]
STARTS = {"lab": LAB, "test": ["pytest"], "site": ["docs.pages"], "lecture": ["docs.lecture"]}
WITHOUT_NEWS = ["jupyterlab.labextensions", "disable", "--level=sys_prefix"]
WITHOUT_NEWS += ["@jupyterlab/apputils-extension:announcements"]
WITHOUT_NEWS += ["@jupyterlab/extensionmanager-extension"]


def stamp(kind: str) -> str:
    """Return what a finished environment says: its kind, and a hash of all that it came from."""
    sources = [path.read_text("utf-8") for path in (ROOT / "pyproject.toml", *PINS.values())]
    origin = "\0".join([sys.version, sys.base_prefix, str(ROOT), *sources])
    return f"{kind} {hashlib.sha256(origin.encode()).hexdigest()}"


def ready(kind: str) -> bool:
    """Tell whether the environment is whole and current; one made for tests serves the lab too."""
    there = STAMP.is_file() and PYTHON.is_file()
    return there and STAMP.read_text("utf-8") in (stamp(kind), stamp("test"))


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold other starts off while this one installs; the lock ends with its process."""
    with (ROOT / ".venv.lock").open("a") as file:
        if sys.platform == "win32":
            import msvcrt

            while True:
                with contextlib.suppress(OSError):  # raised after ten seconds in vain
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
                    break
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install(*what: str) -> None:
    """Let pip install packages, and no others: a dot for each, or pip's last lines if it fails."""
    pip_install = [str(PYTHON), "-m", "pip", "install", "--no-deps", "--no-input", "--no-compile"]
    last: deque[str] = deque(maxlen=5)
    with subprocess.Popen(
        [*pip_install, *what], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as pip:
        for line in pip.stdout or ():
            last.append(line.decode(errors="replace"))
            print("." * line.startswith(b"Collecting"), end="", flush=True)
    if pip.returncode:
        failed = "The packages could not be installed: check your network, then start again."
        sys.exit("\n\n" + "".join(last) + failed)


def install_all(pins: Path) -> None:
    """Let two pips install half of the pinned packages each: one would unpack on one core only."""
    lines = pins.read_text("utf-8").splitlines()
    packages = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    with ThreadPoolExecutor() as pips:
        for half in [pips.submit(install, *packages[share::2]) for share in range(2)]:
            half.result()


def set_up(kind: str) -> None:
    """Make the environment, or add the test tools to the lab's; its stamp comes last."""
    if not importlib.util.find_spec("ensurepip"):
        sys.exit("\nThis Python has no venv; on Debian or Ubuntu: sudo apt install python3-venv")
    if not ready("lab"):  # else the lab stays as it is, should the test tools not come
        STAMP.unlink(missing_ok=True)
        venv.create(VENV, clear=True, symlinks=os.name != "nt", with_pip=True)
    install_all(PINS[kind])
    install("--no-build-isolation", "--editable", str(ROOT))
    # pip would compile on one core only. Whatever fails here is compiled when it is imported.
    compile_all = [str(PYTHON), "-m", "compileall", "-q", "-j", "0", str(VENV)]
    subprocess.run(compile_all, check=False, capture_output=True)
    subprocess.run([str(PYTHON), "-m", *WITHOUT_NEWS], check=True, capture_output=True)
    STAMP.write_text(stamp(kind), "utf-8")


def main(words: list[str]) -> int:
    """Set up what is missing, then become JupyterLab, pytest, or a tool in docs."""
    start, *options = ["lab", *words] if not words or words[0].startswith("-") else words
    if start not in STARTS or options[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return start not in STARTS
    kind = "test" if start == "test" else "lab"
    options = [str(Path(path).resolve()) for path in options] if start == "site" else options
    for name in ("PYTHONHOME", "PYTHONPATH", "PIP_PREFIX", "PIP_TARGET"):
        os.environ.pop(name, None)  # they would send packages elsewhere, or bring foreign ones
    os.environ["PIP_USER"] = "0"
    try:
        if not ready(kind):
            print("Setting up, once: about a minute ", end="", flush=True)
            with alone():
                if not ready(kind):  # another start may have done it meanwhile
                    set_up(kind)
            print(" done.", flush=True)
    except KeyboardInterrupt:
        sys.exit("\nStopped; the next start sets up again from the beginning.")
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"\nThis folder takes no environment ({error}): copy the course to one that does.")
    os.chdir(ROOT)
    command = [str(PYTHON), "-m", *STARTS[start], *options]
    if os.name != "nt":
        os.execv(command[0], command)
    child = subprocess.Popen(command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the child's to answer
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

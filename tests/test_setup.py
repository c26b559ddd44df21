"""course.py, the pins and Binder's files do what the README promises, and fail in one sentence."""

import ast
import importlib.util
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest

import course

ROOT = Path(__file__).resolve().parent.parent
NAMES = re.compile(r"^(?:\s*- )?([A-Za-z][\w.-]*)", re.MULTILINE)


def canonical(name: str) -> str:
    """Return a package's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a fresh copy of what course.py needs, with nothing set up."""
    root = tmp_path / "the course"
    root.mkdir()
    for name in ("course.py", "pyproject.toml", "requirements.txt", "requirements-test.txt"):
        shutil.copy(ROOT / name, root)
    return root


def start(root: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a copy's course.py from another folder, with these environment variables added."""
    command = [sys.executable, str(root / "course.py"), *words]
    environment = {**os.environ, **variables}
    return subprocess.run(
        command,
        check=False,
        cwd=root.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def pretend_whole(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the imported course at a root of its own, with an environment that has a Python."""
    monkeypatch.setattr(course, "ROOT", root)
    monkeypatch.setattr(course, "VENV", root / ".venv")
    monkeypatch.setattr(course, "PYTHON", root / ".venv" / "python")
    monkeypatch.setattr(course, "STAMP", root / ".venv" / "stamp")
    monkeypatch.setattr(
        course, "PINS", {"lab": root / "requirements.txt", "test": root / "requirements-test.txt"}
    )
    course.VENV.mkdir()
    course.PYTHON.touch()


# The usual traps


@pytest.mark.parametrize("version", [(3, 6), (3, 10)])
def test_an_old_python_is_told_in_one_sentence(version: tuple[int, int]) -> None:
    with pytest.raises(SystemExit) as caught:
        course.check_python(version)
    assert caught.value.code == (
        f"Python 3.11 or newer is needed; this is Python {version[0]}.{version[1]}."
    )


def test_a_new_python_passes() -> None:
    course.check_python((3, 11))
    course.check_python((4, 0))


def test_an_old_python_can_read_the_file_as_far_as_the_check() -> None:
    source = (ROOT / "course.py").read_text("utf-8")
    tree = ast.parse(source, feature_version=(3, 6))
    checks = [ast.unparse(node) for node in tree.body].index("check_python()")
    function = tree.body[checks - 1]
    assert isinstance(function, ast.FunctionDef)
    annotation = function.args.args[0].annotation
    assert isinstance(annotation, ast.Constant), "3.6 evaluates it unless it is a string"


def test_a_missing_venv_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="sudo apt install python3-venv"):
        course.set_up("lab")


def test_no_network_is_told_in_one_sentence(copy: Path) -> None:
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0", "PIP_TIMEOUT": "2"}
    alone = {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}
    run = start(copy, "test", **nowhere, **alone)
    assert run.returncode == 1
    assert "No matching distribution found" in run.stderr
    assert run.stderr.endswith("check your network, then start again.\n")
    assert "Traceback" not in run.stdout + run.stderr
    assert not (copy / ".venv" / course.STAMP.name).exists()


@pytest.mark.parametrize("in_the_way", [".venv", ".venv.lock"])
def test_a_folder_that_cannot_be_written_is_told_in_one_sentence(
    copy: Path, in_the_way: str
) -> None:
    path = copy / in_the_way
    if in_the_way == ".venv":
        path.write_text("a file where the folder would be")
    else:
        path.mkdir()
    run = start(copy, "lab")
    assert run.returncode == 1
    assert "Traceback" not in run.stdout + run.stderr
    (sentence,) = run.stderr.strip().splitlines()
    assert in_the_way in sentence
    assert sentence.endswith("copy the course to one that does.")


def test_help_and_unknown_words_show_the_usage(copy: Path) -> None:
    wanted, mistaken = start(copy, "--help"), start(copy, "tset")
    assert (wanted.returncode, mistaken.returncode) == (0, 1)
    assert wanted.stdout == mistaken.stdout
    assert "course.py test [options]" in wanted.stdout
    assert not (copy / ".venv").exists()


# The stamp and the lock


def test_an_environment_is_ready_only_with_a_stamp_of_these_pins(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_whole(copy, monkeypatch)
    assert not course.ready("lab")
    course.STAMP.write_text(course.stamp("lab"))
    assert course.ready("lab")
    assert not course.ready("test")
    course.STAMP.write_text(course.stamp("test"))
    assert course.ready("lab")
    assert course.ready("test")
    with (copy / "requirements.txt").open("a") as pins:
        pins.write("one-more==1.0\n")
    assert not course.ready("lab")


def test_a_new_python_or_a_new_place_makes_a_new_stamp(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_whole(copy, monkeypatch)
    stamps = {course.stamp("lab")}
    monkeypatch.setattr(sys, "version", "another")
    stamps.add(course.stamp("lab"))
    monkeypatch.setattr(sys, "base_prefix", "/elsewhere")
    stamps.add(course.stamp("lab"))
    monkeypatch.setattr(course, "ROOT", shutil.copytree(copy, copy.with_name("moved")))
    stamps.add(course.stamp("lab"))
    assert len(stamps) == 4


def test_an_environment_without_its_python_is_not_ready(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_whole(copy, monkeypatch)
    course.STAMP.write_text(course.stamp("lab"))
    course.PYTHON.unlink()
    assert not course.ready("lab")


@pytest.mark.parametrize("before", ["nothing", "lab"])
def test_an_interrupted_install_leaves_the_lab_or_no_stamp(
    before: str, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*what: str) -> None:
        raise KeyboardInterrupt

    pretend_whole(copy, monkeypatch)
    course.STAMP.write_text(course.stamp(before))
    monkeypatch.setattr(course, "install", interrupt)
    monkeypatch.setattr("venv.create", lambda *args, **settings: None)
    with pytest.raises(KeyboardInterrupt):
        course.set_up("test")
    assert course.ready("lab") == (before == "lab")
    assert not course.ready("test")


def test_a_second_start_waits_for_the_first(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "ROOT", copy)
    second_has_it = threading.Event()

    def second() -> None:
        with course.alone():
            second_has_it.set()

    thread = threading.Thread(target=second)
    with course.alone():
        thread.start()
        assert not second_has_it.wait(0.2)
    thread.join(30)
    assert second_has_it.is_set()


# The pins, and the files for Binder and git


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["build"]
    for name, more in [
        ("requirements.txt", []),
        ("requirements-test.txt", project["project"]["optional-dependencies"]["test"]),
    ]:
        pins = (ROOT / name).read_text("utf-8")
        assert {canonical(NAMES.match(need)[1]) for need in wanted + more} <= {  # type: ignore[index]
            canonical(pin) for pin in NAMES.findall(pins)
        }
        assert all("==" in pin for pin in pins.splitlines() if not pin.startswith("#"))
        assert not re.search(r"\w://|^-|@ ", pins, re.MULTILINE), "a path or an address"


def test_the_tests_pin_what_the_lab_pins() -> None:
    lab, test = (
        {line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")}
        for path in course.PINS.values()
    )
    assert lab <= test


@pytest.mark.parametrize("name", ["postBuild", "start"])
def test_binder_can_run_its_scripts(name: str) -> None:
    path = ROOT / "binder" / name
    text = path.read_bytes()
    assert text.startswith(b"#!/usr/bin/env bash\n")
    assert b"\nset -euo pipefail\n" in text
    assert b"\r" not in text
    if os.name != "nt":
        assert path.stat().st_mode & stat.S_IXUSR


def test_binder_starts_what_it_is_given() -> None:
    start = ROOT / "binder" / "start"
    assert start.read_text("utf-8").splitlines()[-1] == 'exec "$@"'
    environment = {**os.environ, "CPU_LIMIT": "2.5"}
    command = ["bash", str(start), "bash", "-c", "echo $OPENBLAS_NUM_THREADS $1", "-", "a b"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == "2 a b\n"


def test_git_keeps_one_kind_of_line_end() -> None:
    rules = (ROOT / ".gitattributes").read_text("utf-8").splitlines()
    assert "* text=auto eol=lf" in rules

"""What Binder makes of this repository: its image's recipe, its scripts, its size, its links.

Docker isn't needed: repo2docker writes the recipe without building it, and the two scripts run in a
copy of the course, in a new environment that borrows this one's packages.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
import venv
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from packaging.requirements import Requirement

from tests.browser.lab import address, end, environment
from tests.test_conda import python

ROOT = Path(__file__).resolve().parent.parent
MOST = 550e6  # bytes of packages: what doesn't fit makes an image slow to start
LINKED = re.compile(r"https://mybinder\.org/v2/gh/[^\s`)]+")


def run(*command: str | Path, **options: Path | dict[str, str]) -> str:
    """Run a command to its good end, and return what it said."""
    done = subprocess.run(
        [str(word) for word in command],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        **options,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, done.stdout
    return str(done.stdout)


# The recipe ---------------------------------------------------------------------------------------


def test_the_image_has_this_python_and_installs_before_it_copies(tmp_path: Path) -> None:
    said = run(Path(sys.executable).parent / "jupyter-repo2docker", "--no-build", "--debug", ROOT)
    lines = [line.strip() for line in said.splitlines()]
    assert f"Building conda environment for python={python()}" in said
    steps = [
        r"COPY .*/binder/environment\.yml",
        r".*env update .*--file \"binder/environment\.yml\".*",
        r"COPY .* src/ .*",  # all else: a change in a lesson makes no new environment
        r"RUN \./binder/postBuild",
        r'ENV R2D_ENTRYPOINT=".*/binder/start"',
    ]
    places = [next(n for n, line in enumerate(lines) if re.match(step, line)) for step in steps]
    assert places == sorted(places)


# The scripts --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Return a copy of the course, built by postBuild, and the variables of its environment."""
    folder = tmp_path_factory.mktemp("binder")
    course, prefix = folder / "course", folder / "environment"
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in listed.splitlines():
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, course / name)
    venv.create(prefix)
    site = next(prefix.glob("lib/python*/site-packages"))
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    here = Path(sys.executable).parent
    for script in (here / "pip", *here.glob("jupyter*")):  # for the new environment's Python
        _, rest = script.read_text("utf-8").split("\n", 1)
        there = prefix / "bin" / script.name
        there.write_text(f"#!{prefix}/bin/python\n{rest}", "utf-8")
        there.chmod(0o755)
    variables = environment(folder)
    variables["PATH"] = f"{prefix / 'bin'}{os.pathsep}{variables['PATH']}"
    run(course / "binder" / "postBuild", cwd=course, env=variables)
    return course, variables


ASK = "import course_lib; print(course_lib.__file__, course_lib.machine().usable_cores)"


def test_after_the_build_the_course_can_be_imported_and_sees_its_share(
    built: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    course, variables = built
    limited = variables | {"CPU_LIMIT": "1.0"}
    said = run(course / "binder" / "start", "python", "-c", ASK, cwd=tmp_path, env=limited)
    assert said.split() == [str(course / "course_lib" / "__init__.py"), "1.0"]


def test_the_lab_starts_at_the_linked_lesson_without_news(
    built: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    course, variables = built
    log = tmp_path / "lab.log"
    words = ["jupyter", "lab", "--no-browser", "--ServerApp.port=0", "--ServerApp.ip=127.0.0.1"]
    words += ["--IdentityProvider.token=", "--LanguageServerManager.autodetect=False"]
    words += ["--allow-root"] * (os.geteuid() == 0)
    with log.open("wb") as output:
        server = subprocess.Popen(
            [course / "binder" / "start", *words],
            cwd=course,
            env=variables,
            stdout=output,
            stderr=output,
        )
        try:
            at = address(server, Path(variables["JUPYTER_RUNTIME_DIR"]), log)
            for place in linked():
                with urllib.request.urlopen(f"{at.rstrip('/')}/{place}", timeout=30) as answer:
                    page = answer.read().decode()
                data = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)
                assert data, place
                off = json.loads(data[1])["disabledExtensions"]
                assert "@jupyterlab/apputils-extension:announcements" in off
        finally:
            end(server, variables["HOME"])


# The links, and the size ----------------------------------------------------------------------------


def linked() -> list[str]:
    """Return what the README's addresses of Binder open."""
    links = LINKED.findall((ROOT / "README.md").read_text("utf-8"))
    return [place for link in links for place in parse_qs(urlsplit(link).query)["urlpath"]]


def test_binder_opens_notebooks_that_are_there() -> None:
    assert linked()
    for place in linked():
        assert place.startswith("lab/tree/notebooks/")
        assert (ROOT / place.removeprefix("lab/tree/")).is_file(), place


def test_the_environment_stays_small() -> None:
    pins = [
        Requirement(line)
        for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines()
        if not line.startswith("#")
    ]
    sizes = {pin.name: size(pin.name) for pin in pins if not pin.marker or pin.marker.evaluate()}
    assert len(sizes) > 80 and min(sizes.values()) > 0
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
    assert sum(sizes.values()) <= MOST, largest


def size(name: str) -> int:
    """Return how many bytes the files of an installed package have."""
    paths = [Path(str(file.locate())) for file in importlib.metadata.files(name) or []]
    return sum(path.stat().st_size for path in paths if path.is_file())

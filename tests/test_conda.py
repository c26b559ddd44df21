"""What conda is told: each line as strict conda reads it, and the same ranges as pip's.

No conda is needed. Its packages can't be resolved without its channels; but the same names and
ranges, on the same Python, are resolved from the Python index, for each system, in wheels alone.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import rattler
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from rattler.exceptions import InvalidMatchSpecError

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
ENVIRONMENT = ROOT / "environment.yml"
FREE_THREADED = ROOT / "docs" / "free-threaded.yml"
#: Conda's names, where the Python index has another: this one has no window system with it.
ON_THE_INDEX = {"matplotlib-base": "matplotlib"}
NOT_A_NEED = {"python", "python-freethreading", "pip"}
SYSTEMS = ["x86_64-manylinux_2_28", "aarch64-apple-darwin", "x86_64-pc-windows-msvc"]


def environment(path: Path = ENVIRONMENT) -> dict[str, Any]:
    """Return what an environment's file says."""
    found = yaml.safe_load(path.read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def ranges(lines: list[str]) -> dict[str, SpecifierSet]:
    """Return the range of versions by package, under the name that it has on the Python index."""
    specs = [rattler.MatchSpec(line, strict=True) for line in lines]
    names = [spec.name.normalized for spec in specs]
    return {
        ON_THE_INDEX.get(name, name): SpecifierSet(str(spec.version or ""))
        for name, spec in zip(names, specs, strict=True)
        if name not in NOT_A_NEED
    }


def python() -> str:
    """Return the version of Python that the environment asks for."""
    first = rattler.MatchSpec(environment()["dependencies"][0], strict=True)
    assert first.name.normalized == "python"
    return str(first.version).removesuffix(".*")


def index() -> list[str]:
    """Return options for uv that name the index that pip asks, if it is told to ask another."""
    asked = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    said = subprocess.run(asked, check=False, capture_output=True, text=True).stdout.strip()
    return ["--default-index", said] if said else []


both = pytest.mark.parametrize("path", [ENVIRONMENT, FREE_THREADED], ids=lambda p: p.stem)


@both
def test_conda_gets_the_ranges_that_pip_gets(path: Path) -> None:
    needs = map(Requirement, PROJECT["dependencies"])
    found = ranges(environment(path)["dependencies"])
    assert found == {need.name: need.specifier for need in needs}


@both
def test_conda_gets_its_packages_from_conda_forge_alone(path: Path) -> None:
    assert environment(path)["channels"] == ["conda-forge", "nodefaults"]
    lines = environment(path)["dependencies"]
    assert all(isinstance(line, str) for line in lines), "pip's part would undo Binder's layers"
    assert "pip" in lines, "the course itself comes by it"


def test_the_python_is_one_that_the_course_takes() -> None:
    assert python() in SpecifierSet(PROJECT["requires-python"])
    assert environment()["dependencies"][0] == f"python={python()}", "Binder reads this form alone"


def test_the_python_without_a_gil_is_one_that_the_course_takes() -> None:
    first = rattler.MatchSpec(environment(FREE_THREADED)["dependencies"][0], strict=True)
    assert first.name.normalized == "python-freethreading"
    versions = SpecifierSet(str(first.version))
    assert "3.14" in versions and "3.13" not in versions, "before, it was an experiment"
    guide = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert f"conda env create -f {FREE_THREADED.relative_to(ROOT).as_posix()}" in guide
    assert f"conda run -n {environment(FREE_THREADED)['name']} " in guide


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_ranges_can_be_had_on_each_system(system: str, tmp_path: Path) -> None:
    wanted = ranges(environment()["dependencies"])
    command = [sys.executable, "-m", "uv", "pip", "compile", "-", "--quiet", "--no-header"]
    command += ["--no-annotate", "--only-binary", ":all:", "--python-platform", system]
    command += ["--python-version", python(), "--no-python-downloads", *index()]
    # Elsewhere than in the course's folder, whose settings are for pins that fit all systems.
    needs = "\n".join(f"{name}{versions}" for name, versions in wanted.items())
    run = subprocess.run(
        command, input=needs, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    pinned = {need.name for need in map(Requirement, run.stdout.splitlines())}
    assert set(wanted) <= pinned
    assert ("pywinpty" in pinned) == ("windows" in system), "resolved for that system"


def test_binder_gets_the_environment_that_conda_gets() -> None:
    assert (ROOT / "binder" / "environment.yml").read_bytes() == ENVIRONMENT.read_bytes()


@pytest.mark.parametrize("line", ["numpy=>2", "jupyterlab >=4.4 <5", "numpy >", ""])
def test_a_line_that_conda_would_refuse_is_refused(line: str) -> None:
    with pytest.raises(InvalidMatchSpecError):
        rattler.MatchSpec(line, strict=True)

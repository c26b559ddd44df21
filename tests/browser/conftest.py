"""The browser, and JupyterLab for it.

COURSE_CHROMIUM names the browser's program, where it isn't found by its usual names.
COURSE_SCREENSHOTS names a folder for screenshots of the lessons, to look at.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.lab import lab

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A JupyterLab that has the notebooks: its address, and its folder."""
    folder = tmp_path_factory.mktemp("lab")
    with lab(folder) as found:
        yield found, folder / "course"


@pytest.fixture(scope="session")
def address(served: tuple[str, Path]) -> str:
    """The address of the JupyterLab."""
    return served[0]


@pytest.fixture(scope="session")
def course(served: tuple[str, Path]) -> Path:
    """The folder that the JupyterLab shows."""
    return served[1]


@pytest.fixture(scope="module")  # not longer: its event loop would be in other tests' way
def browser() -> Iterator[Browser]:
    """Chromium with no window."""
    program = os.environ.get("COURSE_CHROMIUM") or next(
        filter(None, map(shutil.which, NAMES)), None
    )
    if program is None:
        pytest.fail(
            f"no browser: none of {', '.join(NAMES)} is installed. On Debian: apt install chromium; "
            "elsewhere set COURSE_CHROMIUM to the program of a Chromium or Chrome"
        )
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program, chromium_sandbox=False) as chromium,
    ):
        yield chromium


@pytest.fixture(scope="session")
def album() -> Path | None:
    """The folder for screenshots, if they are wanted."""
    folder = os.environ.get("COURSE_SCREENSHOTS")
    return Path(folder).resolve() if folder else None

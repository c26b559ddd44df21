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
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab that has the notebooks."""
    with lab(tmp_path_factory.mktemp("lab")) as found:
        yield found


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

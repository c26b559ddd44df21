"""Lessons in Jupyter Notebook, which shows one notebook and little else.

COURSE_NOTEBOOK=all takes every lesson; without it, the first is taken.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.lab import lab
from tests.browser.lesson import (
    DONE,
    NOTEBOOK,
    OPENED,
    SCREEN,
    Lesson,
    open_notebook,
    run_all,
    take,
    write_notebook,
)
from tests.browser.test_lessons import ANSWERED, LESSONS, LIMIT

TAKEN = LESSONS if os.environ.get("COURSE_NOTEBOOK") == "all" else LESSONS[:1]
WIDGETS = ["from course_lib.explore import amdahl", "amdahl(0.5)"]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Jupyter Notebook that has the lessons, and two notebooks of our own."""
    folder = tmp_path_factory.mktemp("notebook")
    with lab(folder, "notebook") as found:
        for name, sources in {"plain": ["1 + 1"], "widget": WIDGETS}.items():
            write_notebook(folder / "course", f"notebooks/{name}.ipynb", sources)
        yield found


@pytest.fixture(scope="module")
def own_complaints(browser: Browser, address: str) -> list[str]:
    """What the console says with a notebook that has nothing of the course in it."""
    plain = take(browser, address, "notebooks/plain.ipynb", LIMIT, None, NOTEBOOK)
    assert plain.executed == [1]
    return plain.complaints


@pytest.mark.parametrize("name", TAKEN)
def test_a_lesson_goes_through(
    browser: Browser, address: str, album: Path | None, own_complaints: list[str], name: str
) -> None:
    lesson: Lesson = take(browser, address, f"notebooks/{name}", LIMIT, album, NOTEBOOK)
    assert not lesson.errors
    assert lesson.in_time
    assert lesson.executed == list(range(1, len(lesson.executed) + 1))
    assert lesson.images or name in ANSWERED
    assert all(alt.strip() and width > 0 for alt, width in lesson.images), lesson.images
    assert not lesson.abroad
    assert set(lesson.complaints) <= set(own_complaints)


def test_an_explorer_keeps_its_keys(browser: Browser, address: str) -> None:
    page = browser.new_page(viewport=SCREEN, reduced_motion="reduce")  # type: ignore[arg-type]
    open_notebook(page, address, "notebooks/widget.ipynb", NOTEBOOK)
    run_all(page)
    page.wait_for_function(DONE, timeout=OPENED, polling=100)
    share = page.get_by_role("slider").first
    share.press("ArrowRight")
    expect(share).not_to_have_value("0.5")
    for letter in "abxmdd":
        share.press(letter)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    expect(cells).to_have_count(len(WIDGETS))
    share.press("Escape")  # leads back to the notebook, whose own keys then work
    page.keyboard.press("b")
    expect(cells).to_have_count(len(WIDGETS) + 1)
    page.close()

"""Lessons run through in JupyterLab, in a browser, as a learner sees them."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.lesson import Lesson, take

LESSONS = (
    "00_start_here.ipynb",
    "01_definitions.ipynb",
    "02_quadrant.ipynb",
    "03_timelines.ipynb",
    "04_coffee_bar.ipynb",
    "05_when_each_matters.ipynb",
    "06_models.ipynb",
    "07_misconceptions.ipynb",
    "08_amdahl.ipynb",
    "09_beyond_amdahl.ipynb",
    "10_history.ipynb",
    "11_beyond_one_machine.ipynb",
    "12_capstone.ipynb",
)
#: Whose pictures are made from a learner's own answers, so that there are none without them.
ANSWERED = {"12_capstone.ipynb"}
LIMIT = 120.0  # seconds for all cells of a lesson


@pytest.fixture(scope="module", params=LESSONS)
def lesson(
    request: pytest.FixtureRequest, browser: Browser, address: str, album: Path | None
) -> Lesson:
    """Run each lesson once, for all the tests."""
    return take(browser, address, f"notebooks/{request.param}", LIMIT, album)


def test_all_cells_run_and_none_fails(lesson: Lesson) -> None:
    assert not lesson.errors
    assert lesson.in_time, f"not done in {LIMIT:g} s; executed so far: {lesson.executed}"
    assert lesson.executed == list(range(1, len(lesson.executed) + 1))
    assert lesson.executed


def test_every_picture_is_there_and_says_in_words_what_it_shows(
    lesson: Lesson, request: pytest.FixtureRequest
) -> None:
    assert lesson.images or request.node.callspec.params["lesson"] in ANSWERED
    assert all(width > 0 for _, width in lesson.images), lesson.images
    assert all(alt.strip() for alt, _ in lesson.images), lesson.images


def test_nothing_is_asked_of_another_computer(lesson: Lesson) -> None:
    assert not lesson.abroad


def test_the_console_has_no_error(lesson: Lesson) -> None:
    assert not lesson.complaints


@pytest.mark.parametrize("lesson", ["02_quadrant.ipynb"], indirect=True)
def test_the_quadrant_is_there(lesson: Lesson) -> None:
    assert [alt for alt, width in lesson.images if alt.startswith("The quadrant") and width > 0]

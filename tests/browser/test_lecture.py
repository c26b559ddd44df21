"""A lesson as a lecture: JupyterLab shows it a slide at a time, and its cells run."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from playwright.sync_api import Browser, Locator, Page, expect

from docs import lecture
from tests.browser import axe
from tests.browser.lab import address, end, environment
from tests.browser.lesson import OPENED, SCREEN
from tests.test_form import LESSONS

OPTIONS = ["--no-browser", "--ServerApp.port=0", "--IdentityProvider.token="]


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Lesson 0, on its first slide."""
    with opened(browser, tmp_path_factory.mktemp("lecture")) as page:
        yield page


@contextlib.contextmanager
def opened(browser: Browser, folder: Path, *cells: NotebookNode) -> Iterator[Page]:
    """Open lesson 0 as a lecture; with cells, these in its place."""
    command, places = lecture.prepare(folder / "copy", lecture.lesson("0"))
    if cells:
        place = folder / "copy" / "notebooks" / "00_start_here.ipynb"
        lesson = nbformat.read(place, 4)  # type: ignore[no-untyped-call]
        lesson.cells = list(cells)
        nbformat.write(lesson, place)  # type: ignore[no-untyped-call]
    variables = environment(folder)
    variables |= {name: places[name] for name in ("JUPYTER_CONFIG_DIR", "COURSE_HOME")}
    log = folder / "lab.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, *OPTIONS], cwd=folder, env=variables, stdout=output, stderr=output
        )
        try:
            found = address(server, folder / "runtime", log)
            page = browser.new_page(viewport=SCREEN, reduced_motion="reduce")  # type: ignore[arg-type]
            page.goto(f"{found}doc/tree/notebooks/00_start_here.ipynb")
            page.locator("#lecture-bar").wait_for(timeout=OPENED)
            yield page
            page.close()
        finally:
            end(server, variables["HOME"])


@pytest.fixture
def place(page: Page) -> Locator:
    """Where the lecture is."""
    return page.get_by_role("navigation", name="Slides").get_by_role("status")


def turn_to(page: Page, what: Locator) -> None:
    """Turn until it is in sight."""
    for _ in range(10):
        if what.is_visible():
            return
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(200)
    expect(what).to_be_visible()


def test_it_begins_with_the_title_alone(page: Page, place: Locator) -> None:
    expect(place).to_have_text("1 of 24")
    expect(page.get_by_role("heading", level=1, name="Start here")).to_be_visible()
    expect(page.locator(".jp-Cell:visible")).to_have_count(1)
    size = page.locator(".jp-Cell:visible p").first.evaluate("p => getComputedStyle(p).fontSize")
    assert float(size.removesuffix("px")) >= 24  # 18 pt


def test_a_question_shows_at_once_and_an_experiment_runs_on_demand(
    page: Page, place: Locator
) -> None:
    form = page.locator("form.course-widget:visible")
    turn_to(page, page.get_by_role("heading", name="Predict"))
    expect(form).to_contain_text("How many cores will they get?", timeout=OPENED)
    asked = place.inner_text()
    number = form.get_by_role("textbox")
    number.fill("1")
    number.press("ArrowRight")  # moves the cursor, and turns no slide
    form.get_by_role("button", name="Commit").click()
    expect(form.get_by_role("status")).to_contain_text("Committed")
    expect(place).to_have_text(asked)
    for _ in range(2):  # the experiment, and what it says of the prediction
        page.get_by_role("button", name="Next").click()
        page.get_by_role("button", name="Run").click()
    table = page.locator(".jp-OutputArea-output table:visible")
    expect(table).to_contain_text("1 cores", timeout=OPENED)
    assert axe.objections(page, context={"include": [["#lecture-bar"]]}) == []
    there = place.inner_text()
    page.keyboard.press("PageUp")  # the bar's button, which was clicked, wants none of these keys
    expect(place).not_to_have_text(there)
    page.keyboard.press("ArrowRight")
    expect(place).to_have_text(there)


def test_the_number_of_a_lesson_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert lecture.main(["eleven"]) == 1
    last = int(LESSONS[-1].name[:2])
    said = f"number must be a lesson's, 0 to {last}, not 'eleven'\n"
    assert capsys.readouterr().err == said


def test_a_lecture_works_on_a_copy(tmp_path: Path) -> None:
    command, places = lecture.prepare(tmp_path / "copy", lecture.lesson("3"))
    assert f"--ServerApp.root_dir={tmp_path / 'copy'}" in command
    assert (tmp_path / "copy" / "notebooks" / "03_timelines.ipynb").is_file()
    assert Path(places["COURSE_HOME"]).is_relative_to(tmp_path)


SLEEPS = """import pathlib, time
again = pathlib.Path("ran").exists()
pathlib.Path("ran").touch()
time.sleep(0 if again else 60)"""
HANGS = """import time
print("begun", flush=True)
while True:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        print("not yet", flush=True)
"""


def test_what_hangs_is_stopped_or_left_behind(browser: Browser, tmp_path: Path) -> None:
    slide = {"slideshow": {"slide_type": "slide"}}
    sources = ["here = 1", SLEEPS, HANGS, "print('here is', here)"]
    cells = [new_code_cell(each, metadata=slide) for each in sources]  # type: ignore[no-untyped-call]
    title = new_markdown_cell("# A title", metadata=slide)  # type: ignore[no-untyped-call]
    with opened(browser, tmp_path, title, *cells) as page:
        output = page.locator(".jp-OutputArea-output:visible")
        buttons = {
            name: page.get_by_role("button", name=name, exact=True)
            for name in ("Run", "Stop", "Restart", "Next")
        }
        for _ in range(2):
            buttons["Next"].click()
        buttons["Run"].click()
        page.wait_for_timeout(1500)
        buttons["Stop"].click()
        expect(output.last).to_contain_text("KeyboardInterrupt", timeout=OPENED)
        buttons["Next"].click()
        buttons["Run"].click()
        expect(output.first).to_contain_text("begun", timeout=OPENED)
        buttons["Stop"].click()
        expect(output.first).to_contain_text("not yet", timeout=OPENED)
        buttons["Restart"].click()
        expect(buttons["Restart"]).to_be_enabled(timeout=OPENED)
        buttons["Next"].click()
        buttons["Run"].click()
        expect(output.first).to_contain_text("here is 1", timeout=OPENED)

"""axe-core finds nothing to object to in what the course shows, before and after it was used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import axe
from tests.browser.lesson import DONE, OPENED, SCREEN, open_notebook, run_all, write_notebook

PATH = "notebooks/axe.ipynb"
FIRST = """from course_lib import Task, compute, machine, observe, run, wait
from course_lib.explore import amdahl, cafe, play, scheduler
from course_lib.lesson import begin, check, finish, predict, question
begin('axe')
trace = run([Task('A', wait(0.1)), Task('B', compute(0.05))], 'threads')"""
CELLS = [
    FIRST,
    "machine()",
    "trace",
    "room = predict('room', 'Which room?')\nroom",
    "number = predict('number', 'How many?', between=(0, 4), unit='cores')\nnumber",
    "order = predict('order', 'Which order?', order=['one', 'two', 'three'])\norder",
    "point = predict('point', 'Where?', point=True)\npoint",
    "question('01_definitions/sentences')",
    "question('02_quadrant/cook')",
    "question('02_quadrant/software_parallel')",
    "play(trace)",
    "cafe()",
    "amdahl(measured=[(1, 1), (2, 1.8)])",
    "scheduler()",
    "scheduler('place')",
    "room.compare(trace) + point.compare(trace)",
    "number.compare(1.5) + order.compare(['one', 'three', 'two'])",
    "check('02_quadrant/waits', lambda fetch: [print('hi'), fetch()])",
    "check('02_quadrant/waits', lambda fetch: 1 / 0)",
    "finish()",
]

#: Everything that cells show.
SHOWN = ".jp-Notebook .jp-OutputArea-output"


@pytest.fixture(scope="module")
def page(browser: Browser, address: str, course: Path) -> Iterator[Page]:
    """A notebook with one of everything, run."""
    write_notebook(course, PATH, CELLS)
    with browser.new_context(viewport=SCREEN, reduced_motion="reduce") as context:  # type: ignore[arg-type]
        page = context.new_page()
        open_notebook(page, address, PATH)
        run_all(page)
        page.wait_for_function(DONE, timeout=OPENED, polling=100)
        expect(page.locator(".course-player")).to_have_count(5)
        yield page
        page.evaluate("() => jupyterapp.serviceManager.sessions.shutdownAll()")


@pytest.fixture(scope="module", params=["JupyterLab Light", "JupyterLab Dark"])
def theme(request: pytest.FixtureRequest, page: Page) -> Iterator[None]:
    """Each theme in turn; afterwards the first one again, for the server keeps it."""
    change = "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})"
    light = str(request.param.endswith("Light")).lower()
    page.evaluate(change, request.param)
    page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=light)
    yield
    page.evaluate(change, "JupyterLab Light")


def objections(page: Page) -> list[str]:
    """What axe-core objects to, each with the element."""
    return axe.objections(page, context={"include": [[SHOWN]]})


def test_it_does_object_to_what_is_wrong(page: Page) -> None:
    page.locator(SHOWN).last.evaluate("shown => shown.append(new Image())")
    assert any(said.startswith("image-alt") for said in objections(page))
    page.locator(SHOWN).last.evaluate("shown => shown.lastElementChild.remove()")


@pytest.mark.usefixtures("theme")
def test_no_objection_before_anything_is_answered(page: Page) -> None:
    assert objections(page) == []


@pytest.mark.usefixtures("theme")
def test_no_objection_to_answers_hints_and_errors(page: Page) -> None:
    for form in page.locator("form.course-widget, form.course-question").all():
        for button in form.get_by_role("button").all():
            if button.is_enabled():  # unanswered: each says what is missing
                button.click()
    for form in page.locator("form.course-question").all():
        for choice in form.locator("input:enabled").all()[:1]:
            choice.check()
            form.get_by_role("button", name="Check").click()
    for game in page.locator(".course-scheduler").all():
        for name in ("Restart", "Run A", "Undo", "Hint", "Let the adversary try"):
            for button in game.get_by_role("button", name=name).all():
                button.click()
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    assert objections(page) == []


@pytest.mark.parametrize("zoom", [1, 2])
@pytest.mark.usefixtures("theme")
def test_everything_can_be_read_at_twice_the_size(
    page: Page, zoom: int, album: Path | None
) -> None:
    """To zoom in by two is to halve the screen: 1280 × 720, a projector's, to 640 × 360.

    The Lab's list of files is closed then, or there is little room for anything else.
    """
    page.evaluate("() => jupyterapp.shell.collapseLeft()")
    page.set_viewport_size({name: size // zoom for name, size in SCREEN.items()})  # type: ignore[arg-type]
    for number, shown in enumerate(page.locator(SHOWN).all()):
        shown.scroll_into_view_if_needed()
        wide = shown.evaluate("shown => [shown.scrollWidth, shown.clientWidth]")
        assert wide[0] <= wide[1] + 1, (number, wide)
        if album and shown.is_visible():
            album.mkdir(parents=True, exist_ok=True)
            dark = page.evaluate("() => document.body.dataset.jpThemeLight") == "false"
            shown.screenshot(path=album / f"shown-{number:02}-{zoom}{'-dark' * dark}.png")
    page.set_viewport_size(SCREEN)  # type: ignore[arg-type]

"""Predictions in JupyterLab: by the keyboard alone, locked once committed, there after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from course_lib.lesson.predict import Prediction, predict
from tests.browser import still
from tests.browser.lesson import DONE, OPENED, SCREEN, open_notebook, run_all, write_notebook

NOTEBOOK = "notebooks/predictions.ipynb"
ITEMS = ["async", "processes", "threads"]
SOURCES = [
    "from course_lib.lesson import begin, predict, progress\nbegin('{lesson}')",
    "room = predict('loop', 'Which room?')\nroom",
    "number = predict('cores', 'How many?', between=(0, 4), unit='cores')\nnumber",
    f"order = predict('models', 'Fastest first?', order={ITEMS})\norder",
    "point = predict('server', 'Where on the quadrant?', point=True)\npoint",
    "number.compare(1.5)",
    "print(room.answer, number.answer, order.answer, point.answer)",
]
ROOM, NUMBER, ORDER, POINT = range(4)
STRAY = ("a", "b", "x", "m", "d", "d", "ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown")

#: All that a key could change: the cells, which are chosen, the mode, and what was executed.
CELLS = """() => [lesson.content.activeCellIndex, lesson.content.mode,
  Array.from(lesson.content.model.cells,
    cell => [cell.id, cell.type, cell.sharedModel.source, cell.executionCount])]"""

#: Make a cell the active one, in command mode, as Ctrl + Enter leaves it.
COMMAND = """index => {
  lesson.content.activeCellIndex = index;
  lesson.content.mode = "command";
  lesson.content.activate();
}"""

PRINTED = """() => lesson.content.model.cells.get(6).outputs.toJSON().map(o => o.text).join("")"""

RESTART = """() => lesson.sessionContext.restartKernel().then(() => true)"""


@pytest.fixture
def page(
    browser: Browser, address: str, course: Path, request: pytest.FixtureRequest
) -> Iterator[Page]:
    """A notebook with one prediction of each kind, run; each test has a lesson of its own."""
    sources = [source.replace("{lesson}", request.node.name) for source in SOURCES]
    write_notebook(course, NOTEBOOK, sources)
    with browser.new_context(viewport=SCREEN, reduced_motion="reduce") as context:  # type: ignore[arg-type]
        page = context.new_page()
        open_notebook(page, address, NOTEBOOK)
        run(page)
        yield page
        page.evaluate("() => jupyterapp.serviceManager.sessions.shutdownAll()")


def run(page: Page) -> None:
    run_all(page)
    page.wait_for_function(DONE, timeout=OPENED, polling=100)
    expect(page.locator("form.course-widget")).to_have_count(4)


def form(page: Page, index: int) -> Locator:
    return page.locator("form.course-widget").nth(index)


def status(page: Page, index: int) -> Locator:
    return form(page, index).get_by_role("status")


def into(page: Page, index: int, target: Locator) -> Any:
    """Lead the keyboard from the question's cell to the target; return how the cells are."""
    page.evaluate(COMMAND, index + 1)
    go(page, target)
    return page.evaluate(CELLS)


def go(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    for _ in range(15):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    expect(target).to_be_focused()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def commit(page: Page, index: int) -> None:
    """Commit by the keyboard; see that it is locked, and that stray keys do nothing."""
    go(page, form(page, index).get_by_role("button", name="Commit"))
    press(page, "Enter")
    expect(status(page, index)).to_contain_text("✓ Committed: ")
    expect(status(page, index)).to_be_focused()
    expect(form(page, index).get_by_role("button", name="Commit")).to_be_disabled()
    press(page, *STRAY, "Space", "Enter")


def all_four(page: Page) -> None:
    """Commit all four answers by the keyboard alone; no cell changes."""
    radios = form(page, ROOM).get_by_role("radio")
    before = into(page, ROOM, radios.first)
    press(page, "a", "b", "x", "m", "Space", "ArrowDown", "ArrowRight", "ArrowUp")
    expect(radios.nth(1)).to_be_checked()
    commit(page, ROOM)
    assert page.evaluate(CELLS) == before

    number = form(page, NUMBER).get_by_role("textbox")
    before = into(page, NUMBER, number)
    press(page, "a", "b", "x", "m", "Control+a", "3", "ArrowUp", "ArrowDown", "Space", "Enter")
    expect(status(page, NUMBER)).to_contain_text("✓ Committed: 3 cores")
    press(page, *STRAY, "Space", "Enter")
    assert page.evaluate(CELLS) == before

    up = form(page, ORDER).get_by_role("button", name="Move threads up")
    before = into(page, ORDER, up)
    press(page, *STRAY, "Space")
    expect(status(page, ORDER)).to_have_text("threads is now number 2 of 3.")
    expect(up).to_be_focused()
    press(page, "Enter", "Enter")
    expect(status(page, ORDER)).to_have_text("threads is already number 1 of 3.")
    commit(page, ORDER)
    assert page.evaluate(CELLS) == before

    plane = form(page, POINT).get_by_role("application")
    before = into(page, POINT, plane)
    press(page, "a", "b", "x", "m", "Space", "Enter", "ArrowUp", "ArrowUp", "ArrowLeft")
    expect(status(page, POINT)).to_contain_text("1.52 in flight, 1 cores busy: concurrent, not")
    busy = form(page, POINT).get_by_role("textbox", name="cores busy")
    expect(busy).to_have_value("1")
    go(page, busy)
    press(page, "m", "Control+a", "2")
    expect(status(page, POINT)).to_contain_text("1.52 in flight, 2 cores busy: concurrent and")
    commit(page, POINT)
    assert page.evaluate(CELLS) == before


def test_the_keyboard_alone_commits_and_after_a_restart_the_answers_are_there(page: Page) -> None:
    all_four(page)
    page.evaluate("document.querySelectorAll('form.course-widget').forEach(f => f.id = 'old')")
    page.evaluate(RESTART)
    run(page)
    expect(page.locator("#old")).to_have_count(0)
    for index in range(4):
        expect(status(page, index)).to_contain_text("✓ Committed: ")
        expect(status(page, index)).to_contain_text("From an earlier time.")
        expect(form(page, index).get_by_role("button", name="Commit")).to_be_disabled()
    expect(form(page, ROOM).get_by_role("radio").nth(1)).to_be_checked()
    expect(form(page, ORDER).get_by_role("listitem").first).to_contain_text("threads")
    assert page.evaluate(PRINTED) == (
        "parallel, not concurrent 3.0 ['threads', 'async', 'processes'] [1.52, 2.0]\n"
    )


def test_a_number_out_of_range_is_refused_in_words(page: Page) -> None:
    number = form(page, NUMBER).get_by_role("textbox")
    before = into(page, NUMBER, number)
    press(page, "9", "Enter")
    expect(status(page, NUMBER)).to_have_text("Not committed: cores must be a number from 0 to 4.")
    expect(number).to_be_enabled()
    press(page, "Backspace", "2", ".", "5", "Enter")
    expect(status(page, NUMBER)).to_contain_text("✓ Committed: 2.5 cores")
    into(page, POINT, form(page, POINT).get_by_role("button", name="Commit"))
    press(page, "Enter")
    expect(status(page, POINT)).to_contain_text("tasks in flight must be a number from 0.5 to 100")
    assert page.evaluate(CELLS)[2] == before[2]


def test_the_point_can_be_dragged(page: Page) -> None:
    plane = form(page, POINT).get_by_role("application")
    plane.scroll_into_view_if_needed()
    box = plane.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.8)
    page.mouse.down()
    expect(status(page, POINT)).to_contain_text(": sequential")
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.2, steps=5)
    page.mouse.up()
    expect(status(page, POINT)).to_contain_text(": concurrent and parallel")
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.8)
    expect(status(page, POINT)).to_contain_text(": concurrent and parallel")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_it_fits_and_is_framed_in_both_themes(page: Page, theme: str, album: Path | None) -> None:
    page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    light = str(theme.endswith("Light")).lower()
    page.wait_for_function(
        "light => document.body.dataset.jpThemeLight === light", arg=light, timeout=OPENED
    )
    into(page, POINT, form(page, POINT).get_by_role("application"))
    assert page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"
    # 200 % zoom is a screen of half the size
    for name, size in (("", SCREEN), ("-zoomed", {"width": 640, "height": 360})):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for index in range(4):
            widget = form(page, index)
            widget.scroll_into_view_if_needed()
            assert widget.evaluate("form => form.scrollWidth <= form.clientWidth + 1")
            if album:
                album.mkdir(parents=True, exist_ok=True)
                widget.screenshot(path=album / f"predict-{light}-{index}{name}.png")


# In a page with no Lab and no kernel ----------------------------------------------------------------

NAMES = ("question", "kind", "unit", "low", "high", "quadrant", "answer", "committed", "note")


@pytest.fixture
def empty(browser: Browser) -> Iterator[Page]:
    """A page with nothing in it, on a small screen that is touched."""
    screen = {"width": 320, "height": 568}
    with browser.new_context(viewport=screen, has_touch=True) as context:  # type: ignore[arg-type]
        yield context.new_page()


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress that is the test's own."""
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))


def stand(page: Page, prediction: Prediction) -> Locator:
    """Show a prediction in an empty page."""
    still.show(page, prediction, *NAMES)
    return page.locator("form")


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("typed", "number"),
    [("1,5", 1.5), ("1.5", 1.5), (" 2 ", 2), (",5", 0.5), ("3.", 3), ("1.234", 1.234)]
    + [("0,125", 0.125), ("25e-1", 2.5), ("1,5E3", 1500), ("-1", -1)],
)
def test_a_number_may_have_a_comma_or_a_point(empty: Page, typed: str, number: float) -> None:
    here = stand(empty, predict("ratio", "How many?", between=(-1, 5000)))
    here.get_by_role("textbox").fill(typed)
    here.get_by_role("button", name="Commit").click()
    assert empty.evaluate("model.get('answer')") == number


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("typed", "words"),
    [("1,500", "read in two ways"), ("1.234,5", "read in two ways"), ("1,234,567", "in two ways")]
    + [(text, "answer must be a number from 0 to 5000.") for text in ("", "a", "1 5", "5e3000")]
    + [(text, "answer must be a number from 0 to 5000.") for text in ("-1", "5001", "0x1", ".")],
)
def test_what_is_no_number_or_could_be_two_is_refused(empty: Page, typed: str, words: str) -> None:
    here = stand(empty, predict("ratio", "How many?", between=(0, 5000)))
    here.get_by_role("textbox").fill(typed)
    here.get_by_role("button", name="Commit").click()
    expect(here.get_by_role("status")).to_contain_text("Not committed: ")
    expect(here.get_by_role("status")).to_contain_text(words)
    assert empty.evaluate("model.get('answer')") is None


@pytest.mark.usefixtures("alone")
def test_a_point_that_is_moved_replaces_what_was_refused(empty: Page) -> None:
    here = stand(empty, predict("server", "Where?", point=True))
    flight = here.get_by_role("textbox", name="tasks in flight")
    flight.fill("1,500")
    here.get_by_role("application").press("ArrowUp")
    here.get_by_role("button", name="Commit").click()
    assert empty.evaluate("model.get('answer')[0]") == float(flight.input_value())


@pytest.mark.usefixtures("alone")
def test_only_what_begins_on_the_plane_with_the_main_button_moves_the_point(empty: Page) -> None:
    empty.set_viewport_size({"width": 800, "height": 600})
    here = stand(empty, predict("server", "Where?", point=True))
    box = here.get_by_role("application").bounding_box()
    assert box
    here.locator("legend").hover()
    empty.mouse.down()  # as to select text
    empty.mouse.move(box["x"] + 200, box["y"] + 100, steps=3)
    empty.mouse.up()
    empty.mouse.down(button="right")
    empty.mouse.move(box["x"] + 250, box["y"] + 120, steps=3)
    empty.mouse.up(button="right")
    assert [each.input_value() for each in here.get_by_role("textbox").all()] == ["", ""]


def swipe(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw a finger over the screen."""
    touch = page.context.new_cdp_session(page)
    for number in range(9):
        x, y = (a + (b - a) * number / 8 for a, b in zip(start, end, strict=True))
        kind = "touchMove" if number else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        page.wait_for_timeout(20)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(100)


@pytest.mark.usefixtures("alone")
def test_a_finger_drags_the_point_and_elsewhere_moves_the_page(empty: Page) -> None:
    here = stand(empty, predict("server", "Where?", point=True))
    plane, fields = here.locator(".plane"), here.get_by_role("textbox").all()
    box = plane.bounding_box()
    mark = here.locator(".mark").bounding_box()
    assert box and mark
    middle = (mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2)
    swipe(empty, middle, (middle[0] + 60, middle[1] - 60))
    moved = [float(field.input_value()) for field in fields]
    assert min(moved) > 1.5
    assert plane.evaluate("plane => plane.scrollLeft") == 0
    away = (box["x"] + box["width"] - 30, box["y"] + box["height"] - 60)
    swipe(empty, away, (away[0] - 150, away[1]))
    assert plane.evaluate("plane => plane.scrollLeft") > 20
    assert [float(field.input_value()) for field in fields] == moved
    empty.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 60)
    assert [float(field.input_value()) for field in fields] != moved
    before = [field.input_value() for field in fields]
    here.get_by_role("button", name="Commit").click()
    plane.evaluate("plane => { plane.scrollLeft = 30; }")
    mark = here.locator(".mark").bounding_box()
    assert mark
    middle = (mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2)
    swipe(empty, middle, (middle[0] + 100, middle[1]))
    assert plane.evaluate("plane => plane.scrollLeft") == 0
    assert [field.input_value() for field in fields] == before

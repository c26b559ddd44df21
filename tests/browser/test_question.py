"""Questions in JupyterLab: by the keyboard alone, in both themes, and nothing told too early."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from course_lib.lesson.question import LAST, Asked, load, question
from tests.browser import still
from tests.browser.lesson import DONE, OPENED, SCREEN, open_notebook, run_all, write_notebook

NOTEBOOK = "notebooks/questions.ipynb"
ONE, SEVERAL = "02_quadrant/cook", "02_quadrant/software_parallel"

#: All that a key could change: the cells, which are chosen, and the mode.
CELLS = """() => [lesson.content.activeCellIndex, lesson.content.mode,
  Array.from(lesson.content.model.cells, cell => [cell.id, cell.type, cell.sharedModel.source])]"""

#: Make a cell the active one, in command mode, as Ctrl + Enter leaves it.
COMMAND = """index => {
  lesson.content.activeCellIndex = index;
  lesson.content.mode = "command";
  lesson.content.activate();
}"""

#: The lowest contrast between an element's text and what is behind it, over all elements here.
CONTRAST = """form => {
  const numbers = color => color.match(/[\\d.]+/g).map(Number);
  const light = color => {
    const [r, g, b] = numbers(color).map(value => value / 255)
      .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    const color = getComputedStyle(element).backgroundColor;
    return (numbers(color)[3] ?? 1) === 1 ? color : behind(element.parentElement);
  };
  return Math.min(...Array.from(form.querySelectorAll("legend, label, button, p, span, strong"))
    .map(element => [light(getComputedStyle(element).color), light(behind(element))])
    .map(([a, b]) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)));
}"""


@pytest.fixture
def page(browser: Browser, address: str, course: Path, tmp_path: Path) -> Iterator[Page]:
    """A notebook with two questions, run, with a progress file of its own."""
    begin = (
        f"import os\nos.environ['COURSE_HOME'] = {str(tmp_path)!r}\n"
        "from course_lib.lesson.progress import begin\n"
        "from course_lib.lesson.question import question\nbegin('02_quadrant')"
    )
    sources = [begin, f"question({ONE!r})", f"question({SEVERAL!r})"]
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
    expect(page.locator("form.course-question")).to_have_count(2)


def form(page: Page, index: int) -> Locator:
    return page.locator("form.course-question").nth(index)


def status(page: Page, index: int) -> Locator:
    return form(page, index).get_by_role("status")


def go(page: Page, target: Locator, key: str = "Tab") -> None:
    """Press a key until the target has the focus."""
    for _ in range(12):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press(key)
    expect(target).to_be_focused()


def texts(asked: Asked) -> list[str]:
    said = [text for choice in asked.choices for text in (choice.feedback, choice.misconception)]
    return [text for text in (*said, *asked.hints) if text]


def visible(page: Page, asked: Asked) -> list[str]:
    """Which texts of the kernel's stand in the page, be it hidden."""
    source = str(page.evaluate("() => document.documentElement.textContent")) + page.content()
    return [text for text in texts(asked) if text in source]


def cells(page: Page) -> Any:
    return page.evaluate(CELLS)


def test_the_keyboard_alone_leads_to_the_answer_and_moves_no_cell(page: Page) -> None:
    asked = load(ONE)
    assert visible(page, asked) == []
    page.evaluate(COMMAND, 1)
    before = cells(page)

    radios = form(page, 0).get_by_role("radio")
    go(page, radios.first)
    for key in ("a", "b", "x", "m", "Space", "ArrowDown", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    expect(radios.last).to_be_checked()
    go(page, form(page, 0).get_by_role("button", name="Check"))
    page.keyboard.press("Enter")
    wrong = asked.choices[-1]
    expect(status(page, 0)).to_contain_text(wrong.feedback)
    expect(status(page, 0)).to_contain_text("✗ Not yet")
    expect(status(page, 0)).to_contain_text(f"Misconception: “{wrong.misconception}”")
    expect(status(page, 0)).to_be_focused()
    for key in ("a", "b", "x", "m", "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "d", "d"):
        page.keyboard.press(key)
    assert cells(page) == before
    assert visible(page, asked) == [wrong.feedback, wrong.misconception]

    go(page, radios.last, "Shift+Tab")
    page.keyboard.press("ArrowUp")
    go(page, form(page, 0).get_by_role("button", name="Check"))
    page.keyboard.press("Space")
    expect(status(page, 0)).to_contain_text("✓ Right.")
    expect(status(page, 0)).to_contain_text(asked.choices[2].feedback)
    expect(status(page, 0)).to_be_focused()
    assert cells(page) == before


def test_several_choices_hints_and_an_empty_answer(page: Page) -> None:
    asked = load(SEVERAL)
    page.evaluate(COMMAND, 2)
    check = form(page, 1).get_by_role("button", name="Check")
    go(page, check)
    page.keyboard.press("Enter")
    expect(status(page, 1)).to_have_text("Choose first, then check.")
    go(page, form(page, 1).get_by_role("button", name="Hint"), "Shift+Tab")
    given = form(page, 1).locator("[aria-live] p")
    for number, hint in enumerate([*asked.hints, LAST], 1):
        page.keyboard.press("Enter")
        expect(given).to_have_count(number)
        expect(given.last).to_contain_text(hint)
    page.keyboard.press("Enter")
    boxes = form(page, 1).get_by_role("checkbox")
    for index in (1, 2):
        go(page, boxes.nth(index), "Shift+Tab" if index == 1 else "Tab")
        page.keyboard.press("Space")
    page.keyboard.press("Enter")  # as in any form
    expect(status(page, 1)).to_contain_text("✓ Right.")
    expect(status(page, 1)).to_be_focused()
    expect(given).to_have_count(len(asked.hints) + 1)


def test_an_answer_is_there_again_when_the_notebook_is_run_again(page: Page) -> None:
    asked = load(ONE)
    form(page, 0).get_by_label(asked.choices[2].text, exact=True).check()
    form(page, 0).get_by_role("button", name="Check").click()
    expect(status(page, 0)).to_contain_text("✓ Right.")
    form(page, 0).evaluate("form => { form.id = 'old'; }")
    run(page)
    expect(page.locator("#old")).to_have_count(0)
    expect(status(page, 0)).to_contain_text(asked.choices[2].feedback)
    expect(form(page, 0).get_by_label(asked.choices[2].text, exact=True)).to_be_checked()
    expect(form(page, 0).get_by_role("button", name="Check")).to_be_disabled()
    expect(status(page, 1)).to_contain_text("Not answered yet")


@pytest.fixture(params=("JupyterLab Light", "JupyterLab Dark"))
def theme(request: pytest.FixtureRequest, page: Page) -> Iterator[str]:
    """Each theme in turn; afterwards the first one again, for the server keeps it."""
    change = "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})"
    page.evaluate(change, request.param)
    light = str(request.param == "JupyterLab Light").lower()
    page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=light)
    yield request.param
    page.evaluate(change, "JupyterLab Light")


def test_it_can_be_read_in_both_themes(page: Page, theme: str, album: Path | None) -> None:
    asked = load(ONE)
    form(page, 0).get_by_label(asked.choices[0].text, exact=True).check()
    form(page, 0).get_by_role("button", name="Hint").click()
    form(page, 0).get_by_role("button", name="Check").click()
    expect(status(page, 0)).to_contain_text(asked.choices[0].feedback)
    expect(form(page, 0).locator("[aria-live] p")).to_have_count(1)
    if album:
        album.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=album / f"question-{theme.split()[-1].lower()}.png")
    assert form(page, 0).evaluate(CONTRAST) >= 4.5


def test_a_restarted_kernel_is_named_as_why_nothing_is_checked(page: Page) -> None:
    page.evaluate("() => lesson.sessionContext.restartKernel().then(() => true)")
    form(page, 0).get_by_role("radio").first.check()
    form(page, 0).get_by_role("button", name="Check").click()
    expect(status(page, 0)).to_have_text("Not checked: run this cell again, then check.")
    expect(status(page, 0)).to_be_focused()
    for _ in range(2):
        form(page, 0).get_by_role("button", name="Hint").click()
        expect(form(page, 0).locator("[aria-live] p")).to_have_text(
            "No hint: run this cell again, then ask for one."
        )


# In a page with no Lab and no kernel ----------------------------------------------------------------


def test_a_late_verdict_leaves_a_newer_choice_alone(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    asked = load(ONE)
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        still.show(page, question(ONE), "question", "choices", "several", "verdict", "hints")
        radios = form(page, 0).get_by_role("radio")
        radios.nth(0).check()
        form(page, 0).get_by_role("button", name="Check").click()
        radios.nth(1).check()
        wrong = asked.verdict([asked.choices[0]], 1)
        page.evaluate("verdict => model.set('verdict', verdict)", wrong)
        expect(status(page, 0)).to_contain_text("✗ Not yet")
        expect(radios.nth(1)).to_be_checked()
        right = asked.verdict([asked.choices[2]], 2)
        page.evaluate("verdict => model.set('verdict', verdict)", right)
        expect(status(page, 0)).to_contain_text("✓ Right.")
        expect(radios.nth(2)).to_be_checked()

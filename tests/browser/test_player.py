"""The timeline player in the browser: its numbers, its keys, and its frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from course_lib.explore import play, running_numbers
from course_lib.trace import KINDS, Trace
from tests.browser import still
from tests.browser.lesson import SCREEN, open_notebook, write_notebook

TURNS = """
from course_lib.explore import play
from course_lib.trace import Trace

tasks = [("A", 0, 0, 2, 2), ("B", 0, 1, 3, 1)]
spans = [
    (0, 0, 1, 0, 1, "run"), (0, 0, -1, 1, 2, "ready"), (1, 1, 0, 1, 2, "run"),
    (1, 1, -1, 2, 3, "wait"),
]
play(Trace.build(tasks, spans, cpu=2, end=4, model="made"))
"""
MANY = """
spans = [(n % 8, n % 8, n % 2, n / 500, (n + 5) / 500, "run") for n in range(1000)]
tasks = [(f"T{n}", 0, 0, 2, 1) for n in range(8)]
play(Trace.build(tasks, spans, cpu=2, end=2, model="made"))
"""
BUSY = "import time\nuntil = time.time() + 30\nwhile time.time() < until: pass"

CELLS = """() => Array.from(lesson.content.model.cells)
  .map(cell => [cell.type, cell.sharedModel.source, cell.executionCount])"""
MODE = "() => lesson.content.mode"
RUN_CELL = """at => {
  lesson.content.activeCellIndex = at;
  jupyterapp.commands.execute("notebook:run-cell");
}"""
PATH = "notebooks/player.ipynb"

#: Frames a second with the second player in sight, and whether its playhead moved.
FRAMES = still.FRAMES.replace("document.", "document.querySelectorAll('.course-player')[1].")

#: The numbers of the browser at these moments: in flight, cores busy (null: not seen).
NUMBERS = f"""([state, moments]) => {{
  const numbers = player.runningNumbers(player.unpack(({still.GET})(state)));
  return moments.map(numbers).map(({{ inFlight, busy }}) => [inFlight, isNaN(busy) ? null : busy]);
}}"""


# What the browser says, beside what Python says ----------------------------------------------------


@pytest.fixture(scope="module")
def blank(browser: Browser) -> Iterator[Page]:
    """A page that has the player's script."""
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        still.stand(page, play(Trace.build([], [], cpu=0, end=0, model="made")))
        yield page


def at_random(seed: int) -> Trace:
    """Make a trace with all kinds of span, tasks not started and not finished, and ties."""
    rng = np.random.default_rng(seed)
    tasks = int(rng.integers(1, 6))
    lives = np.sort(rng.integers(0, 16, (tasks, 2)) / 4)
    lives[rng.random(tasks) < 0.2, 1] = np.nan
    lives[rng.random(tasks) < 0.1] = np.nan
    rows = [(f"T{n}", 0.0, *life, 0.0) for n, life in enumerate(lives.tolist())]
    hidden = rng.random() < 0.5
    kinds = [kind for kind in KINDS if hidden or kind not in ("call", "blur")]
    spans = []
    for _ in range(int(rng.integers(0, 30))):
        start, stop = np.sort(rng.integers(0, 16, 2) / 4).tolist()
        place = (int(rng.integers(tasks)), int(rng.integers(-1, 3)), int(rng.integers(-1, 2)))
        spans.append((*place, start, stop, str(rng.choice(kinds))))
    return Trace.build(rows, spans, cpu=1.0, end=4.0, model="made")


def test_the_numbers_are_pythons(blank: Page) -> None:
    moments = (np.arange(-2, 40) / 8).tolist()
    seen = 0
    for seed in range(60):
        trace = at_random(seed)
        said = blank.evaluate(NUMBERS, [still.state(play(trace)), moments])
        in_flight, busy = running_numbers(trace, moments)
        assert [one for one, _ in said] == in_flight.tolist(), seed
        assert [other for _, other in said] == [None if np.isnan(b) else b for b in busy], seed
        seen += int((busy > 0).sum())
    assert seen > 100  # or else it would say little


@pytest.mark.parametrize(
    ("seconds", "usual"),
    [(0.4, 1 / 20), (4.0, 1 / 2), (8.0, 1.0), (60.0, 10.0), (0.0012, 1 / 5000), (1.0, 1 / 10)],
)
def test_a_trace_lasts_some_seconds(blank: Page, seconds: float, usual: float) -> None:
    said = blank.evaluate("seconds => player.speeds(seconds)", seconds)
    assert said["usual"] == pytest.approx(usual)
    assert 4 <= seconds / said["usual"] <= 10
    assert 1 in said["choices"]


def test_steps_go_from_change_to_change(blank: Page) -> None:
    trace = Trace.build(
        [("A", 0, 0.5, 3, 1)],
        [(0, 0, 0, 1, 2, "run"), (0, 0, 0, 2, 3, "run")],
        cpu=1,
        end=4,
        model="made",
    )
    script = f"state => Array.from(player.changes(player.unpack(({still.GET})(state))))"
    assert blank.evaluate(script, still.state(play(trace))) == [0, 0.5, 1, 2, 3, 4]


def test_it_stands_alone_with_the_keyboard_and_the_pointer(browser: Browser) -> None:
    """With no Lab and no kernel, as in a static page; twenty thousand spans."""
    with browser.new_context(viewport=SCREEN, reduced_motion="reduce") as context:  # type: ignore[arg-type]
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        still.stand(page, play(still.crowd(20_000)))
        playhead, number = page.locator(".playhead"), page.get_by_role("status").locator("b").first
        assert page.evaluate(still.FRAMES, 0.5)[1] is False  # nothing moves unasked
        page.mouse.click(640, 100)
        near = float(number.inner_text())
        assert 0.5 < near < 1.5
        for key, text in (("Home", "0.000"), ("End", "2.000"), ("ArrowRight", "2.000")):
            page.keyboard.press(key)
            expect(number).to_have_text(text)
        page.keyboard.press("Home")
        for _ in range(3):
            page.keyboard.press("+")
        page.keyboard.press("End")  # far out of the view, which follows
        expect(playhead).to_be_visible()
        page.get_by_role("combobox", name="Rows").select_option("core")
        page.get_by_role("button", name="Play").click()
        assert page.evaluate(still.FRAMES, 0.5)[1] is True
        assert not errors


@pytest.fixture
def pointed(browser: Browser) -> Iterator[Page]:
    """A page with a player of a trace of two seconds."""
    with browser.new_context(viewport=SCREEN, reduced_motion="reduce") as context:  # type: ignore[arg-type]
        page = context.new_page()
        still.stand(page, play(still.crowd(200)))
        page.locator(".stage").scroll_into_view_if_needed()
        yield page


def across(page: Page, share: float) -> tuple[float, float]:
    """Return a place on the player's stage, at this share of its width."""
    box = page.locator(".stage").bounding_box()
    assert box
    return box["x"] + share * box["width"], box["y"] + box["height"] / 2


def test_a_click_goes_where_it_is_on_a_smaller_slide(pointed: Page) -> None:
    still.zoom(pointed, 0.75)
    x, y = across(pointed, 0.8)
    pointed.mouse.click(x, y)
    head = pointed.locator(".playhead").bounding_box()
    assert head
    assert head["x"] + head["width"] / 2 == pytest.approx(x, abs=2)


def test_what_isnt_held_any_more_doesnt_follow(pointed: Page) -> None:
    number = pointed.get_by_role("status").locator("b").first
    pointed.mouse.click(*across(pointed, 0.5))
    before = number.inner_text()
    pointed.mouse.move(*across(pointed, 0.6))
    pointed.mouse.down(button="right")
    pointed.mouse.move(*across(pointed, 0.7), steps=3)
    pointed.mouse.up(button="right")
    expect(number).to_have_text(before)
    pointed.mouse.move(*across(pointed, 0.5))
    pointed.mouse.down()
    pointed.locator(".stage").evaluate(
        """stage => stage.addEventListener(
          "pointermove", event => stage.releasePointerCapture(event.pointerId))"""
    )
    pointed.mouse.move(*across(pointed, 0.8), steps=3)  # its capture is lost with the first step
    pointed.mouse.up()
    pointed.mouse.move(*across(pointed, 0.9), steps=3)
    assert float(number.inner_text()) == pytest.approx(float(before), abs=0.3)


# In JupyterLab ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab(browser: Browser, address: str, course: Path) -> Iterator[Page]:
    """A notebook with two players, and a cell that keeps the kernel busy."""
    write_notebook(course, PATH, [TURNS.strip(), MANY.strip(), BUSY])
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        open_notebook(page, address, PATH)
        for at in range(2):
            page.evaluate(RUN_CELL, at)
            expect(page.locator(".course-player")).to_have_count(at + 1, timeout=20_000)
        yield page
        page.evaluate("() => jupyterapp.serviceManager.sessions.shutdownAll()")


def player(page: Page, number: int) -> Locator:
    """Bring a player into sight."""
    found = page.locator(".course-player").nth(number)
    found.locator(".stage").scroll_into_view_if_needed()
    return found


def numbers(here: Locator) -> list[str]:
    return here.get_by_role("status").locator("b").all_inner_texts()


def test_it_says_what_the_picture_says(lab: Page) -> None:
    canvas = player(lab, 0).get_by_role("img")
    name = str(canvas.get_attribute("aria-label"))
    assert name.startswith("Timeline of 2 tasks, made: makespan 3 s · in flight 1.33")
    assert canvas.evaluate("canvas => canvas.width > 300 && canvas.height > 60")
    assert player(lab, 0).get_by_role("listitem").all_inner_texts() == [
        "ready, not running",
        "waiting",
        "running",
    ]


def test_the_keyboard_is_enough_and_the_cells_stay_as_they_are(lab: Page) -> None:
    before = lab.evaluate(CELLS)
    here = player(lab, 0)
    slider = here.get_by_role("slider")
    slider.focus()
    lab.keyboard.press("Home")
    seen = []
    for _ in range(5):
        seen.append(numbers(here))
        lab.keyboard.press("ArrowRight")
    assert seen == [
        ["0.000", "1", "1"],
        ["1.000", "2", "1"],
        ["2.000", "1", "0"],
        ["3.000", "0", "0"],
        ["4.000", "0", "0"],
    ]
    lab.keyboard.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") == "3.000 s, in flight 0, cores busy 0"
    lab.keyboard.press("Home")
    lab.keyboard.press("Space")
    expect(here.get_by_role("button", name="Pause")).to_be_visible()
    lab.wait_for_timeout(300)
    lab.keyboard.press("Space")
    expect(here.get_by_role("button", name="Play")).to_be_visible()
    assert 0.05 < float(numbers(here)[0]) < 2
    for _ in range(7):  # through buttons and selects, and with the letters that Lab listens to
        for key in ("a", "b", "x", "m", "y", "j", "k", "ArrowDown", "ArrowUp", "+", "-", "0"):
            lab.keyboard.press(key)
        lab.keyboard.press("Tab")
    lab.keyboard.press("d")
    lab.keyboard.press("d")
    assert lab.evaluate("() => document.activeElement.closest('.course-player') !== null")
    assert lab.evaluate(CELLS) == before


def test_rows_can_be_changed_while_it_plays(lab: Page) -> None:
    here = player(lab, 0)
    here.get_by_role("button", name="Play").click()
    here.get_by_role("combobox", name="Rows").select_option("core")
    assert str(here.get_by_role("img").get_attribute("aria-label")).endswith("Rows by core.")
    assert here.get_by_role("listitem").all_inner_texts() == ["running"]
    expect(here.get_by_role("button", name="Pause")).to_be_visible()
    here.get_by_role("button", name="Pause").click()
    here.get_by_role("combobox", name="Rows").select_option("worker")


def test_it_plays_as_smoothly_as_the_page_while_the_kernel_is_busy(lab: Page) -> None:
    lab.evaluate(RUN_CELL, 2)
    lab.wait_for_function("() => lesson.sessionContext.session.kernel.status === 'busy'")
    here = player(lab, 1)
    assert here.get_by_role("button", name="Play").is_visible()
    bare, playing = [], []
    for _ in range(3):  # in turns, and the best of each: others use this computer, too
        rate, moved = lab.evaluate(FRAMES, 1)
        assert not moved
        bare.append(rate)
        here.get_by_role("button", name="Play").click()
        rate, moved = lab.evaluate(FRAMES, 1)
        assert moved
        playing.append(rate)
        here.get_by_role("button", name="Pause").click()
    print(f"1,000 spans, kernel busy: {playing} frames/s; nothing playing: {bare}")
    assert max(playing) > 0.8 * max(bare)
    assert lab.evaluate("() => lesson.sessionContext.session.kernel.status") == "busy"


def test_it_pauses_out_of_sight(lab: Page) -> None:
    here = player(lab, 1)
    here.get_by_role("button", name="Previous change").click()
    here.get_by_role("button", name="Play").click()
    expect(here.get_by_role("button", name="Pause")).to_be_visible()
    lab.evaluate("() => lesson.node.querySelector('.jp-WindowedPanel-outer').scrollTo(0, 0)")
    here.locator(".stage").evaluate("stage => { stage.style.marginTop = '3000px' }")
    expect(here.get_by_role("button", name="Play")).to_have_count(1)
    here.locator(".stage").evaluate("stage => { stage.style.marginTop = '' }")


def test_it_is_shown_in_the_dark_and_in_the_light(lab: Page, album: Path | None) -> None:
    """The canvas takes the theme's colors, also when the theme changes under it."""
    for theme, darkest, lightest in (("JupyterLab Dark", 180, 255), ("JupyterLab Light", 0, 80)):
        lab.evaluate(
            "theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
        )
        here = player(lab, 0)
        for _ in range(50):
            if darkest <= ink(here) <= lightest:
                break
            lab.wait_for_timeout(100)
        assert darkest <= ink(here) <= lightest, theme
        if album:
            album.mkdir(parents=True, exist_ok=True)
            lab.screenshot(path=album / f"player-{theme.split()[1].lower()}.png")


def ink(here: Locator) -> float:
    """Return the shade of the time axis, 0 (black) to 255."""
    value: Any = here.get_by_role("img").evaluate(
        """canvas => {
          const ratio = devicePixelRatio, context = canvas.getContext("2d");
          const pixel = context.getImageData(canvas.width - 40 * ratio, canvas.height - 20 * ratio, 1, 1);
          return pixel.data[0];
        }"""
    )
    return float(value)

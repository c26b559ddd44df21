"""The Amdahl explorer in the browser: Python's formulas, its sliders, its curve, its keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from course_lib import laws
from course_lib.explore.amdahl import HERE, SCRIPTS, Amdahl, amdahl
from tests.browser import still
from tests.browser.lesson import SCREEN, open_notebook, write_notebook
from tests.browser.test_cafe import CELLS, RUN_CELL

PATH = "notebooks/amdahl.ipynb"
#: Where in the page the chart has a number of workers and a speed-up.
PLACE = """([workers, speedup, most]) => {
  const box = document.querySelector(".stage canvas").getBoundingClientRect();
  const zoom = Number(document.body.style.zoom) || 1; // of what stands in the page
  const chart = player.chartOf(box.width / zoom, box.height / zoom, most);
  return [box.left + zoom * chart.x(workers), box.top + zoom * chart.y(speedup)];
}"""
#: How many pixels of a canvas have about this color.
PIXELS = """(canvas, [red, green, blue]) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) {
    const far = Math.abs(data[at] - red) + Math.abs(data[at + 1] - green) + Math.abs(data[at + 2] - blue);
    count += far < 12 && data[at + 3] > 240;
  }
  return count;
}"""
VERMILLION = (0xD5, 0x5E, 0x00)


@pytest.fixture(scope="module")
def blank(browser: Browser) -> Iterator[Page]:
    """A page that has the explorer's script."""
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        still.load(page, "".join((HERE / name).read_text("utf-8") for name in SCRIPTS))
        yield page


def at_random(count: int) -> list[tuple[float, int]]:
    rng = np.random.default_rng(8)
    drawn = [(float(rng.random()), int(rng.integers(1, 1025))) for _ in range(count)]
    return [(0.9, 16), (0.0, 4), (1.0, 1024), (0.99, 1), *drawn]


# What the browser says, beside what Python says ---------------------------------------------------


def test_the_law_is_pythons(blank: Page) -> None:
    pairs = at_random(200)
    said = blank.evaluate("pairs => pairs.map(([p, n]) => player.amdahl(p, n))", pairs)
    assert said == pytest.approx([laws.amdahl(p, n) for p, n in pairs], rel=1e-12)


def test_the_fraction_is_karp_and_flatts(blank: Page) -> None:
    pairs = [(laws.amdahl(p, n), n) for p, n in at_random(200) if n > 1]
    said = blank.evaluate("pairs => pairs.map(([s, n]) => player.fractionOf(s, n))", pairs)
    assert said == pytest.approx([1 - laws.karp_flatt(s, n) for s, n in pairs], abs=1e-9)


def test_what_if_is_the_law_for_the_changed_program(blank: Page) -> None:
    """With half the serial part it takes 1 − f/2 of today's time on one worker."""
    for p, n in at_random(50):
        if p == 1:
            continue
        said = blank.evaluate("settings => player.whatIf(settings)", {"parallel": p, "workers": n})
        one = 1 - (1 - p) / 2
        for change, own, count, took in (
            ("now", p, n, 1.0),
            ("double", p, 2 * n, 1.0),
            ("halve", p / one, n, one),
            ("both", p / one, 2 * n, one),
        ):
            found = said[change]
            assert found["speedup"] == pytest.approx(laws.amdahl(own, count) / took)
            assert found["time"] == pytest.approx(took / laws.amdahl(own, count))
            assert found["limit"] == pytest.approx(laws.amdahl(own, np.inf) / took)
            used = laws.efficiency(laws.amdahl(own, count), count)
            assert found["efficiency"] == pytest.approx(used)
            assert found["workers"] == count


def test_a_place_on_the_chart_is_found_again(blank: Page) -> None:
    said = blank.evaluate(
        """values => values.map(value => {
          const chart = player.chartOf(600, 400, 64);
          return [chart.workersAt(chart.x(value)), chart.speedupAt(chart.y(value))];
        })""",
        [1, 2, 7.5, 64],
    )
    assert np.array(said) == pytest.approx(np.array([[n, n] for n in (1, 2, 7.5, 64)]))


# In a page with no Lab and no kernel ----------------------------------------------------------------


def stand(page: Page, widget: Amdahl) -> Locator:
    """Show an explorer in an empty page."""
    page.goto("about:blank")
    page.evaluate(still.LOAD, str(widget._esm))
    state = {"settings": widget.settings, "facts": widget.facts}
    page.evaluate(still.SHOW, [state, str(widget._css)])
    return page.locator(".course-amdahl")


def numbers(here: Locator) -> list[str]:
    return here.get_by_role("status").locator("b").all_inner_texts()


def column(here: Locator, at: int) -> list[str]:
    return here.locator(f"tr td:nth-of-type({at})").all_inner_texts()


def test_it_stands_alone_with_the_keyboard(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN, reduced_motion="reduce") as context:  # type: ignore[arg-type]
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        here = stand(page, amdahl(0.9, 8))
        assert numbers(here) == ["4.71", "10.00", "59\u00a0%"]
        assert column(here, 3) == ["4.71", "6.40", "6.15", "9.41"]
        workers = here.get_by_role("slider", name="workers N")
        workers.focus()
        for _ in range(2):
            page.keyboard.press("ArrowRight")
        assert workers.get_attribute("aria-valuetext") == "10"
        assert numbers(here)[0] == "5.26"
        parallel = here.get_by_role("slider", name="parallel fraction P")
        parallel.focus()
        for _ in range(18):
            page.keyboard.press("ArrowRight")
        assert parallel.get_attribute("aria-valuetext") == "0.990"
        assert numbers(here)[1] == "100.00"
        page.keyboard.press("End")
        assert numbers(here) == ["10.00", "∞", "100\u00a0%"]
        page.keyboard.press("Home")
        assert numbers(here) == ["1.00", "1.00", "10\u00a0%"]
        here.get_by_role("combobox").select_option("8")
        assert numbers(here)[2] == "13\u00a0%"  # eight workers are the most now
        assert not errors


def test_the_sentence_says_what_brings_more(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        few, many = "doubling the cores brings more", "halving the serial part brings more"
        for workers, words in ((2, few), (32, many)):
            expect(stand(page, amdahl(0.9, workers)).get_by_role("status")).to_contain_text(words)


def test_a_button_makes_its_change_for_good(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        here = stand(page, amdahl(0.8, 8, most=8))
        here.get_by_role("button", name="halve the serial part").press("Enter")
        # 0.1 serial and 0.8 parallel are left: of 0.9, 0.889 is parallel.
        assert numbers(here)[:2] == ["4.50", "9.00"]
        here.get_by_role("button", name="double the cores").press("Enter")
        assert numbers(here)[0] == f"{laws.amdahl(8 / 9, 16):.2f}"
        assert here.get_by_role("combobox").input_value() == "16"  # so that it can be seen


def test_the_curve_goes_through_where_it_is_held(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        here = stand(page, amdahl(0.9, 8))
        page.mouse.move(*page.evaluate(PLACE, [8, 4.71, 64]))
        page.mouse.down()
        page.mouse.move(*page.evaluate(PLACE, [16, 8, 64]), steps=4)
        assert float(numbers(here)[0]) == pytest.approx(8, rel=0.03)
        assert column(here, 1)[0] == "16"
        page.mouse.move(5, 5)  # out of the chart, at the left and above: one worker
        assert numbers(here)[0] == "1.00"
        page.mouse.move(*page.evaluate(PLACE, [32, 64, 64]))
        assert float(numbers(here)[1]) == pytest.approx(1000)  # the finest that a drag reaches
        page.mouse.up()
        before = numbers(here)
        page.mouse.move(*page.evaluate(PLACE, [4, 2, 64]))
        assert numbers(here) == before


def test_the_curve_is_held_where_it_is_on_a_smaller_slide(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        here = stand(page, amdahl(0.9, 8))
        still.zoom(page, 0.75)
        page.mouse.click(*page.evaluate(PLACE, [16, 8, 64]))
        assert float(numbers(here)[0]) == pytest.approx(8, rel=0.05)
        assert column(here, 1)[0] == "16"


def test_only_what_begins_on_the_curve_with_the_main_button_bends_it(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        here = stand(page, amdahl(0.9, 8))
        before = numbers(here)
        page.mouse.move(*page.evaluate(PLACE, [4, 2, 64]))
        page.mouse.down(button="right")
        page.mouse.move(*page.evaluate(PLACE, [32, 8, 64]), steps=3)
        page.mouse.up(button="right")
        here.locator("summary").hover()
        page.mouse.down()  # as to select text
        page.mouse.move(*page.evaluate(PLACE, [32, 8, 64]), steps=3)
        page.mouse.up()
        assert numbers(here) == before


def test_twice_as_many_workers_as_there_is_room_for_are_refused_in_words(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        here = stand(page, amdahl(0.9, 512, most=1024))
        double = here.get_by_role("button", name="double the cores")
        both = here.get_by_role("button", name="do both")
        double.click()
        assert column(here, 1)[0] == "1024"
        before = here.get_by_role("table").inner_text()
        for button in (double, both):
            expect(button).to_be_disabled()
            assert "1024 workers" in (button.get_attribute("title") or "")
            button.press("Enter")
            expect(here.get_by_role("status")).to_contain_text("The chart ends at 1024 workers")
            assert here.get_by_role("table").inner_text() == before
        here.get_by_role("button", name="halve the serial part").click()
        expect(here.get_by_role("status")).not_to_contain_text("The chart ends")
        here.get_by_role("slider", name="workers N").press("ArrowLeft")
        here.get_by_role("slider", name="workers N").press("Home")
        expect(double).to_be_enabled()


def test_a_point_outside_the_chart_is_not_drawn_as_one_at_its_edge(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        for inside, *outside in ((1, 0.5, 0.25), (8, 9, 12)):
            seen = set()
            for speedup in (inside, *outside):
                here = stand(page, amdahl(1.0, 2, measured=[(4, speedup)], most=8))
                page.wait_for_timeout(100)
                seen.add(here.locator(".stage canvas").evaluate("canvas => canvas.toDataURL()"))
            assert len(seen) == 3


def test_measured_points_are_drawn_filled_and_said(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        counts = []
        for measured in ([], [(2, 1.5)], [(2, 1.5), (4, 2.1)]):
            here = stand(page, amdahl(1.0, 8, measured=measured))  # no limit line: its color
            page.wait_for_timeout(100)
            canvas = here.locator(".stage canvas")
            counts.append(canvas.evaluate(PIXELS, list(VERMILLION)))
        assert counts[0] == 0
        assert 30 < counts[1] < counts[2] < 200
        said = canvas.get_attribute("aria-label") or ""
        assert said.endswith("Measured: 1.50 on 2, 2.10 on 4.")
        legend = here.get_by_role("list", name="Legend").get_by_role("listitem")
        expect(legend.last).to_have_text("measured")
        legend = stand(page, amdahl(measured=[(2, 0.8)])).get_by_role("listitem")
        expect(legend.last).to_have_text("measured, below 1")  # its triangle, too, has a name
        assert legend.last.locator("canvas").evaluate(PIXELS, list(VERMILLION)) > 15


@pytest.mark.parametrize("width", [1280, 640, 420])
def test_it_fits_into_any_width(browser: Browser, width: int) -> None:
    """At 200 % zoom, half as many pixels are left."""
    with browser.new_context(viewport={"width": width, "height": 600}) as context:
        page = context.new_page()
        stand(page, amdahl())
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


# In JupyterLab ----------------------------------------------------------------------------------------


def test_the_keyboard_is_enough_and_the_cells_stay_as_they_are(
    browser: Browser, address: str, course: Path
) -> None:
    write_notebook(course, PATH, ["from course_lib.explore import amdahl\namdahl()", "pass"])
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        open_notebook(page, address, PATH)
        page.evaluate(RUN_CELL)
        here = page.locator(".course-amdahl")
        expect(here).to_be_visible()
        mark = here.get_by_role("list", name="Legend").locator("canvas").first
        assert mark.evaluate(PIXELS, [0, 0, 0]) == 0  # hollow: calculated, not measured
        before = page.evaluate(CELLS)
        here.get_by_role("slider", name="parallel fraction P").focus()
        page.keyboard.press("ArrowRight")
        assert numbers(here)[1] == "10.53"
        for _ in range(8):  # through all controls, with the letters that Lab listens to
            for key in ("a", "b", "x", "m", "y", "j", "k", "d", "d", "ArrowDown", "ArrowUp"):
                page.keyboard.press(key)
            if page.evaluate("() => document.activeElement.closest('.course-amdahl') === null"):
                break
            assert page.evaluate(CELLS) == before
            page.keyboard.press("Tab")
        dirty = "() => lesson.context.model.dirty"
        assert page.evaluate(dirty)
        here.get_by_role("slider", name="parallel fraction P").press("Control+s")
        page.wait_for_function(f"() => !({dirty})()")  # it is saved
        here.get_by_role("slider", name="parallel fraction P").press("Escape")
        expect(page.locator(".jp-Cell", has=here)).to_be_focused()
        page.evaluate("() => jupyterapp.serviceManager.sessions.shutdownAll()")


# The widget -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"parallel": 1.2}, "^parallel_fraction must be from 0 to 1, not 1.2"),
        ({"parallel": float("nan")}, "^parallel_fraction must be"),
        ({"parallel": "most"}, "^parallel_fraction must be"),
        ({"workers": 0}, "^workers must be 1 to 64, not 0"),
        ({"most": 8, "workers": 9}, "^workers must be 1 to 8, not 9"),
        ({"most": 100}, "^most must be one of 8, 16, 64, 256, 1024, not 100"),
        ({"measured": [(0, 1)]}, "^measured must hold pairs"),
        ({"measured": [(2, -1)]}, "^measured must hold pairs"),
        ({"measured": [2]}, "^measured must hold pairs"),
        ({"measured": [(2, 1)] * 1001}, "^measured must hold 1,000 pairs at most, not 1,001"),
    ],
)
def test_an_explorer_that_cannot_be(arguments: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        amdahl(**arguments)

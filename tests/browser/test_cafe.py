"""The coffee bar in the browser: the same runs as Python's, its keys, and its frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from course_lib import Task, Trace, compute, simulate, wait
from course_lib.explore.cafe import BARS, HERE, SCRIPTS, Cafe, cafe
from course_lib.programs import coffee
from course_lib.tasks import Compute, Wait
from tests.browser import still
from tests.browser.lesson import SCREEN, open_notebook, write_notebook

#: Run a bar; give what became of each order, and all spans.
RUN = """settings => {
  const run = player.runBar(settings);
  const lives = run.lives.map(({ arrival, start, finish, lost, steps }) =>
    [arrival, start, finish, lost].map(at => at < Infinity ? at : null).concat([steps]));
  const spans = run.spans.map(({ order, place, barista, start, stop, kind }) =>
    [order, place, barista, start, stop, kind]);
  return { lives, spans, numbers: player.numbersOf(run) };
}"""
AVERAGES = """([settings, moments]) => {
  const run = player.runBar(settings);
  return moments.map(at => player.averages(run, at * 1e9));
}"""
MINUTE = 1e9

PATH = "notebooks/cafe.ipynb"
CELLS = """() => Array.from(lesson.content.model.cells)
  .map(cell => [cell.type, cell.sharedModel.source, cell.executionCount])"""
RUN_CELL = """() => {
  lesson.content.activeCellIndex = 0;
  jupyterapp.commands.execute("notebook:run-cell");
}"""


def settings(**chosen: Any) -> dict[str, Any]:
    return dict(cafe().settings) | chosen


def at_random(seed: int) -> dict[str, Any]:
    """Choose settings at random, with brewing of all lengths, and ties."""
    rng = np.random.default_rng(seed)
    return settings(
        baristas=int(rng.integers(1, 7)),
        atOnce=int(rng.integers(1, 31)),
        orders=int(rng.integers(1, 60)),
        brew=int(rng.integers(0, 19)) * 5,
        rate=float(rng.integers(2, 41)) / 20,
        opening=bool(rng.random() < 0.3),
        shared=bool(rng.random() < 0.2),
        patience=int(rng.choice([0, 0, 2, 5, 10])),
    )


def pythons(lives: list[Any], chosen: dict[str, Any]) -> Trace:
    """Simulate in Python the orders that the browser had and that nobody gave up; in seconds."""
    tasks = [
        Task(
            f"{number}",
            *((compute if kind == "run" else wait)(length / MINUTE) for kind, length in steps),
            at=arrival / MINUTE,
        )
        for number, (arrival, _, _, lost, steps) in enumerate(lives)
        if lost is None
    ]
    if chosen["shared"]:
        return simulate(tasks, chosen["baristas"], split=True)
    return simulate(tasks, chosen["baristas"], workers=chosen["atOnce"])


@pytest.fixture(scope="module")
def blank(browser: Browser) -> Iterator[Page]:
    """A page that has the café's script."""
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        still.load(page, "".join((HERE / name).read_text("utf-8") for name in SCRIPTS))
        yield page


# What the browser says, beside what Python says ---------------------------------------------------


def test_the_bar_runs_as_the_simulated_machine_does(blank: Page) -> None:
    lost = 0
    for seed in range(80):
        chosen = at_random(seed)
        said = blank.evaluate(RUN, chosen)
        trace = pythons(said["lives"], chosen)
        stayed = [life for life in said["lives"] if life[3] is None]
        lost += len(said["lives"]) - len(stayed)
        for column, name in ((0, "arrival"), (1, "start"), (2, "finish")):
            times = [life[column] / MINUTE for life in stayed]
            assert times == trace.tasks[name].tolist(), (seed, name)
        number = {str(name): at for at, name in enumerate(trace.tasks["name"])}
        found = {
            (number[f"{span[0]}"], *span[1:3], span[3] / MINUTE, span[4] / MINUTE, span[5])
            for span in said["spans"]
        }
        shown = trace.spans[trace.spans["kind"] != "ready"]
        assert found == {tuple(span) for span in shown.tolist()}, seed
        assert said["numbers"]["makespan"] / MINUTE == pytest.approx(trace.makespan), seed
        assert said["numbers"]["inFlight"] == pytest.approx(trace.concurrency), seed
        assert said["numbers"]["busy"] == pytest.approx(trace.parallelism), seed
    assert lost > 50  # or else it would say little


def test_who_gives_up_could_not_be_taken_in_time(blank: Page) -> None:
    """Whoever stays is served as if the others had never come: what is left is who goes, and when."""
    chosen = settings(baristas=2, atOnce=3, orders=200, rate=1.5, opening=False, patience=5)
    lives = blank.evaluate(RUN, chosen)["lives"]
    free = [0.0] * 3 + sorted(finish for _, _, finish, lost, _ in lives if lost is None)
    taken = gone = 0
    for arrival, _, _, lost, _ in lives:  # in the order of their arrival
        wait = max(arrival, free[taken]) - arrival  # until there was a place for this one
        assert (wait > 5 * MINUTE) == (lost is not None)
        assert lost in (None, arrival + 5 * MINUTE)
        gone, taken = gone + (lost is not None), taken + (lost is None)
    assert gone > 20


def test_the_orders_are_pythons(blank: Page) -> None:
    for brew, rate in ((0.5, 0.4), (0.0, None), (0.9, 1.35), (0.15, 2)):
        widget = cafe(orders=300, brew=brew, rate=rate)
        lives = blank.evaluate(RUN, widget.settings)["lives"]
        orders = coffee.orders(300, brew=brew, rate=rate)
        found = np.array([life[0] for life in lives]) / MINUTE * coffee.MINUTE
        assert found == pytest.approx([order.at for order in orders])
        for kind in ("run", "wait"):
            steps = sum(length for word, length in lives[0][4] if word == kind) / MINUTE
            chosen = Compute if kind == "run" else Wait
            mine = sum(step.seconds for step in orders[0].steps if isinstance(step, chosen))
            assert steps * coffee.MINUTE == pytest.approx(mine)
    large = blank.evaluate(RUN, settings(orders=6, shared=True, brew=50))["lives"]
    assert [length / MINUTE for _, length in large[0][4]] == [6, 2, 6]


def test_the_averages_are_pythons(blank: Page) -> None:
    moments = [1, 7.5, 30, 100, 400]
    for at_once in (1, 4, 30):
        chosen = settings(atOnce=at_once, orders=100, rate=0.4, opening=False)
        said = blank.evaluate(AVERAGES, [chosen, moments])
        trace = simulate(coffee.orders(100, rate=0.4), workers=at_once)
        for moment, found in zip(moments, said, strict=True):
            expected = coffee.averages(trace, moment)
            names = ("in_bar", "queue", "in_flight", "busy", "rate", "served")
            keys = ("inBar", "queue", "inFlight", "busy", "rate", "served")
            assert [found[key] for key in keys] == pytest.approx(
                [getattr(expected, name) for name in names]
            )
            if expected.served:
                assert found["stay"] == pytest.approx(expected.stay)


def test_littles_law_holds_exactly_once_the_bar_is_empty(blank: Page) -> None:
    chosen = settings(baristas=2, atOnce=3, orders=200, rate=1.5, opening=False, patience=5)
    end = max(life[2] or life[3] for life in blank.evaluate(RUN, chosen)["lives"]) / MINUTE
    (found,) = blank.evaluate(AVERAGES, [chosen, [end]])
    assert found["lost"] > 20
    assert found["inBar"] == pytest.approx(found["rate"] * found["stay"])


def test_each_bar_has_its_room(blank: Page) -> None:
    rooms = []
    for baristas, at_once, shared in BARS.values():
        chosen = settings(baristas=baristas, atOnce=at_once, shared=shared)
        said = blank.evaluate(RUN, chosen)
        rooms.append(pythons(said["lives"], chosen).room)
    assert rooms == [
        "sequential",
        "concurrent, not parallel",
        "parallel, not concurrent",
        "concurrent and parallel",
    ]


# In a page with no Lab and no kernel ----------------------------------------------------------------


def stand(page: Page, widget: Cafe) -> Locator:
    """Show a café in an empty page."""
    still.show(page, widget, "settings", "facts")
    return page.locator(".course-cafe")


def numbers(here: Locator) -> list[str]:
    return here.get_by_role("status").locator("b").all_inner_texts()


def test_it_stands_alone_with_the_keyboard(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN, reduced_motion="reduce") as context:  # type: ignore[arg-type]
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        here = stand(page, cafe(orders=6))
        assert page.evaluate(still.FRAMES, 0.3)[1] is False  # nothing moves unasked
        time = here.get_by_role("slider", name="time")
        time.focus()
        seen = []
        for key in ("Home", "ArrowRight", "ArrowRight", "End", "ArrowLeft"):
            page.keyboard.press(key)
            seen.append(numbers(here))
        assert seen == [
            ["0.0", "5", "1", "1", "0", "0"],
            ["1.0", "4", "2", "1", "0", "0"],
            ["2.0", "3", "3", "1", "0", "0"],
            ["12.0", "0", "0", "0", "6", "0"],
            ["11.0", "0", "1", "1", "5", "0"],
        ]
        assert time.get_attribute("aria-valuetext") == (
            "minute 11.0, queue 0, in flight 1, baristas busy 1"
        )
        baristas = here.get_by_role("slider", name="baristas")
        baristas.focus()
        for _ in range(2):
            page.keyboard.press("ArrowRight")
        assert baristas.get_attribute("aria-valuetext") == "3"
        expect(here.get_by_role("status")).to_contain_text(
            "3 baristas, 12 at once: 5.0 minutes; concurrent and parallel."
        )
        here.get_by_role("button", name="3: three share one large order").press("Enter")
        expect(here.get_by_role("status")).to_contain_text("parallel, not concurrent.")
        here.get_by_role("checkbox", name="one large order").press("Space")
        here.get_by_role("checkbox", name="all orders").press("Space")
        expect(here.get_by_role("slider", name="orders that come a minute")).to_be_enabled()
        time.focus()
        page.keyboard.press("Home")
        page.keyboard.press("Space")
        assert page.evaluate(still.FRAMES, 0.4)[1] is True
        page.keyboard.press("Space")
        expect(here.get_by_role("button", name="Play")).to_be_visible()
        assert not errors


def test_the_two_sides_of_littles_law_stand_there(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        here = stand(page, cafe(1, 4, 300, rate=0.4))
        here.get_by_role("slider", name="time").press("End")
        row = {
            line.split("\t")[0]: line.split("\t")[1:]
            for line in here.get_by_role("table").nth(1).inner_text().splitlines()
            if "\t" in line
        }
        assert row["orders in the bar (L)"] == row["λ × W"]
        queue, flight = (float(row[name][1]) for name in row if name.startswith("of these"))
        assert queue + flight == pytest.approx(float(row["orders in the bar (L)"][1]), abs=0.02)


def test_the_day_is_held_where_the_pointer_is_on_a_smaller_slide(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        here = stand(page, cafe())
        still.zoom(page, 0.75)
        here.locator(".stage").scroll_into_view_if_needed()
        box = here.locator(".stage").bounding_box()
        assert box
        y = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + 0.3 * box["width"], y)
        page.mouse.down()
        for share in (0.3, 0.8):
            x = box["x"] + share * box["width"]
            page.mouse.move(x, y)
            head = here.locator(".playhead").bounding_box()
            assert head
            assert head["x"] + head["width"] / 2 == pytest.approx(x, abs=2)


@pytest.mark.parametrize("width", [1280, 640, 420])
def test_it_fits_into_any_width(browser: Browser, width: int) -> None:
    """At 200 % zoom, half as many pixels are left."""
    with browser.new_context(viewport={"width": width, "height": 600}) as context:
        page = context.new_page()
        stand(page, cafe())
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_it_plays_as_smoothly_as_the_page(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        here = stand(page, cafe(6, 30, 300, rate=2))
        bare, playing = [], []
        for _ in range(3):  # in turns, and the best of each: others use this computer, too
            bare.append(page.evaluate(still.FRAMES, 1)[0])
            here.get_by_role("button", name="Play").click()
            rate, moved = page.evaluate(still.FRAMES, 1)
            assert moved
            playing.append(rate)
            here.get_by_role("button", name="Pause").click()
        print(f"300 orders, 6 baristas: {playing} frames/s; nothing playing: {bare}")
        assert max(playing) > 0.9 * max(bare)


# In JupyterLab ----------------------------------------------------------------------------------------


def test_the_keyboard_is_enough_and_the_cells_stay_as_they_are(
    browser: Browser, address: str, course: Path
) -> None:
    write_notebook(course, PATH, ["from course_lib.explore import cafe\ncafe()", "pass"])
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        open_notebook(page, address, PATH)
        page.evaluate(RUN_CELL)
        here = page.locator(".course-cafe")
        expect(here).to_be_visible()
        before = page.evaluate(CELLS)
        time = here.get_by_role("slider", name="time")
        time.focus()
        page.keyboard.press("Space")
        expect(here.get_by_role("button", name="Pause")).to_be_visible()
        page.wait_for_timeout(300)
        page.keyboard.press("Space")
        assert 0 < float(numbers(here)[0]) < 12
        for _ in range(15):  # through all controls, with the letters that Lab listens to
            for key in ("a", "b", "x", "m", "y", "j", "k", "ArrowDown", "ArrowUp", "ArrowRight"):
                page.keyboard.press(key)
            page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.closest('.course-cafe') !== null")
        page.keyboard.press("d")
        page.keyboard.press("d")
        assert page.evaluate(CELLS) == before
        here.get_by_role("button", name="4: three who juggle").click()
        here.get_by_role("button", name="Play").click()
        page.evaluate("() => lesson.node.querySelector('.jp-WindowedPanel-outer').scrollTo(0, 0)")
        here.locator(".scene").evaluate("scene => { scene.style.marginTop = '3000px' }")
        expect(here.get_by_role("button", name="Play")).to_be_attached()  # it pauses out of sight
        page.evaluate("() => jupyterapp.serviceManager.sessions.shutdownAll()")

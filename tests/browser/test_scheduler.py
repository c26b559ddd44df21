"""The scheduler game in the browser: the same rules as Python's, its keys, and its frames."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from course_lib.explore.scheduler import HERE, SCRIPTS, every_order, levels, scheduler
from course_lib.explore.turns import Level, begin, choices, move, status, verdict
from course_lib.pictures import COLORS
from course_lib.pictures._style import ink_on
from tests.browser import still
from tests.browser.lesson import SCREEN, open_notebook, write_notebook

#: Play a game: after each move all that is known of it.
PLAY = """([content, plans, moves]) => {
  const level = player.readLevel(content, plans);
  const told = state => [
    [state.clock, state.picked, state.at, state.left, state.register, state.done, state.memory,
      state.holders],
    level.names.map((_, thread) => player.statusOf(level, state, thread)),
    player.choicesOf(level, state),
    player.verdictOf(level, state),
  ];
  let state = player.begin(level);
  return [told(state), ...moves.map(who => told(state = player.move(level, state, who)))];
}"""
SEARCH = """([content, plans]) => {
  const found = player.search(player.readLevel(content, plans));
  return [found.orders, found.reached, found.states, found.example];
}"""

PATH = "notebooks/scheduler.ipynb"
CELLS = """() => Array.from(lesson.content.model.cells)
  .map(cell => [cell.type, cell.sharedModel.source, cell.executionCount])"""
RUN_CELL = """() => {
  lesson.content.activeCellIndex = 0;
  jupyterapp.commands.execute("notebook:run-cell");
}"""


def plans_of(content: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return all that the learner may choose; nothing, where there is no choice."""
    if not content.get("start"):
        return [()]
    return list(itertools.product(*content["threads"].values()))


def at_random(seed: int) -> dict[str, Any]:
    """Make a level at random, which need not make sense but for its locks."""
    chance = random.Random(seed)
    kind = chance.choice(["meet", "lose", "deadlock"])
    names = "ABCDE"[: chance.randint(2, 5)]
    waits = ["wait 1", "wait 3"] if kind == "meet" else []
    steps = ["compute 1", "compute 3", "read tea", "add 2", "add -1", "write tea", "write milk"]
    threads = {}
    for name in names:
        own = [chance.choice(steps + waits) for _ in range(chance.randint(1, 5))]
        for lock in chance.sample(["tea", "milk"], chance.randint(0, 2)):
            at = chance.randint(0, len(own))
            own = [*own[:at], f"lock {lock}", *own[at:], f"unlock {lock}"]
        threads[name] = own
    goal: dict[str, Any] = {"kind": kind}
    if kind == "meet":
        goal["by"] = {name: chance.randint(1, 20) for name in names}
    elif kind == "lose" and chance.random() < 0.5:
        goal["to"] = {"tea": 3, "milk": 1}
    memory = {"tea": 1, "milk": 0}
    return {
        "cores": chance.randint(1, 4),
        "threads": threads,
        "memory": memory,
        "right": memory,
        "goal": goal,
    }


@pytest.fixture(scope="module")
def blank(browser: Browser) -> Iterator[Page]:
    """A page that has the game's script."""
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        still.load(page, "".join((HERE / name).read_text("utf-8") for name in SCRIPTS))
        yield page


# What the browser says, beside what Python says ---------------------------------------------------


def test_the_ink_on_a_color_is_pythons(blank: Page) -> None:
    said = blank.evaluate("colors => colors.map(color => player.inkOn(color))", list(COLORS))
    assert said == [ink_on(color) for color in COLORS]


def test_a_game_goes_as_in_python(blank: Page) -> None:
    ends = set()
    for seed in range(150):
        content, chance = at_random(seed), random.Random(seed)
        level = Level.read(content)
        states, moves = [begin(level)], list[int]()
        while len(moves) < 40 and (free := choices(level, states[-1])):
            moves.append(chance.choice(free))
            states.append(move(level, states[-1], moves[-1]))
        expected = [
            [
                [list(part) if isinstance(part, tuple) else part for part in state],
                [status(level, state, thread) for thread in range(len(level.names))],
                choices(level, state),
                verdict(level, state),
            ]
            for state in states
        ]
        assert blank.evaluate(PLAY, [content, {}, moves]) == expected, seed
        ends.add(verdict(level, states[-1]))
    assert ends >= {"met", "late", "right", "lost", "other", "deadlock"}


@pytest.mark.parametrize("name", levels())
def test_the_search_finds_what_pythons_finds(blank: Page, name: str) -> None:
    content = levels()[name]
    for plans in plans_of(content):
        found = every_order(name, *plans)
        chosen = dict(zip(content["threads"], plans, strict=False))
        orders, reached, states, example = blank.evaluate(SEARCH, [content, chosen])
        expected = (found.orders, found.reached, found.states, found.example)
        assert (orders, reached, states, tuple(example)) == expected, plans


# In a page with no Lab and no kernel ----------------------------------------------------------------


def stand(page: Page, *names: str) -> Locator:
    """Show a game in an empty page."""
    still.show(page, scheduler(*names), "facts")
    return page.locator(".course-scheduler")


def keys_of(name: str, *plans: str) -> str:
    """Return the keys that reach a level's goal."""
    return "".join("0abcde"[thread + 1] for thread in every_order(name, *plans).example)


def press(page: Page, keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_every_level_can_be_solved_with_the_keyboard_alone(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN, reduced_motion="reduce") as context:  # type: ignore[arg-type]
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        here = stand(page)
        said = here.get_by_role("status")
        for _ in range(3):  # to the level's list, to the next button, to the first thread
            page.keyboard.press("Tab")
        for name, content in levels().items():
            if content["goal"]["kind"] == "protect":
                press(page, "t")
                expect(said).to_contain_text("The adversary breaks it, by")
                defend(page, here, name)
                here.get_by_role("button", name="Let the adversary try").focus()
                page.keyboard.press("Enter")
                expect(said).to_contain_text("none breaks it")
            else:
                press(page, keys_of(name))
                orders = every_order(name)
                expect(said).to_contain_text(
                    f"{orders.reached:,} of {orders.orders:,} orders do it"
                )
            expect(said).to_contain_text("Solved.")
            expect(said).to_contain_text(content["after"])
            expect(here.locator("option", has_text=f"{content['title']} ✓")).to_have_count(1)
            press(page, "n")  # wherever the focus is, it stays in the game
            assert page.evaluate("document.activeElement.closest('.course-scheduler') !== null")
        expect(said).to_contain_text("This is the last level.")
        assert not errors


def defend(page: Page, here: Locator, name: str) -> None:
    """Choose, with arrow keys, a plan that holds."""
    content = levels()[name]
    plans = next(plans for plans in plans_of(content) if not every_order(name, *plans).reached)
    for (thread, own), plan in zip(content["threads"].items(), plans, strict=True):
        chooser = here.get_by_role("combobox", name=f"{thread}:")
        chooser.focus()
        page.keyboard.press("Home")
        for _ in range(list(own).index(plan)):
            page.keyboard.press("ArrowDown")
        expect(chooser).to_have_value(plan)


def test_undo_redo_hints_and_what_cannot_be_done(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN, reduced_motion="reduce") as context:  # type: ignore[arg-type]
        page = context.new_page()
        here = stand(page, "deadlock", "lose", "fill", "cores")
        said = here.get_by_role("status")
        assert page.evaluate(still.FRAMES, 0.3)[1] is False  # nothing moves unasked
        here.get_by_role("button", name="Run A").focus()

        def says(keys: str, words: str) -> None:
            press(page, keys)
            expect(said).to_have_text(words)

        says("a", "Turn 1. A takes milk's lock.")
        says("0", "Nobody waits here, so no core need be idle.")
        page.keyboard.press("ArrowLeft")
        expect(said).to_have_text("Undone.")
        page.keyboard.press("ArrowLeft")
        expect(said).to_have_text("This is the beginning.")
        page.keyboard.press("ArrowRight")
        expect(said).to_have_text("Turn 1. A takes milk's lock.")
        page.keyboard.press("ArrowRight")
        expect(said).to_have_text("Nothing is undone.")
        press(page, "a")
        says("b", "B can't run: A has tea's lock.")
        says("u", "Undone.")
        press(page, "b")
        expect(said).to_contain_text("Nobody can ever go on: a deadlock.")
        says("a", "This game is over: undo, restart, or choose another level.")
        says("t", "Here the adversary is you.")
        for number, hint in enumerate(levels()["deadlock"]["hints"], 1):
            says("h", f"Hint {number} of 2: {hint}")
        says("r", "Make a deadlock: the beginning.")
        says("n", "Lose an update: the beginning.")
        press(page, "aa")
        says("a", "Turn 3. A writes 1 to counter.")
        says("a", "A can't run: it is done after turn 3.")
        press(page, "bb")
        says("b", "Turn 6. B writes 2 to counter.All are done, and counter is 2, as it should be.")
        press(page, "n")
        says("a", "Turn 1. A computes.")
        says("a", "A can't run: it waits, 3 more turns.")
        says("0", "Turn 2. The core is left idle.")
        press(page, "n")
        says("a", "Turn 1. A computes.")
        says("a", "A can't run: it runs in this turn.")
        says("0", "Turn 1. A core is left idle.")


def test_a_level_may_be_left_in_mid_replay(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        here = stand(page, "circle", "place")
        here.get_by_role("button", name="Run A").focus()
        press(page, "abcpn")
        expect(here.get_by_role("status")).to_have_text("Place the lock: the beginning.")
        press(page, "tp")
        here.get_by_role("combobox", name="A:").select_option(index=2)
        expect(here.get_by_role("status")).to_have_text("Place the lock: the beginning.")
        expect(here.get_by_role("button", name="Replay")).to_be_visible()
        assert not errors


@pytest.mark.parametrize("width", [1280, 640, 420])
def test_it_fits_into_any_width(browser: Browser, width: int) -> None:
    """At 200 % zoom, half as many pixels are left."""
    with browser.new_context(viewport={"width": width, "height": 600}) as context:
        page = context.new_page()
        here = stand(page)
        for number in range(len(levels())):
            here.get_by_role("combobox", name="Level").select_option(str(number))
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_replay_is_as_smooth_as_the_page(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        here = stand(page, "lose_most")
        here.get_by_role("button", name="Run A").focus()
        press(page, keys_of("lose_most"))
        page.wait_for_timeout(500)  # until the playhead has come to rest
        bare, playing = [], []
        for _ in range(3):  # in turns, and the best of each: others use this computer, too
            bare.append(page.evaluate(still.FRAMES, 1)[0])
            here.get_by_role("button", name="Replay").click()
            rate, moved = page.evaluate(still.FRAMES, 1)
            assert moved
            playing.append(rate)
            here.get_by_role("button", name="Pause").click()
        print(f"a replay of 12 turns: {playing} frames/s; nothing playing: {bare}")
        assert max(playing) > 0.9 * max(bare)


def test_who_turns_motion_off_sees_a_replay_turn_by_turn(browser: Browser) -> None:
    with browser.new_context(viewport=SCREEN, reduced_motion="reduce") as context:  # type: ignore[arg-type]
        page = context.new_page()
        here = stand(page, "lose")
        here.get_by_role("button", name="Run A").focus()
        press(page, "ab")
        seen = page.evaluate("""() => new Promise(done => {
          const seen = new Set();
          const place = () => document.querySelector(".playhead").style.transform;
          document.querySelector(".replay").click();
          function frame() {
            seen.add(place());
            if (document.querySelector(".replay").textContent === "Pause") requestAnimationFrame(frame);
            else done(seen.size);
          }
          frame();
        })""")
        assert 2 <= seen <= 3  # before the first turn, after it, after the second


# In JupyterLab ----------------------------------------------------------------------------------------


def test_the_keyboard_is_enough_and_the_cells_stay_as_they_are(
    browser: Browser, address: str, course: Path
) -> None:
    source = 'from course_lib.explore import scheduler\nscheduler("lose", "place")'
    write_notebook(course, PATH, [source, "pass"])
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        open_notebook(page, address, PATH)
        page.evaluate(RUN_CELL)
        here = page.locator(".course-scheduler")
        expect(here).to_be_visible()
        before = page.evaluate(CELLS)
        here.get_by_role("button", name="Run A").focus()
        press(page, "abab")
        press(page, "ab")
        expect(here.get_by_role("status")).to_contain_text("Solved.")
        press(page, "n")  # the threads are new ones, and the focus is with the first
        press(page, "a")
        expect(here.get_by_role("status")).to_contain_text("A computes.")
        page.keyboard.press("Shift+Tab")
        for _ in range(12):  # through all controls, with the letters that Lab listens to
            for key in (
                "a",
                "b",
                "x",
                "m",
                "y",
                "j",
                "k",
                "0",
                "ArrowDown",
                "ArrowUp",
                "ArrowLeft",
            ):
                page.keyboard.press(key)
            page.keyboard.press("Tab")
        here.get_by_role("button", name="Hint").focus()
        press(page, "dd00")
        assert page.evaluate(CELLS) == before
        here.get_by_role("button", name="Restart").click()
        press(page, "abababab")
        here.get_by_role("button", name="Replay").click()
        here.locator(".stage").evaluate("stage => { stage.style.marginTop = '3000px' }")
        page.evaluate("() => lesson.node.querySelector('.jp-WindowedPanel-outer').scrollTo(0, 0)")
        expect(here.get_by_role("button", name="Replay")).to_be_attached()  # it stops out of sight
        page.evaluate("() => jupyterapp.serviceManager.sessions.shutdownAll()")

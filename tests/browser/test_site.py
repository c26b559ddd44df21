"""The pages that python3 course.py site writes, opened from files.

COURSE_SITE names a folder with a site that was built already, to look at each of its pages.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import Browser, Page, expect

from docs import pages
from docs.cut import cut
from docs.links import broken
from tests.browser import axe
from tests.browser.lesson import INSIDE, SCREEN

ROOT = Path(__file__).resolve().parents[2]
MOST = 40e6  # bytes

#: Slide type and text; what begins with a hash is prose.
ONE = [
    ("slide", "# One lesson\n\nAfter this lesson you can look.\n\n*5 minutes · You need: eyes.*"),
    ("skip", "from course_lib import Task, compute, run, wait\nfrom course_lib.lesson import *"),
    ("slide", "## Move it\n\n$$S = \\frac{1}{N}$$\n\nSee [there](01_two.ipynb#Further-on)."),
    ("-", "from course_lib.explore import amdahl, play\namdahl(0.5)"),
    ("slide", "## Play it\n\nOf marmalade."),
    ("-", "trace = run([Task('A', wait(0.2)), Task('B', compute(0.1))], 'threads')\nplay(trace)"),
    ("subslide", "guess = predict('room', 'Which room?')\nguess"),
    ("subslide", "trace"),
    ("-", "guess.compare(trace)"),
    ("subslide", "question('01_definitions/sentences')"),
]
TWO = [
    (
        "slide",
        "# Another lesson\n\nAfter this lesson you can print.\n\n*5 minutes · You need: ink.*",
    ),
    ("slide", "## Further on\n\nOf toast. Back to [one](00_one.ipynb)."),
    ("-", "print('toast')"),
    ("subslide", "\n".join(f"print('slice {number}')" for number in range(20))),
]


def written(cells: list[tuple[str, str]]) -> NotebookNode:
    """Return a notebook with these cells."""
    notebook: NotebookNode = new_notebook()  # type: ignore[no-untyped-call]
    for kind, text in cells:
        new = new_markdown_cell if text.startswith("#") else new_code_cell
        notebook.cells.append(new(text, metadata={"slideshow": {"slide_type": kind}}))  # type: ignore[no-untyped-call]
    return notebook


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of two small notebooks."""
    source, folder = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("site")
    for name, cells in {"00_one": ONE, "01_two": TWO}.items():
        nbformat.write(written(cells), source / f"{name}.ipynb")  # type: ignore[no-untyped-call]
    command = [sys.executable, "-m", "docs.pages", str(folder), str(source)]
    done = subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "index.html").as_uri() in done.stdout
    return folder


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that asks nothing of any computer, and whose console stays free of errors."""
    with browser.new_context(viewport=SCREEN, reduced_motion="reduce") as context:  # type: ignore[arg-type]
        wrong: list[str] = []
        schemes = {"file", *INSIDE}

        def note(bad: bool, what: str) -> None:
            if bad:
                wrong.append(what)

        context.on("console", lambda said: note(said.type == "error", said.text))
        context.on("weberror", lambda error: note(True, str(error.error)))
        context.on(
            "request", lambda asked: note(urlsplit(asked.url).scheme not in schemes, asked.url)
        )
        yield context.new_page()
    assert not wrong


@pytest.fixture
def one(page: Page, site: Path) -> Page:
    """The page of the first lesson."""
    page.goto((site / "00_one.html").as_uri())
    return page


def objections(page: Page) -> list[str]:
    """What axe-core objects to, each with the element."""
    return axe.objections(page, options={"preload": False})  # it would read files


def look_around(page: Page) -> None:
    """Unfold all that is folded, and bring each widget into sight, so that it is drawn."""
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    for widget in page.locator(".widget").all():
        widget.evaluate("widget => widget.scrollIntoView()")
        expect(widget.locator(":scope > *")).not_to_have_count(0)


def test_an_explorer_moves_without_a_kernel(one: Page) -> None:
    explorer = one.locator(".course-explorer").first
    expect(explorer).to_contain_text("limit 2.00")
    explorer.get_by_label("parallel fraction").fill("0.75")
    expect(explorer).to_contain_text("limit 4.00")


def test_the_player_plays(one: Page) -> None:
    look_around(one)
    player = one.locator(".course-player").filter(has=one.get_by_role("button", name="Play"))
    time = player.locator("input[type=range]").first
    before = float(time.input_value())
    player.get_by_role("button", name="Play").click()
    one.wait_for_function(
        "([time, before]) => time.value > before", arg=[time.element_handle(), before]
    )


def test_a_prediction_is_kept_and_what_came_out_is_folded(one: Page) -> None:
    form = one.locator("form.course-widget")
    picture = one.locator("details.measured img").first
    expect(picture).to_be_hidden()
    form.get_by_role("radio").first.check()
    form.get_by_role("button", name="Commit").click()
    expect(form.get_by_role("status")).to_contain_text("Committed")
    one.get_by_text("Predict, then open").first.click()
    expect(picture).to_be_visible()
    assert (picture.get_attribute("alt") or "").strip()


def test_a_question_folds_what_is_said_of_each_choice(one: Page) -> None:
    fold = one.locator(".course-question details").first
    expect(fold.locator("p")).to_be_hidden()
    fold.locator("summary").click()
    expect(fold.locator("p")).to_be_visible()


def test_formulas_are_drawn(one: Page) -> None:
    expect(one.locator("math mfrac")).to_be_visible()
    assert "$$" not in one.locator("main").inner_text()


def test_the_search_finds_sections_of_other_pages(one: Page) -> None:
    field = one.get_by_role("searchbox", name="Search")
    field.press_sequentially("further toast")
    expect(one.locator("#found")).to_have_text("1 section found")
    one.get_by_role("link", name="Another lesson: Further on").click()
    expect(one).to_have_url(re.compile("01_two.html#Further-on$"))
    one.get_by_role("searchbox", name="Search").press_sequentially("elephant")
    expect(one.locator("#found")).to_have_text("No sections found")


def test_the_theme_stays_on_the_next_page(one: Page) -> None:
    ground = "() => getComputedStyle(document.body).backgroundColor"
    light = one.evaluate(ground)
    one.get_by_role("button", name="Dark").click()
    dark = one.evaluate(ground)
    assert dark != light
    one.get_by_role("link", name="Another lesson →").click()
    expect(one.get_by_role("heading", level=1)).to_contain_text("Another lesson")
    assert one.evaluate(ground) == dark


def test_pages_lead_to_each_other(page: Page, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    page.get_by_role("link", name="One lesson").click()
    page.get_by_role("link", name="there").click()
    expect(page.get_by_role("heading", name="Further on")).to_be_in_viewport()
    page.get_by_role("link", name="← One lesson").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("One lesson")
    assert broken(site) == []


def test_slides_turn_by_keys(one: Page) -> None:
    one.get_by_role("button", name="Slides").click()
    place = one.get_by_role("navigation", name="Slides").get_by_role("status")
    expect(place).to_have_text("1 of 6")
    assert "import" not in (one.locator("main").text_content() or "").split("Move it")[0]
    one.keyboard.press("ArrowRight")
    expect(one.get_by_role("heading", name="Move it")).to_be_visible()
    expect(one.locator(".course-explorer canvas").first).to_be_visible()
    slider = one.get_by_label("parallel fraction")
    slider.press("ArrowRight")  # moves the slider, and turns no slide
    expect(place).to_have_text("2 of 6")
    slider.blur()
    one.keyboard.press("End")
    expect(place).to_have_text("6 of 6")
    assert one.url.endswith("?slides#6")
    one.keyboard.press("Escape")
    expect(one.get_by_role("searchbox")).to_be_visible()


def test_a_link_within_the_page_leads_to_its_slide_or_nowhere(page: Page, site: Path) -> None:
    place = page.get_by_role("navigation", name="Slides").get_by_role("status")
    page.goto((site / "01_two.html").as_uri() + "?slides#3")
    expect(place).to_have_text("3 of 3")
    page.locator(".skip").press("Enter")
    expect(place).to_have_text("3 of 3")
    page.evaluate("location.hash = 'Further-on'")
    expect(place).to_have_text("2 of 3")
    page.evaluate("location.hash = 'nowhere'")
    page.evaluate("location.hash = '3'")
    expect(place).to_have_text("3 of 3")
    for name, number in (("Further-on", 2), ("content", 1), ("3", 3)):
        page.goto("about:blank")
        page.goto((site / "01_two.html").as_uri() + f"?slides#{name}")
        expect(place).to_have_text(f"{number} of 3")


def test_what_scrolls_on_a_slide_keeps_its_keys(page: Page, site: Path) -> None:
    page.goto((site / "01_two.html").as_uri() + "?slides#2")
    place = page.get_by_role("navigation", name="Slides").get_by_role("status")
    wide = page.locator("section:visible .output pre").first
    wide.evaluate("pre => { pre.innerHTML = `<div style='width: 3000px'>toast<br>jam</div>`; }")
    expect(wide).to_have_attribute("tabindex", "0")
    wide.press("ArrowRight")
    expect(place).to_have_text("2 of 3")
    page.wait_for_function("pre => pre.scrollLeft > 0", arg=wide.element_handle())


def test_a_slide_that_is_too_high_folds_its_code(page: Page, site: Path) -> None:
    page.goto((site / "01_two.html").as_uri() + "?slides")
    page.keyboard.press("End")
    code = page.locator("section:visible .highlight")
    expect(page.locator("section:visible pre").last).to_contain_text("slice 19")
    expect(code).to_be_hidden()
    page.locator("section:visible summary").click()
    expect(code).to_be_visible()


def test_broken_links_and_foreign_sources_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there">b</a><a href="#here">c</a><h1 id="here">d</h1>'
        '<a href="https://docs.python.org/3/">e</a><img src="https://example.org/f.png">'
    )
    (tmp_path / "b.html").write_text("<a href='a.html#here'>a</a>")
    assert broken(tmp_path) == ["a.html: b.html#there", "a.html: https://example.org/f.png"]


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ValueError, match=re.escape(f"not {tmp_path}")):
        pages.build(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_answers_a_prediction_is_on_another_slide() -> None:
    cells = written([("", text) for _, text in ONE]).cells
    kinds = cut(cells)
    assert kinds[0] == kinds[2] == "slide"
    assert kinds[7] == "subslide"
    assert cut(written([("", "# A"), ("", "## Your turn"), ("", "check('a', b)")]).cells) == [
        *("slide", "skip", "skip")
    ]


# Each page --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(request: pytest.FixtureRequest) -> Path:
    """The site that COURSE_SITE names, or else the small one."""
    folder = os.environ.get("COURSE_SITE")
    return Path(folder).resolve() if folder else request.getfixturevalue("site")


def test_the_site_is_small(whole: Path) -> None:
    assert 0 < sum(path.stat().st_size for path in whole.rglob("*") if path.is_file()) <= MOST


def test_no_link_of_the_site_is_broken(whole: Path) -> None:
    assert broken(whole) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_objection_to_any_page(page: Page, whole: Path, theme: str) -> None:
    paths = sorted(whole.rglob("*.html"))
    assert paths
    for path in paths:
        page.goto(path.as_uri())
        if page.evaluate("document.documentElement.dataset.theme") != theme:
            page.locator("#theme").click()
        look_around(page)
        assert objections(page) == [], path
        assert page.locator("main img:not([alt]), main img[alt='']").count() == 0, path


def test_every_slide_can_be_read(page: Page, whole: Path) -> None:
    """It is as wide as the screen at most, and axe-core objects to none of a lesson's first ones."""
    for path in sorted(whole.glob("[0-9]*.html")):
        page.goto(path.as_uri() + "?slides")
        place = page.get_by_role("navigation", name="Slides").get_by_role("status")
        count = int(place.inner_text().split()[-1])
        for number in range(1, count + 1):
            expect(place).to_have_text(f"{number} of {count}")
            wide = page.evaluate("() => document.documentElement.scrollWidth")
            assert wide <= SCREEN["width"], (path, number)
            if number <= 3:
                assert objections(page) == [], (path, number)
            page.keyboard.press("ArrowRight")

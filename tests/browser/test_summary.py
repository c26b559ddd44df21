"""The course on one page: what stands on it, and that a printer needs one sheet for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from course_lib.lesson import begin, remember
from course_lib.lesson.summary import MOST, summary
from course_lib.machine import machine


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep progress in a folder of its own."""
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))


def predicted(count: int) -> None:
    """Predict so many numbers."""
    begin("a lesson")
    for number in range(count):
        entry = {"kind": "number", "name": f"<guess> {number}", "answer": 2.0, "measured": 1.0}
        remember("predictions", f"{number}", entry | {"unit": "s"})


@pytest.mark.parametrize("count", [0, 1, 3 * MOST])
def test_it_is_one_sheet_that_needs_nothing_else(
    count: int, browser: Browser, tmp_path: Path
) -> None:
    predicted(count)
    made = summary(tmp_path / "sheet.html")
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(made.path.as_uri())
    assert page.get_by_role("heading", level=1).inner_text() == "Concurrency is not parallelism"
    assert machine().python in page.inner_text("main")
    assert page.get_by_role("img").count() == min(count, 1)
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    pdf = page.pdf(prefer_css_page_size=True)
    page.close()
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1


def test_it_is_kept_beside_the_progress(tmp_path: Path) -> None:
    made = summary()
    assert made.path == tmp_path / "home" / "summary.html"
    assert made.path.read_text("utf-8") == made.page
    assert str(made.path) in repr(made)


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must end in .html"):
        summary(tmp_path / "sheet.pdf")
    assert not list(tmp_path.glob("sheet*"))
    thesis = tmp_path / "thesis.html"
    thesis.write_text("Chapter 1")
    with pytest.raises(FileExistsError, match="new, or an earlier summary's"):
        summary(thesis)
    assert thesis.read_text() == "Chapter 1"
    again = tmp_path / "sheet.html"
    assert summary(again).path == summary(again).path == again

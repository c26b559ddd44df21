"""The stop button: a long experiment tells how far it is, ends at once, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.lesson import SCREEN, open_notebook, write_notebook

PATH = "notebooks/stop.ipynb"
TIMES = 3  # the quickest of them counts, for other programs slow down some
SOON = 0.5  # seconds
IMPORTS = """from course_lib import Task, compute, run, wait
from course_lib.lesson import check
from course_lib.programs.server import serve
tasks = [Task(n, compute(9), wait(9)) for n in "ABCD"]
def program(fetch):
    while True:
        pass"""
LONG = {
    "threads": "run(tasks, 'threads')",
    "processes": "run(tasks, 'processes')",
    "async": "run([Task(n, wait(20)) for n in 'AB'], 'async')",
    "the server": "serve(2, seconds=20)",
    "a check": "check('02_quadrant/waits', program)",
}

RUN_CELL = """at => {
  lesson.content.activeCellIndex = at;
  jupyterapp.commands.execute("notebook:run-cell");
}"""

#: Get ready to tell how many seconds after a click the kernel has nothing to do any more.
WATCH = """() => {
  const kernel = lesson.sessionContext.session.kernel;
  window.stopped = new Promise(done => {
    lesson.toolbar.node.addEventListener("click", ({ timeStamp: start }) => {
      kernel.statusChanged.connect(function heard(_, status) {
        if (status !== "idle") return;
        kernel.statusChanged.disconnect(heard);
        done((performance.now() - start) / 1000);
      });
    }, { capture: true, once: true });
  });
}"""

ERRORS = """at => lesson.content.model.cells.get(at).outputs.toJSON()
  .filter(output => output.output_type === "error").map(output => output.ename)"""


@pytest.fixture(scope="module")
def page(browser: Browser, address: str, course: Path) -> Iterator[Page]:
    """A notebook with long experiments, and a short cell."""
    write_notebook(course, PATH, [IMPORTS, "print('on we go')", *LONG.values()])
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        open_notebook(page, address, PATH)
        page.evaluate(RUN_CELL, 0)
        yield page
        page.evaluate("() => jupyterapp.serviceManager.sessions.shutdownAll()")


def workers(course: Path) -> list[str]:
    """The processes, but for kernels and the Lab itself, that work for this Lab."""
    home = str(course.parent / "home")
    found = []
    for process in psutil.process_iter(["environ", "cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        if (process.info["environ"] or {}).get("HOME") == home and not any(
            own in words for own in ("ipykernel_launcher", "jupyterlab")
        ):
            found.append(words)
    return found


@pytest.mark.parametrize("name", LONG)
def test_the_stop_button_ends_it_at_once(page: Page, course: Path, name: str) -> None:
    at = 2 + list(LONG).index(name)
    cell = page.locator(".jp-Notebook .jp-Cell").nth(at)
    took = []
    for _ in range(TIMES):
        page.evaluate(RUN_CELL, at)
        expect(cell.locator("progress")).to_be_visible(timeout=20_000)
        page.evaluate(WATCH)
        page.locator("[data-command='notebook:interrupt-kernel']").first.click()
        took.append(page.evaluate("() => window.stopped"))
        expect(cell.locator("progress")).to_have_count(0)
        assert page.evaluate(ERRORS, at) == ["KeyboardInterrupt"]
        if took[-1] <= SOON:
            break
    assert min(took) <= SOON, took
    page.evaluate(RUN_CELL, 1)
    expect(page.locator(".jp-Notebook .jp-Cell").nth(1)).to_contain_text("on we go")
    page.wait_for_timeout(300)
    assert workers(course) == []

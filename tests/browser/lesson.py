"""A lesson in the browser: opened, run from its first cell to its last, and looked at."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Browser, ConsoleMessage, Page, TimeoutError

SCREEN = {"width": 1280, "height": 720}
OPENED = 60_000  # ms in which the notebook must stand there, with its kernel ready
LAB, NOTEBOOK = "lab/tree/{}?reset", "notebooks/{}"  # where the applications show a notebook
HOME = ("127.0.0.1", "localhost")
INSIDE = ("data", "blob", "about")  # addresses that lead nowhere

#: Whether the notebook is open and its kernel ready; from then on the page calls it `lesson`.
OPEN = """path => {
  const panel = window.jupyterapp?.shell.currentWidget;
  if (panel?.context?.path !== path) return false;
  window.lesson = panel;
  return panel.context.isReady && panel.sessionContext.isReady
    && panel.sessionContext.session?.kernel?.status === "idle"
    && jupyterapp.commands.isEnabled("runmenu:run-all");
}"""

#: The code cells that aren't empty: the number each was executed as, and the errors it shows.
CELLS = """() => Array.from(lesson.content.model.cells)
  .filter(cell => cell.type === "code" && cell.sharedModel.source.trim())
  .map(cell => ({
    count: cell.executionCount,
    errors: cell.outputs.toJSON().filter(output => output.output_type === "error")
      .map(output => `${output.ename}: ${output.evalue}`),
  }))"""

#: Whether the kernel has nothing to do any more: all cells were executed, or one of them failed.
DONE = f"""() => {{
  const cells = ({CELLS})();
  return lesson.sessionContext.session?.kernel?.status === "idle"
    && (cells.every(cell => cell.count) || cells.some(cell => cell.errors.length));
}}"""

#: What the page shows instead, if a notebook doesn't open.
STATE = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  return JSON.stringify({
    shown: panel?.context?.path ?? panel?.id,
    read: panel?.context?.isReady,
    session: panel?.sessionContext?.isReady,
    kernel: panel?.sessionContext?.session?.kernel?.status,
    connection: panel?.sessionContext?.session?.kernel?.connectionStatus,
    dialogs: Array.from(document.querySelectorAll(".jp-Dialog"), dialog => dialog.innerText),
  });
}"""

IMAGES = """async () => {
  const images = Array.from(document.querySelectorAll(".jp-Notebook .jp-OutputArea img"));
  await Promise.allSettled(images.map(image => image.decode()));
  return images.map(image => [image.getAttribute("alt") ?? "", image.naturalWidth]);
}"""

#: Scroll on by a screen, less a margin, if the notebook's end isn't in sight; tell whether.
SCROLL = """() => {
  const cells = Array.from(lesson.node.querySelectorAll(".jp-Notebook .jp-Cell"));
  const view = lesson.node.querySelector(".jp-WindowedPanel-outer");
  const bottom = view.getBoundingClientRect().bottom;
  if (cells.at(-1).getBoundingClientRect().bottom <= bottom) return false;
  view.scrollTop += view.clientHeight - 40;
  return true;
}"""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was seen of a notebook after "Run All Cells"."""

    executed: list[int | None]  # one a code cell
    errors: list[str]  # of cells
    images: list[tuple[str, int]]  # of outputs: the alt text, and how many pixels wide
    complaints: list[str]  # in the browser's console
    abroad: list[str]  # requests that left this computer
    seconds: float  # from "Run All Cells" to the last cell's end
    in_time: bool


def take(
    browser: Browser,
    address: str,
    path: str,
    limit: float,
    album: Path | None,
    place: str = LAB,
) -> Lesson:
    """Run a lesson in a new page, for at most `limit` seconds; put screenshots into the album."""
    with browser.new_context(viewport=SCREEN, reduced_motion="reduce") as context:  # type: ignore[arg-type]
        complaints: list[str] = []
        abroad: list[str] = []

        def heard(message: ConsoleMessage) -> None:
            if message.type == "error":
                complaints.append(f"{message.text} ({message.location['url']})")

        def asked(url: str) -> None:
            parts = urlsplit(url)
            if parts.scheme not in INSIDE and parts.hostname not in HOME:
                abroad.append(url)

        page = context.new_page()
        context.on("console", heard)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on("request", lambda request: asked(request.url))
        page.on("websocket", lambda socket: asked(socket.url))

        open_notebook(page, address, path, place)
        start = time.monotonic()
        run_all(page)
        in_time = True
        try:
            page.wait_for_function(DONE, timeout=limit * 1000, polling=100)
        except TimeoutError:
            in_time = False
        seconds = time.monotonic() - start
        cells: list[dict[str, Any]] = page.evaluate(CELLS)
        images = [(str(alt), int(width)) for alt, width in page.evaluate(IMAGES)]
        if album:
            photograph(page, album, PurePosixPath(path).stem)
        heard_so_far = list(complaints)  # with its kernel gone, a page may well complain
        page.evaluate("() => jupyterapp.serviceManager.sessions.shutdownAll()")
    return Lesson(
        executed=[cell["count"] for cell in cells],
        errors=[error for cell in cells for error in cell["errors"]],
        images=images,
        complaints=heard_so_far,
        abroad=abroad,
        seconds=seconds,
        in_time=in_time,
    )


def write_notebook(folder: Path, path: str, sources: Sequence[str]) -> None:
    """Write a notebook with these cells where the Lab has the others."""
    notebook = new_notebook(  # type: ignore[no-untyped-call]
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        cells=[
            new_code_cell(source, id=f"cell-{number}")  # type: ignore[no-untyped-call]
            for number, source in enumerate(sources)
        ],
    )
    nbformat.write(notebook, folder / path)  # type: ignore[no-untyped-call]


def open_notebook(page: Page, address: str, path: str, place: str = LAB) -> None:
    """Open a notebook, with nothing else open, and wait until its kernel is ready."""
    page.goto(address + place.format(path))
    try:
        page.wait_for_function(OPEN, arg=path, timeout=OPENED, polling=100)
    except TimeoutError as error:
        raise AssertionError(f"{path} didn't open: {page.evaluate(STATE)}") from error


def run_all(page: Page) -> None:
    """Choose "Run All Cells" from the menu, as a learner does."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def photograph(page: Page, album: Path, stem: str) -> None:
    """Save the whole notebook as a row of screenshots, each one screen."""
    album.mkdir(parents=True, exist_ok=True)
    for old in album.glob(f"{stem}-*.png"):
        old.unlink()
    page.mouse.move(0, 0)  # where it highlights nothing
    page.evaluate("""() => lesson.node.querySelector(".jp-WindowedPanel-outer").scrollTo(0, 0)""")
    for number in range(1, 100):
        page.screenshot(path=album / f"{stem}-{number:02}.png", animations="disabled")
        if not page.evaluate(SCROLL):
            break

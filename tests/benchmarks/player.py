"""How many frames a second the timeline player draws, beside a page that only counts frames.

All in the same browser. There is no aim here, for a screen's rate is the most that there can be.
"""

from __future__ import annotations

import os
import shutil

from playwright.sync_api import sync_playwright

from course_lib.explore import play
from tests.benchmarks.table import Row
from tests.browser import still

NAMES = ("chromium", "chromium-browser", "google-chrome")
COUNTS = (1_000, 20_000)  # spans


def chromium() -> str | None:
    """Return the program of a browser, if there is one."""
    found = [os.environ.get("COURSE_CHROMIUM"), *map(shutil.which, NAMES)]
    return next(filter(None, found), None)


def rows(quick: bool = False) -> list[Row]:
    """Count frames while nothing plays, and while traces play; no rows without a browser."""
    program = chromium()
    if program is None:
        return []
    rounds, seconds = (1, 0.3) if quick else (5, 1.0)
    rates: dict[str, list[float]] = {"an empty page": []}
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program, chromium_sandbox=False) as browser,
    ):
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        rates["an empty page"] = [page.evaluate(still.FRAMES, seconds)[0] for _ in range(rounds)]
        for count in COUNTS:
            for zoomed in (False, True):
                still.stand(page, play(still.crowd(count)))
                page.get_by_role("slider").focus()
                for _ in range(6 * zoomed):  # then the view follows the playhead
                    page.keyboard.press("+")
                page.keyboard.press("Space")
                found_rates = [page.evaluate(still.FRAMES, seconds)[0] for _ in range(rounds)]
                name = f"player, {count:,} spans" + ", 64 times nearer" * zoomed
                rates[name] = found_rates
    return [Row(name, "frames/s", figures) for name, figures in rates.items()]

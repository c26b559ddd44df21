"""Explorers follow their sliders at once."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from playwright.sync_api import Browser

from tests.browser.lesson import SCREEN
from tests.browser.sliders import moves, open_sliders


def test_explorers_are_quicker_than_a_picture_from_the_kernel(
    browser: Browser, address: str, course: Path
) -> None:
    with browser.new_context(viewport=SCREEN) as context:  # type: ignore[arg-type]
        page = context.new_page()
        open_sliders(page, address, course)
        player, amdahl, plain = moves(page, 10)
        page.evaluate("() => jupyterapp.serviceManager.sessions.shutdownAll()")
    assert len(player) == len(amdahl) == len(plain) == 10
    assert max(median(player), median(amdahl)) < median(plain)

"""From a slider to the picture, in JupyterLab: the timeline player beside `interact` and matplotlib.

And the player's frames a second there, with 1,000 spans, while the kernel is busy.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from tests.benchmarks.player import chromium
from tests.benchmarks.table import Row
from tests.browser.lab import lab
from tests.browser.lesson import SCREEN
from tests.browser.sliders import frames_while_busy, moves, open_sliders


def rows(quick: bool = False) -> list[Row]:
    """Move both sliders; no rows without a browser."""
    program = chromium()
    if program is None:
        return []
    with (
        tempfile.TemporaryDirectory() as folder,
        lab(Path(folder)) as address,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program, chromium_sandbox=False) as browser,
    ):
        page = browser.new_page(viewport=SCREEN)  # type: ignore[arg-type]
        open_sliders(page, address, Path(folder) / "course")
        found = [moves(page, 20) for _ in range(1 if quick else 5)]
        rates = frames_while_busy(page, 1 if quick else 5)
        page.evaluate("() => jupyterapp.serviceManager.sessions.shutdownAll()")
    player, plain = ([rounds[at] for rounds in found] for at in range(2))
    half, most = [[float(np.quantile(one, q)) for one in player] for q in (0.5, 0.95)]
    return [
        Row("the player, median of 20 moves", "ms", half, aim=16),
        Row("the player, 95 of 100 moves", "ms", most, aim=33),
        Row("interact and matplotlib, median", "ms", [float(np.median(one)) for one in plain]),
        Row(
            "a frame of the player, 1,000 spans, busy kernel",
            "ms",
            [1000 / r for r in rates],
            1000 / 55,
        ),
    ]

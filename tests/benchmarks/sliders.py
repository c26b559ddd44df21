"""From a slider to the picture, in JupyterLab: explorers beside `interact` and matplotlib.

And the player's frames a second there, with 1,000 spans, while the kernel is busy.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from tests.benchmarks.player import chromium
from tests.benchmarks.table import Row
from tests.browser.lab import lab
from tests.browser.lesson import SCREEN
from tests.browser.sliders import frames_while_busy, moves, open_sliders


def rows(quick: bool = False) -> list[Row]:
    """Move all sliders; no rows without a browser."""
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
    explorers = {"the player": 0, "Amdahl's curve": 1}
    plain = [rounds[2] for rounds in found]
    return [
        *(
            Row(f"{name}, {words} of {of} moves", "ms", quantiles(found, at, share), aim)
            for name, at in explorers.items()
            for words, of, share, aim in (("median", 20, 0.5, 16), ("95", 100, 0.95, 33))
        ),
        Row("interact and matplotlib, median", "ms", [float(np.median(one)) for one in plain]),
        Row(
            "a frame of the player, 1,000 spans, busy kernel",
            "ms",
            [1000 / r for r in rates],
            1000 / 55,
        ),
    ]


def quantiles(found: Sequence[tuple[list[float], ...]], at: int, share: float) -> list[float]:
    """Return what that share of a slider's moves took at most, once a round."""
    return [float(np.quantile(rounds[at], share)) for rounds in found]

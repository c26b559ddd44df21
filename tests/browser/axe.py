"""What axe-core, a checker of accessibility, objects to on a page."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page


def objections(page: Page, **how: Any) -> list[str]:
    """Return its objections, each with the element; `how` goes to axe-core."""
    found = Axe().run(page, **how)
    assert found.response["testEngine"]["name"] == "axe-core"
    return [
        f"{rule['id']} ({rule['help']}): {node['html'][:200]}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]

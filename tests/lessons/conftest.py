"""Each test has a learner's folder of its own, and is in a lesson."""

from __future__ import annotations

from pathlib import Path

import pytest

from course_lib.lesson.progress import Kernel, kernel


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep progress in a folder that isn't there yet, as in a new kernel."""
    folder = tmp_path / "home"
    monkeypatch.setenv("COURSE_HOME", str(folder))
    for name, value in vars(Kernel("a lesson")).items():
        monkeypatch.setattr(kernel, name, value)
    return folder

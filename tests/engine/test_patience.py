"""Waiting: the line in a notebook's cell, and what an interrupt finds."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import Any, ClassVar

import pytest

from course_lib import Task, patience, run, wait
from course_lib.patience import Line, patient, sent_out, told
from course_lib.programs.server import serve


class Display:
    """What a cell shows: each text that was there, one after the other."""

    pages: ClassVar[list[str]] = []
    threads: ClassVar[set[str]] = set()

    def display(self, bundle: dict[str, str], raw: bool) -> None:
        self.pages.append(bundle["text/html"])
        self.threads.add(threading.current_thread().name)

    update = display


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Be in a notebook, and don't wait for the line as long as learners do."""
    import IPython.display

    monkeypatch.setattr(IPython.display, "DisplayHandle", Display)
    monkeypatch.setattr(patience, "in_notebook", lambda: True)
    monkeypatch.setattr(patience, "QUIET", 0.1)
    monkeypatch.setattr(Display, "pages", [])
    monkeypatch.setattr(Display, "threads", set())
    return Display.pages


@pytest.mark.parametrize("model", ["threads", "processes", "async", "sequential"])
def test_a_long_run_tells_how_far_it_is(pages: list[str], model: str) -> None:
    workers = 1 if model == "sequential" else 2
    run([Task("A", wait(0.3)), Task("B", wait(1.2))], model, workers)
    assert any("1 of 2 tasks done" in page for page in pages)
    assert any('<progress max="1" value="0.500">' in page for page in pages)
    assert pages[-1] == ""
    assert Display.threads == {"MainThread"}


def test_the_line_goes_after_an_error_too(pages: list[str]) -> None:
    def fail() -> None:
        time.sleep(0.6)
        raise ValueError

    with pytest.raises(Exception, match="fail|A"):
        run([Task("A", fail)], "threads")
    assert len(pages) > 1
    assert pages[-1] == ""


def test_the_server_tells_how_far_it_is(pages: list[str]) -> None:
    serve(connections=2, seconds=0.7)
    assert any("2 clients ask for 0.7 s" in page for page in pages)
    assert pages[-1] == ""


def test_a_short_run_shows_nothing_and_neither_does_one_outside_a_notebook(
    pages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "QUIET", 5.0)
    run([Task("A", wait(0.3))], "threads")
    monkeypatch.setattr(patience, "QUIET", 0.0)
    monkeypatch.setattr(patience, "in_notebook", lambda: False)
    run([Task("A", wait(0.3))], "threads")
    assert pages == []


def test_the_line_is_updated_four_times_a_second(pages: list[str]) -> None:
    with Line() as line:
        end = time.monotonic() + 0.8
        while time.monotonic() < end:
            line.tell("waiting <here>", 2.0)
    assert 1 <= len(pages) <= 5
    assert "waiting &lt;here&gt;" in pages[0]
    assert 'value="1.000"' in pages[0]


def test_who_waits_patiently_gets_what_came_of_it() -> None:
    told: list[int] = []
    assert not patient(threading.Event(), 0.5, lambda: told.append(1))
    assert told
    assert sent_out(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        sent_out(lambda: 1 / 0)


def test_a_helper_tells_what_it_found_or_that_it_has_ended() -> None:
    found, nothing = ("-c", "print(7)"), ("-c", "pass")
    for command, line in ((found, "7\n"), (nothing, "")):
        with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as one:
            if line:
                assert told(one, Line(), "counting") == line
            else:
                with pytest.raises(RuntimeError, match="ended early"):
                    told(one, Line(), "counting")


def test_outside_a_notebook_there_is_none(capsys: Any) -> None:
    assert not patience.in_notebook()

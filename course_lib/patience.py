"""Wait for something that takes a while: ready for an interrupt, with a line that tells how far it is."""

from __future__ import annotations

import html
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from subprocess import Popen
from types import TracebackType
from typing import Any, Self, TypeVar

from course_lib.service import answer

__all__ = ["Line", "patient", "sent_out", "told"]

NAP = 0.2  # seconds: an interrupt is only sure to be seen between two naps
QUIET = 1.0  # seconds without a line, for most experiments end before
OFTEN = 0.25  # seconds from one line to the next

T = TypeVar("T")


class Line:
    """In a notebook, a quiet line in the cell that tells how far an experiment is.

    It comes after a second, and is gone at the end. Elsewhere nothing is shown.
    """

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.due = self.began + QUIET
        self.handle: Any = None

    def __enter__(self) -> Self:
        return self

    def tell(self, words: str, share: float | None = None) -> None:
        """Show some words, and which share is done (0 to 1; None: unknown), if it is time to."""
        now = time.monotonic()
        if now < self.due or not in_notebook():
            return
        self.due = now + OFTEN
        value = "" if share is None else f' value="{min(max(share, 0.0), 1.0):.3f}"'
        said = html.escape(f"{words}, {now - self.began:.1f} s")
        self._show(f'<label><progress max="1"{value}></progress> {said}</label>', said)

    def _show(self, page: str, plain: str) -> None:
        from IPython.display import DisplayHandle

        bundle = {"text/html": page, "text/plain": plain}
        if self.handle is None:
            self.handle = DisplayHandle()  # type: ignore[no-untyped-call]
            self.handle.display(bundle, raw=True)
        else:
            self.handle.update(bundle, raw=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self.handle is not None:
            self._show("", "")


def in_notebook() -> bool:
    """Return whether this thread is one whose displays a notebook's cell shows."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module else None
    return hasattr(shell, "kernel") and threading.current_thread() is threading.main_thread()


def patient(
    event: threading.Event, seconds: float, tell: Callable[[], object] = lambda: None
) -> bool:
    """Wait for an event, for so many seconds at most; return whether it has come.

    Meanwhile `tell` is called about five times a second.
    """
    end = time.monotonic() + seconds
    while not event.wait(min(NAP, max(0.0, end - time.monotonic()))):
        if time.monotonic() >= end:
            return False
        tell()
    return True


def sent_out(act: Callable[[], T], tell: Callable[[], object] = lambda: None) -> T:
    """Return what a function returns, or raise what it raises, that blocks in a thread of its own."""
    done, found, failed = threading.Event(), [], []

    def perform() -> None:
        try:
            found.append(act())
        except BaseException as error:  # noqa: BLE001 - raised again by who asked
            failed.append(error)
        done.set()

    threading.Thread(target=perform, daemon=True).start()
    patient(done, float("inf"), tell)
    if failed:
        raise failed[0]
    return found[0]


def told(process: Popen[str], line: Line, words: str) -> str:
    """Return the next line that a helper prints, and tell meanwhile what it does.

    Raises
    ------
    RuntimeError
        If it has ended instead.
    """
    return sent_out(partial(answer, process), partial(line.tell, words))

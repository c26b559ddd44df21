"""What a task forks: a copy of the whole run, which must end with the task's own function.

The copy comes back from `os.fork` into the function that called it, as its original does. When that
function returns, the copy would go on with all the other tasks, so there it is ended. One that doesn't
come back is ended with the run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from types import TracebackType
from typing import Self

__all__ = ["Alone", "end_all"]


class Alone:
    """A block that only the process which has begun it also leaves; it knows what was forked in it.

    Attributes
    ----------
    forked : list of int
        The ids of the processes that were forked in the block.
    """

    def __init__(self, forked: list[int]) -> None:
        self.forked = forked

    def __enter__(self) -> Self:
        self.process, self.outer = os.getpid(), _here.block
        _here.block = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        _here.block = self.outer
        if os.getpid() != self.process:
            end_all(self.forked)
            _leave(error)


def _leave(error: BaseException | None) -> None:
    """End this process, which is a copy, as its function has ended."""
    try:
        if isinstance(error, SystemExit):
            code = error.code
        else:
            code = int(error is not None)
            if error is not None and sys.stderr is not None:
                traceback.print_exception(error)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
    finally:
        os._exit(code if isinstance(code, int) else int(code is not None))


class _Here(threading.local):
    """The block that a thread is in; while it forks, the pipe through which its copy says who it is."""

    block: Alone | None = None
    pipe: tuple[int, int] | None = None


_here = _Here()


def _before() -> None:
    if _here.block is None or sys._getframe(1).f_globals.get("__name__") == "subprocess":
        return  # the children of `subprocess` are other programs, not copies
    _here.pipe = os.pipe()


def _in_parent() -> None:
    block, pipe, _here.pipe = _here.block, _here.pipe, None
    if block is None or pipe is None:
        return
    os.close(pipe[1])
    said = os.read(pipe[0], 16)  # nothing, if there is no copy, for the system had no room
    os.close(pipe[0])
    if said:
        block.forked.append(int(said))


def _in_child() -> None:
    block, pipe, _here.pipe = _here.block, _here.pipe, None
    if block is None or pipe is None:
        return
    block.forked.clear()  # those are not its own
    os.write(pipe[1], b"%d" % os.getpid())
    for end in pipe:
        os.close(end)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)


def end_all(forked: list[int]) -> None:
    """End these children of ours, and take notice of those that have ended."""
    if not forked:
        return
    import multiprocessing.process as multiprocessing

    known = vars(multiprocessing)["_children"]  # those, multiprocessing looks after itself
    forked[:] = [pid for pid in forked if pid not in {child.pid for child in known}]
    while forked:
        pid = forked.pop()
        with contextlib.suppress(ChildProcessError, ProcessLookupError):  # it has been waited for
            if os.waitpid(pid, os.WNOHANG) == (0, 0):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)

"""The other side of a process pool: what runs in a worker, and how the two sides keep in touch."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import mmap
import multiprocessing
import os
import signal
import struct
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing import resource_tracker, util
from pathlib import Path
from typing import cast

import psutil
from loky.backend import resource_tracker as loky_tracker
from loky.backend.reduction import dumps

from course_lib.record import Record, Recorder, clock
from course_lib.tasks import Pace

PR_SET_PDEATHSIG = 1  # of linux/prctl.h
SLOT = struct.Struct("qq")


class Board:
    """A page of memory that all processes of a run share: a stop flag, and a slot for each task.

    A worker writes into the slot when it starts the task: should it be killed, that much is known.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("r+b") as file:
            self.page = mmap.mmap(file.fileno(), 0)
        self.stopped = memoryview(self.page)[:1]

    @classmethod
    def make(cls, path: Path, slots: int) -> Board:
        """Make a new board with so many slots."""
        path.write_bytes(bytes(SLOT.size * (slots + 1)))
        return cls(path)

    def stop(self) -> None:
        """Raise the stop flag, for all processes."""
        self.stopped[0] = 1

    def sign(self, slot: int) -> None:
        """Write the time and this process's id."""
        SLOT.pack_into(self.page, SLOT.size * (slot + 1), clock(), os.getpid())

    def read(self, slot: int) -> tuple[int, int]:
        """Return what was signed, (clock, process id), or zeros."""
        return cast(tuple[int, int], SLOT.unpack_from(self.page, SLOT.size * (slot + 1)))

    def close(self) -> None:
        """Let go of the page."""
        self.stopped.release()
        self.page.close()


_board: Board
_pace: Pace
_port: int | None


def settle(path: Path, parent: int, pace: Pace, port: int | None) -> None:
    """Begin a worker's life: deaf to Ctrl-C (its parent decides), and never to outlive its parent."""
    global _board, _pace, _port
    _board, _pace, _port = Board(path), pace, port
    belong_to(parent)


def belong_to(parent: int) -> None:
    """Be deaf to Ctrl-C from now on, and end when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":  # the kernel sees to it, even while a task holds the GIL
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_end_with, args=(psutil.Process(parent),), daemon=True).start()


def _end_with(parent: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error):
        while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.25)
    os._exit(1)


def warm_up(slot: int, workers: int) -> int:
    """Sign in, and wait for the other workers: so each of them gets one such call."""
    _board.sign(slot)
    while not _board.stopped[0] and not all(_board.read(other)[0] for other in range(workers)):
        time.sleep(0.001)
    return os.getpid()


def perform(index: int, slot: int, steps: bytes) -> Record | None:
    """Do a task and send its record home; the worker's number there is its process id."""
    if _board.stopped[0]:
        return None
    _board.sign(slot)
    recorder = Recorder(index, os.getpid(), _pace, _board.stopped, _port)
    return recorder.perform_sent(steps, dumps)


@contextlib.contextmanager
def helpers_ended() -> Iterator[None]:
    """End the helper processes which a pool starts, unless they were there before.

    A pool's semaphores are watched by a *resource tracker*, a process that would stay as long as
    this one. It must outlive the semaphores, so those have to be gone first.
    """
    trackers = [loky_tracker._resource_tracker, resource_tracker._resource_tracker]
    signs_off = "callback=_cleanup"  # how a semaphore's finalizer calls itself
    finalizers: dict[object, object] = vars(util)["_finalizer_registry"]
    ours = [tracker for tracker in trackers if tracker._fd is None]
    try:
        yield
    finally:
        for _ in range(50 if ours else 0):
            multiprocessing.active_children()  # joins those that have been killed
            gc.collect()  # the pool's semaphores sign off, once its last thread has let go of them
            if not any(signs_off in repr(left) for left in list(finalizers.values())):
                for tracker in ours:
                    tracker._stop()
                break  # else some are in use: leave the trackers with them
            time.sleep(0.01)

"""Concurrency is not parallelism: the engine of the course.

A task is a list of steps: compute, or wait. A model runs tasks, and what comes back is a trace.
A trace is measured. A picture shows a trace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from course_lib.activity import one_task
from course_lib.compare import compare
from course_lib.machine import machine
from course_lib.models import MODELS, run, why_not
from course_lib.observe import observe
from course_lib.simulate import simulate
from course_lib.speedup import Speedup, speedup
from course_lib.tasks import Task, compute, wait

if TYPE_CHECKING:
    from course_lib.trace import Trace

__all__ = [
    "MODELS",
    "Speedup",
    "Task",
    "Trace",
    "compare",
    "compute",
    "machine",
    "observe",
    "one_task",
    "run",
    "simulate",
    "speedup",
    "wait",
    "why_not",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "Trace":  # needs NumPy, which an import of the course doesn't wait for
        from course_lib.trace import Trace

        return Trace
    raise AttributeError(f"module 'course_lib' has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """Add the cell magic `%%observe`: called by `%load_ext course_lib`."""
    from course_lib.magic import register

    register(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take it away again: called by `%unload_ext course_lib`."""
    from course_lib.magic import unregister

    unregister(shell)

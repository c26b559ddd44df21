"""What `run` raises when a run has gone wrong. Each error carries the trace of what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from course_lib.record import named

if TYPE_CHECKING:
    from course_lib.trace import Trace

__all__ = ["RunError", "RunTimeout", "TaskFailed", "WorkerDied"]

HINT = (
    "What was recorded is in the error's trace (in a notebook: import sys; sys.last_value.trace)."
)


class RunError(RuntimeError):
    """A run has gone wrong; `trace` holds what was recorded."""

    def __init__(self, message: str, trace: Trace) -> None:
        done = sum(outcome == "done" for outcome in trace.outcomes)
        super().__init__(f"{message.rstrip('.')}. Done: {done} of {len(trace.outcomes)}. {HINT}")
        self.trace = trace


class TaskFailed(RunError):
    """A task raised an error. The others were done all the same."""

    def __init__(self, task: str, error: BaseException, trace: Trace) -> None:
        super().__init__(f"task {task!r} raised {named(error)}", trace)


class WorkerDied(RunError):
    """A worker process was killed, or ended itself."""

    def __init__(self, trace: Trace) -> None:
        ended = zip(trace.tasks["name"].tolist(), trace.outcomes, strict=True)
        lost = [repr(name) for name, outcome in ended if outcome == "its worker died"]
        super().__init__(
            "a worker process died in mid-run (killed, out of memory, or by os._exit); "
            f"in flight then: {', '.join(lost) or 'no task'}",
            trace,
        )


class RunTimeout(RunError, TimeoutError):
    """A run took longer than its timeout, and was ended."""

    def __init__(self, timeout: float, trace: Trace, running: str) -> None:
        said = f" {running.rstrip('.')}" if running else ""
        super().__init__(
            f"the run was ended after timeout={timeout:g} s{'.' * bool(said)}{said}", trace
        )

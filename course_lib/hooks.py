"""The places where Python starts something, watched while an observation lasts.

Some functions are replaced, and put back when the last observation has ended: `Thread.start`, three
executors' `submit`, what a `ThreadPool` takes calls by, `create_task` of asyncio's loops, `Runner.run`
for other loops, `Process.start`, and what `Popen` begins with.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextvars import Context, ContextVar
from multiprocessing.pool import Pool, ThreadPool
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import BuiltinMethodType
from typing import Any

import psutil

from course_lib.activity import Activity, Flow, Lane, begin, current
from course_lib.record import Span, Steps, clock, timed, told

__all__ = ["children_cpu", "cpu_since", "install", "remove"]

_lock = threading.Lock()
_roots: list[Activity] = []  # of the observations that go on
_replaced: list[tuple[type, str, Any, Any]] = []  # owner, name, what was there, what is there now
_installed: object = None  # the installation that is watching
_journal: Journal | None = None
_followers: list[tuple[threading.Thread, int]] = []


def install(root: Activity) -> None:
    """Watch: called when an observation begins, with the activity that is its root."""
    global _installed, _journal
    with _lock:
        _roots.append(root)
        if _installed is not None:
            return
        _journal, _installed = Journal(), object()
        _replace(threading.Thread, "start", _thread_start)
        _replace(concurrent.futures.ThreadPoolExecutor, "submit", _thread_submit)
        _replace(concurrent.futures.ProcessPoolExecutor, "submit", _process_submit)
        with contextlib.suppress(ImportError):
            from loky.process_executor import ProcessPoolExecutor

            _replace(ProcessPoolExecutor, "submit", _process_submit)
        for name in ("apply_async", "_map_async", "imap", "imap_unordered"):
            _replace(Pool, name, _pool_call)
        _replace(asyncio.BaseEventLoop, "create_task", _create_task)
        _replace(asyncio.Runner, "run", _runner_run)
        _replace(BaseProcess, "start", _process_start)
        _replace(subprocess.Popen, "__init__", _popen)


def remove(root: Activity) -> None:
    """Put everything back, if no other observation goes on. If interrupted, it can be called again.

    One that was begun within this one, and has never been ended, is over, too.
    """
    global _journal
    with _lock:
        try:
            if root in _roots:  # else it is over, or this is a forked child
                _take_in()
        finally:
            _roots[:] = [other for other in _roots if not _within(other, root)]
            if not _roots:
                _put_back()
                if _journal is not None:
                    _journal.close()
                    _journal = None


def _take_in() -> None:
    """Take in what other threads and processes have seen."""
    try:
        _catch_up()
    finally:
        if _journal is not None:
            _journal.read()


def _within(activity: Activity | None, root: Activity) -> bool:
    while activity is not None and activity is not root:
        activity = activity.parent
    return activity is root


def _put_back() -> None:
    global _installed
    _installed = None
    while _replaced:
        owner, name, original, replacement = _replaced[-1]
        if owner.__dict__.get(name) is replacement:  # else somebody has put theirs over it
            setattr(owner, name, original)
        _replaced.pop()


def _forked() -> None:
    """Leave a forked child alone: it is its parent's copy, and so is all that is written down here."""
    global _journal, _lock
    _lock = threading.Lock()  # another thread may have held it
    _put_back()
    _followers.clear()
    _roots.clear()
    _journal = None
    current.set(None)
    _inside.set(False)  # a pool forks its workers while it isn't watched


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _replace(owner: type, name: str, by: Callable[..., Any]) -> None:
    original, mine = owner.__dict__[name], _installed

    @functools.wraps(original)
    def replacement(*args: Any, **kwargs: Any) -> Any:
        if _inside.get() or current.get() is None or _installed is not mine:
            return original(*args, **kwargs)
        return by(original, *args, **kwargs)

    _replaced.append((owner, name, original, replacement))
    setattr(owner, name, replacement)


_inside: ContextVar[bool] = ContextVar("inside", default=False)


@contextlib.contextmanager
def _unwatched() -> Iterator[None]:
    """While this lasts, what is started isn't watched: a pool's own threads and processes."""
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)


def _name(function: Any) -> str:
    """Return how a function is called: what somebody would look for in their own code."""
    while isinstance(function, functools.partial):  # as `asyncio.to_thread` makes one
        function = (
            function.args[0] if function.args and callable(function.args[0]) else function.func
        )
    try:
        return str(getattr(function, "__name__", None) or type(function).__name__)
    except Exception:  # noqa: BLE001 - whatever the learner's objects do
        return type(function).__name__


# Threads and calls on executors --------------------------------------------------------------------


def _thread_start(original: Callable[..., None], self: threading.Thread) -> None:
    own = vars(self)
    started = own.get("_started")
    if started is None or started.is_set() or hasattr(type(self).run, "__set__"):
        return original(self)  # which says what is wrong; or `run` is a property of the learner's
    if _helps(own.get("_target")):
        with _unwatched():
            return original(self)
    activity, run = begin(str(self.name)), self.run
    before = {"run": own["run"]} if "run" in own else {}
    assert activity is not None

    def put_back() -> None:
        own.pop("run", None)
        own.update(before)

    def recorded() -> None:
        put_back()
        with activity.running():
            run()

    own["run"] = recorded  # not by setattr, which may be the learner's
    try:
        original(self)
    except BaseException:
        if own.get("run") is recorded:
            put_back()
        raise


def _helps(target: Any) -> bool:
    """Return whether a thread with this target is part of the standard library's own machinery."""
    module, name = getattr(target, "__module__", None), getattr(target, "__name__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return False
    if (module, name) == ("multiprocessing.pool", "worker"):  # its calls are watched
        return True
    machinery = ("asyncio", "concurrent", "multiprocessing", "subprocess")
    return name.startswith("_") and module.partition(".")[0] in machinery


def _thread_submit(
    original: Callable[..., Any],
    self: Any,
    function: Callable[..., Any],
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    interpreters = getattr(concurrent.futures, "InterpreterPoolExecutor", ())
    if isinstance(self, interpreters):  # what it is given is pickled, and this here can't be
        return original(self, function, *args, **kwargs)
    activity = begin(_name(function))
    assert activity is not None
    with _unwatched():
        return original(self, functools.partial(_call, activity, function, args, kwargs))


def _pool_call(
    original: Callable[..., Any], self: Any, func: Any, *args: Any, **kwargs: Any
) -> Any:
    """Watch what a `ThreadPool` calls, each call by itself."""
    if not isinstance(self, ThreadPool):  # what it is given is pickled
        return original(self, func, *args, **kwargs)
    parent, name, watching = current.get(), _name(func), _installed

    def recorded(*args: Any, **kwargs: Any) -> Any:
        if _installed is not watching:  # the observation has ended
            return func(*args, **kwargs)
        token = current.set(parent)
        try:
            activity = begin(name)
            assert activity is not None
            return _call(activity, func, args, kwargs)
        finally:
            current.reset(token)

    return original(self, recorded, *args, **kwargs)


def _call(
    activity: Flow, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call a function on a worker thread, as this activity."""
    token = _inside.set(False)  # where threads inherit it, this one has it from what started it
    try:
        with activity.running(), _known_in(_context(function), activity):
            return function(*args, **kwargs)
    finally:
        _inside.reset(token)


def _context(function: Any) -> Context | None:
    """Return the context in which a function will run, if it is one's `run`, as of `to_thread`."""
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, BuiltinMethodType) and isinstance(function.__self__, Context):
        return function.__self__
    return None


@contextlib.contextmanager
def _known_in(context: Context | None, activity: Activity) -> Iterator[None]:
    """While this lasts, code that runs in this context, too, belongs to the activity."""
    if context is None:
        yield
        return
    before = context.get(current)
    with contextlib.suppress(RuntimeError):  # another thread is just in it
        context.run(current.set, activity)
    try:
        yield
    finally:
        with contextlib.suppress(RuntimeError):
            context.run(current.set, before)


# Coroutines ------------------------------------------------------------------------------------------


class RecordedTask(Steps, Activity):
    """The coroutine of an asyncio task, and the activity that this is."""

    __slots__ = ("_coroutine", "ended", "times")

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], name: str, parent: Activity | None
    ) -> None:
        self._coroutine, self.ended = coroutine, ""
        self.times = timed(clock())
        Activity.__init__(self, name, parent, parent.lists if parent else ())

    @property
    def born(self) -> int:
        """When it was made."""
        return self.times[0]

    @property
    def steps(self) -> list[Span]:
        """When it ran and when it waited."""
        return self.spans()

    def let_go(self) -> None:
        """Record no more: its observation has ended."""
        if not self.ended:
            self.__class__ = PastTask  # which has the same slots


class NewTask(RecordedTask):
    """One that hasn't begun; it begins its life by saying who it is."""

    __slots__ = ()

    def __next__(self) -> Any:
        self._begin()
        return self.__next__()

    def send(self, value: Any) -> Any:
        """Do the first step."""
        self._begin()
        return self.send(value)

    def _begin(self) -> None:
        self.__class__ = RecordedTask  # type: ignore[assignment]  # which has the same slots
        self.place = _places.setdefault(
            here := threading.get_ident(), here
        )  # one for all its tasks
        current.set(self)  # in the asyncio task's own context


class PastTask(RecordedTask):
    """One that goes on after its observation: all that it does is to pass everything on."""

    __slots__ = ()

    def __next__(self) -> Any:
        return self._coroutine.send(None)

    def _step(self, act: Callable[..., Any], *what: Any) -> Any:
        return act(*what)


_places: dict[int, int] = {}


def _create_task(original: Callable[..., Any], self: Any, coro: Any, **kwargs: Any) -> Any:
    parent = current.get()
    if not isinstance(coro, Coroutine) or (parent is not None and parent.declared):
        return original(self, coro, **kwargs)
    if getattr(coro, "__qualname__", "").startswith(("BaseEventLoop.", "BaseSubprocessTransport.")):
        return original(self, coro, **kwargs)  # asyncio's own
    name = str(kwargs.get("name") or getattr(coro, "__name__", "coroutine"))
    return original(self, NewTask(coro, name, parent), **kwargs)


def _runner_run(
    original: Callable[..., Any], self: asyncio.Runner, *args: Any, **kwargs: Any
) -> Any:
    """Watch a loop that isn't one of asyncio's own, as uvloop's: by a task factory, while it runs."""
    loop = self.get_loop()
    if isinstance(loop, asyncio.BaseEventLoop):
        return original(self, *args, **kwargs)
    own = loop.get_task_factory()

    def plain(loop: asyncio.AbstractEventLoop, coroutine: Any, **kwargs: Any) -> Any:
        return asyncio.Task(coroutine, loop=loop, **kwargs)

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **kwargs: Any) -> Any:
        make: Callable[..., Any] = own or plain
        if _inside.get() or current.get() is None:
            return make(loop, coroutine, **kwargs)
        return _create_task(make, loop, coroutine, **kwargs)

    loop.set_task_factory(factory)
    try:
        return original(self, *args, **kwargs)
    finally:
        if loop.get_task_factory() is factory:  # else the program has set its own
            loop.set_task_factory(own)


# Processes -------------------------------------------------------------------------------------------


LINE = re.compile(r"(start|finish) (\d+) (\d+) (\d+) (\d+) (.*)")


class Journal:
    """A file in which worker processes write down when they start and finish a call."""

    def __init__(self) -> None:
        self.folder = Path(
            tempfile.mkdtemp(prefix="course-")
        )  # in a forked child, nobody's to remove
        self.path = str(self.folder / "calls")
        self.calls: list[Flow] = []

    def enter(self, activity: Flow) -> int:
        """Return the number under which a call of this activity is written down."""
        self.calls.append(activity)
        return len(self.calls) - 1

    def read(self) -> None:
        """Take over what the workers have written."""
        with contextlib.suppress(OSError):
            for line in Path(self.path).read_text("utf-8", errors="replace").split("\n"):
                words = LINE.fullmatch(line)
                if words is None:  # the last one, or one that wasn't written to its end
                    continue
                what, number, moment, pid, cpu, said = words.groups()
                activity = self.calls[int(number)]
                activity.place = int(pid), "process"
                if what == "start":
                    activity.start = int(moment)
                elif activity.finish is None:
                    activity.finish, activity.cpu = int(moment), int(cpu) / 1e9
                    activity.ended = said
                    if isinstance(activity, Lane):
                        activity.report()

    def close(self) -> None:
        """Remove the file."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _process_submit(
    original: Callable[..., Any],
    self: Any,
    function: Callable[..., Any],
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    activity, journal = begin(_name(function)), _journal
    if activity is None or journal is None:  # the observation has just ended
        return original(self, function, *args, **kwargs)
    call = journal.path, journal.enter(activity), function
    with _unwatched():
        future = original(self, journaled, *call, *args, **kwargs)
    future.add_done_callback(functools.partial(_lost, activity))
    return future


def _lost(activity: Flow, future: concurrent.futures.Future[Any]) -> None:
    """Note it if a call's worker has died: it couldn't write that down."""
    if future.cancelled() or not isinstance(future.exception(), concurrent.futures.BrokenExecutor):
        return
    activity.finish, activity.ended = clock(), "its worker died"


def journaled(
    path: str, number: int, function: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Any:
    """Call a function in a worker process, and write down when."""
    cpu = time.process_time_ns()
    _write(path, "start", number)
    said = "done"
    try:
        return function(*args, **kwargs)
    except BaseException as error:
        said = told(error)
        raise
    finally:
        _write(path, "finish", number, time.process_time_ns() - cpu, said)


def _write(path: str, what: str, number: int, cpu: int = 0, said: str = "") -> None:
    said = " ".join(said[:200].split())
    line = f"{what} {number} {clock()} {os.getpid()} {cpu} {said}\n"
    with contextlib.suppress(OSError):  # nobody observes any more, or the system has no room
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(file, line.encode("utf-8", "backslashreplace"))
        finally:
            os.close(file)


def _process_start(original: Callable[..., None], self: BaseProcess) -> None:
    activity = begin(self.name)
    with _unwatched():
        original(self)
    child = getattr(self, "_popen", None)
    _follow(activity, self.pid, lambda: getattr(child, "returncode", None))


def _popen(
    original: Callable[..., None], self: subprocess.Popen[Any], /, *args: Any, **kwargs: Any
) -> None:
    command = args[0] if args else kwargs.get("args", "")
    words = command if isinstance(command, list | tuple) else str(command).split()
    activity = begin(Path(str(words[0])).name if words else "process")
    with _unwatched():
        original(self, *args, **kwargs)
    _follow(activity, self.pid, lambda: self.returncode)  # it would keep itself as long as that


def _follow(activity: Flow | None, pid: int | None, code: Callable[[], int | None]) -> None:
    """Wait, on a thread of our own, until a process has ended; whoever started it may reap it."""
    if activity is None or pid is None:
        return
    activity.place, activity.start = (pid, "process"), clock()

    def follow() -> None:
        ended = None
        with contextlib.suppress(psutil.Error, ChildProcessError):
            if hasattr(os, "waitid"):
                seen = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
                if seen is not None:
                    ended = seen.si_status * (1 if seen.si_code == os.CLD_EXITED else -1)
            else:
                process = psutil.Process(pid)
                while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    time.sleep(0.002)
        finish = clock()
        for _ in range(80):  # it was reaped before we could look, or can't be looked at
            if ended is None:
                time.sleep(0.01)
                ended = code()
        activity.ended = _how(ended)
        activity.finish = finish

    thread = threading.Thread(target=follow, name=f"follows process {pid}", daemon=True)
    _followers.append((thread, pid))
    with _unwatched():
        thread.start()


def _how(code: int | None) -> str:
    """Say how a process has ended."""
    if code is None:
        return "exit code unknown"
    how = "exit code" if code > 0 else "signal"
    return f"{how} {abs(code)}" if code else "done"


def _catch_up() -> None:
    """Wait for the followers of those that have ended: they may need a moment to see it."""
    for thread, pid in _followers:
        with contextlib.suppress(psutil.Error):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                continue
        thread.join(1.0)
    _followers[:] = [(thread, pid) for thread, pid in _followers if thread.is_alive()]


def children_cpu() -> dict[int, float]:
    """Return the CPU seconds of the children so far: of the ended ones (0), and by process id.

    What has ended counts for the one that started it, as Linux accounts it: so it does with
    multiprocessing's fork server, which starts the processes of a pool and waits for them.
    """
    ended = os.times()
    seconds = {0: ended.children_user + ended.children_system}
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                seconds[child.pid] = sum(child.cpu_times()[:4])
    return seconds


def cpu_since(before: dict[int, float]) -> float:
    """Return the CPU seconds of the children since `before`, ended ones and running ones."""
    now = children_cpu()
    for pid in before.keys() - now.keys():
        if psutil.pid_exists(pid):  # an orphan, whose parent has ended: it is not accounted to us
            now[pid] = before[pid]
    return max(0.0, sum(now.values()) - sum(before.values()))

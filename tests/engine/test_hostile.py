"""Programs that behave badly, under `observe` and `run`: survived, told, and nothing is left.

Each runs in a Python of its own, which then says what the trace kept and what is left behind.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import Any

import pytest

OBSERVED = """
import _thread, asyncio, contextlib, json, os, shutil, signal, subprocess, sys, tempfile, threading, time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

from course_lib import observe
from course_lib.activity import current

TOUCHED = (
    (threading.Thread, "start"),
    (ThreadPoolExecutor, "submit"),
    (ProcessPoolExecutor, "submit"),
    (asyncio.BaseEventLoop, "create_task"),
    (asyncio.Runner, "run"),
    (subprocess.Popen, "__init__"),
)
home, out, start = os.getpid(), os.dup(1), threading.Thread.start
before = [owner.__dict__[name] for owner, name in TOUCHED]

def nap(seconds=0.02):
    time.sleep(seconds)

def interrupt_after(seconds):
    def send():
        time.sleep(seconds)
        os.kill(home, signal.SIGINT)
    _thread.start_new_thread(send, ())

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tempfile.tempdir = folder = tempfile.mkdtemp()
    raised = ""
    try:
        with observe() as trace:
            threads = [threading.Thread(target=nap, name="first")]
            threads[0].start()
            threads[0].join()
{program}
    except BaseException as error:
        raised = type(error).__name__
    if os.getpid() != home:
        os._exit(7)  # a forked child that has come as far as this
    said = {
        "raised": raised,
        "tasks": dict(zip(trace.tasks["name"].tolist(), trace.outcomes)),
        "finite": trace.makespan > 0 and trace.concurrency > 0,
        "shown": len(trace.table()),
        "put back": [o.__dict__[n] for o, n in TOUCHED] == before,
        "current": current.get() is None,
        "files": [name for name in os.listdir(folder) if name.startswith("course-")],
        "note": globals().get("note"),
    }
    os.write(out, json.dumps(said).encode())
    shutil.rmtree(folder)
    if "pool" in globals():
        pool.shutdown()
    os._exit(0)
"""

#: name: the program; what the block raises; how some of its tasks ended
PROGRAMS: dict[str, tuple[str, str, dict[str, str]]] = {
    "raise": ("1 / 0", "ZeroDivisionError", {"main": "ZeroDivisionError: division by zero"}),
    "raise in a thread": (
        "t = threading.Thread(target=int, args=('x',), name='bad')\nt.start(); t.join()",
        "",
        {"bad": "ValueError: invalid literal for int() with base 10: 'x'"},
    ),
    "an error that can't be told": (
        "class Odd(Exception):\n    def __str__(self): raise RuntimeError\nraise Odd",
        "Odd",
        {"main": "Odd"},
    ),
    "raise in a call": (
        "with ThreadPoolExecutor(1) as pool:\n    pool.submit(int, 'x').exception()",
        "",
        {"main": "done", "int": "ValueError: invalid literal for int() with base 10: 'x'"},
    ),
    "hang": (
        "interrupt_after(0.2)\nwhile True: pass",
        "KeyboardInterrupt",
        {"main": "KeyboardInterrupt"},
    ),
    "hang in a wait": (
        "interrupt_after(0.2)\nthreading.Event().wait()",
        "KeyboardInterrupt",
        {"main": "KeyboardInterrupt"},
    ),
    "exit": ("sys.exit(3)", "SystemExit", {"main": "SystemExit: 3"}),
    "exit in a thread": (
        "t = threading.Thread(target=sys.exit, args=(4,), name='bad')\nt.start(); t.join()",
        "",
        {"bad": "SystemExit: 4"},
    ),
    "a child that exits": (
        "subprocess.run([sys.executable, '-c', 'import os; os._exit(5)'])",
        "",
        {"main": "done", "first": "done"},
    ),
    "print": ("print('x' * 10**6)\nprint('y', file=sys.stderr)", "", {"main": "done"}),
    "close stdout": ("sys.stdout.close()\nos.close(1)", "", {"main": "done"}),
    "threads that never end": (
        "for n in range(3): threading.Thread(target=nap, args=(99,), name=f'T{n}').start()",
        "",
        {"main": "done", "T0": "still running", "T1": "still running", "T2": "still running"},
    ),
    "a daemon thread that spins": (
        "threading.Thread(target=lambda: [None for _ in iter(int, 1)], name='D', daemon=True).start()",
        "",
        {"D": "still running"},
    ),
    "close the loop": (
        (
            "loop = asyncio.new_event_loop()\nloop.run_until_complete(asyncio.sleep(0, 'x'))\n"
            "loop.close()\nloop.run_until_complete(asyncio.sleep(0))"
        ),
        "RuntimeError",
        {"main": "RuntimeError: Event loop is closed", "sleep": "done"},
    ),
    "close the loop from within": (
        "async def main(): asyncio.get_running_loop().close()\nasyncio.run(main())",
        "RuntimeError",
        {"first": "done"},
    ),
    "a loop in a loop": (
        "async def main():\n    asyncio.run(asyncio.sleep(0))\nasyncio.run(main())",
        "RuntimeError",
        {"first": "done"},
    ),
    "a coroutine that is never awaited": (
        (
            "async def late(): await asyncio.sleep(60)\n"
            "async def main():\n    late()\n    asyncio.create_task(late())\n    await asyncio.sleep(0)\n"
            "asyncio.run(main())"
        ),
        "",
        {"late": "stopped", "main": "done"},
    ),
    "a coroutine that won't be cancelled": (
        (
            "async def stubborn():\n    for _ in range(3):\n"
            "        with contextlib.suppress(asyncio.CancelledError): await asyncio.sleep(0.05)\n"
            "async def main():\n    t = asyncio.create_task(stubborn())\n    await asyncio.sleep(0)\n"
            "    t.cancel()\nasyncio.run(main())"
        ),
        "",
        {"stubborn": "done"},
    ),
    "a generator as a task": (
        (
            "async def main(): await asyncio.get_running_loop().create_task(x for x in 'abc')\n"
            "asyncio.run(main())"
        ),
        "RuntimeError or TypeError",  # 3.11 takes a generator, and finds that it yields the wrong things
        {"first": "done"},
    ),
    "recursion": ("def down(): down()\ndown()", "RecursionError", {"first": "done"}),
    "a higher recursion limit": (
        (
            "sys.setrecursionlimit(20_000)\ndef down(n): return n and down(n - 1)\n"
            "t = threading.Thread(target=down, args=(5000,), name='deep')\n"
            "threading.stack_size(64 * 2**20)\nt.start(); t.join()"
        ),
        "",
        {"deep": "done"},
    ),
    "a lower recursion limit": (
        "sys.setrecursionlimit(60)\nt = threading.Thread(target=nap, name='flat')\nt.start(); t.join()",
        "",
        {"flat": "done"},
    ),
    "memory": ("bytearray(2**62)", "MemoryError", {"main": "MemoryError"}),
    "a patch of threading that stays": (
        (
            "theirs = lambda self, old=threading.Thread.start: old(self)\n"
            "threading.Thread.start = theirs\nnote = 'patched'\n"
            "t = threading.Thread(target=nap, name='patched')\nt.start(); t.join()"
        ),
        "",
        {"patched": "done"},
    ),
    "no clocks": (
        (
            "time.thread_time = time.process_time = time.perf_counter_ns = time.perf_counter = None\n"
            "t = threading.Thread(target=nap, name='timeless')\nt.start(); t.join()"
        ),
        "",
        {"timeless": "done"},
    ),
    "another switch interval": (
        (
            "sys.setswitchinterval(1e-6)\nt = threading.Thread(target=sum, args=(range(9**6),), name='S')\n"
            "t.start(); t.join()"
        ),
        "",
        {"S": "done"},
    ),
    "no folder to be in": (
        (
            "os.chdir(tempfile.mkdtemp()); os.rmdir(os.getcwd())\n"
            "t = threading.Thread(target=nap, name='homeless')\nt.start(); t.join()"
        ),
        "",
        {"homeless": "done"},
    ),
    "an observation that is never ended": (
        "observe().__enter__()\nt = threading.Thread(target=nap, name='inner')\nt.start(); t.join()",
        "",
        {"inner": "done"},
    ),
}

if sys.platform != "win32":
    PROGRAMS |= {
        "fork, and go on": (
            "child = os.fork()\nif child: note = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])",
            "",
            {"main": "done"},
        ),
        "fork in a thread": (
            (
                "def fork():\n    global note\n    child = os.fork()\n"
                "    if not child: os._exit(6)\n"
                "    note = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
                "t = threading.Thread(target=fork, name='F')\nt.start(); t.join()"
            ),
            "",
            {"F": "done"},
        ),
        "a child that is killed": (
            "p = subprocess.Popen(['sleep', '60'])\np.kill(); p.wait()",
            "",
            {"sleep": "signal 9"},
        ),
        "other signal handlers": (
            "signal.signal(signal.SIGINT, lambda *_: None)\nos.kill(home, signal.SIGINT)\nnap()",
            "",
            {"main": "done"},
        ),
        "a handler that raises": (
            (
                "def ring(*_): raise TimeoutError('ring')\nsignal.signal(signal.SIGALRM, ring)\n"
                "signal.setitimer(signal.ITIMER_REAL, 0.1)\nnap(20)"
            ),
            "TimeoutError",
            {"main": "TimeoutError: ring"},
        ),
        "a worker that dies": (
            "pool = ProcessPoolExecutor(1)\npool.submit(os._exit, 1).exception()",
            "",
            {"_exit": "its worker died"},
        ),
        "a pool that stays open": (
            "pool = ProcessPoolExecutor(1)\npool.submit(abs, -1).result()",
            "",
            {"abs": "done"},
        ),
    }


def python(code: str, *words: str) -> str:
    """Run a program in a Python of its own and return what it wrote."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_under_observe(name: str) -> None:
    program, raised, ended = PROGRAMS[name]
    code = OBSERVED.replace("{program}", textwrap.indent(program, " " * 12))
    printed = python(code)
    said: dict[str, Any] = json.loads(printed[printed.rindex('{"raised"') :])
    assert said["raised"] in raised.split(" or ")
    assert said["tasks"].pop("first") == "done"
    assert said["tasks"] | {n: o for n, o in ended.items() if n != "first"} == said["tasks"]
    assert said["finite"] and said["shown"]
    assert said["current"]
    assert said["put back"] == (name != "a patch of threading that stays")
    assert said["files"] == []
    assert said["note"] == {
        "fork, and go on": 7,
        "fork in a thread": 6,
        "a patch of threading that stays": "patched",
    }.get(name)


RUN = """
import asyncio, json, os, signal, sys, tempfile, threading, time, warnings

import psutil
from course_lib import Task, observe, run, wait
from course_lib.errors import RunError

home, model = os.getpid(), sys.argv[1]

def fork():
    return os.fork() and None

def fork_and_hang():
    if not os.fork():
        time.sleep(60)

def fork_and_raise():
    if not os.fork():
        sys.stderr = None
        raise LookupError

def leave_a_thread():
    threading.Thread(target=time.sleep, args=(2,), name="left over", daemon=True).start()

def recurse():
    recurse()

def lower_the_recursion_limit():
    sys.setrecursionlimit(sys.getrecursionlimit() // 4)

def take_all_memory():
    bytearray(2**62)

def leave_no_folder():
    os.chdir(tempfile.mkdtemp())
    os.rmdir(os.getcwd())

def close_stdout():
    sys.stdout.close()
    print("lost")

def replace_handlers():
    signal.signal(signal.SIGINT, signal.SIG_IGN)

def patch_threading():
    threading.Thread.start = lambda self, start=threading.Thread.start: start(self)

def switch_fast():
    sys.setswitchinterval(1e-6)

def run_within():
    return run([Task("C", wait(0.01))], "threads").outcomes

def observe_within():
    with observe() as trace:
        time.sleep(0.01)
    return trace.outcomes

def loop_within():
    asyncio.run(asyncio.sleep(0))

async def close_the_loop():
    asyncio.get_running_loop().close()

async def stop_the_loop():
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0.01)

async def cancel_all():
    for task in asyncio.all_tasks():
        task.cancel()
    await asyncio.sleep(0)

async def fork_and_await():
    if not os.fork():
        sys.stderr = None
        await asyncio.sleep(0.01)
        os.kill(home, signal.SIGKILL)

def leave():
    sys.exit(3)

programs = [f for n, f in list(globals().items()) if getattr(f, "__module__", "") == "__main__"]
if model not in ("async", "hybrid"):
    programs = [f for f in programs if not asyncio.iscoroutinefunction(f)]
if model == "hybrid":
    programs = [f for f in programs if asyncio.iscoroutinefunction(f)]
if not hasattr(os, "fork"):
    programs = [f for f in programs if "fork" not in f.__name__]
if __name__ == "__main__":
    said, known = {}, set()
    out = os.dup(1)
    for program in programs:
        threads, where, limit = set(threading.enumerate()), os.getcwd(), sys.getrecursionlimit()
        mark = os.path.join(tempfile.mkdtemp(), "done by")
        def note():
            with open(mark, "a") as file:
                file.write("x")
        tasks = [Task("A", program), Task("B", wait(0.05), note)]
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            error = None
            try:
                trace = run(tasks, model, 1 if model == "sequential" else 2, timeout=10)
            except RunError as caught:
                trace, error = caught.trace, caught
        sys.stdout, sys.__stdout__ = (os.fdopen(os.dup(2), "w") for _ in "ab")
        os.chdir(where)
        sys.setrecursionlimit(limit)
        sys.setswitchinterval(0.005)
        left = {t.name for t in set(threading.enumerate()) - threads}
        times = open(mark).read() if os.path.exists(mark) else ""
        said[program.__name__] = {
            "outcomes": trace.outcomes,
            "raised": str(error or ""),
            "times": times,
            "children": [str(child) for child in psutil.Process().children(recursive=True)],
            "left": sorted(left),
            "warned": [str(w.message) for w in warned if "Still running" in str(w.message)],
        }
        until = time.monotonic() + 5
        while left & {t.name for t in threading.enumerate()} and time.monotonic() < until:
            time.sleep(0.01)
    os.write(out, json.dumps(said).encode())
"""
CANNOT = "ValueError: signal only works in main thread of the main interpreter"
FAILS = {  # how task A ends, where it isn't done
    "recurse": "RecursionError: maximum recursion depth exceeded",
    "take_all_memory": "MemoryError",
    "leave": "SystemExit: 3",
    "close_stdout": "ValueError: I/O operation on closed file.",
    "close_the_loop": "RuntimeError: Cannot close a running event loop",
    "stop_the_loop": "stopped",
    "cancel_all": "stopped",
    "threads replace_handlers": CANNOT,
    "async replace_handlers": CANNOT,
    "async loop_within": "RuntimeError: asyncio.run() cannot be called from a running event loop",
}
END_THE_LOOP = {  # and with it the run
    "stop_the_loop": "the run can't go on: RuntimeError: Event loop stopped",
    "cancel_all": "the run can't go on: CancelledError",
}


@pytest.mark.parametrize("model", ["threads", "async", "processes", "hybrid"])
def test_programs_under_run(model: str) -> None:
    said: dict[str, dict[str, Any]] = json.loads(python(RUN, model))
    assert len(said) >= {"hybrid": 3}.get(model, 13)
    for name, told in said.items():
        a, b = told["outcomes"]
        end = FAILS.get(f"{model} {name}", FAILS.get(name, "done"))
        assert a.startswith(end), name
        assert told["raised"].startswith(
            END_THE_LOOP.get(name, f"task 'A' raised {end.rstrip('.')}" if end != "done" else "")
        ), name
        if name not in END_THE_LOOP:
            assert (b, told["times"]) == ("done", "x"), name  # once, and by no copy of the run
        assert told["children"] == [], name
        here = name == "leave_a_thread" and model != "processes"
        assert told["left"] == ["left over"] * here, name
        assert len(told["warned"]) == here and all("'left over'" in w for w in told["warned"]), name


PREPARED = """
import os, subprocess, sys
from course_lib import Task, run

def start():
    global child
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(0.3); raise SystemExit(3)"],
        preexec_fn=os.setsid,
    )

run([Task("A", start)], "sequential")
print(child.wait())
"""


@pytest.mark.skipif(
    sys.platform == "win32", reason="nothing can be done before another program runs"
)
def test_a_child_process_that_is_no_copy_outlives_its_task() -> None:
    assert python(PREPARED) == "3\n"

"""The programs that lessons run: right results, true counts, and nothing left behind."""

import hashlib
import platform
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from course_lib import Trace, machine, observe, one_task
from course_lib.programs import crowd as crowd_module
from course_lib.programs import luck, parallel_loop
from course_lib.programs.blas import multiply
from course_lib.programs.crowd import Watch, allowed, crowd, crowds
from course_lib.programs.mandelbrot import HEIGHT, STEPS, WIDTH, mandelbrot, paint, strips
from course_lib.programs.notes import note, notes
from course_lib.programs.pipeline import pipeline
from course_lib.programs.server import serve
from course_lib.programs.simd import FUNCTIONS, switchable, vectors
from course_lib.programs.speculative import page, race, search
from course_lib.programs.switching import WAYS, seconds_a_switch
from course_lib.service import helper, service
from tests.engine.test_run import USABLE, at_best


def test_the_strips_make_up_the_whole_picture() -> None:
    for height in (50, 77):
        rows = np.concatenate([np.arange(HEIGHT)[strip] for strip in strips(height)])
        assert rows.tolist() == list(range(HEIGHT))


def test_the_mandelbrot_set() -> None:
    middle = mandelbrot(slice(HEIGHT // 2, HEIGHT // 2 + 1))[0]
    x = np.linspace(-2.1, 0.7, WIDTH)
    assert middle.shape == (WIDTH,)
    inside = ((x > -1.2) & (x < -0.8)) | ((x > -0.7) & (x < 0.2))  # the disc, and the heart
    assert np.all(middle[inside] == STEPS)
    assert np.all(middle[x > 0.4] < STEPS)
    assert "alt=" in paint([middle[np.newaxis]])._repr_mimebundle_()["text/html"]


def test_as_one_operation_it_is_one_task_and_the_same_picture() -> None:
    rows = strips()[6:10]
    with observe() as trace, one_task("picture"), ThreadPoolExecutor(2) as pool:
        pieces = list(pool.map(mandelbrot, rows))
    assert np.array_equal(np.vstack(pieces), np.vstack([mandelbrot(row) for row in rows]))
    assert trace.concurrency == pytest.approx(1.0, abs=0.05)


def children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() <= before


@pytest.mark.parametrize("workers", [1, 2])
def test_the_server_under_load(workers: int) -> None:
    trace = serve(workers, connections=8, seconds=0.7)
    assert len(trace.tasks) >= 8
    assert trace.outcomes == ("done",) * len(trace.tasks)
    assert 1.15 < trace.concurrency <= 8.1
    assert trace.parallelism <= min(workers, machine().usable_cores) + 0.1
    assert np.all(trace.tasks["finish"] - trace.tasks["start"] >= 0.0249 - 0.005)
    assert set(trace.spans["worker"].tolist()) == set(range(workers))


@pytest.mark.parametrize(
    "arguments",
    [
        {"workers": 0},
        {"workers": -1},
        {"workers": 65},
        {"workers": 1.5},
        {"workers": "2"},
        {"connections": 0},
        {"connections": 10**6},
        {"seconds": 0},
        {"seconds": float("nan")},
        {"seconds": 61},
    ],
)
def test_bad_arguments_start_nothing(arguments: Any) -> None:
    wrong = TypeError if arguments.get("workers") in (1.5, "2") else ValueError
    with pytest.raises(wrong, match=next(iter(arguments))):
        serve(**arguments)


# Thousands of tasks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["threads", "async"])
def test_a_crowd_is_under_way_all_at_once(model: str) -> None:
    found = crowd(model, 500)
    assert (found.wanted, found.model) == (500, model)
    assert found.count == 500 or found.limit
    assert 0 <= found.memory < 1e9
    assert found.seconds < 10


def test_a_thread_needs_more_memory_than_a_coroutine() -> None:
    threads, coroutines = crowd("threads", 2000), crowd("async", 2000)
    assert threads.each > 2 * coroutines.each
    page = crowds(coroutines, threads)._repr_mimebundle_()["text/html"]
    assert "as many as wanted" in page
    assert f"{threads.each / 1e3:.1f} kB" in page


def test_no_more_threads_are_started_than_half_of_what_is_allowed(tmp_path: Path) -> None:
    def says(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    free = allowed(tmp_path)[0]  # nothing is said: what is left is the user's own limit
    says("proc/sys/kernel/threads-max", "1200\n")
    assert allowed(tmp_path) == (600, "half of the threads that this system may have")
    says("proc/self/mountinfo", "1 1 0:1 / /cg rw - cgroup2 cgroup2 rw\n")
    says("cg/pids.max", "max\n")
    says("cg/pids.current", "30\n")
    assert allowed(tmp_path)[0] == 600
    says("cg/pids.max", "100\n")
    assert allowed(tmp_path) == (35, "half of the threads that this container may have")
    assert free > 35


def test_a_crowd_stops_where_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd_module, "allowed", lambda: (7, "so it was said"))
    count, _, _, limit = crowd_module.threads(50)
    assert (count, limit) == (7, "so it was said")
    monkeypatch.setattr(Watch, "enough", lambda self, count: "it was enough" if count == 5 else "")
    assert crowd_module.coroutines(50)[::3] == (5, "it was enough")


def test_a_system_that_gives_no_more_threads_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def give(thread: threading.Thread) -> None:
        if len(started) == 3:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    before = threading.active_count()
    monkeypatch.setattr(threading.Thread, "start", give)
    count, _, _, limit = crowd_module.threads(50)
    assert (count, limit) == (3, "the system said: can't start new thread")
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("fibers", 10), "^model must be one of"),
        (("async", 0), "^count must be 1 to 20,000"),
        (("threads", 10**6), "^count must be 1 to 20,000"),
    ],
)
def test_a_crowd_that_cannot_be(arguments: Any, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        crowd(*arguments)


def test_a_helper_that_fails_is_reported() -> None:
    with pytest.raises(RuntimeError, match="ended early"), service_of("course_lib.no_such_module"):
        pass


def service_of(module: str) -> Any:
    from contextlib import contextmanager

    from course_lib.service import answer

    @contextmanager
    def failing() -> Any:
        with helper(module) as process:
            yield answer(process)

    return failing()


def test_the_service_ends_with_its_block() -> None:
    before, others = threading.active_count(), children()
    with service() as port:
        assert 0 < port < 65536
        (child,) = children() - others
        listening = [c for c in child.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        assert [c.laddr.ip for c in listening] == ["127.0.0.1"]
    assert not child.is_running()
    assert threading.active_count() == before


def test_a_pipeline_works_on_several_items_at_once_and_keeps_their_order() -> None:
    def roast(item: int) -> list[int]:
        time.sleep(0.05)
        return [item]

    def grind(item: list[int]) -> list[int]:
        time.sleep(0.05)
        return [*item, 2]

    with observe() as trace:
        came = pipeline(range(6), [roast, grind, tuple])
    assert came == [(n, 2) for n in range(6)]
    rows = trace.tasks
    stages = [f"{stage} {turn}" for stage in ("grind", "roast", "tuple") for turn in range(1, 7)]
    assert sorted(rows["name"].tolist()) == sorted(["main", *stages])
    assert trace.makespan < 0.9 * 12 * 0.05  # one after the other it would be all of that
    for name in ("roast", "grind"):  # one thread each: never two items in the same stage
        own = np.sort(rows[np.char.startswith(rows["name"], name)], order="start")
        assert len(own) == 6
        assert (own["start"][1:] >= own["finish"][:-1] - 1e-3).all()


def test_a_pipeline_raises_what_a_stage_has_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        pipeline([1, 0, 2], [lambda n: 1 / n, str])
    with pytest.raises(ValueError, match="stages must hold"):
        pipeline([1], [])
    assert pipeline([], [str]) == []


def test_the_first_to_have_the_answer_wins_and_the_loser_stops() -> None:
    wanted = hashlib.sha256(page(9_900)).hexdigest()
    ways = {
        "from the front": lambda: search(wanted, range(10_000)),
        "from the back": lambda: search(wanted, range(9_999, -1, -1)),
    }
    with observe() as trace:
        came = race(ways)
    assert set(trace.tasks["name"].tolist()) == {"main", *ways}
    assert (came.winner, came.answer) == ("from the back", 9_900)
    assert set(came.cpu) == set(ways)
    assert came.wasted == came.cpu["from the front"]
    whole = race({"from the front": ways["from the front"]})
    assert whole.wasted == 0
    assert came.wasted < 0.8 * whole.cpu["from the front"]


def test_a_race_that_fails() -> None:
    def fails() -> Any:
        yield
        raise KeyError("lost")

    with pytest.raises(KeyError):
        race({"one": fails})
    with pytest.raises(ValueError, match="ways must hold"):
        race({})
    assert race({"one": lambda: search("none", range(3))}).answer is None


@pytest.mark.parametrize("threads", [1, 2])
def test_blas_multiplies_on_as_many_threads_as_it_is_told(threads: int) -> None:
    def product() -> Trace:
        with observe() as trace:
            assert multiply(threads, size=1500, times=8) > 0
        return trace

    trace = at_best(product, lambda t, free: t.parallelism >= 0.6 * min(threads, free))
    assert trace.concurrency == pytest.approx(1.0, abs=0.1)
    assert trace.parallelism <= threads + 0.1


@pytest.mark.parametrize("threads", [1, min(2, round(USABLE) or 1)])
def test_a_parallel_loop_runs_on_as_many_threads_as_it_is_told(threads: int) -> None:
    parallel_loop.estimate_pi(100, threads)  # compiled before the clock starts

    def loop() -> Trace:
        with observe() as trace, one_task("pi"):
            assert parallel_loop.estimate_pi(100_000_000, threads) == pytest.approx(np.pi, abs=1e-6)
        return trace

    trace = at_best(loop, lambda t, free: t.parallelism >= 0.8 * min(threads, free))
    assert trace.concurrency == pytest.approx(1.0, abs=0.1)
    assert trace.parallelism <= threads + 0.2


def test_without_numba_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parallel_loop.why_not() is None
    monkeypatch.setattr(parallel_loop, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="pip install numba"):
        parallel_loop.estimate_pi(10)


@pytest.mark.parametrize("act", [lambda: multiply(0), lambda: parallel_loop.estimate_pi(0)])
def test_programs_refuse_numbers_that_can_not_be(act: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="must be 1 to"):
        act()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_vector_instructions_make_no_function_slower(function: str) -> None:
    seen = []
    for _ in range(5):
        found = vectors(function, rounds=1)
        assert found.features == switchable()
        assert found.seconds > 0
        assert function in repr(found)
        seen.append(found.speedup)
        if found.speedup > 0.8:  # as quick with them, but for noise
            break
    assert max(seen) > 0.8
    if function != "add" and switchable() and platform.machine() in ("x86_64", "AMD64"):
        assert max(vectors(function).speedup for _ in range(3)) > 1.5


def test_vectors_refuse_what_is_not_measured() -> None:
    with pytest.raises(ValueError, match="function must be one of 'tanh'"):
        vectors("sin")


@pytest.mark.parametrize("way", WAYS)
def test_a_switch_takes_some_time(way: str) -> None:
    assert 1e-8 < min(seconds_a_switch(way, 300) for _ in range(3)) < 0.01


def test_switches_refuse_what_can_not_be() -> None:
    with pytest.raises(ValueError, match="way must be one of 'async'"):
        seconds_a_switch("actors")
    with pytest.raises(ValueError, match="times must be 1 to"):
        seconds_a_switch("threads", 0)


def test_counting_that_nobody_joins_ends_and_another_time_it_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(luck, "PATIENCE", 0.1)
    monkeypatch.setattr(luck, "ADDED", 1000)
    with pytest.raises(threading.BrokenBarrierError):
        luck.count()
    monkeypatch.setattr(luck, "PATIENCE", 10.0)
    with ThreadPoolExecutor(2) as pool:
        found = [future.result() for future in [pool.submit(luck.count) for _ in range(2)]]
    assert found[0] == found[1] > 0


def test_an_interrupted_race_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*given: Any, **settings: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("course_lib.programs.speculative.wait", interrupted)
    steps: list[int] = []

    def way() -> Any:
        while len(steps) < 1000:
            steps.append(1)
            time.sleep(0.005)
            yield

    with pytest.raises(KeyboardInterrupt):
        race({"one": way})
    assert len(steps) < 1000


# Notes ------------------------------------------------------------------------------------------------


def test_a_note_stays_one_line_whatever_its_letters(tmp_path: Path) -> None:
    path = str(tmp_path / "notes")
    assert notes(path) == []
    for line in ("é", "one\u2028line", ""):
        note(path, line)
    assert notes(path) == ["é", "one\u2028line", ""]

"""What the capstone hands to a program, and how the program is tried out.

It is run several times, and once with the stop button pressed in the middle.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import math
import signal
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from course_lib import hooks
from course_lib.heartbeat import Heart
from course_lib.lesson.exercises.probes import most_at_once
from course_lib.machine import busy_so_far, machine
from course_lib.programs.gallery import PICTURES, Gallery, gallery, picture
from course_lib.programs.gallery_bound import CORES, Costs, sample
from course_lib.programs.gallery_watched import Watched
from course_lib.record import clock

__all__ = ["ENOUGH", "GAP", "LEVEL", "Trial", "best_of", "clean", "right", "several"]

TURNS = 6  # the best counts: in the first a pool may have to start, others may be disturbed
ENOUGH = 0.85  # of the bound
LEVEL = 0.6  # of the bound, for the first two levels
FEW = 3  # turns that are always granted
TIME = 12.0  # seconds, after which no other turn is begun
ALONE = 0.8  # of the thumbnails: who makes more has hardly any help
GAP = 0.15  # seconds between two beats of the heart, where no others use the cores
PROMPT = 2.0  # seconds from an interrupt to the end, where no others use the cores
MANY = 2000  # pictures of the run that is stopped
STOP = 0.4  # seconds after its first thumbnail
AGAIN = 0.5  # seconds from when it should have ended to the next press of the stop button
PRESSES = 4


class Trial:
    """A program, tried out: called with no argument, it returns what was measured.

    The interrupt is tried only if all else is well enough.
    """

    def __init__(
        self,
        program: Callable[..., Any],
        folder: Path,
        pictures: int = PICTURES,
        turns: int = TURNS,
    ) -> None:
        self.__wrapped__, self.folder, self.pictures, self.turns = program, folder, pictures, turns

    def __call__(self, *_: Any) -> dict[str, Any]:
        """Try the program."""
        with gallery(self.pictures) as plain:
            expected = {n: plain.dither(picture(n)) for n in plain.numbers}
            samples: list[tuple[float, float, float]] = []
            turns: list[dict[str, Any]] = []
            end = time.monotonic() + TIME
            while not _enough(turns) and len(turns) < self.turns:
                if len(turns) >= FEW and time.monotonic() > end:
                    break
                visit = f"turn{len(turns)}"
                with hooks._unwatched():
                    samples.append(sample(plain))
                turns.append(self._turn(self._watched(plain, visit)))
                turns[-1] |= _judged(self.folder / visit, expected)
                for turn in turns:
                    _bound(turn, samples)
            stopped = {}
            if all(map(right, turns)) and best_of(turns)["share"] >= LEVEL:
                free = best_of(turns)["cores"] / min(CORES, machine().usable_cores)
                for visit in ("stopped", "stopped-again"):  # a busy machine may be late
                    many = replace(self._watched(plain, visit), numbers=range(MANY))
                    stopped = self._stopped(many, PROMPT / min(1.0, free))
                    if clean(stopped):
                        break
            _end_pools()
        return {"turns": turns, "stopped": stopped}

    def _watched(self, plain: Gallery, visit: str) -> Watched:
        folder = self.folder / visit
        folder.mkdir()
        journal = str(self.folder / f"{visit}-journal")
        return Watched(plain.numbers, plain.port, folder, visit, journal)

    def _run(self, watched: Watched) -> float:
        """Run the program beside a heart; return the heart's longest pause."""
        found = self.__wrapped__
        if inspect.iscoroutinefunction(found):
            return asyncio.run(_beside(found(watched)))
        with _heart() as heart:
            value = found(watched)
            if inspect.iscoroutine(value):
                return asyncio.run(_beside(value))
        return heart.gap

    def _turn(self, watched: Watched) -> dict[str, Any]:
        """Run the program once, and say how it went."""
        before, start, busy, cpu = watched.asked()["cpu"], clock(), busy_so_far(), _cpu()
        try:
            gap = self._run(watched)
        except BaseExceptionGroup as group:
            raise _first(group) from None
        wall = (clock() - start) / 1e9
        told = watched.asked()
        others = max(0.0, busy_so_far() - busy - (_cpu() - cpu) - (told["cpu"] - before)) / wall
        usable = min(CORES, machine().usable_cores)
        cores = max(0.5, usable - others)
        longest = GAP * usable / cores  # a heart, too, has to wait for a core
        done = watched.dithered()
        by = Counter(worker for _, worker in done)
        served = [stop for _, status, _, stop in told["asked"] if status == 200]
        flights = [(start, stop) for *_, start, stop in told["asked"]]
        return {
            "pictures": len(watched.numbers),
            "wall": wall,
            "dither": math.fsum(cpu for cpu, _ in done) / max(1, len(done)),
            "cores": cores,
            "others": others,
            "at_once": most_at_once((start for start, _ in flights), (stop for _, stop in flights)),
            "in_flight": sum(stop - start for start, stop in flights) / 1e9 / wall,
            "busy": math.fsum(cpu for cpu, _ in done) / wall,
            "workers": len(by) if max(by.values(), default=0) <= ALONE * len(done) else 1,
            "gap": gap,
            "longest": longest,
            "calm": gap < longest,
            "in_hand": most_at_once(served, (at for _, at in watched.saved())),
            "made": len(done),
            "served": len(served),
            "saved": len(watched.saved()),
        }

    def _stopped(self, watched: Watched, prompt: float) -> dict[str, Any]:
        """Run the program with many pictures, press the stop button, and see what it does.

        It should end within `prompt` seconds.
        """
        done = threading.Event()
        pressed: list[int] = []
        with hooks._unwatched():
            hand = threading.Thread(
                target=_press, args=(watched, done, pressed, prompt), daemon=True
            )
            hand.start()
        with contextlib.suppress(BaseException):  # the interrupt, or a pool that it broke
            self._run(watched)
        end = clock()
        done.set()
        hand.join()
        time.sleep(0.3)
        asked = [start for *_, start, _ in watched.asked()["asked"]]
        whole = len(watched.dither(picture(0))) if not pressed[1:] else 0
        sizes = {path.stat().st_size for path in watched.folder.glob("*.pbm")}
        Path(f"{watched.journal}-stopped").touch()  # what a kept pool has left is done at once
        return {
            "took": (end - pressed[0]) / 1e9 if pressed else 0.0,
            "prompt": prompt,
            "presses": len(pressed),
            "after": sum(start > end + 50_000_000 for start in asked),
            "broken": len(sizes - {whole}) if whole else 0,
        }


def _bound(turn: dict[str, Any], samples: list[tuple[float, float, float]]) -> None:
    """Put a turn beside the bound of this very turn: of its own CPU work, and the cores it had.

    How quick a core is may change from one second to the next, so of the samples only a ratio is
    taken: how much the rest of a picture is to its thumbnail.
    """
    wait = statistics.median(waited for waited, *_ in samples)
    ratio = statistics.median(rest / dither for _, rest, dither in samples)
    dither = turn["dither"]
    costs = Costs(turn["pictures"], wait, ratio * dither, dither, turn["cores"])
    turn["bound"] = costs.bound()
    turn["share"] = turn["bound"] / turn["wall"]
    turn["share_one"] = costs.bound(min(1.0, costs.cores)) / turn["wall"]


def _enough(turns: list[dict[str, Any]]) -> bool:
    """Return whether another turn would find the same: a first one may have a pool to start."""
    if not turns:
        return False
    last = turns[-1]
    alone = len(turns) > 1 and several() and last["workers"] < 2
    wrong = not right(last) or last["at_once"] < 2
    return wrong or alone or _reached(turns)


def _reached(turns: list[dict[str, Any]]) -> bool:
    best = best_of(turns)
    return bool(best["share"] >= ENOUGH and best["calm"])


def best_of(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the turn that came nearest to its bound, of those without a pause if there are any."""
    return max(turns, key=lambda turn: (turn["calm"], float(turn["share"])))


def several() -> bool:
    """Return whether several cores can share the work here."""
    return machine().usable_cores >= 1.5


def _end_pools() -> None:
    """End the pools that the program has kept."""
    for kept in gc.get_objects():
        if issubclass(type(kept), ThreadPoolExecutor | ProcessPoolExecutor):
            kept.shutdown(cancel_futures=True)
        elif issubclass(type(kept), Executor):  # loky's, which can't be asked that
            kept.shutdown()


def clean(stopped: dict[str, Any]) -> bool:
    """Return whether a program ended soon after an interrupt, whole, and then did no more."""
    return (
        bool(stopped["presses"])
        and stopped["took"] <= stopped["prompt"]
        and not stopped["after"]
        and not stopped["broken"]
    )


def _press(watched: Watched, done: threading.Event, pressed: list[int], prompt: float) -> None:
    """Press the stop button in mid-run; and again, if that doesn't help."""
    while not watched.saved() and not done.wait(0.02):
        pass
    wait = STOP
    while len(pressed) < PRESSES and not done.wait(wait):
        if pressed:
            Path(f"{watched.journal}-stopped").touch()  # now nothing goes on, whatever it does
        pressed.append(clock())
        if sys.platform == "win32":
            import _thread

            _thread.interrupt_main()
        else:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        wait = prompt + AGAIN


async def _beside(program: Coroutine[Any, Any, Any]) -> float:
    """Run a coroutine beside a heart on the same loop; return the longest pause."""
    async with Heart() as heart:
        await program
    return heart.gap


@contextlib.contextmanager
def _heart() -> Iterator[Heart]:
    """Let a heart beat on a thread, beside a program that has no loop."""
    heart, done = Heart(), threading.Event()

    async def beat() -> None:
        async with heart:
            while not done.is_set():
                await asyncio.sleep(0.01)

    with hooks._unwatched():
        thread = threading.Thread(target=asyncio.run, args=(beat(),), daemon=True)
        thread.start()
    try:
        yield heart
    finally:
        done.set()
        thread.join()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first of the errors in a group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _cpu() -> float:
    """Return the CPU seconds of this process and of its children, those that live and those gone.

    The service is none of them: it tells its own.
    """
    here, seconds = psutil.Process(), 0.0
    for process in [here, *here.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            if "gallery_service" not in " ".join(process.cmdline()):
                seconds += sum(process.cpu_times()[:4])  # those that it has waited for included
    return seconds


def _judged(folder: Path, expected: dict[int, bytes]) -> dict[str, Any]:
    """Say what is right and wrong in a folder that was filled."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    index = files.pop("index.txt", b"").decode(errors="replace").splitlines()
    wanted = [f"{number}.pbm" for number in expected]
    names = [line.split(" ")[0] for line in index]
    return {
        "right": sum(files.get(f"{n}.pbm") == thumbnail for n, thumbnail in expected.items()),
        "lines": len(names),
        "twice": len(names) - len(set(names)),
        "in_order": names == wanted,
        "same": sorted(names) == sorted(wanted),
    }


def right(turn: dict[str, Any]) -> bool:
    """Return whether all pictures were fetched and made, are there, each once, in the right index."""
    whole = turn["right"] == turn["saved"] == turn["pictures"] and turn["in_order"]
    return bool(whole and min(turn["served"], turn["made"]) >= turn["pictures"])

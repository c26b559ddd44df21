"""The exercises of lesson 8: when to stop, and a smaller serial part, seen in its speed-ups."""

from __future__ import annotations

import asyncio
import inspect
import math
import numbers
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from course_lib.laws import amdahl, karp_flatt
from course_lib.lesson.exercise import Exercise, Finding, Row
from course_lib.lesson.exercises.probes import most_at_once
from course_lib.lesson.guard import Limits, Seen
from course_lib.programs.notes import note, notes
from course_lib.record import clock

__all__ = ["EXERCISES"]

HOURS = 12
WORKERS = (1, 2, 4)
#: Seconds that each step takes: all of it waiting, so that any machine has cores enough.
LENGTHS = {"load": 0.03, "pack": 0.03, "check": 0.03, "join": 0.003}
ALONE = LENGTHS["load"] + HOURS * sum(LENGTHS[step] for step in ("pack", "check", "join"))
ENOUGH = 0.8  # of the time can be divided; 0.92 is possible, 0.46 is what the starter has


class Did(NamedTuple):
    """A step that was done: which, for which hour, from when to when."""

    step: str
    hour: str
    start: int
    stop: int


class Step:
    """One step of the job. It waits as long as it would compute, and writes down that it was done."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = str(path), name

    def __call__(self, *given: Any) -> Any:
        """Do the step; whoever asks waits."""
        start = clock()
        time.sleep(LENGTHS[self.name])
        result, hour = getattr(self, f"_{self.name}")(*given)
        note(self.path, f"{self.name} {'_'.join(f'{hour}'.split())} {start} {clock()}")
        return result

    def _load(self) -> tuple[list[str], str]:
        return [f"hour{n}" for n in range(HOURS)], "all"

    def _pack(self, hour: str) -> tuple[str, str]:
        return f"{hour}+packed", hour

    def _check(self, packed: str) -> tuple[bytes, str]:
        hour, _, done = packed.partition("+")
        if done != "packed":
            raise ValueError(f"check takes what pack returned, not {packed!r}")
        return f"<{hour}>".encode(), hour

    def _join(self, before: bytes, fingerprint: bytes) -> tuple[bytes, str]:
        return before + fingerprint, fingerprint.decode().strip("<>")


def _awaited(result: Any) -> Any:
    """Return what a program returned; what its coroutine returns, if it is one."""
    return asyncio.run(result) if inspect.iscoroutine(result) else result


class Curve:
    """The program, called with one worker, with two and with four; each call is written down."""

    def __init__(self, program: Callable[..., Any], path: Path) -> None:
        self.__wrapped__, self.path = program, str(path)

    def __call__(self, *steps: Step) -> list[str]:
        """Return what the calls returned, as text."""
        results = []
        for workers in WORKERS:
            start = clock()
            result = _awaited(self.__wrapped__(*steps, workers))
            note(self.path, f"call {workers} {start} {clock()}")
            results.append(result.decode() if isinstance(result, bytes) else repr(result))
        return results


def done(folder: Path) -> list[Did]:
    """Return what was written down."""
    rows = (line.split(" ") for line in notes(str(folder / "steps")))  # an hour may be empty
    return [Did(step, hour, int(start), int(stop)) for step, hour, start, stop in rows]


def most(steps: Sequence[Did]) -> int:
    """Return how many steps were under way at most."""
    return most_at_once((one.start for one in steps), (one.stop for one in steps))


def _judge(seen: Seen, folder: Path) -> Finding:
    rows = done(folder)
    calls = {int(one.hour): one for one in rows if one.step == "call"}
    during = {
        n: [r for r in rows if r.step != "call" and call.start <= r.start <= call.stop]
        for n, call in calls.items()
    }
    hours = min(
        len({r.hour for r in during[n] if r.step == step})
        for n in WORKERS
        for step in ("pack", "check", "join")
    )
    expected = "".join(f"<hour{n}>" for n in range(HOURS))
    right = seen.value == [expected] * len(WORKERS)
    times = [(calls[n].stop - calls[n].start) / 1e9 for n in WORKERS]
    alone = min(
        times[0], 1.05 * ALONE
    )  # had that run been disturbed, the speed-ups would be too high
    curve = [alone / max(one, 1e-9) for one in times]
    parallel = 1 - karp_flatt(curve[-1], WORKERS[-1]) if right else 0.0
    heavy = {n: most([r for r in during[n] if r.step in ("pack", "check")]) for n in WORKERS}
    over = [n for n in WORKERS if heavy[n] > n]
    at_once = ", ".join(f"{heavy[n]} with {n}" for n in WORKERS)
    told = ", ".join(f"{s:.2f} on {n}" for n, s in zip(WORKERS, curve, strict=True))
    found = (
        Row("hours done, and signed in order", f"{hours}", f"{HOURS}", right and hours >= HOURS),
        Row("packing or checking at once, at most", at_once, "no more than workers", not over),
        Row(
            f"P, from the speed-up on 4 ({told})",
            f"{parallel:.2f}" if right else "–",
            f"{ENOUGH} or more",
            parallel >= ENOUGH,
        ),
    )
    advice = _wrong(rows, hours, right, over) or _advise(during[WORKERS[-1]], parallel)
    return Finding(found, advice, certain=not right or bool(over) or parallel < 0.6)


def _wrong(rows: Sequence[Did], hours: int, right: bool, over: Sequence[int]) -> str:
    """Say what is wrong, whatever the speed; empty if nothing is."""
    if all(one.step == "call" for one in rows):
        return "None of the four steps was ever called."
    if hours < HOURS:
        return f"Only {hours} of {HOURS} hours went through all steps, up to `join`."
    if not right:
        return (
            "The signature is another one than with one worker: each `join` needs what the `join` "
            "before returned, in the order of the hours. That is the part that stays serial."
        )
    if over:
        return (
            f"With {over[0]} worker{'s' * (over[0] > 1)}, more hours were packed or checked at "
            "once. A machine with so many cores couldn't do it: let `workers` bound your pool."
        )
    return ""


def _advise(rows: Sequence[Did], parallel: float) -> str:
    if parallel >= ENOUGH:
        return (
            "What is left of the serial part is `load` and `join`. To go on, one of those would have "
            "to be redesigned; more cores alone would soon bring little."
        )
    alone = {
        step: most([one for one in rows if one.step == step]) == 1 for step in ("pack", "check")
    }
    if all(alone.values()):
        return (
            "With four workers there is still one step after the other: `workers` changes nothing. "
            "A lock, a pool of one, or asking for each result before the next is handed out?"
        )
    for step, other in (("pack", "check"), ("check", "pack")):
        if alone[step]:
            share = LENGTHS[step] * HOURS
            return (
                f"`{step}` works at one hour after the other, for {share:.2f} s: that is most of the "
                f"serial part. Does packing or checking an hour need another hour? `{other}` is "
                "handed to the workers already."
            )
    return (
        "Both `pack` and `check` overlap, but the curve is flatter than it could be: workers wait "
        "for something, such as the rest of a batch, before they go on."
    )


SHRINK = Exercise(
    title="Shrink the serial part",
    asked=(
        "Write the job anew, so that its parallel fraction is 0.8 or more. It is called with 1, 2 and "
        "4 workers; never may more hours be packed or checked at once than there are workers. Each step waits as long as it "
        "would compute, so that any machine has cores enough."
    ),
    starter=(
        "from concurrent.futures import ThreadPoolExecutor\n\n\n"
        "def program(load, pack, check, join, workers):\n"
        "    packed = [pack(hour) for hour in load()]\n"
        '    signature = b""\n'
        "    with ThreadPoolExecutor(workers) as pool:\n"
        "        for fingerprint in pool.map(check, packed):\n"
        "            signature = join(signature, fingerprint)\n"
        "    return signature\n"
    ),
    hints=(
        "Which steps does only the main thread do? Which of those need what another hour's step made?",
        "`pack` needs nothing but its own hour. So an hour's `pack` and `check` can be one call.",
        (
            "`pool.map(lambda hour: check(pack(hour)), load())` gives the fingerprints, in the order "
            "of the hours."
        ),
    ),
    judge=_judge,
    arguments=("load", "pack", "check", "join", "workers"),
    make=lambda folder: tuple(Step(folder / "steps", name) for name in LENGTHS),
    around=lambda program, folder: Curve(program, folder / "steps"),
    limits=Limits(seconds=12.0),
)


# Know when to stop ------------------------------------------------------------------------------------

#: P, and the share of the limit that is enough; the first is reached exactly, but for rounding.
CASES = ((0.9, 0.5), (0.9, 0.52), (0.9, 0.83), (0.99, 0.52), (0.5, 0.92), (0.75, 0.72), (0.2, 0.5))


class Cases:
    """The program, called for each case."""

    def __init__(self, program: Callable[..., Any]) -> None:
        self.__wrapped__ = program

    def __call__(self) -> list[float | None]:
        """Return what it answers; None for what isn't a number."""
        answers = [self.__wrapped__(*case) for case in CASES]
        return [_number(_awaited(answer)) for answer in answers]


def _number(answer: Any) -> float | None:
    if isinstance(answer, bool) or not isinstance(answer, numbers.Real):
        return None
    found = float(answer)
    return found if math.isfinite(found) else None


def _fewest(parallel: float, enough: float) -> int:
    return max(1, math.ceil(parallel * enough / ((1 - parallel) * (1 - enough)) - 1e-9))


def _judge_stop(seen: Seen, folder: Path) -> Finding:
    answers = seen.value if isinstance(seen.value, list) else [None] * len(CASES)
    pairs = list(zip(answers, CASES, strict=True))
    rows = tuple(
        Row(
            f"P = {p}, {enough:.0%} of the limit",
            "no number" if answer is None else f"{answer:g} workers",
            f"{_fewest(p, enough)}",
            answer == _fewest(p, enough),
        )
        for answer, (p, enough) in pairs
    )
    return Finding(rows, _advise_stop(pairs), certain=True)


def _advise_stop(pairs: Sequence[tuple[float | None, tuple[float, float]]]) -> str:
    wrong = [pair for pair in pairs if pair[0] != _fewest(*pair[1])]
    if not wrong:
        return (
            "The nearer to the limit, the more each further bit costs: 50 % is cheap, 90 % is not."
        )
    if any(answer is None for answer, _ in wrong):
        return "It must return a number: how many workers."
    given = [(answer or 0.0, *case) for answer, case in wrong]
    if all(math.isclose(a, enough / (1 - p)) for a, p, enough in given):
        return (
            "That is the speed-up that is wanted: a share of the limit. How many workers does it "
            "take to get there?"
        )
    if any(a != int(a) for a, *_ in given):
        return "There are no halves of workers: round up to the next whole number."
    a, p, enough = given[0]
    reached = amdahl(p, max(1.0, a)) * (1 - p)
    if len(wrong) == 1 and (p, enough) == CASES[0] and a == _fewest(p, enough) + 1:
        return (
            f"For P = {p}, {a - 1:g} workers reach {enough:.0%} of the limit exactly. Computers round: "
            f"what should be {a - 1:g} came out a little higher. Round to some digits first."
        )
    if reached < enough:
        return f"For P = {p}, {a:g} workers reach {reached:.1%} of the limit, and {enough:.0%} is wanted."
    return f"For P = {p}, {a:g} workers are enough, but fewer would be, too."


STOP = Exercise(
    title="Know when to stop",
    asked=(
        "Write a function that takes P and a share of the limit, such as 0.5, and returns the smallest "
        "number of workers that reaches it, by Amdahl's law."
    ),
    starter="def program(parallel, enough):\n    return enough / (1 - parallel)\n",
    hints=(
        "The starter returns the speed-up that is wanted. Which N gives it?",
        "Write S(N) for it, and solve for N. Or try 1, 2, 3, … with `laws.amdahl`, and allow for 1e-9.",
        "N is at least P × enough / ((1 − P) × (1 − enough)), and whole: `math.ceil(round(…, 9))`.",
    ),
    judge=_judge_stop,
    arguments=("parallel", "enough"),
    around=lambda program, folder: Cases(program),
    limits=Limits(seconds=5.0),
)

EXERCISES = {"shrink": SHRINK, "stop": STOP}

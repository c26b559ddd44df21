"""The exercises of lesson 5: each wrong attempt gets feedback of its own."""

from __future__ import annotations

from multiprocessing import get_all_start_methods
from pathlib import Path

import pytest

from course_lib.lesson.exercise import Finding, check, exercise
from course_lib.lesson.exercises.choose import job
from course_lib.lesson.guard import Seen
from tests.lessons.exercising import POOL, text_of, written

pytestmark = pytest.mark.usefixtures("saved", "nothing_left")

ASYNC = "import asyncio\n"
WRONG_HEART = {
    "no loop": ("def program(job):\n    return job()\n", "There is no event loop here"),
    "nothing": (
        f"{ASYNC}async def program(job):\n    await asyncio.sleep(0.05)\n",
        "never called",
    ),
    "on the loop": ("async def program(job):\n    return job()\n", "on the loop's own thread"),
    "a coroutine of its own": (
        (
            f"{ASYNC}async def program(job):\n    async def one():\n        return job()\n"
            "    done, _ = await asyncio.gather(one(), asyncio.sleep(0.1))\n    return done\n"
        ),
        "has a coroutine of its own",
    ),
    "called before it is handed over": (
        f"{ASYNC}async def program(job):\n    return await asyncio.to_thread(job())\n",
        "'str' object is not callable",
    ),
    "waited for with a block": (
        (
            f"{POOL}async def program(job):\n    with ThreadPoolExecutor(1) as pool:\n"
            "        return pool.submit(job).result()\n"
        ),
        "waited in a way that blocks",
    ),
    "a pool of processes on the loop": (
        (
            f"{ASYNC}from course_lib.programs.plain_pool import plain_pool\n"
            "async def program(job):\n    with plain_pool(1) as pool:\n"
            "        loop = asyncio.get_running_loop()\n"
            "        return await loop.run_in_executor(pool, job)\n"
        ),
        "To start and to end a pool of processes blocks, too",
    ),
    "not returned": (
        f"{ASYNC}async def program(job):\n    await asyncio.to_thread(job)\n",
        "didn't return what the job returned",
    ),
    "a word of its own": (
        f"{ASYNC}async def program(job):\n    await asyncio.to_thread(job)\n    return 'done'\n",
        "its result was returned: seen no",
    ),
    "twice": (
        (
            f"{ASYNC}async def program(job):\n    await asyncio.to_thread(job)\n"
            "    return await asyncio.to_thread(job)\n"
        ),
        "done 2 times",
    ),
}
APART = (
    f"{ASYNC}from concurrent.futures import ProcessPoolExecutor\n"
    "from multiprocessing import get_context\ndef apart(job):\n"
    "    with ProcessPoolExecutor(1, get_context({0!r})) as pool:\n"
    "        return pool.submit(job).result()\n"
    "async def program(job):\n    return await asyncio.to_thread(apart, job)\n"
)
RIGHT_HEART = {
    **{method: APART.format(method) for method in get_all_start_methods()},
    "a loop of its own": (
        f"{ASYNC}async def program(job):\n    async def one():\n        return job()\n"
        "    return await asyncio.to_thread(lambda: asyncio.run(one()))\n"
    ),
}
CUT = "[pieces[n : n + 100] for n in range(0, len(pieces), 100)]"
WRONG_GRAIN = {
    "nothing": ("def program(work, pieces):\n    pass\n", "never called"),
    "a call a piece": (
        (
            f"{POOL}def program(work, pieces):\n    with ThreadPoolExecutor(2) as pool:\n"
            "        list(pool.map(work, [[piece] for piece in pieces]))\n"
        ),
        "by `chunksize`? `work` was still called for each",
    ),
    "two pools by turns": (
        (
            f"{POOL}def program(work, pieces):\n"
            "    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:\n"
            f"        for n, some in enumerate({CUT}):\n"
            "            (one, other)[n % 2].submit(work, some).result()\n"
        ),
        "40 calls by 2 workers, and never two at the same time",
    ),
    "a thread for each, and its end awaited": (
        (
            f"from threading import Thread\ndef program(work, pieces):\n    for some in {CUT}:\n"
            "        thread = Thread(target=work, args=(some,))\n"
            "        thread.start()\n        thread.join()\n"
        ),
        "40 calls by 40 workers, and never two at the same time",
    ),
    "all in one": ("def program(work, pieces):\n    work(pieces)\n", "All in one call"),
    "not handed out": (
        f"def program(work, pieces):\n    for some in {CUT}:\n        work(some)\n",
        "not handed out to anybody",
    ),
    "coroutines": (
        (
            f"{ASYNC}async def program(work, pieces):\n    async def one(some):\n"
            f"        work(some)\n    await asyncio.gather(*(one(some) for some in {CUT}))\n"
        ),
        "coroutines did them",
    ),
    "some pieces": (
        (
            f"{POOL}def program(work, pieces):\n    with ThreadPoolExecutor(2) as pool:\n"
            f"        list(pool.map(work, {CUT}[1:]))\n"
        ),
        "Only 3,900 of 4,000",
    ),
    "some twice": (
        (
            f"{POOL}def program(work, pieces):\n    with ThreadPoolExecutor(2) as pool:\n"
            f"        list(pool.map(work, {CUT} + [pieces[:50]]))\n"
        ),
        "50 pieces were done twice",
    ),
    "of different size": (
        (
            f"{POOL}def program(work, pieces):\n    with ThreadPoolExecutor(2) as pool:\n"
            "        list(pool.map(work, [pieces[:3600], pieces[3600:]]))\n"
        ),
        "One worker did 90%",
    ),
}


@pytest.mark.parametrize(
    ("name", "exercise_", "wrong"),
    [(name, "heart", WRONG_HEART) for name in WRONG_HEART]
    + [(name, "grain", WRONG_GRAIN) for name in WRONG_GRAIN],
)
def test_wrong_choices_are_told_what_is_wrong(
    name: str, exercise_: str, wrong: dict[str, tuple[str, str]]
) -> None:
    code, feedback = wrong[name]
    verdict = check(f"05_when_each_matters/{exercise_}", written(code))
    assert verdict.passed is False
    assert feedback in text_of(verdict)


@pytest.mark.parametrize("name", RIGHT_HEART)
def test_other_ways_to_keep_the_loop_free(name: str) -> None:
    verdict = check("05_when_each_matters/heart", written(RIGHT_HEART[name]))
    assert verdict.passed is not False, text_of(verdict)
    if verdict.passed:
        assert "The job is done elsewhere, the loop awaits it" in text_of(verdict)


@pytest.mark.parametrize(
    ("cut", "feedback"),
    [
        ("[pieces[:3200], pieces[3200:]]", "80% of the work, so all of it can't be more than 1.2"),
        (CUT, "40 calls are few enough to be cheap, and none is more than 2% of the work"),
    ],
)
def test_a_grain_is_praised_for_what_was_seen(cut: str, feedback: str) -> None:
    code = (
        f"{POOL}def program(work, pieces):\n    with ThreadPoolExecutor(2) as pool:\n"
        f"        list(pool.map(work, {cut}))\n"
    )
    verdict = check("05_when_each_matters/grain", written(code))
    assert verdict.passed is True, text_of(verdict)
    assert feedback in text_of(verdict)


def test_a_pause_that_may_be_others_doing_is_not_judged(tmp_path: Path) -> None:
    def found(gap: float, others: float, kind: str = "thread") -> Finding:
        value = job(tmp_path).result
        seen = Seen("returned", "", wall=1.0, others=others, value=value, gap=gap, tasks=2)
        (tmp_path / "job").write_text(f"{kind}\n")
        return exercise("05_when_each_matters/heart").judge(seen, tmp_path)

    assert found(0.02, 2.0).passed is True
    assert found(0.2, 0.1).passed is False
    assert found(0.2, 2.0).passed is None
    assert "paused for 200 ms" in found(0.2, 2.0).why_not
    assert found(0.45, 2.0).passed is False  # as long as the job: the loop has waited for it
    assert found(0.45, 2.0, "blocked").passed is False
    assert found(0.2, 2.0, "blocked").passed is None  # another thread's loop: the job takes longer
    assert found(0.02, 0.1, "blocked").passed is True


@pytest.mark.parametrize("wrong", [WRONG_HEART, WRONG_GRAIN])
def test_each_wrong_attempt_has_feedback_of_its_own(wrong: dict[str, tuple[str, str]]) -> None:
    assert len({feedback for _, feedback in wrong.values()}) == len(wrong)

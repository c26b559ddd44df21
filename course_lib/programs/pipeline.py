"""A pipeline: each item goes through all stages, and each stage works on another item meanwhile.

One item takes as long as ever. But as soon as the first one has left the first stage, the second one
enters it: once the pipeline is full, all stages are at work, and the slowest of them sets the pace. In
a timeline, each item is a diagonal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

__all__ = ["pipeline"]

Stage = Callable[[Any], Any]


def pipeline(items: Iterable[Any], stages: Sequence[Stage]) -> list[Any]:
    """Send each item through the stages, and return what comes out, in the order of the items.

    Each stage is a function of one argument, and has one thread: it works on one item at a time, in
    their order. Stages overlap where they wait, or let go of the GIL.

    Raises
    ------
    ValueError
        If there is no stage.
    Exception
        What a stage has raised: the first item's, if it was more than one. The others go on.
    """
    if not stages:
        raise ValueError("stages must hold at least one function")
    threads = [ThreadPoolExecutor(1) for _ in stages]
    ways: list[list[Future[Any]]] = [[] for _ in stages]  # what each stage did with each item

    def enter(number: int, turn: int, item: Any) -> None:
        """Let an item enter a stage; when that has done it, the item enters the next one."""

        def work() -> Any:
            result = stages[number](item)
            if number + 1 < len(stages):
                enter(number + 1, turn, result)
            return result

        stage = getattr(stages[number], "__name__", f"stage {number + 1}")
        work.__name__ = f"{stage} {turn}"  # as a timeline calls it
        ways[number].append(threads[number].submit(work))

    for turn, item in enumerate(items, 1):
        enter(0, turn, item)
    for thread in threads:  # when the first stage has done all, the second has them all, and so on
        thread.shutdown()
    for way in ways:
        for done in way:
            done.result()  # raises what was raised
    return [done.result() for done in ways[-1]]

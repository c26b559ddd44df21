"""What is each model's own: channels, forks, mailboxes."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from course_lib import Task, compute, run, wait, why_not
from course_lib.errors import RunTimeout
from course_lib.models.csp import Channel, Closed, select


def beside(act: Callable[[], object]) -> threading.Thread:
    """Do something in a thread of its own."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


# Channels -----------------------------------------------------------------------------------------------


def test_who_puts_into_a_full_channel_waits_for_room() -> None:
    channel: Channel[int] = Channel(room=2)
    channel.put(1)
    channel.put(2)
    producer = beside(partial(channel.put, 3))
    producer.join(0.1)
    assert producer.is_alive() and list(channel.items) == [1, 2]
    assert channel.take() == 1
    producer.join(5)
    assert not producer.is_alive() and list(channel.items) == [2, 3]


def test_who_takes_from_an_empty_channel_waits_for_an_item() -> None:
    channel: Channel[str] = Channel()
    got: list[str] = []
    consumer = beside(lambda: got.append(channel.take()))
    consumer.join(0.1)
    assert consumer.is_alive()
    channel.put("tea")
    consumer.join(5)
    assert got == ["tea"]


def test_a_closed_channel_gives_what_is_left_and_takes_nothing() -> None:
    channel: Channel[str] = Channel(room=2)
    channel.put("last")
    channel.close()
    with pytest.raises(Closed, match="put"):
        channel.put("more")
    assert list(channel) == ["last"]
    with pytest.raises(Closed, match="nothing will come"):
        channel.take()


def test_closing_a_channel_ends_the_wait_of_both_sides() -> None:
    full, empty = Channel[int](), Channel[int]()
    full.put(1)
    ends: list[type] = []

    def end(act: Callable[[], object]) -> None:
        try:
            act()
        except Closed as closed:
            ends.append(type(closed))

    both = [beside(partial(end, partial(full.put, 2))), beside(partial(end, empty.take))]
    full.close()
    empty.close()
    for one in both:
        one.join(5)
    assert ends == [Closed, Closed]


def test_select_takes_from_the_channel_that_has_something() -> None:
    tea, cake = Channel[str](), Channel[str]()
    later = threading.Timer(0.05, cake.put, ("a slice",))
    later.start()
    assert select(tea, cake) == (cake, "a slice")
    later.join()
    tea.put("a cup")
    cake.put("another")
    assert select(cake, tea) == (cake, "another")
    cake.close()
    assert select(cake, tea) == (tea, "a cup")
    tea.close()
    with pytest.raises(Closed):
        select(tea, cake)


@pytest.mark.parametrize("room", [0, -1, 2.5, True, None])
def test_a_channel_has_room_for_at_least_one(room: object) -> None:
    with pytest.raises((ValueError, TypeError), match="room must be"):
        Channel(room)  # type: ignore[arg-type]


def test_no_item_is_lost_or_taken_twice() -> None:
    channel: Channel[int] = Channel(room=3)
    got: list[int] = []
    consumers = [beside(lambda: got.extend(channel)) for _ in range(4)]
    for number in range(1000):
        channel.put(number)
    channel.close()
    for consumer in consumers:
        consumer.join(5)
    assert sorted(got) == list(range(1000))


# Fork and join ------------------------------------------------------------------------------------------


def test_one_worker_that_forks_and_joins_goes_through_the_list_in_its_order() -> None:
    trace = run([Task(f"T{n}", compute(1e-4)) for n in range(300)], "fork_join", 1)
    assert (np.diff(trace.tasks["start"]) > 0).all()
    assert trace.outcomes == ("done",) * 300


def test_a_worker_with_nothing_to_do_steals() -> None:
    long = Task("long", wait(0.5))
    trace = run([long, *(Task(f"T{n}", wait(0.01)) for n in range(15))], "fork_join", 2)
    mine = trace.spans["worker"][trace.spans["task"] == 0][0]
    others = trace.spans["worker"][trace.spans["task"] > 0]
    assert (others != mine).mean() >= 0.8
    assert trace.makespan < 0.5 + 15 * 0.01


def test_more_joins_than_workers_are_no_deadlock() -> None:
    given = [Task(f"T{n}", wait(0.001), at=0.0005 * (n % 5)) for n in range(200)]
    assert run(given, "fork_join", 3, timeout=20).outcomes == ("done",) * 200


# Interpreters -------------------------------------------------------------------------------------------

if why_not("interpreters") is None:

    def test_interpreters_share_the_process_but_no_module() -> None:
        modules = partial(eval, "id(__import__('sys').modules)")
        trace = run([Task(n, wait(0.1), modules) for n in "AB"], "interpreters", 2)
        assert len({id(sys.modules), *trace.results}) == 3
        assert set(run([Task(n, os.getpid) for n in "AB"], "interpreters").results) == {os.getpid()}

    def test_a_function_that_hangs_in_an_interpreter_is_named() -> None:
        given = [Task("A", partial(int, 7)), Task("B", partial(time.sleep, 2))]
        with pytest.raises(RunTimeout, match="Still running.*'worker 1', in task 'B'") as caught:
            run(given, "interpreters", 2, timeout=0.3)
        assert caught.value.trace.outcomes == ("done", "still running")
        for thread in threading.enumerate():
            if thread.name.startswith(("worker", "interpreters")):
                thread.join(10)
                assert not thread.is_alive()


# Actors -------------------------------------------------------------------------------------------------


def test_an_actor_does_its_messages_one_at_a_time_and_in_order() -> None:
    said: dict[str, list[int]] = {"A": [], "B": []}
    threads: dict[str, set[int]] = {"A": set(), "B": set()}

    def say(name: str, number: int) -> None:
        said[name].append(number)
        threads[name].add(threading.get_ident())
        time.sleep(0.001)

    run([Task(n, *(partial(say, n, i) for i in range(20))) for n in "AB"], "actors")
    assert said == {"A": list(range(20)), "B": list(range(20))}
    assert len(threads["A"]) == len(threads["B"]) == 1 and threads["A"] != threads["B"]

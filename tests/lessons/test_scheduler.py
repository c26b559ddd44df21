"""The scheduler game: its rules, its levels, and that each can be solved, or defended, as it says."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.explore import every_order, scheduler
from course_lib.explore.scheduler import HERE, Scheduler, levels
from course_lib.explore.turns import (
    NOBODY,
    REACHED,
    Level,
    State,
    begin,
    choices,
    move,
    search,
    status,
    verdict,
)
from course_lib.files import Unfit, check

ADD = ["read counter", "add 1", "write counter"]
SOLVED = [name for name, level in levels().items() if level["goal"]["kind"] != "protect"]
DEFENDED = [name for name, level in levels().items() if level["goal"]["kind"] == "protect"]


def made(threads: dict[str, list[str]], kind: str = "lose", **more: Any) -> Level:
    goal = {"kind": kind} | ({"by": more.pop("by")} if "by" in more else {})
    counter = {"memory": {"counter": 0}, "right": {"counter": len(threads)}}
    return Level.read({"cores": 1, "threads": threads, "goal": goal} | counter | more)


def played(level: Level, moves: str) -> State:
    """Play: a letter is a thread, a dash is nobody."""
    state = begin(level)
    for letter in moves:
        thread = NOBODY if letter == "-" else level.names.index(letter)
        assert thread in choices(level, state), (letter, state)
        state = move(level, state, thread)
    return state


def statuses(level: Level, state: State) -> list[str]:
    return [status(level, state, thread) for thread in range(len(level.names))]


# The rules --------------------------------------------------------------------------------------------


def test_a_wait_passes_without_a_core_and_begins_with_the_next_turn() -> None:
    level = made(
        {"A": ["compute 1", "wait 2", "compute 1"], "B": ["compute 4"]}, "meet", by={"A": 9, "B": 9}
    )
    assert statuses(level, played(level, "A")) == ["waiting", "ready"]
    assert statuses(level, played(level, "AB")) == ["waiting", "ready"]
    assert statuses(level, played(level, "ABB")) == ["ready", "ready"]
    assert statuses(level, played(level, "A--")) == ["ready", "ready"]
    assert played(level, "ABBABB").done == (4, 6)


def test_a_turn_gives_each_core_a_thread_and_no_thread_two_cores() -> None:
    threads = {"A": ["compute 2"], "B": ["compute 2"], "C": ["compute 2"]}
    level = made(threads, "meet", by={"A": 3, "B": 3, "C": 3}, cores=2)
    half = played(level, "A")
    assert (half.clock, half.picked) == (0, (0,))
    assert choices(level, half) == [1, 2, NOBODY]
    assert played(level, "AB").clock == 1
    assert played(level, "A-").clock == 1
    assert verdict(level, played(level, "ABACBC")) == "met"
    assert (
        verdict(level, played(level, "ABABC")) == "late"
    )  # nobody else is there: the turn is over


def test_deadlines_are_missed_as_soon_as_they_pass() -> None:
    level = made({"A": ["compute 2"], "B": ["compute 1"]}, "meet", by={"A": 3, "B": 1})
    assert verdict(level, played(level, "A")) == "late"
    assert choices(level, played(level, "A")) == []
    assert verdict(level, played(level, "BAA")) == "met"


@pytest.mark.parametrize(
    ("moves", "counter", "end"),
    [("AAABBB", 2, "right"), ("ABABAB", 1, "lost"), ("ABBBAA", 1, "lost"), ("AABB", 0, "")],
)
def test_a_counter(moves: str, counter: int, end: str) -> None:
    level = made({"A": ADD, "B": ADD})
    state = played(level, moves)
    assert (state.memory, verdict(level, state)) == ((counter,), end)


def test_a_lock_keeps_others_out_until_it_is_given_back() -> None:
    level = made({name: ["lock counter", *ADD, "unlock counter"] for name in "AB"})
    inside = played(level, "AA")
    assert statuses(level, inside) == ["ready", "blocked"]
    assert choices(level, inside) == [0]
    assert statuses(level, played(level, "AAAAA")) == ["done", "ready"]
    assert verdict(level, played(level, "AAAAABBBBB")) == "right"


def test_who_takes_a_lock_twice_is_stuck() -> None:
    level = made({"A": ["lock tea", "lock tea"], "B": ["compute 1"]}, "deadlock")
    assert verdict(level, played(level, "AB")) == "deadlock"


def test_a_deadlock_is_no_deadlock_while_somebody_can_go_on() -> None:
    crossed = {"A": ["lock milk", "lock tea"], "B": ["lock tea", "lock milk"]}
    level = made(crossed | {"C": ["compute 2"]}, "deadlock")
    assert verdict(level, played(level, "ABC")) == ""
    assert verdict(level, played(level, "ABCC")) == "deadlock"


def test_what_counts_as_lost_can_be_given() -> None:
    content = {
        "cores": 1,
        "threads": {"A": ADD * 2, "B": ADD * 2},
        "memory": {"counter": 0},
        "right": {"counter": 4},
        "goal": {"kind": "lose", "to": {"counter": 2}},
    }
    level = Level.read(content)
    assert verdict(level, played(level, "AAAAAABBBBBB")) == "right"
    assert verdict(level, played(level, "AAABABABABBB")) == "other"
    assert verdict(level, played(level, "ABABABABABAB")) == "lost"


# Every order, by another way ---------------------------------------------------------------------------


def interleavings(first: int, second: int) -> Iterator[str]:
    """Yield all orders of so many turns of A and B."""
    for places in itertools.combinations(range(first + second), first):
        yield "".join("A" if at in places else "B" for at in range(first + second))


def by_hand(
    order: str, steps: dict[str, list[str]], memory: dict[str, int]
) -> dict[str, int] | None:
    """Run an order, line by line; None if it can't be run so, because of a lock."""
    memory, register, taken = dict(memory), dict.fromkeys(steps, 0), set[str]()
    left = {name: iter(lines) for name, lines in steps.items()}
    for name in order:
        does, what = next(left[name]).split()
        if does == "read":
            register[name] = memory[what]
        elif does == "add":
            register[name] += int(what)
        elif does == "write":
            memory[what] = register[name]
        elif does == "lock":
            if what in taken:
                return None
            taken.add(what)
        elif does == "unlock":
            taken.remove(what)
    return memory


@pytest.mark.parametrize("name", ["lose", "lose_most", "two_locks"])
def test_the_search_finds_what_all_orders_come_to(name: str) -> None:
    level = levels()[name]
    steps: dict[str, list[str]] = level["threads"]
    ends = [
        by_hand(order, steps, level["memory"]) for order in interleavings(*map(len, steps.values()))
    ]
    wanted = level["goal"].get("to")
    reached = [end for end in ends if (end == wanted if wanted else end != level["right"])]
    found = every_order(name)
    assert (found.orders, found.reached) == (len(ends), len(reached))


@pytest.mark.parametrize("name", DEFENDED)
def test_the_search_finds_what_all_orders_of_a_plan_come_to(name: str) -> None:
    level = levels()[name]
    a, b = level["threads"].values()
    for plans in itertools.product(a, b):
        steps = {"A": a[plans[0]], "B": b[plans[1]]}
        orders = interleavings(len(steps["A"]), len(steps["B"]))
        ends = [end for order in orders if (end := by_hand(order, steps, level["memory"]))]
        wrong = sum(end != level["right"] for end in ends)
        made_level = Level.read(level, plans)
        found = search(made_level)
        stuck = found.orders - len(ends)  # the orders that don't reach their end
        assert found.reached == wrong + stuck, plans
        assert stuck == 0 or name == "order", plans


def test_the_words_say_how_many() -> None:
    assert repr(every_order("lose")) == "18 of 20 orders (27 situations on the way)"


# The levels -------------------------------------------------------------------------------------------


def test_the_file_fits_its_schema() -> None:
    schema = HERE / "levels.schema.json"
    content = {"levels": levels()}
    check(content, schema)
    for wrong in ("jump 3", "compute 0", "add 0", "read", "lock 1", "wait 2 "):
        level = levels()["lose"] | {"threads": {"A": [wrong], "B": ["compute 1"]}}
        with pytest.raises(Unfit):
            check({"levels": {"wrong": level}}, schema)
    for lacking in ("memory", "right", "hints", "after"):
        level = {key: value for key, value in levels()["lose"].items() if key != lacking}
        with pytest.raises(Unfit):
            check({"levels": {"wrong": level}}, schema)


@pytest.mark.parametrize("name", levels())
def test_a_level_holds_together(name: str) -> None:
    content = levels()[name]
    plain = not content.get("start")
    plans = [[""] if plain else list(own) for own in content["threads"].values()]
    for chosen in itertools.product(*plans):
        level = Level.read(content, () if plain else chosen)
        named = {what for what, _ in level.memory}
        assert [what for what, _ in level.right] == [what for what, _ in level.memory]
        assert level.goal != "meet" or all(level.by)
        for steps in level.steps:
            held: list[str] = []
            for does, what, _ in steps:
                assert does not in ("read", "write") or what in named
                assert does != "wait" or level.goal == "meet"  # or else idling might go on for ever
                if does == "lock":
                    held.append(what)
                elif does == "unlock":
                    held.remove(what)
            assert not held
        one_by_one = begin(level)  # in a row, nothing goes wrong
        for thread in range(len(level.names)):
            while level.goal != "meet" and status(level, one_by_one, thread) == "ready":
                one_by_one = move(level, one_by_one, thread)
        assert level.goal == "meet" or verdict(level, one_by_one) == "right"


@pytest.mark.parametrize("name", SOLVED)
def test_a_level_can_be_solved_and_can_be_missed(name: str) -> None:
    level = Level.read(levels()[name])
    found = search(level)
    assert 0 < found.reached < found.orders
    state = begin(level)
    for thread in found.example:
        assert thread in choices(level, state)
        state = move(level, state, thread)
    assert verdict(level, state) in REACHED[level.goal]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        (
            "place",
            {
                ("counter's lock, from read to write",) * 2,
                ("door's lock, from read to write",) * 2,
            },
        ),
        ("order", {("left's lock, then right's",) * 2, ("right's lock, then left's",) * 2}),
    ],
)
def test_only_one_lock_or_one_order_of_locks_is_safe_and_then_no_order_breaks_it(
    name: str, safe: set[tuple[str, ...]]
) -> None:
    threads = levels()[name]["threads"]
    found = {plans: every_order(name, *plans) for plans in itertools.product(*threads.values())}
    assert {plans for plans, one in found.items() if not one.reached} == safe
    assert every_order(name).reached  # as it stands at first
    for plans, one in found.items():
        level = Level.read(levels()[name], plans)
        assert bool(one.example) == bool(one.reached)
        letters = "".join(level.names[thread] for thread in one.example)
        if letters:
            assert verdict(level, played(level, letters)) in ("lost", "deadlock")


# What the levels say ----------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [2, 3])
def test_no_order_of_two_threads_that_add_more_than_once_gets_below_two(times: int) -> None:
    steps = {"A": ADD * times, "B": ADD * times}
    ends = {
        by_hand(order, steps, {"counter": 0})["counter"]  # type: ignore[index]
        for order in interleavings(3 * times, 3 * times)
    }
    assert min(ends) == 2


def test_an_order_of_a_hundred_additions_each_leaves_two() -> None:
    steps = {"A": ADD * 100, "B": ADD * 100}
    order = "A" + "BBB" * 99 + "AA" + "B" + "AAA" * 99 + "BB"
    assert by_hand(order, steps, {"counter": 0}) == {"counter": 2}


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(1, 9)), min_size=2, max_size=4
    )
)
def test_the_earliest_deadline_first_meets_all_that_any_order_meets(
    tasks: list[tuple[int, int, int]],
) -> None:
    names = "ABCD"[: len(tasks)]
    threads = {
        name: [f"wait {at}"] * (at > 0) + [f"compute {much}"]
        for name, (at, much, _) in zip(names, tasks, strict=True)
    }
    by = dict(zip(names, (due for *_, due in tasks), strict=True))
    level = made(threads, "meet", by=by)
    state = begin(level)
    while free := choices(level, state):
        ready = sorted((level.by[thread], thread) for thread in free if thread != NOBODY)
        state = move(level, state, ready[0][1] if ready else NOBODY)
    assert (verdict(level, state) == "met") == (search(level).reached > 0)


# The widget -------------------------------------------------------------------------------------------


def test_the_browser_gets_the_levels_that_were_asked_for() -> None:
    widget = scheduler("place", "lose")
    assert isinstance(widget, Scheduler)
    assert [level["title"] for level in widget.facts["levels"]] == [
        "Place the lock",
        "Lose an update",
    ]
    assert widget.facts["levels"][1] == levels()["lose"]
    assert len(scheduler().facts["levels"]) == len(levels())


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: scheduler("win"), "^a level must be one of 'fill', 'cores'"),
        (lambda: scheduler(""), "^a level must be one of"),
        (lambda: scheduler("lose", "lose"), "^each level may be there once"),
        (lambda: every_order("win"), "^name must be one of"),
        (lambda: every_order("lose", "no lock", "no lock"), "^plans of level 'lose' must be none"),
        (lambda: every_order("place", "no lock"), "^plans of level 'place' must be one for each"),
        (
            lambda: every_order("place", "no lock", "luck"),
            "^the plan of B must be one of 'no lock'",
        ),
    ],
)
def test_a_game_that_cannot_be(act: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        act()

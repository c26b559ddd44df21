"""Orders of steps: which there are, what comes out, and what this machine does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from course_lib import Task, machine, run, why_not
from course_lib.machine import allowed_cpus
from course_lib.programs import luck, parallel_loop, store_buffer
from course_lib.programs.interleavings import STUCK, outcomes
from course_lib.programs.luck import ADDED, Rounds, count, tickets, transfers, verdict
from course_lib.programs.store_buffer import Litmus, litmus

FREE = why_not("free_threads") is None
SEVERAL = len(allowed_cpus()) > 1
ADD = (["r1 = x", "x = r1 + 1"], ["r2 = x", "x = r2 + 1"])
STORES = (["x = 1", "r1 = y"], ["y = 1", "r2 = x"])
MESSAGE = (["x = 1", "y = 1"], ["r1 = y", "r2 = x"])
OPPOSITE = (
    ["lock a", "lock b", "unlock b", "unlock a"],
    ["lock b", "lock a", "unlock a", "unlock b"],
)


def counts(*threads: Sequence[str], **options: Any) -> dict[str, int]:
    return {name: count for name, (count, _) in outcomes(*threads, **options).found.items()}


# All orders -------------------------------------------------------------------------------------------


def test_increments_that_meet_are_lost() -> None:
    assert counts(*ADD, show="x") == {"x=1": 4, "x=2": 2}
    assert counts(["x = x + 1"], ["x = x + 1"]) == {"x=2": 2}  # as one step, none is


def test_as_many_orders_as_there_are_ways_to_mix_two_lists() -> None:
    for length in (1, 2, 3, 5):
        threads = ["x = 1"] * length, ["y = 1"] * length
        assert outcomes(*threads).orders == math.comb(2 * length, length)


def test_sequential_consistency_and_store_buffers() -> None:
    old = "r1=0 r2=0"
    assert set(counts(*STORES)) == {"r1=0 r2=1", "r1=1 r2=0", "r1=1 r2=1"}
    assert set(counts(*STORES, buffered=True)) == {*counts(*STORES), old}
    fenced = (["x = 1", "fence", "r1 = y"], ["y = 1", "fence", "r2 = x"])
    assert set(counts(*fenced, buffered=True)) == set(counts(*STORES))
    # A buffer keeps the order of what is written: who sees the second sees the first.
    assert "r1=1 r2=0" not in outcomes(*MESSAGE)
    assert set(counts(*MESSAGE, buffered=True)) == set(counts(*MESSAGE))


def test_a_core_sees_what_is_in_its_own_buffer() -> None:
    assert set(counts(["x = 1", "x = 2", "r1 = x"], buffered=True)) == {"r1=2"}


def test_locks_taken_in_opposite_order_can_be_stuck() -> None:
    found = outcomes(*OPPOSITE)
    assert STUCK in found
    assert set(counts(*OPPOSITE)) == {"done", STUCK}
    assert counts(OPPOSITE[0], OPPOSITE[0]) == {"done": 2}
    guarded = tuple(["lock m", *thread, "unlock m"] for thread in ADD)
    assert set(counts(*guarded, show="x")) == {"x=2"}


def test_an_example_leads_to_its_outcome() -> None:
    for name, (_, order) in outcomes(*ADD, show="x").found.items():
        x = 0
        registers: dict[str, int] = {}
        for who in order.split():
            if who in registers:
                x = registers[who] + 1
            else:
                registers[who] = x
        assert name == f"x={x}"


def test_outcomes_are_a_table() -> None:
    page = outcomes(*ADD, show="x")._repr_mimebundle_()["text/html"]
    assert "<caption>6 orders</caption>" in page
    assert '<th scope="row">x=1</th><td>4</td>' in page


@pytest.mark.parametrize(
    ("threads", "error"),
    [
        ((["x += 1"],), "a step must be one like 'x = 1'"),
        ((["x = __import__('os')"],), "a step must be one like"),
        (([3],), "a step must be one like"),
        ((["x = 1"] * 13,), "threads must have 1 to 12 steps together, not 13"),
        ((), "threads must have 1 to 12 steps together, not 0"),
        ((["unlock m"],), "doesn't hold m"),
        ((["x = 1"],) * 12, "50,000 orders at most, and these have 479,001,600"),
    ],
)
def test_steps_that_can_not_be(threads: Any, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        outcomes(*threads)


def test_with_buffers_there_is_room_for_half_as_many_writes() -> None:
    with pytest.raises(ValueError, match="counts twice, not 14"):
        outcomes(["x = 1"] * 7, buffered=True)


# Luck -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", [tickets, transfers])
def test_programs_run_to_their_end_and_count_wrong_rounds(program: Any) -> None:
    found = program(rounds=50)
    assert found.rounds == 50
    assert 0 <= found.wrong <= 50
    assert found.cores == min(2, len(allowed_cpus()))
    assert f"wrong in {found.wrong:g} of 50 rounds" in repr(found)


def test_on_several_cores_tickets_get_lost() -> None:
    if SEVERAL:
        assert any(tickets(rounds=300).wrong for _ in range(8))
    else:
        assert "There is one core" in tickets(rounds=1).note


@pytest.mark.parametrize("program", [tickets, transfers])
def test_on_one_core_they_mostly_work(program: Any) -> None:
    if machine().can_pin or not SEVERAL:
        assert min(program(1, rounds=100).wrong for _ in range(3)) < 50
    else:
        assert program(1).rounds == 0


def test_sold_one_by_one_nothing_is_lost(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory").write_bytes(bytes(8 * (luck.ROUND + 3)))
    monkeypatch.setattr(luck, "_meet", lambda cells, me: None)
    for me in (0, 1):
        luck._sell(str(tmp_path), me, 3)
    cells = memoryview((tmp_path / "memory").read_bytes()).cast("q").tolist()
    assert cells[luck.ROUND :] == [2 * luck.TICKETS] * 3


def test_where_a_system_pins_nothing_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(luck, "allowed_cpus", lambda: [0, 1])
    monkeypatch.setattr(luck, "machine", lambda: type("M", (), {"can_pin": False})())
    found = tickets(cores=1)
    assert math.isnan(found.wrong)
    assert repr(found) == found.note != ""
    assert "can't be decided" in verdict(found, Rounds("tickets", 2, 200, 200))


@pytest.mark.parametrize("arguments", [{"cores": 2}, {"cores": 0}, {"rounds": 0}, {"rounds": 2001}])
def test_rounds_that_can_not_be(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        tickets(**arguments)


@pytest.mark.parametrize(
    ("one", "many", "said"),
    [
        (0, 190, "Luck: wrong in 0 of 200 rounds on one core, in 190 of 200 on 2"),
        (10, 40, "Luck"),
        (60, 150, "goes wrong on one core as well"),
        (0, 1, "Luck"),
        (0, 0, "Not seen this time"),
        (9, 3, "Not seen this time"),
    ],
)
def test_the_verdict_follows_from_the_counts(one: int, many: int, said: str) -> None:
    before, after = Rounds("tickets", 1, one, 200), Rounds("tickets", 2, many, 200)
    assert said in verdict(before, after)


def test_one_core_decides_nothing() -> None:
    one = Rounds("tickets", 1, 0, 200, "There is one core.")
    assert verdict(one, one) == "This can't be decided on this machine. There is one core."


@pytest.mark.parametrize("model", ["threads"] + ["free_threads"] * FREE)
def test_a_counter_that_two_threads_share(model: str) -> None:
    for _ in range(2):  # it begins at 0 each time
        one, other = run([Task(name, count) for name in "AB"], model).results
        assert one == other
        assert ADDED / 100 < one <= 2 * ADDED
        if model == "threads" and machine().gil:
            assert one == 2 * ADDED


# The litmus test --------------------------------------------------------------------------------------


def test_with_a_fence_nobody_reads_two_old_values() -> None:
    if not SEVERAL:
        assert "one core" in str(store_buffer.why_not())
        return
    found = litmus(fenced=True, rounds=50_000)
    assert 0 < found.rounds <= 50_000
    assert found.both_old == 0
    assert litmus(rounds=1000).rounds <= 1000


def test_it_stops_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    if len(allowed_cpus()) < 2:
        monkeypatch.setattr(store_buffer, "allowed_cpus", lambda: [0, 1])
    monkeypatch.setattr(store_buffer, "LIMIT", 0.0)
    assert litmus(rounds=10_000_000).rounds < 10_000_000


def test_what_the_litmus_test_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_buffer, "allowed_cpus", lambda: [0])
    with pytest.raises(RuntimeError, match="one core"):
        litmus()
    monkeypatch.setattr(store_buffer, "allowed_cpus", lambda: [0, 1])
    monkeypatch.setattr(parallel_loop, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="pip install numba"):
        litmus()
    with pytest.raises(ValueError, match="rounds must be 1 to"):
        litmus(rounds=0)


@pytest.mark.parametrize(
    ("plain", "fenced", "said"),
    [
        (300, 0, "Refuted here: 300 times in 1,000 rounds"),
        (0, 0, "That proves nothing"),
        (300, 2, "a fence failed"),
    ],
)
def test_the_verdict_on_sequential_consistency(plain: int, fenced: int, said: str) -> None:
    def seen(both_old: int) -> Litmus:
        return Litmus(False, (both_old, 400, 600 - both_old, 0))

    assert said in store_buffer.verdict(seen(plain), seen(fenced))
    page = seen(plain)._repr_mimebundle_()["text/html"]
    assert f"r1 = 0, r2 = 0</th><td>{plain}</td>" in page
    assert np.sum(seen(plain).counts) == seen(plain).rounds == 1000

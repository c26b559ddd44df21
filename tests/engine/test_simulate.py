"""The simulated machine: known answers to the nanosecond, and what must hold for any tasks.

Sources: the bursts 24, 3, 3 and 6, 8, 7, 3 are those of Silberschatz, Galvin and Gagne, "Operating
System Concepts", chapter on CPU scheduling; the bounds are those of R. L. Graham, "Bounds for
Certain Multiprocessing Anomalies", Bell System Technical Journal 45 (1966).
"""

from __future__ import annotations

import heapq
import math
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import Task, Trace, compute, wait
from course_lib.simulate import POLICIES, simulate
from course_lib.tasks import Compute, Wait


def bursts(*lengths: float, at: tuple[float, ...] = ()) -> list[Task]:
    starts = at or (0.0,) * len(lengths)
    return [
        Task(f"P{n}", compute(x), at=t)
        for n, (x, t) in enumerate(zip(lengths, starts, strict=True))
    ]


def runs(trace: Trace, kind: str = "run") -> list[tuple[int, float, float]]:
    """Return who ran, from when to when."""
    chosen = trace.spans[trace.spans["kind"] == kind]
    return [(int(s["task"]), float(s["start"]), float(s["stop"])) for s in chosen]


# Known answers ----------------------------------------------------------------------------------------


def test_round_robin() -> None:
    trace = simulate(bursts(24, 3, 3), policy="rr", quantum=4)
    assert trace.waiting.tolist() == [6, 4, 7]
    assert round(trace.waiting.mean(), 2) == 5.67
    assert round(trace.turnaround.mean(), 2) == 15.67
    assert trace.response.tolist() == [0, 4, 7]
    assert runs(trace) == [(0, 0, 4), (1, 4, 7), (2, 7, 10), (0, 10, 30)]


@pytest.mark.parametrize(
    ("lengths", "policy", "waiting"),
    [
        ((24, 3, 3), "fifo", 17),
        ((24, 3, 3), "sjf", 3),
        ((3, 3, 24), "fifo", 3),
        ((6, 8, 7, 3), "sjf", 7),
    ],
)
def test_mean_waiting(lengths: tuple[float, ...], policy: str, waiting: float) -> None:
    assert simulate(bursts(*lengths), policy=policy).waiting.mean() == waiting


def test_shortest_time_to_completion_preempts() -> None:
    """The example of the same chapter: bursts 8, 4, 9, 5, which arrive one second apart."""
    trace = simulate(bursts(8, 4, 9, 5, at=(0, 1, 2, 3)), policy="stcf")
    assert trace.waiting.tolist() == [9, 0, 15, 2]
    assert simulate(bursts(8, 4, 9, 5, at=(0, 1, 2, 3)), policy="sjf").waiting.mean() == 7.75


def test_a_wait_overlaps_a_computation() -> None:
    tasks = [Task("P0", compute(1), wait(5), compute(1)), Task("P1", compute(4))]
    trace = simulate(tasks)
    assert (trace.makespan, trace.cpu) == (7, 6)
    assert runs(trace) == [(0, 0, 1), (1, 1, 5), (0, 6, 7)]
    assert runs(trace, "wait") == [(0, 1, 6)]


def test_who_arrives_as_a_quantum_ends_is_ahead_of_the_preempted() -> None:
    trace = simulate(bursts(4, 2, at=(0, 2)), policy="rr", quantum=2)
    assert runs(trace) == [(0, 0, 2), (1, 2, 4), (0, 4, 6)]
    back = [Task("A", compute(1), wait(1), compute(1)), Task("B", compute(2))]
    assert runs(simulate(back, policy="rr", quantum=1)) == [
        (0, 0, 1),
        (1, 1, 2),
        (0, 2, 3),
        (1, 3, 4),
    ]


def test_ties_go_by_arrival_then_by_the_list() -> None:
    tasks = [Task("late", compute(2), at=1), Task("B", compute(2)), Task("A", compute(2))]
    for policy in POLICIES:
        order = [
            who
            for who, *_ in runs(
                simulate(tasks, policy=policy, quantum=9 if policy == "rr" else None)
            )
        ]
        assert order == [1, 2, 0], policy


def test_switching_costs_time_on_a_core_that_had_another_task() -> None:
    trace = simulate(bursts(2, 1), policy="rr", quantum=1, switch_cost=0.1)
    assert runs(trace, "switch") == [(1, 1, 1.1), (0, 2.1, 2.2)]
    assert trace.makespan == 3.2
    assert trace.cpu == 3.2
    assert trace.tasks["cpu"].tolist() == [2, 1]


def test_python_code_takes_turns_with_the_gil_and_native_code_does_not() -> None:
    python = simulate(bursts(0.02, 0.02), 2, gil=True)
    assert [round(stop - start, 9) for _, start, stop in runs(python)] == [0.005] * 8
    assert python.parallelism == 1
    assert simulate(bursts(0.02, 0.02), 2, gil=0.02).waiting.tolist() == [0, 0.02]
    native = [Task(name, compute(1, "native")) for name in "AB"]
    assert simulate(native, 2, gil=True).makespan == 1
    mixed = [Task("A", compute(1)), Task("B", compute(1, "native"), compute(1))]
    assert simulate(mixed, 2, gil=True).makespan == 2


def test_who_waits_for_the_gil_gets_it_an_interval_after_asking() -> None:
    tasks = [Task("A", compute(1)), Task("B", wait(0.4), compute(0.1))]
    assert runs(simulate(tasks, 2, gil=0.25)) == [(0, 0, 0.65), (1, 0.65, 0.75), (0, 0.75, 1.1)]


def test_a_quota_throttles_until_the_next_period() -> None:
    trace = simulate(bursts(0.1, 0.1), 2, quota=0.5)
    assert runs(trace)[:4] == [(0, 0, 0.025), (1, 0, 0.025), (0, 0.1, 0.125), (1, 0.1, 0.125)]
    assert trace.makespan == 0.325
    assert simulate(bursts(1.0), 2, quota=2).makespan == 1


def test_workers_bound_the_tasks_in_flight_and_a_wait_keeps_its_worker() -> None:
    tasks = [Task(name, wait(1)) for name in "ABCD"]
    assert simulate(tasks).makespan == 1
    trace = simulate(tasks, workers=2)
    assert (trace.makespan, trace.concurrency) == (2, 2)
    assert trace.spans["worker"].tolist() == [0, 1, 0, 1]


def test_split_cuts_each_computation_evenly_and_runs_task_after_task() -> None:
    tasks = [Task("A", compute(3), wait(1)), Task("B", compute(3))]
    trace = simulate(tasks, 3, split=True)
    assert (trace.makespan, trace.concurrency) == (3, 1)
    assert trace.cpu == 6
    assert trace.waiting.tolist() == [0, 2]  # time in which several cores run it counts once
    assert simulate(tasks, 2, split=True, workers=3).makespan == 2 + 1 + 2


@pytest.mark.parametrize("policy", ["fifo", "rr", "stcf"])
@pytest.mark.parametrize("gil", [None, 0.15])
def test_a_quota_that_can_not_bind_changes_nothing(policy: str, gil: float | None) -> None:
    quantum = 0.15 if policy == "rr" else None
    tasks = [*bursts(0.4, 0.3, 0.2), Task("W", wait(0.1), compute(0.1))]
    free, bound = (
        simulate(tasks, 1, policy, quantum, 0.01, gil=gil, quota=quota) for quota in (None, 1)
    )
    assert (free.spans == bound.spans).all()
    assert (free.tasks == bound.tasks).all()


def test_a_quantum_and_a_switch_interval_go_on_after_a_throttling() -> None:
    turns = [(0, 0, 0.004), (0, 0.1, 0.101), (1, 0.101, 0.104)]
    assert runs(simulate(bursts(0.012, 0.012), policy="rr", quota=0.04))[:3] == turns
    assert runs(simulate(bursts(0.012, 0.012), gil=True, quota=0.04))[:3] == turns


def test_a_switch_goes_on_after_a_throttling() -> None:
    trace = simulate(bursts(0.05, 0.02), quota=0.5, switch_cost=0.01)
    assert runs(trace, "switch") == [(1, 0.1, 0.11)]
    assert runs(trace) == [(0, 0, 0.05), (1, 0.11, 0.13)]
    assert trace.tasks["start"].tolist() == [0, 0.11]
    assert trace.cpu == 0.08
    cut = simulate(bursts(0.045, 0.02), quota=0.5, switch_cost=0.01)  # in the midst of a switch
    assert runs(cut, "switch") == [(1, 0.045, 0.05), (1, 0.1, 0.105)]
    assert cut.tasks["start"].tolist() == [0, 0.105]


def test_a_quota_of_less_than_a_nanosecond_a_core_is_saved_up() -> None:
    tasks = [Task(f"{n}", compute(1e-7)) for n in range(100)]
    trace = simulate(tasks, 100, quota=1.99e-6)  # 199 ns in each period, for 10,000 ns of work
    assert 4.9 <= trace.makespan <= 5.1
    assert simulate(bursts(1e-8, 1e-8), 2, quota=1e-8).makespan == pytest.approx(1.8)


def test_who_would_end_later_is_preempted_its_switch_included() -> None:
    start = Task("C", compute(1))
    longer = [start, Task("A", compute(5), at=0.5), Task("B", compute(5.2), at=1.5)]
    assert runs(simulate(longer, policy="stcf", switch_cost=1)) == [
        (0, 0, 1),
        (1, 2, 7),
        (2, 8, 13.2),
    ]
    shorter = [start, Task("A", compute(5), at=0.5), Task("B", compute(2), at=1.5)]
    trace = simulate(shorter, policy="stcf", switch_cost=1)
    assert runs(trace) == [(0, 0, 1), (2, 2.5, 4.5), (1, 5.5, 10.5)]
    assert trace.tasks["start"].tolist() == [0, 5.5, 2.5]  # A's first switch led to nothing
    for policy in ("fifo", "stcf"):
        parts = simulate(bursts(1, 1), policy=policy, split=True, workers=2, switch_cost=0.5)
        assert parts.makespan == 2.5, policy


def test_who_needs_the_gil_no_longer_or_finds_it_free_stays_on_its_core() -> None:
    tasks = [Task("A", compute(1), compute(1, "native")), Task("B", compute(1, "native"))]
    assert simulate(tasks, gil=True).tasks["finish"].tolist() == [2, 3]
    back = [Task("A", compute(1, "native"), compute(1)), Task("B", compute(5, "native"))]
    assert simulate(back, gil=True).tasks["finish"].tolist() == [2, 7]


def test_ties_of_who_comes_back_from_a_wait() -> None:
    tasks = [
        Task("Z", compute(3)),
        Task("A", wait(2), compute(1)),
        Task("B", wait(1), compute(1)),
    ]
    assert simulate(tasks, policy="sjf").tasks["finish"].tolist() == [3, 4, 5]
    three = [Task("A", compute(1)), Task("B", wait(1), compute(1)), Task("C", compute(1))]
    assert simulate(three, workers=2).tasks["finish"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("machine", [{"gil": 1e6}, {"quota": 1}])
def test_a_simulation_ends_with_its_last_task(machine: dict[str, float]) -> None:
    trace = simulate(bursts(0.01, 0.02), **machine)  # type: ignore[arg-type]
    assert trace.end == trace.makespan == 0.03


# For any tasks ----------------------------------------------------------------------------------------

LENGTHS = st.integers(0, 20).map(lambda n: n / 10)
STEPS = st.lists(
    st.one_of(
        st.builds(compute, LENGTHS, st.sampled_from(("python", "native"))), st.builds(wait, LENGTHS)
    ),
    min_size=1,
    max_size=4,
)
TASKS = st.lists(st.tuples(STEPS, LENGTHS), min_size=1, max_size=8).map(
    lambda rows: [Task(f"T{n}", *steps, at=at) for n, (steps, at) in enumerate(rows)]
)
MACHINES = st.fixed_dictionaries(
    {
        "cores": st.integers(1, 4),
        "policy": st.sampled_from(POLICIES),
        "switch_cost": st.sampled_from((0.0, 0.05)),
        "workers": st.none() | st.integers(1, 4),
        "split": st.booleans(),
        "gil": st.sampled_from((None, True, 0.3)),
        "quota": st.sampled_from((None, 0.5, 1.5, 9.0)),
    }
)


def seconds(task: Task, kind: type[Compute | Wait]) -> float:
    return sum((s.seconds for s in task.steps if isinstance(s, kind)), 0.0)


@given(TASKS, MACHINES)
def test_what_holds_on_every_machine(tasks: list[Task], machine: dict[str, Any]) -> None:
    quantum = 0.5 if machine["policy"] == "rr" else None
    trace = simulate(tasks, **machine, quantum=quantum)
    assert trace.outcomes == ("done",) * len(tasks)
    spans, rows = trace.spans, trace.tasks
    assert (rows["arrival"] <= rows["start"]).all()
    assert (rows["start"] <= rows["finish"]).all()
    lasting = spans["stop"] - spans["start"]
    for n, task in enumerate(tasks):
        ran = lasting[(spans["task"] == n) & (spans["kind"] == "run")].sum()
        waited = lasting[(spans["task"] == n) & (spans["kind"] == "wait")].sum()
        assert math.isclose(ran, seconds(task, Compute), abs_tol=1e-6)
        assert math.isclose(waited, seconds(task, Wait), abs_tol=1e-6)
    on_core = spans[spans["core"] >= 0]
    assert (on_core["core"] < machine["cores"]).all()
    for core in range(machine["cores"]):
        own = np.sort(on_core[on_core["core"] == core], order=["start", "stop"])
        assert (own["start"][1:] >= own["stop"][:-1] - 1e-9).all()
    again = simulate(tasks, **machine, quantum=quantum)
    assert (again.spans == spans).all()
    if not trace.makespan:
        return  # nothing to do, so there is no mean
    if machine["workers"] and not machine["split"]:
        assert trace.concurrency <= machine["workers"] + 1e-6
    if machine["split"]:
        assert trace.concurrency <= 1 + 1e-6


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.integers(1, 6))
def test_fifo_is_list_scheduling_and_keeps_grahams_bound(lengths: list[int], cores: int) -> None:
    trace = simulate(bursts(*lengths), cores)
    ends = [0] * cores  # list scheduling: each job to the core that is free first
    for length in lengths:
        heapq.heapreplace(ends, ends[0] + length)
    assert trace.makespan == max(ends)
    total, longest = sum(lengths), max(lengths)
    assert max(total / cores, longest) <= trace.makespan + 1e-9
    assert trace.makespan <= total / cores + longest + 1e-9


@given(TASKS, st.integers(1, 4), st.sampled_from(POLICIES))
def test_grahams_bound_holds_for_tasks_that_wait(
    tasks: list[Task], cores: int, policy: str
) -> None:
    """While a core is idle, each task that isn't done computes or waits: the longest gets shorter."""
    now = [Task(task.name, *task.steps) for task in tasks]
    makespan = simulate(now, cores, policy).makespan
    total = sum(seconds(task, Compute) for task in now)
    longest = max(seconds(task, Compute) + seconds(task, Wait) for task in now)
    assert max(total / cores, longest) <= makespan + 1e-6
    assert makespan <= total / cores + longest + 1e-6


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.lists(st.integers(0, 9), min_size=6))
def test_shortest_time_to_completion_waits_least(lengths: list[int], arrivals: list[int]) -> None:
    """On one core, no policy has a shorter mean turnaround (Schrage, 1968)."""
    tasks = bursts(*lengths, at=tuple(arrivals[: len(lengths)]))
    best = simulate(tasks, policy="stcf").turnaround.mean()
    for policy in ("fifo", "sjf", "rr"):
        other = simulate(tasks, policy=policy, quantum=1 if policy == "rr" else None)
        assert best <= other.turnaround.mean() + 1e-9


def test_the_cost_grows_as_n_log_n(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that grows faster than the tasks is a heap's log n: so its operations are counted."""
    count = 0

    def counted(act: Any) -> Any:
        def counting(*arguments: Any) -> Any:
            nonlocal count
            count += 1
            return act(*arguments)

        return counting

    class Counting:
        heappush, heappop = map(counted, (heapq.heappush, heapq.heappop))

    monkeypatch.setattr(sys.modules["course_lib.simulate"], "heapq", Counting)
    for cores, policy in ((1, "fifo"), (8, "rr"), (1024, "fifo"), (1024, "stcf")):
        for many in (500, 5_000):
            tasks = [Task(f"T{n}", compute(0.001 * (n % 7 + 1)), at=n * 1e-6) for n in range(many)]
            count = 0
            simulate(tasks, cores, policy, 0.002 if policy == "rr" else None)
            assert many < count <= 25 * many, (cores, policy, many)


# Bad input --------------------------------------------------------------------------------------------


MANY = [Task(f"{n}", compute(0.1)) for n in range(100)]


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"cores": 0}, ValueError, "cores must be 1 to"),
        ({"cores": 1_000_000}, ValueError, "cores must be 1 to 100,000, not 1,000,000"),
        ({"cores": 1.5}, TypeError, "cores must be a whole number"),
        ({"policy": "lifo"}, ValueError, "policy must be one of 'fifo'"),
        ({"quantum": 1}, ValueError, "goes with policy 'rr' only"),
        ({"policy": "rr", "quantum": 0}, ValueError, "quantum must be more than 0"),
        ({"policy": "rr", "quantum": math.nan}, ValueError, "quantum must be more than 0 seconds"),
        ({"policy": "rr", "quantum": 1e-9}, ValueError, "slices"),
        ({"switch_cost": -1}, ValueError, "switch_cost must be a finite number"),
        ({"workers": 0}, ValueError, "workers must be 1 to"),
        ({"gil": 0.0}, ValueError, "gil must be more than 0"),
        ({"quota": 0}, ValueError, "quota must be more than 0"),
        ({"quota": 1e-7}, ValueError, "it would take 300,000,000 periods of 0.1 s"),
        ({"quota": 1e-9}, ValueError, "it would take inf periods"),
        ({"tasks": [Task("A", wait(1e9))], "quota": 1}, ValueError, "20,000,000,000 periods"),
        ({"quota": "1"}, TypeError, "quota must be more than 0 cores"),
        (
            {"quota": "half"},
            TypeError,
            r"quota must be more than 0 cores \(1e-09 to 1e\+09\), not 'half'",
        ),
        ({"quota": 1e-10}, ValueError, r"1e-09 to 1e\+09\), not 1e-10"),
        ({"quota": 2, "switch_cost": 1e8}, ValueError, "periods of 0.1 s"),
        ({"split": True, "workers": 100_000, "tasks": MANY}, ValueError, "10,000,000 parts"),
        ({"split": 1}, TypeError, "split must be True or False"),
        ({"tasks": []}, ValueError, "tasks must hold 1 to"),
        ({"tasks": [Task("A", print)]}, TypeError, "can't be simulated"),
        ({"tasks": [Task("A", wait(1)), Task("A", wait(1))]}, ValueError, "name twice"),
    ],
)
def test_bad_input_is_refused(changed: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        simulate(**{"tasks": bursts(1.0, 2.0)} | changed)

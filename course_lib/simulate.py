"""The machine you don't have: the same tasks on any number of cores, played out step by step.

A simulation is a heap of what comes next. The clock jumps from one moment to the next; at each, what
ends or arrives is dealt with, and then cores that are free take from the tasks that are ready.
Nothing is random, so the same tasks give the same trace, to the nanosecond.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from course_lib.tasks import (
    LONGEST,
    Compute,
    Task,
    Wait,
    duration,
    number,
    one_of,
    task_list,
    whole,
)

if TYPE_CHECKING:
    from course_lib.trace import Trace

__all__ = ["POLICIES", "simulate"]

#: Who of the ready gets a core: who came first · who has the least to compute · the same, asked anew
#: whenever one gets ready · who came first, but only for a quantum.
POLICIES = ("fifo", "sjf", "stcf", "rr")

SWITCH = 5_000_000  # ns: Python's switch interval, and the quantum of "rr", unless given
PERIOD = 100_000_000  # ns: in each such period a quota gives so much CPU time; Linux's default
MOST_CORES = 100_000
MOST_SLICES = 5_000_000

#: What happens first where several things happen at the same moment.
END, READY, EXPIRE, REFILL, THROTTLE = range(5)


def simulate(
    tasks: Iterable[Task],
    cores: int = 1,
    policy: str = "fifo",
    quantum: float | None = None,
    switch_cost: float = 0.0,
    *,
    workers: int | None = None,
    split: bool = False,
    gil: bool | float | None = None,
    quota: float | None = None,
) -> Trace:
    """Run tasks on a machine that need not exist, and return the trace of what would happen.

    Ties go by arrival, then by the order in the list. A task that gets ready as a quantum ends
    queues ahead of the one that is preempted, and that one goes to the tail.

    Parameters
    ----------
    tasks : iterable of Task
        At least one; no name twice. Their steps compute or wait: a callable can't be simulated.
    cores : int
        How many cores the machine has.
    policy : {"fifo", "sjf", "stcf", "rr"}
        First in, first out · shortest job first (by all of a task's computing) · shortest time to
        completion first, which preempts who would take longer · round-robin.
    quantum : float, optional
        Seconds after which "rr" preempts a task, if another is ready. None: 0.005.
    switch_cost : float
        Seconds that a core needs to turn from one task to another.
    workers : int, optional
        How many tasks may be in flight; None: all of them. A wait keeps its worker and frees its
        core. With `split`, into how many parts a computation is cut; None: one a core.
    split : bool
        Task after task, each computation cut evenly over the workers, as model "data_parallel" does.
    gil : bool or float, optional
        Whether pure Python code needs the one GIL; a number is its switch interval in seconds (True:
        0.005). It is asked for once another task waits for it. Who gives up its core gives up the GIL.
    quota : float, optional
        How many cores' worth of CPU time there is in each period of 0.1 s: once used up, all tasks
        are throttled until the next period.

    Returns
    -------
    Trace
        Of model "simulate". Its CPU time is what tasks computed and what switching cost.

    Raises
    ------
    ValueError, TypeError
        If an argument can't be.

    Examples
    --------
    >>> from course_lib import Task, compute, wait
    >>> trace = simulate([Task("P0", compute(1), wait(5), compute(1)), Task("P1", compute(4))])
    >>> trace.makespan, trace.cpu
    (7.0, 6.0)
    """
    given = task_list(tasks)
    for task in given:
        for step in task.steps:
            if not isinstance(step, Compute | Wait):
                raise TypeError(
                    f"a step of task {task.name!r} is {step!r}, which can't be simulated: "
                    "how long would it take? Use compute(...) and wait(...)"
                )
    cores = whole("cores", cores, 1, MOST_CORES)
    one_of("policy", policy, POLICIES)
    if quantum is not None and policy != "rr":
        raise ValueError(f"quantum={quantum!r} goes with policy 'rr' only, not with {policy!r}")
    if workers is not None:
        workers = whole("workers", workers, 1, MOST_CORES)
    if not isinstance(split, bool):
        raise TypeError(f"split must be True or False, not {split!r}")
    machine = Simulation(
        given,
        cores,
        policy,
        quantum=SWITCH if quantum is None else _positive("quantum", quantum),
        switch_cost=_ns(duration("switch_cost", switch_cost)),
        workers=workers if not split else 1,
        parts=(workers or cores) if split else 1,
        gil=None
        if gil is None or gil is False
        else SWITCH
        if gil is True
        else _positive("gil", gil),
        quota=None if quota is None else _positive("quota", quota, "cores"),
    )
    machine.play()
    return machine.trace(workers, None if quota is None else float(quota))


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


def _positive(what: str, value: object, unit: str = "seconds") -> int:
    """Return a number of seconds (or of cores, for a second) above 0 in nanoseconds."""
    allowed = f"more than 0 {unit} (1e-09 to {LONGEST:.0e})"
    return _ns(number(what, value, allowed, lambda found: 1e-9 <= found <= LONGEST))


@dataclass(slots=True, eq=False)
class Life:
    """What a task has before it, and what it has done. Times are nanoseconds."""

    index: int
    arrival: int
    steps: deque[tuple[str, int]]  # "wait", "python" or "native", and how long
    left: int  # computing that is still to do
    total: int
    start: int | None = None
    finish: int | None = None
    parts: int = 0  # of the present computation that are not done
    spans: list[tuple[int, int, int, int, str]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Job:
    """A computation of a task, or a part of one: what a core is given."""

    life: Life
    worker: int
    left: int
    needs_gil: bool
    core: int = -1  # where it runs, or ran last
    quantum: int = 0  # what is left of it, from `since` on
    given: int = 0  # when it was given that core, or went on after a throttling
    since: int = 0  # when the core has turned to it
    turn: int = 0  # how often it went on or was halted: events of an earlier turn are void
    running: bool = False


class Simulation:
    """A machine in mid-run."""

    def __init__(
        self,
        tasks: tuple[Task, ...],
        cores: int,
        policy: str,
        *,
        quantum: int,
        switch_cost: int,
        workers: int | None,
        parts: int,
        gil: int | None,
        quota: int | None,
    ) -> None:
        self.tasks, self.cores, self.policy = tasks, cores, policy
        self.quantum, self.switch_cost, self.parts, self.gil = quantum, switch_cost, parts, gil
        self.now = self.count = 0
        self.events: list[tuple[int, int, int, int, int, Callable[[], object]]] = []
        self.free = list(range(cores))  # a heap; a core in it may have been taken (see `taken`)
        self.taken = bytearray(cores)
        self.last: list[int | None] = [None] * cores  # which task a core had last
        self.turning = [0] * cores  # what a core still needs, to turn to that task
        self.workers = list(range(min(workers or len(tasks), len(tasks))))
        self.queue: deque[Life] = deque()  # tasks that have arrived, and have no worker yet
        #: Jobs that are ready: those that need the GIL, and the others.
        self.ready: tuple[list[tuple[int, int, int, int, Job]], ...] = ([], [])
        self.holder: Job | None = None  # of the GIL
        self.asked = False  # whether the holder is to give it up
        self.due = 0  # when, or, while it is halted, after how long
        self.longest: list[tuple[int, int, Job, int]] = []  # running ones, for "stcf"
        self.busy: dict[int, Job] = {}  # by core
        self.budget = None if quota is None else quota * PERIOD // 1_000_000_000
        self.used = self.counted = 0  # CPU time of this period, and until when it is counted
        self.throttled = False
        self.expected = 0  # how often throttling was expected: earlier expectations are void
        self.lives = [_life(index, task, gil is not None) for index, task in enumerate(tasks)]
        self.unfinished = len(tasks)
        computations = sum(kind != "wait" for life in self.lives for kind, _ in life.steps)
        jobs, work = computations * parts, sum(life.total for life in self.lives)
        if jobs > MOST_SLICES:
            raise ValueError(
                f"this would be cut into {jobs:,} parts, and {MOST_SLICES:,} are the most: make the "
                "workers fewer, or the tasks"
            )
        slices = work / min(quantum if policy == "rr" else math.inf, gil or math.inf)
        if slices > MOST_SLICES:
            raise ValueError(
                f"this may be cut into {slices:,.0f} slices, and {MOST_SLICES:,} are the most: "
                "make the quantum (or the GIL's switch interval) longer, or the tasks shorter"
            )
        switching = switch_cost * (slices + 2 * jobs)  # at most
        if self.budget is not None and (periods := self.periods(work + switching)) > MOST_SLICES:
            raise ValueError(
                f"with this quota it would take {periods:,.0f} periods of 0.1 s, and "
                f"{MOST_SLICES:,} are the most: make the quota larger, or the tasks shorter"
            )

    def periods(self, work: float) -> float:
        """Return how many of a quota's periods there may be, at most, with so much CPU time."""
        waits = [sum(ns for kind, ns in life.steps if kind == "wait") for life in self.lives]
        longest = max(life.arrival + own for life, own in zip(self.lives, waits, strict=True))
        if not self.budget:
            return math.inf if work else longest / PERIOD
        return work / self.budget + (longest + sum(waits) / len(self.workers)) / PERIOD

    def play(self) -> None:
        """Go from moment to moment till all is done."""
        for life in self.lives:
            self.at(life.arrival, READY, life, partial(self.arrive, life))
        if self.budget is not None:
            self.at(PERIOD, REFILL, self.lives[0], self.refill)
        while self.unfinished:
            self.now = self.events[0][0]
            while self.events and self.events[0][0] == self.now:
                heapq.heappop(self.events)[-1]()
            self.dispatch()

    def at(self, time: int, first: int, life: Life, act: Callable[[], object]) -> None:
        """Let something happen later."""
        self.count += 1
        heapq.heappush(self.events, (time, first, life.arrival, life.index, self.count, act))

    # A task's way -----------------------------------------------------------------------------

    def arrive(self, life: Life) -> None:
        """Give a task a worker, or let it queue for one."""
        if self.workers:
            self.go_on(life, heapq.heappop(self.workers))
        else:
            self.queue.append(life)

    def go_on(self, life: Life, worker: int) -> None:
        """Begin a task's next step; without one it is done, and its worker takes the next task."""
        if not life.steps:
            life.finish = self.now
            self.unfinished -= 1
            if self.queue:
                self.go_on_in_turn(self.queue.popleft(), worker)
            else:
                heapq.heappush(self.workers, worker)
            return
        kind, length = life.steps.popleft()
        if kind == "wait":
            self.started(life, self.now)
            life.spans.append((worker, -1, self.now, self.now + length, "wait"))
            self.at(self.now + length, READY, life, partial(self.go_on, life, worker))
            return
        life.parts = self.parts
        for part in range(self.parts):
            share = length // self.parts + (part < length % self.parts)
            place = worker if self.parts == 1 else part
            self.get_ready(Job(life, place, share, self.needs_gil(kind)))

    def go_on_in_turn(self, life: Life, worker: int) -> None:
        """Begin a task's next step at this moment, after those that are before it in order."""
        self.at(self.now, READY, life, partial(self.go_on, life, worker))

    def needs_gil(self, kind: str) -> bool:
        return self.gil is not None and kind == "python"

    def started(self, life: Life, time: int) -> None:
        if life.start is None:
            life.start = time

    # Ready ------------------------------------------------------------------------------------

    def get_ready(self, job: Job) -> None:
        """Queue for a core."""
        self.count += 1
        rank = {"sjf": job.life.total, "stcf": job.life.left}.get(self.policy)
        order = (self.count, 0, 0) if rank is None else (rank, job.life.arrival, job.life.index)
        heapq.heappush(self.ready[not job.needs_gil], (*order, self.count, job))

    def next_ready(self) -> tuple[list[tuple[int, int, int, int, Job]], Job] | None:
        """Return who is next, and of which heap; None if nobody can run."""
        heaps = [heap for heap in self.ready[self.holder is not None :] if heap]
        if not heaps:
            return None
        heap = min(heaps, key=lambda heap: heap[0])
        return heap, heap[0][-1]

    def dispatch(self) -> None:
        """Give free cores to ready jobs; with "stcf", also cores of those with more to do."""
        while not self.throttled and (found := self.next_ready()):
            heap, job = found
            core = self.free_core(job)
            if core is None and (self.policy != "stcf" or not self.make_room(job)):
                break
            if core is not None:
                heapq.heappop(heap)
                self.run(job, core)
        if self.gil is not None and self.holder and self.ready[0] and not self.asked:
            self.asked = True
            self.ask_for_gil(self.holder, self.gil)

    def free_core(self, job: Job) -> int | None:
        """Return the core where the job ran last, if that is free; else the first free one."""
        if job.core >= 0 and not self.taken[job.core]:
            return job.core
        while self.free and self.taken[self.free[0]]:
            heapq.heappop(self.free)
        return self.free[0] if self.free else None

    def make_room(self, job: Job) -> bool:
        """Preempt the running job that would be the last to end, if this one would end sooner."""
        while self.longest and self.longest[0][3] != self.longest[0][2].turn:
            heapq.heappop(self.longest)
        if not self.longest:
            return False
        end, _, other, _ = self.longest[0]
        turning = self.switch_cost if job.life is not other.life else max(0, other.since - self.now)
        if -end - self.now <= turning + job.life.left:
            return False
        self.preempt(heapq.heappop(self.longest)[2])
        return True

    def ask_for_gil(self, holder: Job, interval: int) -> None:
        """Let the holder of the GIL give it up after this time, in which it may run."""
        self.due = max(self.now, holder.since) + interval
        self.at(self.due, EXPIRE, holder.life, self.if_still(holder, self.preempt))

    # Running ----------------------------------------------------------------------------------

    def run(self, job: Job, core: int) -> None:
        """Let a core run a job, from now on, or once it has turned to it."""
        self.count_used()
        if self.last[core] not in (None, job.life.index):
            self.turning[core] = self.switch_cost
        job.core, job.quantum = core, self.quantum
        self.taken[core], self.last[core], self.busy[core] = 1, job.life.index, job
        self.resume(job)

    def resume(self, job: Job) -> None:
        """Let a job go on where it is: it keeps what is left of its quantum, and the GIL."""
        job.given, job.since = self.now, self.now + self.turning[job.core]
        job.turn, job.running = job.turn + 1, True
        if self.holder is job and self.asked:
            self.ask_for_gil(job, self.due)
        elif job.needs_gil:
            self.holder, self.asked = job, False
        self.expect_end(job)
        if self.policy == "stcf":
            self.count += 1
            heapq.heappush(self.longest, (-job.since - job.life.left, -self.count, job, job.turn))
        self.expect_throttling()

    def expect_end(self, job: Job) -> None:
        """See to it that a job is taken from its core when it is done, or its quantum is over."""
        if self.policy == "rr" and job.quantum < job.left:
            over = job.since + job.quantum
            self.at(over, EXPIRE, job.life, self.if_still(job, self.expire))
        else:
            self.at(job.since + job.left, END, job.life, self.if_still(job, self.end))

    def if_still(self, job: Job, act: Callable[[Job], object]) -> Callable[[], object]:
        """Return what does the act, if the job then is still in this turn on a core."""
        turn = job.turn

        def still() -> None:
            if job.running and job.turn == turn:
                act(job)

        return still

    def halt(self, job: Job) -> None:
        """Note what a running job has done until now."""
        self.count_used()
        here, begin = (job.worker, job.core), min(job.since, self.now)
        if begin > job.given:
            job.life.spans.append((*here, job.given, begin, "switch"))
            self.turning[job.core] -= begin - job.given
        if (done := self.now - begin) or (not job.left and begin == job.since):
            self.started(job.life, begin)
            job.life.spans.append((*here, begin, self.now, "run"))
        if self.holder is job and self.asked:
            self.due -= max(self.now, job.since)
        job.left -= done
        job.life.left -= done
        job.quantum -= done
        job.turn += 1
        job.running = False

    def release(self, job: Job) -> None:
        """Let go of the GIL, if the job has it."""
        if self.holder is job:
            self.holder, self.asked = None, False

    def leave(self, job: Job) -> None:
        """Take a job from its core."""
        self.halt(job)
        del self.busy[job.core]
        self.taken[job.core] = 0
        heapq.heappush(self.free, job.core)
        self.release(job)
        self.expect_throttling()

    def preempt(self, job: Job) -> None:
        """Send a job from its core to the tail of those that are ready."""
        self.leave(job)
        self.get_ready(job)

    def expire(self, job: Job) -> None:
        """End a quantum: others first, if there are any that could use this core."""
        if self.ready[1] or (self.ready[0] and self.holder in (None, job)):
            self.preempt(job)
        else:
            job.quantum = self.now - job.since + self.quantum
            self.expect_end(job)

    def end(self, job: Job) -> None:
        """End a computation; the last part of one leads to the task's next step."""
        life = job.life
        computes = bool(life.steps) and life.steps[0][0] != "wait"
        if computes and self.parts == 1:
            needs_gil = self.needs_gil(life.steps[0][0])
            if not needs_gil or self.holder is None:  # nothing keeps it from going on where it is
                self.halt(job)
                self.release(job)
                job.left, job.needs_gil = life.steps.popleft()[1], needs_gil
                self.resume(job)
                return
        self.leave(job)
        life.parts -= 1
        if not life.parts:
            go_on = self.go_on_in_turn if computes else self.go_on
            go_on(life, job.worker if self.parts == 1 else 0)

    # The quota --------------------------------------------------------------------------------

    def count_used(self) -> None:
        if not self.throttled:
            self.used += len(self.busy) * (self.now - self.counted)
        self.counted = self.now

    def expect_throttling(self) -> None:
        """Find out anew when the quota will be used up: more or fewer run than before."""
        if self.budget is None or not self.busy or self.throttled:
            return
        self.expected += 1
        left = -(-max(0, self.budget - self.used) // len(self.busy))  # rounded up
        act = partial(self.throttle, self.expected)
        self.at(self.now + left, THROTTLE, self.lives[0], act)

    def throttle(self, expected: int) -> None:
        """Stop all that run, where they are, till the next period."""
        if self.expected == expected and self.busy and not self.throttled:
            for job in self.busy.values():
                self.halt(job)
            self.throttled = True

    def refill(self) -> None:
        """Begin a period with its CPU time, but for the nanoseconds that were used too many."""
        assert self.budget is not None
        self.count_used()
        self.used = max(0, self.used - self.budget)
        if self.throttled and self.used < self.budget:
            self.throttled = False
            for job in self.busy.values():
                self.resume(job)
        self.expect_throttling()
        if self.unfinished:
            self.at(self.now + PERIOD, REFILL, self.lives[0], self.refill)

    # What has happened ------------------------------------------------------------------------

    def trace(self, workers: int | None, quota: float | None) -> Trace:
        """Return the trace."""
        from course_lib.trace import Trace

        rows, spans, cpu = [], [], 0
        for life, task in zip(self.lives, self.tasks, strict=True):
            start, finish = (life.start or 0) / 1e9, (life.finish or 0) / 1e9
            cpu += life.total
            rows.append((task.name, life.arrival / 1e9, start, finish, life.total / 1e9))
            for worker, core, begin, stop, kind in gaps_filled(life):
                cpu += (stop - begin) * (kind == "switch")
                spans.append((life.index, worker, core, begin / 1e9, stop / 1e9, kind))
        return Trace.build(
            rows,
            spans,
            cpu=cpu / 1e9,
            end=self.now / 1e9,
            model="simulate",
            workers=workers,
            cores=self.cores,
            usable_cores=min(float(self.cores), quota or math.inf),
        )


def _life(index: int, task: Task, tell_apart: bool) -> Life:
    """Return a task's steps, those of one kind that follow each other made one."""
    steps: deque[tuple[str, int]] = deque()
    for step in task.steps:
        kind = "wait" if isinstance(step, Wait) else "python"
        if isinstance(step, Compute) and tell_apart:
            kind = step.kind
        assert isinstance(step, Compute | Wait)  # `simulate` has looked
        length = _ns(step.seconds)
        if steps and steps[-1][0] == kind != "wait":
            length += steps.pop()[1]
        steps.append((kind, length))
    total = sum(length for kind, length in steps if kind != "wait")
    return Life(index, _ns(task.at), steps, total, total)


def gaps_filled(life: Life) -> Iterator[tuple[int, int, int, int, str]]:
    """Yield a task's spans, and between them, where it could have run but didn't, "ready"."""
    last = life.start or 0
    for span in sorted(life.spans, key=lambda span: span[2]):
        if span[2] > last:
            yield span[0], -1, last, span[2], "ready"
        yield span
        last = max(last, span[3])

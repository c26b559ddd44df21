"""Many connections to a service that is slow to answer: one at a time, on threads, on an event loop.

The client is a process of its own, so that its CPU time and its memory are its own. Over each
connection it asks, and asks again as soon as it has got its answer.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from course_lib.patience import Line, told
from course_lib.programs.crowd import allowed
from course_lib.programs.many_asks import DELAY
from course_lib.service import helper, service
from course_lib.tables import Sheet
from course_lib.tasks import duration, one_of, whole

if TYPE_CHECKING:
    from course_lib.pictures import Picture

__all__ = ["DELAY", "WAYS", "Replies", "replies", "replies_chart", "replies_table"]

WAYS = ("sequential", "threads", "async")
MOST = 10_000
SPARE = 0.2  # cores: with less left, the machine is full
TELLING = 64  # connections or replies, from which on one's share can be told


@dataclass(frozen=True)
class Replies:
    """What a client got over its connections.

    Attributes
    ----------
    wanted, connections : int
        How many connections there should be, and how many there were.
    count : int
        How many replies came.
    throughput : float
        Replies a second, as long as questions were asked.
    seconds : float
        From the first question to the last reply.
    cpu : float
        CPU seconds that the client used meanwhile. The service's are not in it.
    memory : float
        Bytes by which the client grew: the connections, and all that waits at them.
    latency, slowest : float
        Seconds from a question to its reply: on average, and at most.
    limit : str
        Why there are no more connections; empty if there are as many as wanted.
    rest : float
        How many cores the service and all other programs kept busy meanwhile.
    """

    way: str
    wanted: int
    connections: int
    count: int
    throughput: float
    seconds: float
    cpu: float
    memory: float
    latency: float
    slowest: float
    limit: str
    rest: float = 0.0

    @property
    def parallelism(self) -> float:
        """Mean number of cores busy with the client."""
        return self.cpu / self.seconds

    @property
    def each(self) -> float:
        """Bytes for each connection; NaN if they are too few to tell."""
        return self.memory / self.connections if self.connections >= TELLING else math.nan

    @property
    def cost(self) -> float:
        """CPU seconds for each reply."""
        return self.cpu / self.count

    @property
    def noise(self) -> str:
        """Say who kept this machine's cores busy, if none was left."""
        cores = os.cpu_count() or 1
        if self.parallelism + self.rest < cores - SPARE:
            return ""
        return (
            f"{self.connections:,} connections, {self.way}: hardly a core was free. The client kept "
            f"{self.parallelism:.2f} busy, the service and all other programs {self.rest:.2f}, "
            f"of {cores}."
        )


def replies(way: str, connections: int = 8, *, seconds: float = 1.0) -> Replies:
    """Ask a slow service over so many connections, and return what came of it.

    Parameters
    ----------
    way : {"sequential", "threads", "async"}
        One connection after the other; a thread for each; a coroutine for each, on one thread.
    connections : int
        1 to 10,000. There are fewer if the system allows no more.
    seconds : float
        For how long questions are asked: above 0, to 4.

    Raises
    ------
    ValueError, TypeError
        If an argument is none of these.
    RuntimeError
        If the client or the service came to grief.
    """
    one_of("way", way, WAYS)
    wanted = whole("connections", connections, 1, MOST)
    if not 0 < duration("seconds", seconds) <= 4:
        raise ValueError(f"seconds must be more than 0 and at most 4, not {seconds!r}")
    count, why = wanted, ""
    if way == "threads" and (most := allowed())[0] < wanted:
        count, why = int(most[0]), most[1]
    command = (f"{__package__}.many_asks", way, str(count), str(seconds))
    with Line() as line, helper(*command) as client, service() as port:
        assert client.stdin
        print(port, file=client.stdin, flush=True)
        found = json.loads(told(client, line, f"{count:,} connections, {way}"))
    found["limit"] = found["limit"] or why
    return Replies(way, wanted, **found)


def replies_table(*found: Replies) -> Sheet:
    """Put clients beside each other, a row each."""
    rows = [
        (
            f"{one.connections:,}",
            one.way,
            f"{one.count:,}",
            f"{one.throughput:,.0f}",
            f"{one.latency * 1e3:.0f} ms",
            f"{one.parallelism:.2f}",
            "–" if math.isnan(one.each) else f"{one.each / 1e3:.1f} kB",
            "–" if one.count < TELLING else f"{one.cost * 1e6:.0f} µs",
        )
        for one in found
    ]
    head = ("connections", "way", "replies", "replies a second", "a reply took", "cores busy")
    limits = dict.fromkeys(
        f"{one.wanted:,} were wanted: {one.limit}." for one in found if one.limit
    )
    return Sheet(
        f"a service that answers after {DELAY * 1e3:g} ms",
        (*head, "memory a connection", "CPU time a reply"),
        tuple(rows),
        " ".join([*limits, *(one.noise for one in found if one.noise)]),
    )


def replies_chart(*found: Replies) -> Picture:
    """Draw how many replies a second came, over the number of connections."""
    from course_lib.pictures import curves

    sizes = sorted({one.connections for one in found})
    measured = {}
    for way in dict.fromkeys(one.way for one in found):
        points = sorted((one.connections, one.throughput) for one in found if one.way == way)
        measured[way] = ([x for x, _ in points], [y for _, y in points])
    return curves(
        measured,
        calculated={"if only waits took time": (sizes, [size / DELAY for size in sizes])},
        across="connections",
        up="replies a second",
        logarithmic=True,
    )

"""How far the archive's measured speed-up is off Amdahl's law, and whether fits find the true P.

Where other programs use the machine, rows say how much: then aims that are missed mean little.
"""

from __future__ import annotations

from course_lib import laws, machine
from course_lib.programs.amdahl import measure
from tests.benchmarks.table import Row

FRACTIONS = (0.5, 0.75, 0.9)


def rows(quick: bool = False) -> list[Row]:
    """Measure each program again and again, on two workers; no rows without two usable cores."""
    if machine().usable_cores < 2:
        return []
    repeats, budget = (1, 0.5) if quick else (10, 4.5)
    found = []
    for p in FRACTIONS:
        curves = [measure(p, [2], budget=budget) for _ in range(repeats)]
        off = [100 * (curve.points[0][1] / laws.amdahl(p, 2) - 1) for curve in curves]
        fits = [curve.fit() for curve in curves]
        missed = sum(not fit.interval[0] <= p <= fit.interval[1] for fit in fits)
        found += [
            Row(f"P = {p}: the speed-up is below the law's by", "%", [-each for each in off], 7.0),
            Row(f"P = {p}: above it by", "%", off, 2.0),
            Row(
                f"P = {p}: overhead, of one worker's time", "%", [100 * c.overhead for c in curves]
            ),
            Row(
                f"P = {p}: width of the interval",
                "",
                [fit.interval[1] - fit.interval[0] for fit in fits],
            ),
            Row(f"P = {p}: intervals without the true P, of {repeats}", "", [missed], 1.0),
            Row(f"P = {p}: used by other programs", "%", [100 * c.others for c in curves]),
        ]
    return found

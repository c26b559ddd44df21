"""How near measured speed-ups come to Amdahl's law, and whether the fit finds the true fraction.

The program's parallel fraction is known by counting. The interval is from the repeats, and from the
overhead that the same program showed without a serial part. A repeat is quiet if there was no
stated reason for another speed-up: no other programs, and no other CPU time for the same work.
"""

from __future__ import annotations

from course_lib import laws
from course_lib.programs.archive import archive
from course_lib.scaling import scaling, worker_counts
from tests.benchmarks.table import Row

FRACTIONS = (0.5, 0.75, 0.9)


def rows(quick: bool = False) -> list[Row]:
    """Measure each fraction several times, each time beside a program that is all parallel."""
    repeats, budget = (1, 0.2) if quick else (10, 1.5)
    most = worker_counts()[-1]
    counts = worker_counts() if most > 1 else (1, 2)  # on one core, the fit has nothing to find
    found = []
    for asked in FRACTIONS:
        work, control = archive(asked, 0.2), archive(1.0, 0.2)
        truth, off, quiet, outside, blind = work.parallel_fraction, [], [], 0, 0
        for _ in range(repeats):
            overhead = laws.overhead(*scaling(control.close, counts, budget=budget).rounds)
            seen = scaling(work.close, counts, budget=budget)
            low, high = laws.fit_amdahl(*seen.rounds, overhead=overhead).interval
            outside += not low <= truth <= high
            low, high = laws.fit_amdahl(*seen.rounds, overhead=0).interval
            blind += not low <= truth <= high
            off.append(100 * (seen.best[most] / laws.amdahl(truth, most) - 1))
            quiet += off[-1:] * (not seen.noise and not seen.work)
        by = "speed-up, off Amdahl's law, by the quickest runs"
        found.append(Row(f"P = {asked}: {by}", "%", off))
        if quiet:
            said = f"of {len(quiet)} quiet repeats"
            found += [
                Row(f"P = {asked}: most that it is below, {said}", "%", [-min(quiet)], 7.0),
                Row(f"P = {asked}: most that it is above, {said}", "%", [max(quiet)], 2.0),
            ]
        found += [
            Row(f"P = {asked}: outside its interval, of {repeats}", "", [outside], 1.0),
            Row(f"P = {asked}: the same without the overhead", "", [blind]),
        ]
    return found

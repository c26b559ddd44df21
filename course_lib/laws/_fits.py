"""What the laws make of measured points: a value, and how far it may be off."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from course_lib.laws._formulas import usl_peak
from course_lib.laws._ranges import ABOVE_0, FROM_0, FROM_1, Array, checked
from course_lib.tasks import shown

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Fit(NamedTuple):
    """A value, and the interval from repeats that holds the true one in 19 of 20 cases."""

    value: float
    interval: tuple[float, float]

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.3g} ({low:.3g} to {high:.3g})"


class UslFit(NamedTuple):
    """What `fit_usl` finds: contention, coherency, and where they put the peak."""

    contention: Fit
    coherency: Fit
    peak: Fit


class _Points(NamedTuple):
    """Measured points; of each the number of its round, if they were given in rounds."""

    workers: Array
    speedup: Array
    rounds: NDArray[np.intp] | None

    def where(self, which: NDArray[np.bool_]) -> _Points:
        rounds = None if self.rounds is None else self.rounds[which]
        return _Points(self.workers[which], self.speedup[which], rounds)

    @property
    def many(self) -> _Points:
        """Those of more than one worker, which alone tell of what can't be divided."""
        if not np.any(self.workers > 1):
            raise ValueError(
                f"workers must be more than 1 in some measurement, not {self.workers.tolist()}"
            )
        return self.where(self.workers > 1)

    @property
    def lost(self) -> Array:
        """Of each, by how much it took longer than its share, in times on one worker."""
        return 1 / self.speedup - 1 / self.workers


def overhead(workers: ArrayLike, speedup: ArrayLike) -> Fit:
    """Return what a program *without* a serial part loses: the mean of 1/S − 1/N, and its interval.

    It is a share of the time on one worker: handing out work, waiting for the last worker, cores
    that aren't whole ones. Below 0, the program gained more than it was given workers: cores are
    not alike, or were disturbed. `fit_amdahl` takes it as its `overhead`. A worker alone, beside
    others, is the measure itself, and says nothing of it. Rounds are told as in `fit_amdahl`.

    Examples
    --------
    >>> print(overhead([2, 2], [1.9, 1.9]))
    0.0263 (0.0263 to 0.0263)
    """
    points = _points(workers, speedup)
    if not points.workers.size:
        raise ValueError("workers must hold a measurement, not none")
    if (points.workers > 1).any():
        points = points.many
    (mean,), (half,) = _least_squares(np.ones((len(points.workers), 1)), points.lost, points)
    return Fit(float(mean), (float(mean - half), float(mean + half)))


def fit_amdahl(workers: ArrayLike, speedup: ArrayLike, overhead: Fit | float | None = None) -> Fit:
    """Find the parallel fraction that fits measured speed-ups best.

    Parameters
    ----------
    workers, speedup : arrays of one shape
        A pair a measurement; repeats are pairs of their own. With two dimensions, a row is a round,
        in which all speed-ups come from the same run on a single worker. One worker alone says
        nothing of P, but what it lost, 1/S − 1, is overhead.
    overhead : Fit or float, optional
        The share of the time on one worker that was spent on top of the computing, as the function
        `overhead` finds it. By default what the points of one worker lost, if there are any.

    Returns
    -------
    Fit
        The value counts overhead as serial work. Its interval covers noise, as it shows in repeats
        and other deviations, and reaches from where P would be without that to where it would be
        without the overhead, at the ends of the overhead's own interval. From a single round, or
        a single pair with more than one worker, noise can't be told: then it is all of 0 to 1.

    Notes
    -----
    Least squares on 1/S − 1/N = (1 − P)(1 − 1/N), weighted by S², as disturbances grow with the
    time; the interval is Student's, for 95 %. Within a round, what slowed or sped the run on one
    worker is in every speed-up. So with rounds the interval is also worked out from how they differ
    from each other, by the cluster-robust variance (Cameron and Miller, 2015, *A Practitioner's Guide
    to Cluster-Robust Inference*) with as many degrees of freedom as rounds but one, and the wider of
    the two holds.

    Examples
    --------
    >>> print(fit_amdahl([2, 2, 2], [1.79, 1.82, 1.81]))
    0.893 (0.87 to 0.916)
    >>> print(fit_amdahl([2, 2, 2], [1.79, 1.82, 1.81], overhead=0.01))
    0.893 (0.87 to 0.936)
    """
    points = _points(workers, speedup)
    lost = _lost(points, overhead)
    points = points.many
    column = (1 - 1 / points.workers)[:, None]
    share, _ = _least_squares(column, points.lost, points)
    ends = []
    for away in (min(0.0, *lost), max(0.0, *lost)):
        if np.isinf(away):  # an overhead that was measured only once may be anything
            ends.append(away)
            continue
        serial, half = _least_squares(column, points.lost - away, points)
        ends += [1 - serial[0] - half[0], 1 - serial[0] + half[0]]
    return Fit(_within(1 - share[0]), (_within(min(ends)), _within(max(ends))))


def fit_usl(workers: ArrayLike, speedup: ArrayLike) -> UslFit:
    """Find the contention and the coherency that fit measured speed-ups best.

    Parameters
    ----------
    workers, speedup : arrays of one shape
        A pair a measurement, or a row a round, as for `fit_amdahl`. Only up to the usable cores:
        beyond them the lack of cores would pass for contention.

    Returns
    -------
    UslFit
        Below 3 different numbers of workers (one of them 1), contention and coherency can't be told
        apart: then contention stands for both, and the intervals begin at 0.

    Notes
    -----
    Least squares on 1/S − 1/N = σ(1 − 1/N) + κ(N − 1), as in `fit_amdahl`; neither is below 0.
    The peak's interval is from both at their upper to both at their lower ends.

    Examples
    --------
    >>> from course_lib.laws import usl
    >>> n = [1, 2, 4, 8, 16]
    >>> print(fit_usl(n, usl(n, 0.05, 0.01)).peak)
    9.75 (9.75 to 9.75)
    """
    points = _points(workers, speedup).many
    n, lost = points.workers, points.lost
    columns = np.stack([1 - 1 / n, n - 1], axis=1)
    one = [_least_squares(columns[:, [i]], lost, points) for i in (0, 1)]  # each without the other
    if len(np.unique(n)) > 1:
        found, half = _least_squares(columns, lost, points)
        for negative, other in ((0, 1), (1, 0)):
            if found[negative] < 0:  # it is 0 then, give or take
                found[negative] = 0.0
                found[other], half[other] = (float(part[0]) for part in one[other])
        low, high = found - half, found + half
    else:
        found = np.array([one[0][0][0], 0.0])
        low, high = np.zeros(2), np.array([value[0] + margin[0] for value, margin in one])
    found, low, high = (np.clip(each, 0, [1, inf]) for each in (found, low, high))
    contention, coherency = (
        Fit(float(f), (float(a), float(b))) for f, a, b in zip(found, low, high, strict=True)
    )
    lowest = usl_peak(*high) if np.isfinite(high[1]) else 0.0
    peak = Fit(usl_peak(*found), (lowest, usl_peak(*low)))
    return UslFit(contention, coherency, peak)


def _lost(points: _Points, given: Fit | float | None) -> tuple[float, float]:
    """Return between what the overhead lies; by default what the points of one worker lost."""
    if isinstance(given, Fit):
        low, high = given.interval
        if not low <= high:  # NaN among them
            raise ValueError(f"overhead must have an interval from low to high, not {given!r}")
        return low, high
    if given is None:
        alone = points.where(points.workers == 1)
        given = max(0.0, overhead(*alone[:2]).value) if alone.workers.size else 0.0
    (found,) = checked(overhead=(given, FROM_0))
    if found.ndim:
        raise ValueError(f"overhead must be a Fit or one number, not {shown(given)}")
    value = float(found)
    return value, value


def _least_squares(columns: Array, lost: Array, points: _Points) -> tuple[Array, Array]:
    """Return the coefficients, and how far each may be off: half the interval, 95 %."""
    weight, found = points.speedup, np.empty(0)
    for _ in range(3):  # weights from the fit, not from the noise
        found = np.asarray(np.linalg.lstsq(columns * weight[:, None], lost * weight)[0], float)
        fitted = 1 / points.speedup - lost + columns @ found
        weight = 1 / np.maximum(fitted, 1e-9)
    weighted, off = columns * weight[:, None], weight * (lost - columns @ found)
    inverse = np.linalg.pinv(weighted.T @ weighted)
    free = len(lost) - columns.shape[1]
    half = _margin(free, np.sum(off**2) / max(free, 1) * inverse)
    if points.rounds is not None:
        numbers = np.unique(points.rounds)
        pulls = np.array([off[points.rounds == n] @ weighted[points.rounds == n] for n in numbers])
        free = len(numbers) - 1
        spread = inverse @ pulls.T @ pulls @ inverse * len(numbers) / max(free, 1)
        half = np.maximum(half, _margin(free, spread))
    return found, half


def _margin(free: int, covariance: Array) -> Array:
    """Return half the interval, with so many degrees of freedom; no clock is finer than its least."""
    if free < 1:
        return np.full(len(covariance), inf)
    return np.maximum(_student(free) * np.sqrt(np.diag(covariance)), 1e-9)


def _student(free: int) -> float:
    """Return Student's t for a two-sided interval of 95 %."""
    table = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
    # From 11 on by Abramowitz and Stegun 26.7.5, right to three decimals.
    return (
        table[free - 1]
        if free <= len(table)
        else 1.96 + 2.372 / free + 2.823 / free**2 + 2.556 / free**3
    )


def _points(workers: ArrayLike, speedup: ArrayLike) -> _Points:
    """Return measured points; ValueError if they aren't pairs."""
    (n,), (s,) = checked(workers=(workers, FROM_1)), checked(speedup=(speedup, ABOVE_0))
    if n.shape != s.shape or n.ndim > 2:
        raise ValueError(
            f"workers and speedup must be pairs, one a measurement, not of shapes {n.shape} and {s.shape}"
        )
    rounds = np.repeat(np.arange(n.shape[0]), n.shape[1]) if n.ndim == 2 else None
    return _Points(n.reshape(-1), s.reshape(-1), rounds)


def _within(share: float) -> float:
    return float(min(max(share, 0.0), 1.0))

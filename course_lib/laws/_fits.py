"""What the laws make of measured points: a value, and how far it may be off."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from course_lib.laws._formulas import usl_peak
from course_lib.laws._ranges import ABOVE_0, FROM_0, FROM_1, Array, checked

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


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


def overhead(workers: ArrayLike, speedup: ArrayLike) -> Fit:
    """Return what a program *without* a serial part loses: the mean of 1/S − 1/N, and its interval.

    It is a share of the time on one worker: handing out work, waiting for the last worker, cores
    that aren't whole ones. Below 0, the program gained more than it was given workers: cores are
    not alike, or were disturbed. `fit_amdahl` takes it as its `overhead`. A worker alone, beside
    others, is the measure itself, and says nothing of it.

    Examples
    --------
    >>> print(overhead([2, 2], [1.9, 1.9]))
    0.0263 (0.0263 to 0.0263)
    """
    n, s = _points(workers, speedup)
    if not n.size:
        raise ValueError("workers must hold a measurement, not none")
    if (n > 1).any():
        n, s = _many(n, s)
    (mean,), (half,) = _least_squares(np.ones((len(n), 1)), 1 / s - 1 / n, s)
    return Fit(float(mean), (float(mean - half), float(mean + half)))


def fit_amdahl(workers: ArrayLike, speedup: ArrayLike, overhead: Fit | float | None = None) -> Fit:
    """Find the parallel fraction that fits measured speed-ups best.

    Parameters
    ----------
    workers, speedup : arrays of one length
        A pair a measurement; repeats are pairs of their own. One worker alone says nothing of P,
        but what it lost, 1/S − 1, is overhead.
    overhead : Fit or float, optional
        The share of the time on one worker that was spent on top of the computing, as the function
        `overhead` finds it. By default what the points of one worker lost, if there are any.

    Returns
    -------
    Fit
        The value counts overhead as serial work. Its interval covers noise, as it shows in repeats
        and other deviations, and reaches from where P would be without that to where it would be
        without the overhead, at the ends of the overhead's own interval. From a single pair with
        more than one worker noise can't be told: then it is all of 0 to 1.

    Notes
    -----
    Least squares on 1/S − 1/N = (1 − P)(1 − 1/N), weighted by S², as disturbances grow with the
    time; the interval is Student's, for 95 %. It is too narrow where speed-ups on several numbers
    of workers share one run on a single worker, as they do within a round of `scaling`.

    Examples
    --------
    >>> print(fit_amdahl([2, 2, 2], [1.79, 1.82, 1.81]))
    0.893 (0.87 to 0.916)
    >>> print(fit_amdahl([2, 2, 2], [1.79, 1.82, 1.81], overhead=0.01))
    0.893 (0.87 to 0.936)
    """
    n, s = _points(workers, speedup)
    lost = _lost(n, s, overhead)
    n, s = _many(n, s)
    column = (1 - 1 / n)[:, None]
    share, _ = _least_squares(column, 1 / s - 1 / n, s)
    ends = []
    for away in (min(0.0, *lost), max(0.0, *lost)):
        if np.isinf(away):  # an overhead that was measured only once may be anything
            ends.append(away)
            continue
        serial, half = _least_squares(column, 1 / s - 1 / n - away, s)
        ends += [1 - serial[0] - half[0], 1 - serial[0] + half[0]]
    return Fit(_within(1 - share[0]), (_within(min(ends)), _within(max(ends))))


def fit_usl(workers: ArrayLike, speedup: ArrayLike) -> UslFit:
    """Find the contention and the coherency that fit measured speed-ups best.

    Parameters
    ----------
    workers, speedup : arrays of one length
        A pair a measurement, as for `fit_amdahl`. Only up to the usable cores: beyond them the
        lack of cores would pass for contention.

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
    n, s = _many(*_points(workers, speedup))
    columns, lost = np.stack([1 - 1 / n, n - 1], axis=1), 1 / s - 1 / n
    one = [_least_squares(columns[:, [i]], lost, s) for i in (0, 1)]  # each without the other
    if len(np.unique(n)) > 1:
        found, half = _least_squares(columns, lost, s)
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


def _lost(n: Array, s: Array, given: Fit | float | None) -> tuple[float, float]:
    """Return between what the overhead lies; by default what the points of one worker lost."""
    if isinstance(given, Fit):
        return given.interval
    if given is None:
        one = n == 1
        given = max(0.0, overhead(n[one], s[one]).value) if one.any() else 0.0
    value = float(*checked(overhead=(given, FROM_0)))
    return value, value


def _least_squares(columns: Array, lost: Array, speedup: Array) -> tuple[Array, Array]:
    """Return the coefficients, and how far each may be off: half the interval, 95 %."""
    weight, found = speedup, np.empty(0)
    for _ in range(3):  # weights from the fit, not from the noise
        found = np.asarray(np.linalg.lstsq(columns * weight[:, None], lost * weight)[0], float)
        fitted = 1 / speedup - lost + columns @ found
        weight = 1 / np.maximum(fitted, 1e-9)
    free = len(lost) - columns.shape[1]
    if free < 1:
        return found, np.full_like(found, inf)
    weighted = columns * weight[:, None]
    noise = float(np.sum((weight * (lost - columns @ found)) ** 2)) / free
    spread = np.sqrt(noise * np.diag(np.linalg.pinv(weighted.T @ weighted)))
    return found, np.maximum(_student(free) * spread, 1e-9)  # no clock is finer


def _student(free: int) -> float:
    """Return Student's t for a two-sided interval of 95 %."""
    table = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
    # From 11 on by Abramowitz and Stegun 26.7.5, right to three decimals.
    return (
        table[free - 1]
        if free <= len(table)
        else 1.96 + 2.372 / free + 2.823 / free**2 + 2.556 / free**3
    )


def _points(workers: ArrayLike, speedup: ArrayLike) -> tuple[Array, Array]:
    """Return measured points; ValueError if they aren't pairs, or all of one worker."""
    (n,), (s,) = checked(workers=(workers, FROM_1)), checked(speedup=(speedup, ABOVE_0))
    if n.shape != s.shape or n.ndim > 1:
        raise ValueError(
            f"workers and speedup must be pairs, one a measurement, not of shapes {n.shape} and {s.shape}"
        )
    return n.reshape(-1), s.reshape(-1)


def _many(n: Array, s: Array) -> tuple[Array, Array]:
    """Return the points of more than one worker, which alone tell of what can't be divided."""
    if not np.any(n > 1):
        raise ValueError(f"workers must be more than 1 in some measurement, not {n.tolist()}")
    return n[n > 1], s[n > 1]


def _within(share: float) -> float:
    return float(min(max(share, 0.0), 1.0))

"""The laws: each a line of arithmetic."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from course_lib.laws._ranges import (
    ABOVE_0,
    ABOVE_0_OR_INFINITE,
    ABOVE_1,
    FROM_0,
    FROM_0_TO_1,
    FROM_1,
    FROM_1_OR_INFINITE,
    Array,
    checked,
    exact,
)
from course_lib.tasks import one_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

#: A float, if only numbers were given; else an array.
Numbers: TypeAlias = Any
Chip = Literal["symmetric", "asymmetric", "dynamic"]


def amdahl(parallel_fraction: ArrayLike, workers: ArrayLike) -> Numbers:
    """Return the speed-up of a problem of fixed size: 1 / ((1 − P) + P/N).

    Parameters
    ----------
    parallel_fraction : float or array, 0 to 1
        P: the share of one worker's time that can be divided among many.
    workers : float or array, at least 1
        N. With infinitely many the speed-up is 1 / (1 − P).

    Notes
    -----
    Amdahl (1967), "Validity of the single processor approach", AFIPS 30, argues it in words; the
    formula was written down later by others.

    Examples
    --------
    >>> round(amdahl(0.9, 16), 2)
    6.4
    >>> amdahl(0.9, [1, 10]).round(2)
    array([1.  , 5.26])
    """
    p, n = checked(
        parallel_fraction=(parallel_fraction, FROM_0_TO_1),
        workers=(workers, FROM_1_OR_INFINITE),
    )
    with np.errstate(divide="ignore"):
        return _given(1 / ((1 - p) + p / n))


def gustafson(serial_fraction: ArrayLike, workers: ArrayLike) -> Numbers:
    """Return the speed-up of a problem that grows with the workers: N + (1 − N)s.

    Parameters
    ----------
    serial_fraction : float or array, 0 to 1
        s: the share of the time *on N workers* in which only one works.
    workers : float or array, at least 1

    Notes
    -----
    Gustafson (1988), "Reevaluating Amdahl's law", CACM 31(5).

    Examples
    --------
    >>> round(gustafson(0.004, 1024), 3)
    1019.908
    """
    s, n = checked(
        serial_fraction=(serial_fraction, FROM_0_TO_1), workers=(workers, FROM_1_OR_INFINITE)
    )
    with np.errstate(invalid="ignore"):
        return _given(np.where(s == 1, 1.0, s + (1 - s) * n))


def amdahl_serial(gustafson_serial: ArrayLike, workers: ArrayLike) -> Numbers:
    """Return the serial share of the time on one worker, from that of the time on N: f = s/(s + (1 − s)N).

    Then `amdahl(1 - f, workers)` equals `gustafson(s, workers)`: one law, two shares.

    Examples
    --------
    >>> f = amdahl_serial(0.5, 3)
    >>> f, amdahl(1 - f, 3), gustafson(0.5, 3)
    (0.25, 2.0, 2.0)
    """
    s, n = checked(
        gustafson_serial=(gustafson_serial, FROM_0_TO_1), workers=(workers, FROM_1_OR_INFINITE)
    )
    with np.errstate(invalid="ignore"):
        return _given(np.where(s == 1, 1.0, s / (s + (1 - s) * n)))


def gustafson_serial(amdahl_serial: ArrayLike, workers: ArrayLike) -> Numbers:
    """Return the serial share of the time on N workers, from that of the time on one: s = f/(f + (1 − f)/N).

    Examples
    --------
    >>> gustafson_serial(0.25, 3)
    0.5
    """
    f, n = checked(
        amdahl_serial=(amdahl_serial, FROM_0_TO_1), workers=(workers, FROM_1_OR_INFINITE)
    )
    with np.errstate(invalid="ignore"):
        return _given(np.where(f == 0, 0.0, f / (f + (1 - f) / n)))


def efficiency(speedup: ArrayLike, workers: ArrayLike) -> Numbers:
    """Return how much of each worker is used: S/N.

    Examples
    --------
    >>> efficiency(1.5, 2)
    0.75
    """
    s, n = checked(speedup=(speedup, ABOVE_0), workers=(workers, FROM_1_OR_INFINITE))
    return _given(s / n)


def karp_flatt(speedup: ArrayLike, workers: ArrayLike) -> Numbers:
    """Return the serial fraction that a measured speed-up speaks of: (1/S − 1/N) / (1 − 1/N).

    If it grows with the workers, so does overhead. Below 0 the speed-up is more than N.

    Parameters
    ----------
    speedup : float or array, more than 0
    workers : float or array, more than 1
        One worker alone says nothing of it.

    Notes
    -----
    Karp and Flatt (1990), "Measuring parallel processor performance", CACM 33(5).

    Examples
    --------
    >>> round(karp_flatt(amdahl(0.9, 8), 8), 3)
    0.1
    """
    s, n = checked(
        speedup=(speedup, ABOVE_0_OR_INFINITE),
        workers=(workers, ABOVE_1),
    )
    return _given((1 / s - 1 / n) / (1 - 1 / n))


def usl(workers: ArrayLike, contention: ArrayLike, coherency: ArrayLike) -> Numbers:
    """Return the universal scalability law's speed-up: N / (1 + σ(N − 1) + κN(N − 1)).

    Parameters
    ----------
    workers : float or array, at least 1
    contention : float or array, 0 to 1
        σ: the share that only one can do at a time. Without coherency this is Amdahl's law.
    coherency : float or array, at least 0
        κ: what each worker spends on agreeing with each other one. With it, there is a peak.

    Notes
    -----
    Gunther (2007), "Guerrilla Capacity Planning", Springer, chapter 4.

    Examples
    --------
    >>> usl([1, 2, 4], 0, 0.25)
    array([1.        , 1.33333333, 1.        ])
    """
    n, sigma, kappa = checked(
        workers=(workers, FROM_1_OR_INFINITE),
        contention=(contention, FROM_0_TO_1),
        coherency=(coherency, FROM_0),
    )
    # Numerator and denominator are divided by N, so that it may be infinite.
    with np.errstate(divide="ignore", invalid="ignore"):
        agreeing = np.where(kappa == 0, 0.0, kappa * (n - 1))
        return _given(1 / (1 / n + sigma * (1 - 1 / n) + agreeing))


def usl_peak(contention: ArrayLike, coherency: ArrayLike) -> Numbers:
    """Return the number of workers at which `usl` is highest: √((1 − σ)/κ).

    Infinite without coherency: then the speed-up never falls. Below 1, a second worker only harms.

    Examples
    --------
    >>> usl_peak(0.19, 0.0025)
    18.0
    """
    sigma, kappa = checked(
        contention=(contention, FROM_0_TO_1),
        coherency=(coherency, FROM_0),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return _given(np.where(kappa == 0, inf, np.sqrt((1 - sigma) / kappa)))


def hill_marty(
    parallel_fraction: ArrayLike,
    budget: ArrayLike,
    size: ArrayLike,
    chip: Chip = "symmetric",
) -> Numbers:
    """Return the speed-up of a chip over one small core, if a core of r small ones is √r as quick.

    Parameters
    ----------
    parallel_fraction : float or array, 0 to 1
    budget : float or array, at least 1
        n: for how many small cores the chip has room.
    size : float or array, 1 to `budget`
        r: the room that a large core takes.
    chip : {"symmetric", "asymmetric", "dynamic"}
        n/r large cores; one large core and n − r small ones; or one whose n small cores act as one
        large core while the program is serial.

    Notes
    -----
    Hill and Marty (2008), "Amdahl's law in the multicore era", IEEE Computer 41(7).

    Examples
    --------
    >>> [round(hill_marty(0.975, 256, r, "asymmetric"), 1) for r in (1, 64)]
    [34.7, 125.0]
    """
    one_of("chip", chip, get_args(Chip))
    f, n, r = checked(
        parallel_fraction=(parallel_fraction, FROM_0_TO_1),
        budget=(budget, FROM_1),
        size=(size, FROM_1),
    )
    if np.any(r > n):
        raise ValueError(f"size must be from 1 to the budget, not {exact(r[r > n][0])}")
    quick = np.sqrt(r)
    together = {
        "symmetric": quick * n / r,
        "asymmetric": quick + n - r,
        "dynamic": n,
    }
    return _given(1 / ((1 - f) / quick + f / together[chip]))


def _given(result: Array) -> Numbers:
    return result if result.ndim else float(result)

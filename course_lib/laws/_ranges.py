"""What the laws take: numbers in a range, or arrays of them; anything else is named."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from math import inf
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[np.float64]
Allowed: TypeAlias = tuple[str, Callable[[Any], Any]]
FROM_0_TO_1: Allowed = ("from 0 to 1", lambda x: (x >= 0) & (x <= 1))
FROM_0: Allowed = ("0 or more, and finite", lambda x: (x >= 0) & (x < inf))
FROM_1: Allowed = ("1 or more, and finite", lambda x: (x >= 1) & (x < inf))
FROM_1_OR_INFINITE: Allowed = ("1 or more", lambda x: x >= 1)
ABOVE_0: Allowed = ("more than 0, and finite", lambda x: (x > 0) & (x < inf))
ABOVE_0_OR_INFINITE: Allowed = ("more than 0", lambda x: x > 0)
ABOVE_1: Allowed = ("more than 1", lambda x: x > 1)


def checked(**given: tuple[ArrayLike, Allowed]) -> tuple[Array, ...]:
    """Return what is given as arrays of floats of their common shape.

    Raises
    ------
    ValueError
        If something isn't numbers in its range, or there is no such shape. Arguments are named.
    """
    arrays = {name: _array(name, value, allowed) for name, (value, allowed) in given.items()}
    try:
        return tuple(np.broadcast_arrays(*arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"the shapes of what is given don't fit together: {shapes}") from None


def _array(name: str, value: ArrayLike, allowed: Allowed) -> Array:
    words, fits = allowed
    try:
        given = np.asarray(value)
        if given.dtype == object and all(_number(each) for each in given.flat):
            given = given.astype(float)  # fractions, and integers of any length
    except ValueError:  # rows of different lengths
        given = np.asarray(None)
    if given.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be a number or an array of them, {words}, not {value!r}")
    wrong = given[~fits(given)]  # NaN among them: it is in no range
    if wrong.size:
        raise ValueError(f"{name} must be {words}, not {wrong.flat[0]:g}")
    return given.astype(np.float64)


def _number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)

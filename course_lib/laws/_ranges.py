"""What the laws take: numbers in a range, or arrays of them; anything else is named."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from math import inf
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course_lib.tasks import shown

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
        if given is not value or given.dtype == object:  # in a list, True would become a 1
            each = np.asarray(value, dtype=object)
            if not all(map(_number, each.flat)):
                given = each
            elif given.dtype == object:  # fractions, and integers of any length
                given = given.astype(float)
    except ValueError:  # rows of different lengths
        given = np.asarray(None)
    except OverflowError:
        raise ValueError(
            f"{name} must be {words}, and no float is as large as {shown(value)}"
        ) from None
    if given.dtype.kind not in "iuf" or _masked(value):
        raise ValueError(
            f"{name} must be a number or an array of them, {words}, not {shown(value)}"
        )
    wrong = given[~fits(given)]  # NaN among them: it is in no range
    if wrong.size:
        raise ValueError(f"{name} must be {words}, not {exact(wrong.flat[0])}")
    return given.astype(np.float64)


def exact(found: Any) -> str:
    """Return a NumPy number as text, with all its digits: 1.0000001 must not pass for 1."""
    return str(found).removesuffix(".0")


def _masked(value: object) -> bool:
    """Whether something is masked. A bare array isn't, so most need no numpy.ma, which is slow to load."""
    bare = not isinstance(value, np.ndarray) or type(value) is np.ndarray
    return not bare and bool(np.ma.is_masked(value))


def _number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)

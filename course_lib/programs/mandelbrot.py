"""A picture of the Mandelbrot set: the same arithmetic on each of many numbers.

The rows don't need each other, so they can be computed in any order, and at the same time. NumPy
lets go of the GIL while it calculates, so threads will do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from course_lib.pictures import Picture, show

__all__ = ["mandelbrot", "paint", "strips"]

WIDTH, HEIGHT, STEPS = 1200, 800, 200


def strips(height: int = 50) -> list[slice]:
    """Cut the picture's rows into strips of `height` rows."""
    return [slice(top, min(top + height, HEIGHT)) for top in range(0, HEIGHT, height)]


def mandelbrot(rows: slice) -> NDArray[np.int16]:
    """Compute some rows of the picture: for each point, how many steps it stays near.

    Returns
    -------
    array of int16, shape (number of rows, `WIDTH`), values 0 to `STEPS`
    """
    x = np.linspace(-2.1, 0.7, WIDTH)
    y = np.linspace(-1.0, 1.0, HEIGHT)[rows, np.newaxis]
    point = x + 1j * y
    value = np.zeros_like(point)
    size, near = np.zeros(point.shape), np.zeros(point.shape, bool)
    stays = np.zeros(point.shape, np.int16)
    with np.errstate(all="ignore"):  # those that leave grow beyond all bounds
        for _ in range(STEPS):  # in place: no memory is asked for on the way
            np.multiply(value, value, out=value)
            np.add(value, point, out=value)
            np.absolute(value, out=size)
            np.less(size, 2, out=near)
            np.add(stays, near, out=stays)
    return stays


def paint(pieces: Sequence[NDArray[np.int16]]) -> Picture:
    """Put the strips together and show them."""
    figure = Figure(figsize=(4.5, 3), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(np.log1p(np.vstack(pieces)), cmap="cividis")
    axes.set_axis_off()
    return show(figure, "The Mandelbrot set: a bright heart and disc with buds, dark around it.")

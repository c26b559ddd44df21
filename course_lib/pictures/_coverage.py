"""A timeline of more spans than can be told apart: each pixel shows what covered it, and how much."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from course_lib.pictures._style import COLORS, INK

__all__ = ["coverage"]

ACROSS, DOWN = 1200, 600  # pixels
#: How high each kind of span stands in its row, and how dense its color is.
KINDS = {
    "held": (0.06, 0.5),
    "wait": (0.08, 1.0),
    "call": (0.62, 0.6),
    "blur": (0.62, 0.6),
    "run": (0.62, 1.0),
    "switch": (0.62, 1.0),
    "ready": (0.5, 1.0),
}
STRIPES = 6  # pixels from one hatch line to the next

Image = NDArray[np.float32]


def coverage(
    spans: NDArray[np.void], rows: NDArray[np.intp], count: int, end: float
) -> NDArray[np.uint8]:
    """Return a picture of spans as an array of pixels (down, across, red green blue).

    Parameters
    ----------
    spans : structured array, as a trace has it
    rows : array of int
        Each span's row, from the top.
    count : int
        How many rows there are. Each gets as many lines of pixels; above 600, rows share one.
    end : float
        Where the right edge is, in seconds.
    """
    lanes = min(count, DOWN)
    lines = min(max(DOWN // lanes, 1), 24)
    rows = rows * lanes // count
    layers: dict[tuple[str, ...], Image] = {}

    def layer(*kinds: str) -> Image:
        if kinds not in layers:
            chosen = np.isin(spans["kind"], kinds)
            layers[kinds] = _layer(spans[chosen], rows[chosen], lanes, end)
        return layers[kinds]

    image = np.ones((lanes, lines, ACROSS, 3), np.float32)
    for line in range(lines):
        away = 0.0 if lines < 3 else abs(2 * line + 1 - lines) / lines  # from the row's middle
        here = [kind for kind, (high, _) in KINDS.items() if high > away - 1 / lines]
        if "ready" in here:
            stripes = 0.4 if lines < STRIPES else (np.arange(ACROSS) + line) % STRIPES < 2
            image[:, line] = _over(image[:, line], layer("ready"), stripes)
        solid = layer(*(kind for kind in here if kind != "ready"))
        image[:, line] = _over(image[:, line], solid, 1.0)
    return np.rint(255 * image.reshape(lanes * lines, ACROSS, 3)).astype(np.uint8)


def _over(image: Image, layer: Image, dense: Any) -> Image:
    """Return an image with a layer laid over it."""
    weight = layer[..., 3:]
    alpha = np.minimum(weight, 1.0) * np.reshape(dense, (1, -1, 1)).astype(np.float32)
    blend: Image = image * (1 - alpha) + alpha * layer[..., :3] / np.maximum(weight, 1e-12)
    return blend


def _layer(spans: NDArray[np.void], rows: NDArray[np.intp], lanes: int, end: float) -> Image:
    """Return, for each pixel, the sum of the colors that cover it, and of their densities."""
    density = np.zeros(len(spans))
    for kind, (_, dense) in KINDS.items():
        density[spans["kind"] == kind] = dense
    colors = np.array([to_rgb(color) for color in COLORS])[spans["task"] % len(COLORS)]
    colors[spans["kind"] == "switch"] = to_rgb(INK)
    weights = np.column_stack([colors, np.ones(len(spans))]) * density[:, None]
    # A span covers all that is left of its stop, less all that is left of its start.
    edges = np.concatenate([spans["stop"], spans["start"]]).clip(0, end) * (ACROSS / end)
    pixel = edges.astype(np.intp)
    cells = np.concatenate([rows, rows]) * (ACROSS + 1) + pixel
    layer = np.empty((lanes, ACROSS, 4), np.float32)
    for channel in range(4):
        weight = np.concatenate([weights[:, channel], -weights[:, channel]])
        part, whole = (
            np.bincount(cells, each, lanes * (ACROSS + 1)).reshape(lanes, ACROSS + 1)
            for each in (weight * (edges - pixel), weight)
        )
        right = np.cumsum(whole[:, ::-1], axis=1)[:, ::-1]  # of this pixel, and beyond it
        layer[..., channel] = (part[:, :-1] + right[:, 1:]).clip(0)
    return layer

"""What all pictures share: colors, type, and the text that goes with each."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING, Any

from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Task colors: of the Okabe–Ito palette, those that stand out on white. A vermillion, B blue, …
COLORS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#8C6D00", "#626C88")
INK = "#222222"
FAINT = "#767676"
FONT: dict[str, Any] = {"size": 11, "color": INK}


def ink_on(color: str) -> str:
    """Return near black or white: what can be read best on a color, by WCAG's contrast."""
    light = 0.05 + sum(
        weight * (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
        for weight, part in zip((0.2126, 0.7152, 0.0722), to_rgb(color), strict=True)
    )
    return "#111111" if light / 0.0556 > 1.05 / light else "#ffffff"


class Picture:
    """A figure and a text that says the same; it shows itself in a notebook."""

    def __init__(self, figure: Figure, alt: str) -> None:
        self.figure = figure
        self.alt = alt

    @property
    def png(self) -> bytes:
        """The picture as a PNG file."""
        file = io.BytesIO()
        quick = {"compress_level": 3}  # the default takes longer, and hardly makes it smaller
        fits = self.figure.get_layout_engine() is not None  # else something may stand outside
        box = None if fits else "tight"
        self.figure.savefig(
            file, format="png", dpi=144, facecolor="white", bbox_inches=box, pil_kwargs=quick
        )
        return file.getvalue()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        png = base64.b64encode(self.png).decode()
        width = int(self.figure.get_figwidth() * 96)
        image = (
            f'<img alt="{html.escape(self.alt)}" src="data:image/png;base64,{png}" '
            f'style="width: {width}px; max-width: 100%">'
        )
        return {"text/html": image, "image/png": png, "text/plain": self.alt}


def show(figure: Figure, alt: str) -> Picture:
    """Make a figure and its text a picture that a notebook shows, and a screen reader reads.

    Raises
    ------
    ValueError
        If the text is empty.
    """
    if not alt.strip():
        raise ValueError("alt must say in words what the picture shows; it is empty")
    return Picture(figure, alt)


def quiet(axes: Axes) -> None:
    """Leave away what isn't read."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=11, colors=INK)


def name_cores(axes: Axes, usable: float, beside: int = 0, align: str = "left") -> None:
    """Write above a line at the usable cores what it stands for."""
    axes.annotate(
        f"{usable:g} usable core{'' if usable == 1 else 's'}",
        (usable, 1),
        xytext=(beside, 4),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha=align,
        fontsize=11,
        color=FAINT,
    )

"""Pictures of traces, all in one visual language.

Hollow is predicted, filled is measured, dashed is simulated or calculated. Solid is running, a thin
line is waiting, hatched is ready but not running. Every picture comes with a text that says the
same in words.
"""

from course_lib.layout import lay_out
from course_lib.pictures._curves import curves
from course_lib.pictures._numbers import numbers
from course_lib.pictures._quadrant import quadrant
from course_lib.pictures._style import COLORS, Picture, show
from course_lib.pictures._timeline import STYLES, describe, timeline, timelines

__all__ = [
    "COLORS",
    "STYLES",
    "Picture",
    "curves",
    "describe",
    "lay_out",
    "numbers",
    "quadrant",
    "show",
    "timeline",
    "timelines",
]

"""The laws of speed-up, and what they make of measured points.

Each takes numbers or arrays, and gives back a number or an array of their common shape. Infinitely
many workers are allowed, and give the limit.
"""

from course_lib.laws._fits import Fit, UslFit, fit_amdahl, fit_usl, overhead
from course_lib.laws._formulas import (
    amdahl,
    amdahl_serial,
    efficiency,
    gustafson,
    gustafson_serial,
    hill_marty,
    karp_flatt,
    usl,
    usl_peak,
)

__all__ = [
    "Fit",
    "UslFit",
    "amdahl",
    "amdahl_serial",
    "efficiency",
    "fit_amdahl",
    "fit_usl",
    "gustafson",
    "gustafson_serial",
    "hill_marty",
    "karp_flatt",
    "overhead",
    "usl",
    "usl_peak",
]

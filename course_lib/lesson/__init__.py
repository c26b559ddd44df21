"""What a lesson is made of: predict, run, compare, explain; and what is kept of it."""

from course_lib.lesson.comparison import Comparison
from course_lib.lesson.predict import Prediction, predict
from course_lib.lesson.progress import (
    begin,
    export_progress,
    finish,
    forget,
    import_progress,
    progress,
    recall,
    remember,
)

__all__ = [
    "Comparison",
    "Prediction",
    "begin",
    "export_progress",
    "finish",
    "forget",
    "import_progress",
    "predict",
    "progress",
    "recall",
    "remember",
]

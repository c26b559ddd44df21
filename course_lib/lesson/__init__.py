"""What a lesson is made of: predict, run, compare, explain; and what is kept of it."""

from course_lib.lesson.comparison import Comparison
from course_lib.lesson.exercise import check
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
from course_lib.lesson.question import Question, question
from course_lib.lesson.source import Source, source

__all__ = [
    "Comparison",
    "Prediction",
    "Question",
    "Source",
    "begin",
    "check",
    "export_progress",
    "finish",
    "forget",
    "import_progress",
    "predict",
    "progress",
    "question",
    "recall",
    "remember",
    "source",
]

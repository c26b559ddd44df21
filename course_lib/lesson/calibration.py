"""Calibration: what was predicted against what this machine did, over all lessons."""

from __future__ import annotations

import html
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_lib.tables import html_table
from course_lib.trace import room

if TYPE_CHECKING:
    from course_lib.pictures import Picture

__all__ = ["Guess", "Progress", "came_true", "guesses"]

MOST = 40  # rows of the picture; the latest


@dataclass(frozen=True)
class Guess:
    """A number that was predicted, beside the one that was measured. Both are above 0."""

    topic: str
    name: str
    predicted: float
    measured: float

    @property
    def ratio(self) -> float:
        """How many times the measured number was predicted, within a thousand."""
        return min(max(self.predicted / self.measured, 0.001), 1000.0)

    @property
    def factor(self) -> float:
        """By which factor it was off, above or below."""
        return max(self.ratio, 1 / self.ratio)


class Progress:
    """What was begun, predicted, answered and checked, lesson by lesson."""

    def __init__(self, lessons: dict[str, dict[str, Any]], place: Path) -> None:
        self.lessons = dict(sorted(lessons.items()))
        self.place = place

    def picture(self) -> Picture | None:
        """Draw predicted over measured numbers, by lesson; None if there are none."""
        found = guesses(self.lessons)[-MOST:]
        return calibration(found) if found else None

    def table(self) -> str:
        """Return the table, a row a lesson."""
        head = ["lesson", "begun", "gone through", "predictions", "came true"]
        head += ["right at first try", "checks passed"]
        rows = [row(*item) for item in self.lessons.items()]
        return html_table("your progress", head, rows or [["no lesson begun", *["–"] * 6]])

    def sentences(self) -> list[str]:
        """Say what the numbers amount to, and where they are kept."""
        said = []
        found = guesses(self.lessons)
        if found:
            half = statistics.median(guess.factor for guess in found)
            said.append(f"Half of your numbers were within a factor of {half:.2g}.")
        told = [truth for lesson in self.lessons.values() for truth in truths(lesson)]
        if told:
            said.append(f"Rooms, choices and orders: {sum(told)} of {len(told)} came true.")
        said.append(
            f"Kept in {self.place}, on the computer that runs this notebook. "
            "With `from course_lib.lesson import export_progress, import_progress, forget`: "
            "export_progress(…) and import_progress(…) take it elsewhere, forget(…) starts a lesson "
            "over."
        )
        return said

    def __repr__(self) -> str:
        done = sum("done" in lesson for lesson in self.lessons.values())
        first = f"{len(self.lessons)} lesson{'s' * (len(self.lessons) != 1)} begun, {done} gone through."
        return " ".join([first, *self.sentences()])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        picture = self.picture()
        bundle: dict[str, Any] = picture._repr_mimebundle_() if picture else {"text/html": ""}
        said = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in self.sentences())
        bundle["text/html"] = self.table() + bundle["text/html"] + said
        bundle["text/plain"] = repr(self)
        return bundle


def day(moment: str) -> str:
    """Return the date of a moment, where the learner is."""
    try:
        return datetime.fromisoformat(moment).astimezone().date().isoformat()
    except (ValueError, OverflowError):  # the schema looks at its beginning only
        return moment[:10]


def row(name: str, lesson: dict[str, Any]) -> list[str]:
    """Return a lesson's row of the table."""
    told = list(truths(lesson))
    answers, checks = lesson.get("answers", {}).values(), lesson.get("checks", {}).values()
    right = sum(a.get("right") is True and a.get("tries", 1) == 1 for a in answers)
    passed = sum(check.get("passed") is True for check in checks)
    return [
        name,
        *("✓ " + day(lesson[key]) if key in lesson else "–" for key in ("begun", "done")),
        str(len(lesson.get("predictions", {}))),
        *(
            f"{part} of {len(whole)}" if whole else "–"
            for part, whole in ((sum(told), told), (right, answers), (passed, checks))
        ),
    ]


def guesses(lessons: dict[str, dict[str, Any]]) -> list[Guess]:
    """Return the numbers that were predicted and measured, and that have a ratio."""
    found = []
    for topic, lesson in lessons.items():
        for entry in lesson.get("predictions", {}).values():
            if "measured" not in entry or entry["kind"] not in ("number", "point"):
                continue
            name, said, seen = entry["name"], entry["answer"], entry["measured"]
            if entry["kind"] == "number":
                found.append(Guess(topic, name, said, seen))
            else:
                found.append(Guess(topic, f"{name}, in flight", said[0], seen[0]))
                found.append(Guess(topic, f"{name}, cores busy", said[1], seen[1]))
    return [guess for guess in found if guess.predicted > 0 and guess.measured > 0]


def truths(lesson: dict[str, Any]) -> Iterable[bool]:
    """Yield whether each prediction came true; numbers are never quite true, and don't count."""
    for entry in lesson.get("predictions", {}).values():
        if "measured" in entry and entry["kind"] != "number":
            yield came_true(entry["kind"], entry["answer"], entry["measured"])


def came_true(kind: str, answer: Any, measured: Any) -> bool:
    """Tell whether a choice or an order was right, or a point's room."""
    if kind == "point":
        return room(*answer) == room(*measured)
    return bool(answer == measured)


def calibration(found: Sequence[Guess]) -> Picture:
    """Draw each prediction over its measurement: hollow, on a logarithmic line; measured is 1."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from course_lib.pictures import COLORS, show
    from course_lib.pictures._style import INK

    topics = list(dict.fromkeys(guess.topic for guess in found))
    figure = Figure(figsize=(7.6, 1.5 + 0.32 * (len(found) + len(topics))), layout="constrained")
    axes = figure.add_subplot()
    labels: list[str] = []
    for number, topic in enumerate(topics):
        color = COLORS[number % len(COLORS)]
        axes.text(0.005, len(labels), topic, weight="bold", size=11, va="center", parse_math=False,
                  transform=axes.get_yaxis_transform())  # fmt: skip
        labels.append("")
        for guess in (guess for guess in found if guess.topic == topic):
            y = len(labels)
            axes.plot([1, guess.ratio], [y, y], ":", color=color, linewidth=1.2, zorder=2)
            ring: dict[str, Any] = {"markerfacecolor": "none", "markeredgewidth": 2, "zorder": 4}
            axes.plot(guess.ratio, y, "o", color=color, markersize=12, **ring)
            axes.plot(1, y, "o", color=color, markersize=7, zorder=3)
            labels.append(guess.name)
    reach = max(2.5, 1.3 * max(guess.factor for guess in found))
    axes.set(xscale="log", xlim=(1 / reach, reach), ylim=(len(labels) - 0.4, -0.6))
    axes.axvline(1, color=INK, linewidth=1, zorder=1)
    steps = (1.5, 2, 4, 10, 100, 1000)
    sides = [step for step in steps if step < reach and (step != 1.5 or reach < 4)]
    ticks = {1 / step: f"1/{step:g}" for step in sides} | {1.0: "as measured"}
    ticks |= {step: f"{step:g} times" for step in sides}
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.set_xticks([], minor=True)
    axes.set_yticks(range(len(labels)), labels, parse_math=False)
    axes.tick_params(labelsize=11, colors=INK)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel("← too low          predicted / measured          too high →", size=11)
    style: dict[str, Any] = {"color": INK, "linestyle": "none", "marker": "o"}
    hollow = Line2D(
        [], [], markerfacecolor="none", markeredgewidth=2, markersize=10, label="predicted", **style
    )
    filled = Line2D([], [], markersize=7, label="measured", **style)
    figure.legend(
        handles=[filled, hollow], loc="outside upper right", ncols=2, frameon=False, fontsize=11
    )
    return show(figure, describe(found))


def describe(found: Sequence[Guess]) -> str:
    """Say in words what the calibration picture shows."""
    said = "; ".join(
        f"{guess.topic}, {guess.name}: predicted {guess.predicted:.3g}, measured "
        f"{guess.measured:.3g}, {guess.ratio:.2g} times"
        for guess in found
    )
    return f"Calibration, what you predicted over what was measured. {said}."

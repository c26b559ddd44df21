"""Predict: an answer is committed before the experiment shows its own, and stays."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from course_lib.lesson.comparison import HOW, Comparison
from course_lib.lesson.progress import recall, remember, trouble
from course_lib.machine import machine
from course_lib.scripts import script
from course_lib.tasks import one_of
from course_lib.trace import ROOMS, WALL, Trace

__all__ = ["Prediction", "predict"]

HERE = Path(__file__).parent

#: How far a point on the quadrant may be moved: tasks in flight, cores busy.
FLIGHT = (0.5, 100.0)
BUSY = (0.2, 8.0)


class Prediction(anywidget.AnyWidget):
    """A question whose answer, once committed, stays, and is there again in a new kernel.

    Attributes
    ----------
    name : str
        What the question is about: a row's name in tables, a mark's name in pictures.
    kind : {"choice", "number", "order", "point"}
    answer : str, float, list or None
        What was committed: a choice, a number, all items in order, or the pair (tasks in flight,
        cores busy); None as long as nothing was.
    """

    _esm = script(HERE, "widget.js", "predict.js")
    _css = HERE / "widget.css"

    name = traitlets.Unicode().tag(sync=True)
    question = traitlets.Unicode().tag(sync=True)
    kind = traitlets.Enum(["choice", "number", "order", "point"], "choice").tag(sync=True)
    choices = traitlets.List(traitlets.Unicode()).tag(sync=True)  # or the items to be put in order
    low = traitlets.Float(0.0).tag(sync=True)
    high = traitlets.Float(0.0).tag(sync=True)
    unit = traitlets.Unicode().tag(sync=True)
    quadrant = traitlets.Dict().tag(sync=True)
    answer = traitlets.Any(None).tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    committed = traitlets.Bool(False).tag(sync=True)  # this side has the answer

    _committed: Any = None
    _origin = ""  # where the answer comes from, if not from this kernel

    @property
    def key(self) -> str:
        """What the answer is remembered by, within its lesson."""
        return f"{self.name}: {self.question}"

    @traitlets.validate("answer")
    def _fits(self, proposal: dict[str, Any]) -> Any:
        """Keep the first answer, and refuse one that the question doesn't allow."""
        if self._committed is not None or proposal["value"] is None:
            return self._committed
        answer, saved = self._checked(proposal["value"]), recall("predictions", self.key) or {}
        if saved.get("kind") == self.kind:  # another kernel, or an import, may have it by now
            with contextlib.suppress(traitlets.TraitError):
                return self._checked(saved["answer"])
        return answer

    def _checked(self, value: Any) -> Any:
        if self.kind == "choice":
            if value not in self.choices:
                raise traitlets.TraitError(f"answer must be one of {self.choices}, not {value!r}")
            return str(value)
        if self.kind == "number":
            return self._number("answer", value, self.low, self.high)
        if not isinstance(value, list | tuple):
            raise traitlets.TraitError(f"answer must be a list, not {value!r}")
        if self.kind == "order":
            return self._ordered("answer", value)
        if len(value) != 2:
            raise traitlets.TraitError(
                f"answer must be a pair, (tasks in flight, cores busy), not {value!r}"
            )
        return [
            self._number("tasks in flight", value[0], *self.quadrant["flight"]),
            self._number("cores busy", value[1], *self.quadrant["busy"]),
        ]

    def _number(self, what: str, value: Any, low: float, high: float) -> float:
        number = isinstance(value, int | float) and type(value) is not bool
        if not number or not low <= value <= high:
            allowed = f"a number from {low:g} to {high:g}"
            raise traitlets.TraitError(f"{self.name}: {what} must be {allowed}, not {value!r}")
        return float(value)

    def _ordered(self, what: str, value: Sequence[Any]) -> list[str]:
        if len(value) != len(self.choices) or any(item not in value for item in self.choices):
            raise traitlets.TraitError(
                f"{self.name}: {what} must have each of {self.choices} once, not {value!r}"
            )
        return list(value)

    @traitlets.observe("answer")
    def _stays(self, change: dict[str, Any]) -> None:
        if self._committed is None:
            self._committed = change["new"]
            self._save()
            self.committed = True
        elif change["new"] != self._committed:
            self.answer = self._committed

    def _save(self, **more: Any) -> None:
        """Remember the answer, unless it was remembered already."""
        entry = {"name": self.name, "kind": self.kind, "unit": self.unit, "answer": self.answer}
        saved = recall("predictions", self.key) or {}
        if any(saved.get(word) != value for word, value in (entry | more).items()):
            if any(saved.get(word) != entry[word] for word in ("kind", "answer")):
                saved = {}  # what was measured belongs to another answer
            remember("predictions", self.key, saved | entry | more)
            self.note = trouble() or self._origin

    def _restore(self) -> None:
        """Take up the answer that was committed in an earlier kernel, if it still fits."""
        saved = recall("predictions", self.key) or {}
        if saved.get("kind") == self.kind:
            try:
                self.answer = saved["answer"]
            except traitlets.TraitError:
                self.note = "What you answered to an earlier form of this question doesn't fit it."
            else:
                self.note = self._origin = "From an earlier time."

    def commit(self, answer: str | float | Sequence[str] | Sequence[float]) -> None:
        """Commit an answer from code, as the button does.

        Raises
        ------
        traitlets.TraitError
            If the question doesn't allow this answer.
        """
        self.answer = answer

    def compare(
        self, measured: Trace | float | str | Sequence[str], how: str = "measured"
    ) -> Comparison:
        """Put the answer beside what was measured, and remember both.

        Parameters
        ----------
        measured : Trace, float, str or sequence of str
            A run for a room or a point, a number for a number, the right one of other choices, all
            items in their order.
        how : str
            "measured"; or, if it was found in another way, "simulated", "calculated" or "counted".
            Of a run, that is known.

        Raises
        ------
        TypeError
            If the question asked for something else.
        ValueError
            If `how` is none of these.
        """
        one_of("how", how, tuple(HOW))
        seen = self._seen(measured)
        parts = seen if isinstance(seen, list) else [seen]
        finite = all(math.isfinite(part) for part in parts if isinstance(part, float))
        if self.answer is not None and finite:
            self._save(measured=seen)
        return Comparison([(self, measured)], how)

    def _seen(self, measured: Any) -> Any:
        """Return what was measured, in the form of an answer."""
        if self.kind == "point" and isinstance(measured, Trace):
            return [float(measured.concurrency), float(measured.parallelism)]
        if self.kind == "choice" and isinstance(measured, Trace):
            return measured.room
        if self.kind == "choice" and measured in self.choices:
            return str(measured)
        if self.kind == "order" and isinstance(measured, list | tuple):
            return self._ordered("measured", measured)
        if self.kind == "number" and not isinstance(measured, Trace | str | list | tuple):
            return float(measured)
        wanted = {
            "point": "a run",
            "choice": f"a run, or one of {self.choices}",
            "order": f"a list of {self.choices}, in order",
            "number": "a number, such as a trace's makespan",
        }[self.kind]
        raise TypeError(f"{self.name}: measured must be {wanted}, not {measured!r}")


def predict(
    name: str,
    question: str,
    *,
    choices: Sequence[str] | None = None,
    between: tuple[float, float] | None = None,
    unit: str = "",
    order: Sequence[str] | None = None,
    point: bool = False,
) -> Prediction:
    """Ask for a prediction: a room of the quadrant, another choice, a number, an order, a point.

    A lesson goes on without an answer. One that was committed in an earlier kernel is there again.

    Parameters
    ----------
    name : str
        What it is about, in a word or two.
    question : str
    choices : sequence of str, optional
        At least two, all different. Nothing else given: the quadrant's four rooms.
    between : (low, high), optional
        Ask for a number in this range.
    unit : str
        The number's unit.
    order : sequence of str, optional
        Ask for these items' order: at least two, all different, as they stand at first.
    point : bool
        Ask for a point on the quadrant.

    Raises
    ------
    ValueError
        If an argument can't be.
    """
    if not name.strip() or not question.strip():
        raise ValueError("name and question must be texts that aren't empty")
    if sum((choices is not None, between is not None, order is not None, point)) > 1:
        raise ValueError("only one of choices, between, order and point may be given")
    facts: dict[str, Any] = {"name": name, "question": question, "unit": unit}
    if between is not None:
        try:
            low, high = (float(end) for end in between)
        except (TypeError, ValueError):
            low = high = math.nan
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"between must be two numbers, (low, high), not {between!r}")
        facts |= {"kind": "number", "low": low, "high": high}
    elif point:
        facts |= {"kind": "point", "quadrant": _quadrant()}
    else:
        kind, options = ("order", order) if order is not None else ("choice", choices)
        items = list(ROOMS.values()) if options is None else list(options)
        if len(items) < 2 or len(set(items)) < len(items):
            what = "order" if kind == "order" else "choices"
            raise ValueError(f"{what} must be two or more, all different, not {items!r}")
        facts |= {"kind": kind, "choices": items}
    guess = Prediction(**facts)
    guess._restore()
    return guess


def _quadrant() -> dict[str, Any]:
    """Return what the quadrant in the browser needs to know."""
    usable = machine().usable_cores
    busy = (BUSY[0], float(max(BUSY[1], 2 ** math.ceil(math.log2(2 * usable)))))
    rooms = [ROOMS[up, right] for up in (False, True) for right in (False, True)]
    return {"flight": FLIGHT, "busy": busy, "wall": WALL, "usable": usable, "rooms": rooms}

"""Ask about what was seen: each wrong answer is a misconception with a name and an answer to it.

The answers stay in the kernel. The browser gets what belongs to a choice once it was made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from course_lib.scripts import script

__all__ = ["Question", "question"]

HERE = Path(__file__).parent
TEXTS = HERE / "questions"
LAST = "That was the last hint. Choose what seems right to you: a wrong answer tells you more."


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer that is offered, and what to say to those who choose it.

    Attributes
    ----------
    misconception : str
        What a wrong answer stands for; empty if the answer is right.
    """

    text: str
    feedback: str
    right: bool = False
    misconception: str = ""

    @property
    def said(self) -> tuple[str, str]:
        """What is said of it: its mark and name, and why."""
        name = f"✓ {self.text}" if self.right else f"✗ Misconception: “{self.misconception}”"
        return name, self.feedback


@dataclass(frozen=True, slots=True)
class Asked:
    """A question's texts: all that is known of it, also what the browser isn't told yet."""

    lesson: str
    name: str
    question: str
    choices: tuple[Choice, ...]
    hints: tuple[str, ...]
    several: bool = False

    def chosen(self, texts: list[str]) -> list[Choice]:
        """Return the choices with these texts, in the question's order.

        Raises
        ------
        ValueError
            If a text isn't offered, or if there are none, or too many.
        """
        offered = [choice.text for choice in self.choices]
        most = len(offered) if self.several else 1
        if not set(texts) <= set(offered) or not 1 <= len(set(texts)) <= most:
            count = "some" if self.several else "one"
            raise ValueError(f"choose {count} of {offered}, not {texts}")
        return [choice for choice in self.choices if choice.text in texts]

    def verdict(self, chosen: list[Choice], tries: int) -> dict[str, Any]:
        """Return what the browser is told about these choices, and nothing about the others."""
        wrong = any(not choice.right for choice in chosen)
        missing = sum(choice.right for choice in self.choices) > sum(c.right for c in chosen)
        right = not wrong and not missing
        head = "✓ Right." if right else "✗ Not yet. Change your choice, and check it again."
        if missing and not wrong:
            head = "✗ Not yet: what you chose fits, but something is missing. Add it."
        return {
            "chosen": [choice.text for choice in chosen],
            "right": right,
            "tries": tries,
            "head": head,
            "said": [choice.said for choice in chosen],
        }


class Question(anywidget.AnyWidget):
    """A question with its choices, to be tried until the answer is right.

    Attributes
    ----------
    verdict : dict
        What was chosen last and what is said about it; empty as long as nothing was.
    hints : list of str
        The hints that were given so far.
    """

    _esm = script(HERE, "widget.js", "question.js")
    _css = (HERE / "widget.css").read_text("utf-8") + (HERE / "question.css").read_text("utf-8")

    question = traitlets.Unicode().tag(sync=True)
    choices = traitlets.List(traitlets.Unicode()).tag(sync=True)
    several = traitlets.Bool(False).tag(sync=True)
    verdict = traitlets.Dict().tag(sync=True)
    hints = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, asked: Asked) -> None:
        super().__init__(
            question=asked.question,
            choices=[choice.text for choice in asked.choices],
            several=asked.several,
            verdict=earlier(asked),
        )
        self._asked = asked
        self.on_msg(self._hear)

    def check(self, *texts: str) -> None:
        """Check the choices with these texts, as the button does; a right answer stays.

        Raises
        ------
        ValueError
            If the question doesn't offer them.
        """
        chosen = self._asked.chosen(list(texts))
        before = self.verdict
        if before.get("right") or before.get("chosen") == [choice.text for choice in chosen]:
            return
        self.verdict = self._asked.verdict(chosen, before.get("tries", 0) + 1)
        save(self._asked, self.verdict)

    def hint(self) -> str:
        """Give the next hint, as the button does."""
        texts = self._asked.hints
        numbered = [f"Hint {n} of {len(texts)}: {text}" for n, text in enumerate(texts, 1)]
        self.hints = [*numbered, LAST][: len(self.hints) + 1]
        return self.hints[-1]

    def _hear(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        if "check" in content:
            self.check(*content["check"])
        else:
            self.hint()

    def folded(self) -> str:
        """Return the question as HTML that needs no kernel: what is said of a choice is folded."""
        folds = [(choice.text, ": ".join(choice.said)) for choice in self._asked.choices]
        folds += [(f"Hint {n}", hint) for n, hint in enumerate(self._asked.hints, 1)]
        rows = "".join(
            f"<details><summary>{escape(title)}</summary><p>{escape(text)}</p></details>"
            for title, text in folds
        )
        return f'<div class="course-question"><p>{escape(self.question)}</p>{rows}</div>'

    def __repr__(self) -> str:
        """Return the question and its choices as text."""
        return "\n".join([self.question, *(f"- {text}" for text in self.choices)])


def question(name: str) -> Question:
    """Ask a question of a lesson; an earlier answer is shown again.

    A lesson goes on without an answer.

    Parameters
    ----------
    name : str
        The lesson and the question's own name.

    Raises
    ------
    ValueError
        If there is no such question.

    Examples
    --------
    >>> question("02_quadrant/letters").choices[0]
    'sequential'
    """
    return Question(load(name))


def load(name: str) -> Asked:
    """Return a question's texts, by its lesson and name as in `question`."""
    lesson, _, own = name.partition("/")
    if lesson not in lessons():
        known = ", ".join(lessons())
        raise ValueError(f"no lesson with questions is named {lesson!r}; there are: {known}")
    questions = json.loads((TEXTS / f"{lesson}.json").read_text("utf-8"))["questions"]
    if own not in questions:
        known = ", ".join(f"{lesson}/{other}" for other in questions)
        raise ValueError(f"no question is named {name!r}; there are: {known}")
    texts = questions[own]
    choices = tuple(Choice(**choice) for choice in texts.pop("choices"))
    return Asked(lesson, own, choices=choices, hints=tuple(texts.pop("hints")), **texts)


def lessons() -> list[str]:
    """Return the names of the lessons that have questions."""
    return sorted(path.stem for path in TEXTS.glob("[0-9]*.json"))


def earlier(asked: Asked) -> dict[str, Any]:
    """Return the verdict on the answer that was saved; empty if there is none that still fits."""
    from course_lib.lesson.progress import recall

    entry = recall("answers", f"{asked.lesson}/{asked.name}")
    if entry is None:
        return {}
    try:
        chosen = asked.chosen(entry["chosen"])
    except (KeyError, TypeError, ValueError):  # of an older course, or changed by hand
        return {}
    return asked.verdict(chosen, entry.get("tries", 1))


def save(asked: Asked, verdict: dict[str, Any]) -> None:
    """Save an answer in the learner's progress."""
    from course_lib.lesson.progress import remember

    entry = {key: verdict[key] for key in ("chosen", "right", "tries")}
    key = f"{asked.lesson}/{asked.name}"
    remember("answers", key, {"lesson": asked.lesson, "question": asked.name, **entry})

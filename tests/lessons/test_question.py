"""Questions: their texts, what the browser is told and when, and what is saved."""

import json
import sys
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from course_lib.lesson.question import LAST, TEXTS, Asked, Question, lessons, load, question

SCHEMA = json.loads((TEXTS / "questions.schema.json").read_text("utf-8"))
NAMES = [
    f"{lesson}/{name}"
    for lesson in lessons()
    for name in json.loads((TEXTS / f"{lesson}.json").read_text("utf-8"))["questions"]
]
ONE, SEVERAL = "02_quadrant/letters", "02_quadrant/software_parallel"


@pytest.fixture(autouse=True)
def saved(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], dict[str, Any]]:
    """What was saved, here instead of in a file."""
    entries: dict[tuple[str, str], dict[str, Any]] = {}
    progress: Any = ModuleType("progress")
    progress.remember = lambda kind, key, entry: entries.update({(kind, key): entry})
    progress.recall = lambda kind, key: entries.get((kind, key))
    monkeypatch.setitem(sys.modules, "course_lib.lesson.progress", progress)
    return entries


def right(asked: Asked) -> list[str]:
    return [choice.text for choice in asked.choices if choice.right]


def press(widget: Question, **content: Any) -> None:
    """Do what arrives from the browser when a button is pressed."""
    widget._handle_custom_msg(content, [])


def told(widget: Question) -> str:
    """All that the browser knows, but for the script and the style sheet."""
    state = widget.get_state()
    return json.dumps(
        {key: state[key] for key in state if key not in ("_esm", "_css")}, ensure_ascii=False
    )


def secrets(asked: Asked) -> list[str]:
    texts = [choice.feedback for choice in asked.choices]
    texts += [choice.misconception for choice in asked.choices if choice.misconception]
    return [*texts, *asked.hints]


@pytest.mark.parametrize("path", sorted(TEXTS.glob("[0-9]*.json")), ids=lambda path: path.stem)
def test_the_texts_fit_their_schema(path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(
        json.loads(path.read_text("utf-8")), SCHEMA, jsonschema.Draft202012Validator
    )


def test_each_lesson_has_two_questions_or_more() -> None:
    assert {"00_start_here", "02_quadrant"} <= set(lessons())
    for lesson in lessons():
        assert sum(name.startswith(f"{lesson}/") for name in NAMES) >= 2


@pytest.mark.parametrize("name", NAMES)
def test_each_question_has_right_and_wrong_answers(name: str) -> None:
    asked = load(name)
    count = len(right(asked))
    assert 1 <= count < len(asked.choices)
    assert asked.several or count == 1


@pytest.mark.parametrize("name", NAMES)
def test_each_wrong_answer_has_a_misconception_and_each_answer_feedback_of_its_own(
    name: str,
) -> None:
    asked = load(name)
    assert all(choice.right != bool(choice.misconception.strip()) for choice in asked.choices)
    texts = [choice.text for choice in asked.choices] + secrets(asked)
    assert all(text.strip() for text in texts)
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("name", NAMES)
def test_the_browser_is_told_nothing_before_an_answer_is_given(name: str) -> None:
    widget, asked = question(name), load(name)
    script = widget.get_state()["_esm"] + widget.get_state()["_css"] + repr(widget)
    assert [text for text in secrets(asked) if text in told(widget) + script] == []
    assert '"right"' not in told(widget)
    assert widget.choices == [choice.text for choice in asked.choices]


@pytest.mark.parametrize("name", NAMES)
def test_each_answer_gets_its_own_feedback_and_no_other(
    name: str, saved: dict[tuple[str, str], Any]
) -> None:
    asked = load(name)
    for choice in asked.choices:
        saved.clear()
        widget = question(name)
        press(widget, check=[choice.text])
        known = [text for text in secrets(asked) if text in told(widget)]
        assert set(known) == {choice.feedback, choice.misconception} - {""}
        assert ("Misconception" in told(widget)) != choice.right


def test_a_wrong_answer_can_be_tried_again(saved: dict[tuple[str, str], Any]) -> None:
    widget = question(ONE)
    seen = []
    for text in ("concurrent and parallel", "concurrent, not parallel", "sequential"):
        press(widget, check=[text])
        seen.append((widget.verdict["head"][0], widget.verdict["right"], widget.verdict["tries"]))
    assert seen == [("✗", False, 1), ("✗", False, 2), ("✓", True, 3)]
    assert saved[("answers", ONE)] == {
        "lesson": "02_quadrant",
        "question": "letters",
        "chosen": ["sequential"],
        "right": True,
        "tries": 3,
    }


def test_the_same_answer_again_is_no_new_try_and_a_right_one_stays() -> None:
    widget = question(ONE)
    for text in ("concurrent and parallel", "concurrent and parallel", "sequential"):
        widget.check(text)
    widget.check("concurrent and parallel")
    assert (widget.verdict["right"], widget.verdict["tries"]) == (True, 2)


def test_several_answers_are_right_only_together_and_in_any_order() -> None:
    widget, asked = question(SEVERAL), load(SEVERAL)
    first, second = right(asked)
    wrong = next(choice for choice in asked.choices if not choice.right)
    heads = []
    for chosen in ([first], [first, second, wrong.text], [second, first]):
        press(widget, check=chosen)
        heads.append(widget.verdict["head"])
    assert "something is missing" in heads[0]
    assert heads[1].startswith("✗ Not yet.")
    assert heads[2] == "✓ Right."
    assert widget.verdict["chosen"] == [first, second]
    assert second not in json.dumps(asked.verdict(asked.chosen([first]), 1), ensure_ascii=False)


def test_hints_come_one_by_one_and_run_out_politely() -> None:
    widget, asked = question(ONE), load(ONE)
    assert widget.hints == []
    for given in range(1, len(asked.hints) + 1):
        press(widget, hint=True)
        assert len(widget.hints) == given
        assert asked.hints[given - 1] in widget.hints[-1]
    for _ in range(3):
        press(widget, hint=True)
    assert widget.hints[-1] == LAST
    assert len(widget.hints) == len(asked.hints) + 1


def test_what_is_right_is_told_by_the_course_and_not_by_the_file(
    saved: dict[tuple[str, str], Any],
) -> None:
    saved[("answers", ONE)] = {"chosen": ["concurrent and parallel"], "right": True}
    assert (question(ONE).verdict["right"], question(ONE).verdict["tries"]) == (False, 1)


@pytest.mark.parametrize("chosen", [["sequential"], ["concurrent, not parallel"]])
def test_an_answer_is_shown_again_when_the_cell_is_run_again(chosen: list[str]) -> None:
    before = question(ONE)
    before.check(*chosen)
    after = question(ONE)
    assert after.verdict == before.verdict
    assert after.verdict["chosen"] == chosen


@pytest.mark.parametrize(
    "entry",
    [
        {"chosen": ["of an older course"], "right": True, "tries": 1},
        {"chosen": [], "right": True, "tries": 1},
        {"chosen": 3, "right": True, "tries": 1},
        {"chosen": [[]], "right": True, "tries": 1},
        {"right": True},
    ],
)
def test_an_answer_that_does_not_fit_any_more_is_asked_for_anew(
    entry: dict[str, Any], saved: dict[tuple[str, str], Any]
) -> None:
    saved[("answers", ONE)] = entry
    assert question(ONE).verdict == {}


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        (ONE, []),
        (ONE, ["nowhere"]),
        (ONE, ["sequential", "concurrent and parallel"]),
        (SEVERAL, []),
    ],
)
def test_what_is_not_offered_is_refused(
    name: str, chosen: list[str], saved: dict[tuple[str, str], Any]
) -> None:
    widget = question(name)
    with pytest.raises(ValueError, match="choose (one|some) of"):
        widget.check(*chosen)
    assert widget.verdict == {}
    assert saved == {}


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("", "02_quadrant"),
        ("cook", "00_start_here, 01_definitions, 02_quadrant"),
        ("99_none/cook", "02_quadrant"),
        ("questions.schema/cook", "02_quadrant"),
        ("../lesson/cook", "02_quadrant"),
        ("02_quadrant", "02_quadrant/cook"),
        ("02_quadrant/oven", "02_quadrant/cook, 02_quadrant/piano"),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(name: str, allowed: str) -> None:
    with pytest.raises(ValueError, match=allowed):
        question(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_static_page_folds_what_is_said_of_each_choice(name: str) -> None:
    widget, asked = question(name), load(name)
    folds = unescape(widget.folded()).split("<details>")[1:]
    assert len(folds) == len(asked.choices) + len(asked.hints)
    for fold, choice in zip(folds, asked.choices, strict=False):
        summary, inside = fold.split("</summary>")
        assert choice.text in summary
        assert all(text not in summary for text in secrets(asked))
        assert choice.feedback in inside
        assert choice.misconception in inside
        assert inside.startswith("<p>✓" if choice.right else "<p>✗")


def test_as_text_it_is_the_question_and_its_choices() -> None:
    data, _ = question(ONE)._repr_mimebundle_()  # type: ignore[misc]
    assert data["text/plain"].splitlines()[1:] == [f"- {text}" for text in question(ONE).choices]

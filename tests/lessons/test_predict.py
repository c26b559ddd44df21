"""A prediction: what it accepts, that it stays, and how it is shown beside the measurement."""

import math
import re
from pathlib import Path
from typing import Any

import pytest
import traitlets

from course_lib import Task, Trace, run, simulate, wait
from course_lib.lesson import predict, recall
from course_lib.lesson.progress import Kernel, kernel
from course_lib.pictures import numbers
from course_lib.trace import ROOMS

ROOM_NAMES = list(ROOMS.values())


def trace_of(in_flight: int, cpu: float) -> Trace:
    """A trace of one second with so many tasks in flight and so much CPU time."""
    rows = [(f"task {n}", 0.0, 0.0, 1.0, 0.0) for n in range(in_flight)]
    return Trace.build(rows, [], cpu=cpu, end=1.0, model="made up", usable_cores=2.0)


def page(shown: Any) -> str:
    return str(shown._repr_mimebundle_()["text/html"])


def test_the_quadrants_rooms_are_the_choices_unless_others_are_given() -> None:
    assert predict("loop", "Which room?").choices == ROOM_NAMES
    assert predict("loop", "Which?", choices=["a", "b"]).choices == ["a", "b"]


def test_an_answer_stays() -> None:
    guess = predict("loop", "Which room?")
    answers = [guess.answer]
    for answer in ("sequential", "concurrent and parallel", None):
        guess.answer = answer
        answers.append(guess.answer)
    assert answers == [None, "sequential", "sequential", "sequential"]


def test_the_first_answer_stays_whichever_kernel_has_it() -> None:
    first, second = (predict("race", "Who?", choices=["fast", "slow"]) for _ in range(2))
    first.commit("fast")
    first.compare("slow")
    second.commit("slow")
    assert second.answer == "fast"
    entry = recall("predictions", "race: Who?")
    assert entry and (entry["answer"], entry["measured"]) == ("fast", "slow")


def test_what_was_measured_goes_with_the_answer_that_it_was_measured_for() -> None:
    earlier = predict("race", "How?", choices=["fast", "slow"])
    earlier.commit("fast")
    earlier.compare("slow")
    later = predict("race", "How?", between=(0, 1))
    later.commit(0.5)
    assert later.committed
    entry = recall("predictions", "race: How?")
    assert entry and entry["answer"] == 0.5
    assert "measured" not in entry


@pytest.mark.parametrize("answer", ["nowhere", "", 1.0, True])
def test_a_choice_that_is_not_offered_is_refused(answer: Any) -> None:
    guess = predict("loop", "Which room?")
    with pytest.raises(traitlets.TraitError, match="sequential"):
        guess.commit(answer)
    assert guess.answer is None


@pytest.mark.parametrize("answer", [-0.1, 4.1, math.nan, math.inf, "2", True])
def test_a_number_out_of_range_is_refused(answer: Any) -> None:
    guess = predict("cores", "How many?", between=(0, 4))
    with pytest.raises(traitlets.TraitError, match="from 0 to 4"):
        guess.commit(answer)
    assert guess.answer is None


@pytest.mark.parametrize(
    "arguments",
    [
        {"choices": []},
        {"choices": ["one"]},
        {"choices": ["a", "a"]},
        {"between": (1, 1)},
        {"between": (2, 1)},
        {"between": (0, math.inf)},
        {"between": (0, 1), "choices": ["a", "b"]},
    ],
)
def test_bad_arguments(arguments: Any) -> None:
    with pytest.raises(ValueError, match="choices|between"):
        predict("cores", "How many?", **arguments)


@pytest.mark.parametrize(("name", "question"), [("", "What?"), ("cores", " ")])
def test_empty_texts(name: str, question: str) -> None:
    with pytest.raises(ValueError, match="name and question"):
        predict(name, question)


def test_right_and_wrong_are_told_by_word_and_symbol() -> None:
    guess = predict("loop", "Which room?")
    guess.commit("sequential")
    assert "✓ as predicted" in page(guess.compare(trace_of(1, cpu=1.0)))
    assert "✗ not as predicted" in page(guess.compare(trace_of(3, cpu=1.0)))


def test_without_an_answer_the_measurement_is_shown_all_the_same() -> None:
    shown = page(predict("loop", "Which room?").compare(trace_of(1, cpu=1.0)))
    assert "no prediction" in shown
    assert "1.00" in shown
    assert "predicted:" not in shown


def test_the_picture_has_both_marks_and_says_so() -> None:
    guess = predict("loop", "Which room?")
    guess.commit("concurrent and parallel")
    shown = page(guess.compare(trace_of(1, cpu=1.0)))
    alt = re.search(r'alt="([^"]*)"', shown)
    assert alt is not None
    assert "loop: 1.00 in flight" in alt[1]
    assert "loop predicted" in alt[1]


def test_a_number_is_compared_in_a_picture_and_a_table_row() -> None:
    guess = predict("waits", "How long?", between=(0, 2), unit="s")
    assert "<img" not in page(guess.compare(0.312))  # nothing was predicted
    guess.answer = 0.9
    shown = page(guess.compare(0.312))
    assert '<tr><th scope="row">waits</th><td>0.9 s</td><td>0.31 s</td></tr>' in shown
    assert 'alt="waits: predicted 0.9 s, measured 0.312 s."' in shown
    assert "<td>1234567 s</td></tr>" in page(guess.compare(1234567))  # a count has no decimals
    other = predict("cores", "How many?", between=(0, 4), unit="cores")
    other.answer = 2.0
    both = page(guess.compare(0.312) + other.compare(1.5))
    assert "measured 0.312 s; cores: predicted 2 cores, measured 1.5 cores." in both
    with pytest.raises(ValueError, match="rows must hold at least one"):
        numbers([])


@pytest.mark.parametrize(
    ("how", "caption"),
    [("simulated", "simulation"), ("calculated", "calculation"), ("counted", "count")],
)
def test_what_was_not_measured_does_not_pass_for_it(how: str, caption: str) -> None:
    guess = predict("waits", "How long?", between=(0, 2), unit="s")
    guess.answer = 0.9
    shown = page(guess.compare(0.312, how))
    assert f"prediction and {caption}" in shown
    assert f'alt="waits: predicted 0.9 s, {how} 0.312 s."' in shown
    assert "measure" not in shown
    order = predict("policies", "Which first?", order=["a", "b"])
    assert f'<th scope="col">{how}</th>' in page(order.compare(["a", "b"], how))
    assert "prediction and measurement" in page(guess.compare(1, how) + order.compare(["a", "b"]))
    with pytest.raises(ValueError, match="how must be one of 'measured', .* not 'guessed'"):
        guess.compare(1, "guessed")


def test_several_comparisons_make_one_picture() -> None:
    first, second = predict("loop", "Which?"), predict("server", "Which?")
    shown = page(first.compare(trace_of(1, 1.0)) + second.compare(trace_of(5, 0.4)))
    assert shown.count("<img") == 1
    assert "server: 5.00 in flight, 0.40 cores busy, concurrent, not parallel" in shown


def test_a_machine_with_one_core_is_told_what_it_cannot_show(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guess = predict("loop", "Which room?")
    trace = run([Task("A", wait(0.01))])
    monkeypatch.setenv("CPU_LIMIT", "1")
    shown = page(guess.compare(trace))
    assert "What can't be seen here" in shown
    assert "no more than one busy on average" in shown  # a quota may be used by several at once


def test_a_simulated_run_is_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPU_LIMIT", "1")  # which doesn't matter to it
    guess = predict("bar", "Which room?")
    shown = page(guess.compare(simulate([Task("A", wait(1)), Task("B", wait(1))])))
    assert '<th scope="col">simulated</th>' in shown
    assert "concurrent, not parallel (simulated)" in shown
    assert "can&#x27;t be seen" not in shown


# An order, and a point


def test_an_order_has_each_item_once() -> None:
    guess = predict("models", "Fastest first?", order=["a", "b", "c"])
    wrong: Any
    for wrong in ("abc", ["a", "b"], ["a", "b", "b"], ["a", "b", "c", "a"], 1.0):
        with pytest.raises(traitlets.TraitError, match="answer must"):
            guess.commit(wrong)
    guess.commit(["b", "c", "a"])
    assert guess.answer == ["b", "c", "a"]
    shown = page(guess.compare(["c", "b", "a"]))
    assert "b → c → a" in shown
    assert "✗ not as predicted: 2 of 3 pairs are in this order" in shown
    assert "✓ as predicted" in page(guess.compare(["b", "c", "a"]))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([0.4, 1.0], "server: tasks in flight must be a number from 0.5 to 100, not 0.4"),
        ([1.0, 0.1], "server: cores busy must be a number from 0.2 to .*, not 0.1"),
        ([1.0, math.nan], "cores busy must be"),
        ([1.0], "answer must be a pair"),
        (1.0, "answer must be a list"),
    ],
)
def test_a_point_outside_the_quadrant_is_refused_by_name(answer: Any, said: str) -> None:
    guess = predict("server", "Where?", point=True)
    with pytest.raises(traitlets.TraitError, match=said):
        guess.commit(answer)
    assert guess.answer is None


def test_a_point_stands_in_the_picture_where_it_was_put() -> None:
    guess = predict("server", "Where?", point=True)
    guess.commit((4, 0.75))
    shown = page(guess.compare(trace_of(3, cpu=0.5)))
    assert "server predicted: 4.00 in flight, 0.75 cores busy" in shown
    assert "✓ as predicted" in shown
    assert "✗ not as predicted" in page(guess.compare(trace_of(1, cpu=0.5)))


@pytest.mark.parametrize(
    "arguments",
    [
        {"order": ["one"]},
        {"order": ["a", "a"]},
        {"order": ["a", "b"], "point": True},
        {"order": ["a", "b"], "choices": ["a", "b"]},
        {"point": True, "between": (0, 1)},
    ],
)
def test_bad_arguments_of_orders_and_points(arguments: Any) -> None:
    with pytest.raises(ValueError, match="order"):
        predict("models", "Which first?", **arguments)


@pytest.mark.parametrize(
    ("arguments", "measured", "wanted"),
    [
        ({"between": (0, 1)}, trace_of(1, 1.0), "a number"),
        ({"between": (0, 1)}, "0.5", "a number"),
        ({"point": True}, 1.0, "a run"),
        ({"choices": ["a", "b"]}, "c", "one of"),
        ({"order": ["a", "b"]}, "a", "a list"),
    ],
)
def test_what_was_not_asked_for_is_not_compared(arguments: Any, measured: Any, wanted: str) -> None:
    with pytest.raises(TypeError, match=wanted):
        predict("x", "What?", **arguments).compare(measured)


def test_a_choice_of_ones_own_is_compared_with_the_right_one() -> None:
    guess = predict("lock", "Who wins?", choices=["first", "second"])
    guess.commit("first")
    assert "✗ not as predicted" in page(guess.compare("second"))


def test_names_are_shown_as_text() -> None:
    shown = page(predict("<b>x", "What?").compare(trace_of(1, cpu=1.0)))
    assert "<b>x" not in shown


# What is kept


def new_kernel() -> None:
    vars(kernel).update(vars(Kernel(kernel.lesson)))


@pytest.mark.parametrize(
    ("arguments", "answer", "measured", "kept"),
    [
        ({}, "sequential", trace_of(1, 1.0), "sequential"),
        ({"between": (0, 2), "unit": "s"}, 0.5, 0.25, 0.25),
        ({"order": ["a", "b"]}, ["b", "a"], ("a", "b"), ["a", "b"]),
        ({"point": True}, [2.0, 1.0], trace_of(3, 0.5), [3.0, 0.5]),
    ],
)
def test_an_answer_is_there_again_in_a_new_kernel(
    arguments: Any, answer: Any, measured: Any, kept: Any
) -> None:
    guess = predict("loop", "What?", **arguments)
    guess.commit(answer)
    new_kernel()
    again = predict("loop", "What?", **arguments)
    assert again.answer == answer
    assert again.note == "From an earlier time."
    again.answer = None
    assert again.answer == answer
    again.compare(measured)
    entry = recall("predictions", again.key)
    assert entry is not None
    assert (entry["answer"], entry["measured"]) == (answer, kept)
    assert predict("loop", "Something else?", **arguments).answer is None


def test_what_arrives_from_the_browser_is_locked_and_kept() -> None:
    guess = predict("loop", "Which room?")
    guess.set_state({"answer": "sequential"})
    guess.set_state({"answer": "concurrent and parallel"})
    guess.set_state({"answer": None})
    assert guess.answer == "sequential"
    assert (recall("predictions", guess.key) or {})["answer"] == "sequential"


def test_without_an_answer_nothing_is_kept() -> None:
    guess = predict("loop", "Which room?")
    guess.compare(trace_of(1, cpu=1.0))
    assert recall("predictions", guess.key) is None


def test_an_endless_number_is_shown_and_not_kept() -> None:
    guess = predict("waits", "How long?", between=(0, 2))
    guess.commit(1)
    assert "nan" in page(guess.compare(math.nan))
    assert "measured" not in (recall("predictions", guess.key) or {})


def test_an_answer_that_no_longer_fits_its_question_is_told() -> None:
    predict("waits", "How long?", between=(0, 20)).commit(15)
    again = predict("waits", "How long?", between=(0, 10))
    assert again.answer is None
    assert "doesn't fit" in again.note


def test_an_answer_that_cannot_be_saved_says_so_in_its_place(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write_text("a file where the folder would be")
    guess = predict("loop", "Which room?")
    guess.commit("sequential")
    assert guess.answer == "sequential"
    assert guess.note.startswith("Not saved: ")
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert predict("loop", "Which room?").answer == "sequential"


def test_an_answer_counts_as_committed_once_this_side_has_it() -> None:
    guess = predict("cores", "How many?", between=(0, 4))
    assert not guess.committed
    with pytest.raises(traitlets.TraitError):
        guess.commit(5)
    assert not guess.committed
    guess.commit(3)
    assert guess.committed


@pytest.mark.parametrize("between", [5, ("a", "b"), (1, 2, 3), (2, 1), (0, math.nan)])
def test_a_range_that_is_none_is_refused(between: Any) -> None:
    with pytest.raises(ValueError, match="between must be two numbers"):
        predict("cores", "How many?", between=between)

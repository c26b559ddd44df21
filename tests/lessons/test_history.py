"""Lesson 10: its dates and numbers, and that its words say what its data say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from course_lib.programs import history
from course_lib.programs.history import (
    KINDS,
    as_number,
    events,
    growth,
    machines,
    processor,
    processors,
    sources,
    timeline,
)
from course_lib.programs.luck import ADDED, ROUNDS, TICKETS

LESSON = Path(__file__).parents[2] / "notebooks" / "10_history.ipynb"
TEXT = " ".join(
    " ".join("".join(cell["source"]).split())
    for cell in json.loads(LESSON.read_text("utf-8"))["cells"]
    if cell["cell_type"] == "markdown"
)
DATA = json.loads(history.DATA.read_text("utf-8"))
SCHEMA = json.loads(history.DATA.with_name("history.schema.json").read_text("utf-8"))


def test_the_data_fit_their_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(DATA, SCHEMA, jsonschema.Draft202012Validator)


@pytest.mark.parametrize("rows", [events(), processors()], ids=["events", "processors"])
def test_dates_are_in_order(rows: tuple[history.Event | history.Processor, ...]) -> None:
    assert [row.year for row in rows] == sorted(row.year for row in rows)
    assert all(1950 < row.year < 2030 for row in rows)
    assert len({row.date + getattr(row, "what", getattr(row, "name", "")) for row in rows}) == len(
        rows
    )


def test_numbers_are_possible() -> None:
    for one in processors():
        assert one.base_mhz <= one.top_mhz < 10_000
        assert one.year > 2000 or one.cores == 1
    assert {event.kind for event in events()} == set(KINDS)


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("1961-11", "CTSS"),
        ("1962", "Burroughs D825"),
        ("1968-08", "ILLIAC IV"),
        ("1969", "UNIX"),
        ("1974-10", "Dennard"),
        ("1979-09", "Lamport"),
        ("2001", "POWER4"),
        ("2005-03", "Free Lunch"),
        ("2005-05", "Pentium D, Athlon 64 X2"),
        ("2024-10", "3.13"),
        ("2025-10", "3.14"),
    ],
)
def test_the_dates_that_the_course_relies_on(date: str, words: str) -> None:
    assert [event.what for event in events() if event.date == date and words in event.what]


def test_what_the_lesson_says_of_dates_is_in_the_table() -> None:
    when = {event.what.split(":")[0]: event.date for event in events()}
    assert when["CTSS"] == "1961-11"
    assert "In November 1961, CTSS" in TEXT
    assert when["UNIX is begun at Bell Labs"] == "1969"
    assert "UNIX was begun in 1969" in TEXT
    assert when["Burroughs D825"][:4] == "1962"
    assert "In 1962, the Burroughs D825" in TEXT
    assert when["Dennard"].startswith("1974")
    assert "had shown in 1974" in TEXT
    assert when["Lamport"].startswith("1979")
    assert "*sequentially consistent* (Leslie Lamport, 1979)" in TEXT
    apart = as_number(when["Pentium D, Athlon 64 X2"]) - as_number(when["Sutter"])
    assert apart * 12 == pytest.approx(2)
    assert "Two months before, Herb Sutter" in TEXT


def test_what_the_lesson_says_of_processors_is_in_the_table() -> None:
    last = processor("Pentium 4 570")
    assert (last.date, last.top_mhz) == ("2004-11", 3800)
    assert "In November 2004, the Pentium 4 570, a processor for PCs, had 3.8 GHz" in TEXT
    rise, yearly = growth("Intel 386 DX", "Pentium 4 570")
    assert round(yearly, 2) == 1.33
    assert "Until 2004, a third more each year" in TEXT
    assert last.year - processor("Intel 386 DX").year == pytest.approx(20, abs=1)
    after, _ = growth("Pentium 4 570", "Core i9-14900K")
    assert f"{after:.2f} times in nineteen years" in TEXT
    assert max(processors(), key=lambda one: one.top_mhz).name == "Core i9-14900K"
    assert max(processors(), key=lambda one: one.year).date[:4] == "2024"
    assert rise > 100 * after
    before, slower = (
        growth(*pair, "transistors")[1]
        for pair in (("Intel 386 DX", "Pentium 4 570"), ("Pentium 4 570", "Ryzen 7 1800X"))
    )
    assert before == pytest.approx(slower, abs=0.05)  # about as before: Moore's law went on
    assert processor("IBM POWER4").cores == processor("Pentium D 840").cores == 2
    assert {one.cores for one in processors() if one.year < 2001} == {1}


def test_what_the_lesson_says_of_its_programs_is_so() -> None:
    assert f"There are {ROUNDS} rounds" in TEXT
    assert f"If it isn't {2 * TICKETS} in the end" in TEXT
    assert f"one counter, {ADDED:,} times each" in TEXT


def test_growth_refuses_what_can_not_be() -> None:
    with pytest.raises(ValueError, match="name must be one of"):
        growth("Abacus", "EPYC 9965")
    with pytest.raises(ValueError, match="last must be later than EPYC 9965"):
        growth("EPYC 9965", "Intel 4004")
    with pytest.raises(ValueError, match="transistors isn't known of both"):
        growth("Intel 4004", "EPYC 9965", "transistors")
    with pytest.raises(ValueError, match="what must be one of"):
        growth("Intel 4004", "EPYC 9965", "price")


@pytest.mark.parametrize("of", ["events", "processors"])
def test_each_row_of_the_tables_has_its_source(of: str) -> None:
    sheet = sources(of)
    assert sheet.head[-1] == "source"
    assert len(sheet.rows) == len(DATA[of])
    assert [row[-1] for row in sheet.rows] == [row["source"] for row in DATA[of]]
    with pytest.raises(ValueError, match="of must be one of"):
        sources("years")


def test_the_pictures_say_in_words_what_they_show() -> None:
    said = timeline(1980).alt
    assert all(event.what in said and event.date in said for event in events())
    assert "You predicted 1980" in said
    assert "You predicted" not in timeline().alt
    said = machines(20).alt
    assert re.search(r"Pentium 4 570, 2004: 3800 MHz, 1 core;", said)
    assert "20 times the clock of 2004" in said
    assert machines().png.startswith(b"\x89PNG")
    assert timeline(1945.0).png.startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="guess must be a number above 0"):
        machines(0)

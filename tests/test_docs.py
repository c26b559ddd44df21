"""What the texts for readers, teachers and contributors say is there, is there."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from PIL import Image

from docs.map import drawn, put_in
from tests.test_form import HEAD, LESSONS, cells

ROOT = Path(__file__).resolve().parent.parent
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]+\.png)\)")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
#: What a citation file of version 1.2.0 may have, of that which the course could want to say.
CITED = {
    *("abstract", "authors", "cff-version", "date-released", "doi", "keywords", "license"),
    *("message", "repository-code", "title", "type", "url", "version"),
}


def read(path: Path) -> str:
    return path.read_text("utf-8")


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.name)
def test_what_a_text_links_to_is_there(path: Path) -> None:
    places = [place for place in LINK.findall(read(path)) if "://" not in place]
    missing = [p for p in places if not (path.parent / p.partition("#")[0]).exists()]
    assert places and not missing


def test_the_pictures_are_small_and_come_with_their_text() -> None:
    shown = PICTURE.findall(read(ROOT / "README.md"))
    files = sorted((ROOT / "docs" / "pictures").glob("*.png"))
    assert sorted(ROOT / place for _, place in shown) == files
    assert sum(file.stat().st_size for file in files) < 200_000
    for alt, place in shown:
        with Image.open(ROOT / place) as image:
            assert alt == image.info["Description"], place  # the run's own, not an older one's


def test_the_map_has_every_module_and_no_other() -> None:
    guide = read(ROOT / "CONTRIBUTING.md")
    listed = re.findall(r"^\| \[(.+\.py)\]\(course_lib/\1\) \| \S.*[.:] \|$", guide, re.MULTILINE)
    course_lib = ROOT / "course_lib"
    there = {path.relative_to(course_lib).as_posix() for path in course_lib.rglob("*.py")}
    assert sorted(listed) == sorted(there)
    assert drawn() in guide and put_in(guide) == guide, "python -m docs.map draws it anew"


def test_each_package_is_named_once_with_its_reason() -> None:
    table = read(ROOT / "README.md").partition("## What it is made of")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", table, re.MULTILINE)[1:]
    named = [
        name for names, _ in rows for name in re.sub(r"\*.*?\*", "", names).strip().split(", ")
    ]
    more = PROJECT["optional-dependencies"]
    needs = [*PROJECT["dependencies"], *(need for extra in more.values() for need in extra)]
    assert sorted(named) == sorted({re.split(r"[^\w.-]", need)[0] for need in needs})


def test_the_course_can_be_cited() -> None:
    cited = yaml.safe_load(read(ROOT / "CITATION.cff"))
    assert {"cff-version", "message", "title", "authors"} <= set(cited) <= CITED
    assert (cited["cff-version"], cited["type"]) == ("1.2.0", "software")
    assert cited["version"] == PROJECT["version"]
    assert "license" not in cited, (
        "a list would mean either of them; LICENSE says which is for what"
    )
    assert cited["authors"] == PROJECT["authors"], "an entity: a name, and no person"
    assert sorted(cited["keywords"]) == sorted(PROJECT["keywords"])


# The guide for teachers -----------------------------------------------------------------------------

SECTION = re.compile(r"^### (\d+) · (.+) \((\d+) minutes(?:, (\d+) in a lecture)?\)$", re.MULTILINE)
#: What each lesson's section says, in this order.
POINTS = ["Ask the hall", "The pictures", "On stage", "Listen for", "Exercises"]


def sections() -> dict[str, str]:
    """Return the guide's sections on lessons, by number."""
    _, *parts = re.split(
        r"^(?=### \d+ · )", read(ROOT / "docs" / "TEACHING.md"), flags=re.MULTILINE
    )
    return {part.split()[1]: part.partition("\n## ")[0] for part in parts}


def test_every_lesson_has_its_section_in_the_guide_for_teachers() -> None:
    assert list(sections()) == [str(int(path.name[:2])) for path in LESSONS]


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_the_guide_says_what_the_lesson_says(path: Path) -> None:
    text = sections()[str(int(path.name[:2]))]
    lesson = cells(path)
    heading = SECTION.match(text)
    assert heading and f"[{heading[2]}](notebooks/{path.name}) | {heading[3]} |" in read(
        ROOT / "README.md"
    )
    facts = HEAD.match(next(line for line in lesson[0].text.splitlines() if line.startswith("*")))
    assert facts and (facts[2] or facts[1]) == (heading[4] or heading[3])
    assert re.findall(r"^- \*\*(.+?):\*\*", text, re.MULTILINE) == POINTS
    assert "| 1 core | 2 cores | 8 cores |" in text
    places = LINK.findall(text)
    assert f"../notebooks/{path.name}" in places
    checked = {key for c in lesson for key in re.findall(rf'check\("{path.stem}/([^"]+)"', c.text)}
    assert set(re.findall(r"\*(\w+)\*", text.rpartition("**Exercises:**")[2])) == checked
    assert (f"../notebooks/solutions/{path.name}" in places) == bool(checked)


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_the_misconceptions_to_listen_for_are_those_that_the_lesson_names(path: Path) -> None:
    questions = ROOT / "course_lib" / "lesson" / "questions" / f"{path.stem}.json"
    named = {
        choice.get("misconception")
        for question in json.loads(read(questions))["questions"].values()
        for choice in question["choices"]
    }
    text = sections()[str(int(path.name[:2]))]
    (line,) = re.findall(r"^- \*\*Listen for:\*\* (.+)$", text, re.MULTILINE)
    listened = re.findall(r'"([^"]+)"', line)
    assert len(listened) >= 3 and set(listened) <= named


def test_the_plans_fill_their_time() -> None:
    plans = re.findall(
        r"^### (\d+) minutes.*\n\n((?:\|.*\n)+)", read(ROOT / "docs" / "TEACHING.md"), re.MULTILINE
    )
    assert [int(minutes) for minutes, _ in plans] == [45, 90, 180]
    for minutes, table in plans:
        parts = re.findall(r"^\| (\d+) \|", table, re.MULTILINE)
        assert sum(map(int, parts)) == int(minutes)

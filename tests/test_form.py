"""The form of every notebook: what a learner may rely on, wherever a lesson is opened."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("[0-9]*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if path.parent.name == "notebooks"]

WORDS = 120  # in a cell of prose
LINES = 15  # in a cell of code
LONG = {
    "timelines-54": "three stages of a pipeline, each a function, so that the picture names them",
    "capstone-solutions-05": "the whole program, and what a process does of it",
}
NO_EXERCISE = {"00_start_here.ipynb": "it is about finding one's way"}
#: What runs something live, or simulates it: after a prediction.
EXPERIMENTS = {
    *("run", "observe", "simulate", "speedup", "spin_check", "serve", "race", "crowd", "vectors"),
    *("seconds_a_switch", "multiply", "count", "measure", "scaling", "grain", "replies", "hearts"),
    *("rate", "tickets", "transfers", "pairs"),
    *("carried", "handed_out", "count_and_kill"),
}
ASKS = {"predict", "question"}
#: Which sections end a lesson, in this order.
ENDING = ["Check yourself", "In practice", "What you now know", "Your progress", "Further reading"]

HEADING = re.compile(r"^(#{1,6}) (.+)$")
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
PICTURE = re.compile(r"!\[([^\]]*)\]\([^)]+\)|(<img\b[^>]*>)")
HEAD = re.compile(r"^\*(\d+) minutes(?: \((\d+) in a lecture\))? · You need: .+\*$")


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook, and what stands in it."""

    id: str
    kind: str
    text: str
    outputs: int = 0
    count: int | None = None

    def headings(self) -> list[tuple[int, str]]:
        """Return the headings in a cell of prose: level and text."""
        lines = outside_fences(self.text) if self.kind == "markdown" else []
        found = [HEADING.match(line) for line in lines]
        return [(len(match[1]), match[2].strip()) for match in found if match]

    def calls(self) -> set[str]:
        """Return the functions that a cell of code calls by name, not those in what it defines."""
        if self.kind != "code":
            return set()
        magic = {"observe"} if self.text.startswith("%%observe") else set()
        lines = [
            line for line in self.text.splitlines() if not line.lstrip().startswith(("%", "!"))
        ]
        tree = compile("\n".join(lines), self.id, "exec", ast.PyCF_ONLY_AST | 0x2000)
        return magic | {called(node) for node in executed(tree)} - {""}


def outside_fences(text: str) -> list[str]:
    """Return the lines that are no code."""
    lines, fenced = [], False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            lines.append(line)
    return lines


def words(text: str) -> int:
    """Return how many words a text has; the bars of a table are none."""
    return sum(any(map(str.isalnum, word)) for word in text.split())


def executed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that running a cell runs: a function is only defined by it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child
            yield from executed(child)


def called(node: ast.AST) -> str:
    """Return the name that is called; of a method, as in `guess.compare(…)`, with a dot."""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute):
        return f".{node.func.attr}"
    return node.func.id if isinstance(node.func, ast.Name) else ""


def cells(path: Path) -> list[Cell]:
    """Return a notebook's cells."""
    return [
        Cell(
            cell["id"],
            cell["cell_type"],
            "".join(cell["source"]),
            len(cell.get("outputs", [])),
            cell.get("execution_count"),
        )
        for cell in json.loads(path.read_text("utf-8"))["cells"]
    ]


def unpredicted(lesson: Sequence[Cell]) -> list[str]:
    """Return the experiments that give their result away before anything is asked about it.

    An experiment may follow a prediction that stands since the last heading, or that hasn't been
    compared yet. And in a section of its own (of level 2), one may come first, as that from which
    the section's prediction starts.
    """
    missed: list[str] = []
    asked = opened = False
    first: str | None = None  # an experiment at which the section began
    for cell in lesson:
        levels = [level for level, _ in cell.headings()]
        if any(level <= 2 for level in levels):
            missed += [first] if first else []
            first = None
        if levels:
            asked = False
        calls = cell.calls()
        if calls & ASKS:
            asked = opened = True
            first = None
        if calls & EXPERIMENTS and not asked and not opened:
            missed += [first] if first else []
            first = cell.id
        if ".compare" in calls:
            opened = False
    return missed + ([first] if first else [])


every_notebook = pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda p: f"{p.parent.name}/{p.stem}"
)
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)


# Every notebook ---------------------------------------------------------------------------------------


@every_notebook
def test_a_notebook_is_valid_and_its_cells_keep_their_names(path: Path) -> None:
    notebook = json.loads(path.read_text("utf-8"))
    nbformat.validate(notebook)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell.id for cell in cells(path)]
    assert len(set(ids)) == len(ids)


@every_notebook
def test_one_title_and_headings_in_order(path: Path) -> None:
    levels = [level for cell in cells(path) for level, _ in cell.headings()]
    assert cells(path)[0].headings()[0][0] == 1
    assert levels.count(1) == 1
    skipped = [(a, b) for a, b in pairwise(levels) if b > a + 1]
    assert not skipped


@every_notebook
def test_cells_are_short(path: Path) -> None:
    prose = {c.id: words(c.text) for c in cells(path) if c.kind == "markdown"}
    code = {c.id: len(c.text.splitlines()) for c in cells(path) if c.kind == "code"}
    assert not {name: n for name, n in prose.items() if n > WORDS and name not in LONG}
    assert not {name: n for name, n in code.items() if n > LINES and name not in LONG}


def test_no_exception_is_left_over() -> None:
    every = {cell.id: cell for path in NOTEBOOKS for cell in cells(path)}
    for name in LONG:
        text = every[name].text
        assert len(text.splitlines()) > LINES or words(text) > WORDS


@every_notebook
def test_pictures_in_prose_say_what_they_show(path: Path) -> None:
    for cell in cells(path):
        for alt, tag in PICTURE.findall(cell.text) if cell.kind == "markdown" else []:
            assert alt.strip() or re.search(r"""\balt=(["'])\s*[^"'\s]""", tag), cell.id


@every_notebook
def test_links_lead_somewhere(path: Path) -> None:
    assert not dead_links(path, [cell.text for cell in cells(path) if cell.kind == "markdown"])


def test_links_of_the_readme_lead_somewhere() -> None:
    assert not dead_links(ROOT / "README.md", [(ROOT / "README.md").read_text("utf-8")])


def dead_links(path: Path, texts: Sequence[str]) -> list[str]:
    """Return the links that lead out of the course or nowhere, unless they are web addresses."""
    dead = []
    for link in [link for text in texts for link in LINK.findall(text)]:
        parts = urlsplit(link)
        if parts.scheme:
            dead += [] if parts.scheme == "https" and parts.netloc else [link]
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        inside = target.is_relative_to(ROOT) and target.exists()
        if not inside or (parts.fragment and unquote(parts.fragment) not in anchors(target)):
            dead.append(link)
    return dead


def anchors(path: Path) -> set[str]:
    """Return the names by which links can lead to a file's headings, as JupyterLab makes them."""
    if path.suffix == ".ipynb":
        texts = [text for cell in cells(path) for _, text in cell.headings()]
    else:
        lines = outside_fences(path.read_text("utf-8"))
        texts = [match[2] for line in lines if (match := HEADING.match(line))]
    return {text.strip().replace(" ", "-") for text in texts}


@every_notebook
def test_only_what_is_checked_is_stored(path: Path) -> None:
    for cell in cells(path):
        checked = "# NBVAL_CHECK_OUTPUT" in cell.text
        assert checked == bool(cell.outputs), cell.id
        assert cell.count is None, cell.id


# Every lesson -----------------------------------------------------------------------------------------


@every_lesson
def test_a_lesson_says_first_what_it_is_for_and_what_it_takes(path: Path) -> None:
    title, aim, facts = [part for part in cells(path)[0].text.split("\n\n") if part.strip()]
    assert title.startswith("# ")
    assert aim.startswith("After this lesson you can ")
    match = HEAD.match(facts.strip())
    assert match
    minutes = [int(n) for n in match.groups() if n]
    assert minutes == sorted(minutes, reverse=True)
    assert minutes[0] == listed_minutes()[path.name]


def listed_minutes() -> dict[str, int]:
    """Return the minutes that the README gives each lesson."""
    rows = re.findall(
        r"^\| \d+ \| \[[^\]]+\]\(notebooks/([^)]+)\) \| (\d+) \|",
        (ROOT / "README.md").read_text("utf-8"),
        re.MULTILINE,
    )
    return {name: int(minutes) for name, minutes in rows}


def test_the_readme_lists_all_lessons() -> None:
    assert sorted(listed_minutes()) == [path.name for path in LESSONS]


@every_lesson
def test_each_experiment_is_predicted(path: Path) -> None:
    assert not unpredicted(cells(path))
    assert sum("predict" in cell.calls() for cell in cells(path)) >= 3


@every_lesson
def test_each_prediction_is_compared(path: Path) -> None:
    """A prediction is bound to a name, shown, and later compared."""
    code = [cell for cell in cells(path) if cell.kind == "code"]
    for place, cell in enumerate(code):
        for name in re.findall(r"^(\w+) = predict\(", cell.text, re.MULTILINE):
            later = "\n".join(other.text for other in code[place:])
            shown = f"{name}.compare(", f"({name}.answer)"  # the latter by a picture of dates
            assert any(use in later for use in shown), f"{cell.id}: {name}"


@every_lesson
def test_a_lesson_ends_with_questions_exercises_and_what_to_read(path: Path) -> None:
    lesson = cells(path)
    sections = [text for cell in lesson for level, text in cell.headings() if level == 2]
    ending = [text for text in sections if text in ENDING]
    assert ending == ENDING
    last = sections.index(ENDING[0])
    assert last >= len(sections) / 2
    asked = re.findall(r'question\("([^"]+)"\)', section(lesson, ENDING[0]))
    assert len(asked) >= 2
    assert all(key.startswith(f"{path.stem}/") for key in asked)
    assert "finish()" in section(lesson, "Your progress")
    assert len(re.findall(r"^- ", section(lesson, "Further reading"), re.MULTILINE)) >= 2


def section(lesson: Sequence[Cell], title: str) -> str:
    """Return the text of a section of level 2."""
    found: list[str] = []
    inside = False
    for cell in lesson:
        titles = [text for level, text in cell.headings() if level <= 2]
        inside = titles[-1] == title if titles else inside
        found += [cell.text] if inside else []
    return "\n".join(found)


@every_lesson
def test_a_lesson_has_an_exercise_and_its_solution(path: Path) -> None:
    lesson = cells(path)
    checked = re.findall(r'check\("([^"]+)"', section(lesson, "Your turn"))
    assert checked or path.name in NO_EXERCISE
    if not checked:
        return
    assert f"(solutions/{path.name})" in section(lesson, "Your turn")
    solved = "\n".join(cell.text for cell in cells(path.parent / "solutions" / path.name))
    assert all(f'check("{key}", program)' in solved for key in checked)


@every_lesson
def test_a_lesson_is_cut_into_slides(path: Path) -> None:
    """Where this fails, `python -m docs.cut` gives new cells a slide type."""
    metadata = [cell["metadata"] for cell in json.loads(path.read_text("utf-8"))["cells"]]
    kinds = [cell.get("slideshow", {}).get("slide_type") for cell in metadata]
    assert set(kinds) <= {"slide", "subslide", "-", "skip"}
    assert kinds[0] == "slide"


@every_lesson
def test_every_question_that_a_lesson_has_is_asked(path: Path) -> None:
    texts = ROOT / "course_lib" / "lesson" / "questions" / f"{path.stem}.json"
    written = json.loads(texts.read_text("utf-8"))["questions"]
    code = "\n".join(cell.text for cell in cells(path) if cell.kind == "code")
    assert sorted(re.findall(r'question\("([^"]+)"\)', code)) == sorted(
        f"{path.stem}/{name}" for name in written
    )


# The test itself --------------------------------------------------------------------------------------


def made(*texts: str) -> list[Cell]:
    """Return cells: those that begin with a hash are prose."""
    return [
        Cell(f"c{n}", "markdown" if text.startswith("#") else "code", text)
        for n, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("lesson", "missed"),
    [
        (["## A", "g = predict('a', 'b')", "run(t)", "g.compare(1)", "run(t)"], []),
        (["## A", "g = predict('a', 'b')", "## B", "run(t)", "g.compare(1)"], []),
        (["## A", "run(t)", "### B", "g = predict('a', 'b')", "run(t)"], []),
        (["## A", "run(t)"], ["c1"]),
        (["## A", "run(t)", "run(t)", "g = predict('a', 'b')"], ["c1"]),
        (["## A", "run(t)", "## B", "g = predict('a', 'b')"], ["c1"]),
        (["## A", "g = predict('a', 'b')", "g.compare(1)", "## B", "run(t)"], ["c4"]),
        (["## A", "with observe() as trace:\n    f()"], ["c1"]),
        (["## A", "%%observe trace\nf()"], ["c1"]),
        (["## A", "await f()\nrun(t)"], ["c1"]),
        (["## A", "def program(serve):\n    serve(1)"], []),
    ],
)
def test_an_experiment_without_a_prediction_is_found(lesson: list[str], missed: list[str]) -> None:
    assert unpredicted(made(*lesson)) == missed


def test_dead_links_are_found() -> None:
    here = LESSONS[0]
    texts = [
        "[a](01_definitions.ipynb) [b](https://go.dev/talks/2012/waza.slide) [c](../README.md)",
        "[d](nowhere.ipynb) [e](http://go.dev) [f](../../elsewhere) [g](#No-such-heading)",
    ]
    assert dead_links(here, texts) == [
        *("nowhere.ipynb", "http://go.dev", "../../elsewhere", "#No-such-heading")
    ]

"""Run the course and write it as pages that need no server.

python -m docs.pages [folder]            into this folder, or into docs/site
python -m docs.pages folder notebooks    the same with other notebooks

Each notebook is executed here, cell by cell under a time limit, and becomes one page: text, code,
pictures, and the explorers, which need no kernel. The pages load nothing from anywhere else.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import nbformat
from latex2mathml.converter import convert as mathml
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from course_lib import machine
from course_lib.lesson.question import Question, lessons, load
from docs.links import broken, read

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NOTEBOOKS = ROOT / "notebooks"
ASSETS = ("site.css", "site.js")
SEARCH = "assets/search.js"
VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"

LIMIT = 60  # seconds for a cell
FORMULA = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
TO_NOTEBOOK = re.compile(r"(\]\((?!\w+:)[^)\s]*?)\.ipynb((?:#[^)\s]*)?\))")
CORNER = re.compile(r"<th\b[^>]*>\s*</th>")  # of a table, empty: no header of anything
HEAD = re.compile(r"^\*(\d+) minutes")


@dataclass
class Lesson:
    """A notebook, executed, and where its page is, from the site's folder."""

    path: str  # without the suffix
    notebook: NotebookNode
    title: str = ""
    about: str = ""
    minutes: str = ""
    widgets: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read the head: the title, what it is about, how long it takes."""
        head = self.notebook.cells[0].source.split("\n\n")
        self.title = head[0].removeprefix("# ").strip()
        self.about = head[1] if len(head) > 1 else ""
        minutes = [HEAD.match(part) for part in head]
        self.minutes = next((match[1] for match in minutes if match), "")

    @property
    def root(self) -> str:
        """The way from the page to the site's folder."""
        return "../" * self.path.count("/")


def execute(path: Path) -> NotebookNode:
    """Return a notebook with the outputs that it has on this machine, and its widgets' state.

    Raises
    ------
    nbclient.exceptions.CellExecutionError, nbclient.exceptions.CellTimeoutError
        If a cell fails, or takes longer than the limit.
    """
    notebook: NotebookNode = nbformat.read(path, 4)  # type: ignore[no-untyped-call]
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=LIMIT, kernel_name="python3", resources=resources).execute()
    return notebook


def prepare(lesson: Lesson, scripts: dict[str, dict[str, str]]) -> None:
    """Turn what only a kernel or Jupyter understands into what a page can show.

    Formulas become MathML, links to notebooks lead to their pages, what answers a prediction or a
    question is folded, widgets leave their values with the lesson and their code, once for all, in `scripts`.
    """
    state = lesson.notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    predicted = False
    for cell in lesson.notebook.cells:
        cell.metadata["slide"] = cell.metadata.get("slideshow", {}).get("slide_type", "-")
        if cell.cell_type == "markdown":
            predicted = predicted and not cell.source.startswith("#")
            cell.source = TO_NOTEBOOK.sub(r"\1.html\2", FORMULA.sub(formula, cell.source))
            continue
        cell.metadata["folded"] = predicted and bool(cell.get("outputs"))
        for output in cell.get("outputs", []):
            view = output.get("data", {}).get(VIEW)
            if view is None:
                continue
            model = state[view["model_id"]]
            kind = str(model["state"].get("_anywidget_id", model["model_name"])).split(".")[-1]
            if kind in {"Prediction", "Question"}:
                predicted = kind == "Prediction"
                cell.metadata |= {"folded": False, "asks": True}
            if kind == "Question":
                output["data"] = {"text/html": folded(model["state"]["question"])}
            else:
                lesson.widgets[view["model_id"]] = values(kind, model, scripts)
        predicted = predicted and ".compare(" not in cell.source


def formula(match: re.Match[str]) -> str:
    """Return a formula as MathML, which browsers draw and screen readers read."""
    return f'<div class="formula">{mathml(match[1].strip(), display="block")}</div>'


def folded(text: str) -> str:
    """Return the question with this text as HTML that folds what is said of each choice."""
    for lesson in lessons():
        known = json.loads((ROOT / f"course_lib/lesson/questions/{lesson}.json").read_text("utf-8"))
        for name, question in known["questions"].items():
            if question["question"] == text:
                return Question(load(f"{lesson}/{name}")).folded()
    raise ValueError(f"no question of the course has the text {text!r}")


def values(kind: str, model: Any, scripts: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Return a widget's values and its code's name, under which `scripts` keeps the code.

    Raises
    ------
    ValueError
        If it is no anywidget: the pages have no code for others.
    """
    if model["model_module"] != "anywidget":
        raise ValueError(f"the pages show anywidgets only, not {model['model_name']}")
    state = dict(model["state"])
    code = {"script": state.pop("_esm"), "style": state.pop("_css", "")}
    name = f"{kind}-{hashlib.sha256(json.dumps(code).encode()).hexdigest()[:8]}"
    scripts[name] = code
    if kind == "Prediction":
        state["note"] = "This page keeps your answer until you leave it, and compares nothing."
    return {
        "code": name,
        "values": {key: value for key, value in state.items() if not key.startswith("_")},
        "bytes": {buffer["path"][0]: buffer["data"] for buffer in model.get("buffers", [])},
    }


def index(folder: Path, written: Iterable[Lesson]) -> Iterator[list[str]]:
    """Yield what the search looks through: a section's page, anchor, lesson, title and text."""
    for lesson in written:
        for anchor, title, text in read(folder / f"{lesson.path}.html").sections:
            yield [f"{lesson.path}.html", anchor, lesson.title, title, " ".join(text.split())]


def embedded(value: object) -> str:
    """Return JSON that can stand inside a script element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def build(folder: Path, source: Path = NOTEBOOKS) -> list[Lesson]:
    """Execute the notebooks of a folder, write their pages into another, and check the links.

    Raises
    ------
    ValueError
        If there are no notebooks, the folder holds something else, or a link leads nowhere.
    """
    paths = sorted(source.glob("[0-9]*.ipynb")) + sorted(source.glob("solutions/[0-9]*.ipynb"))
    if not paths:
        raise ValueError(f"source must be a folder with notebooks, not {source}")
    if folder.exists() and any(folder.iterdir()) and not (folder / SEARCH).is_file():
        raise ValueError(f"folder must be new, empty, or hold an earlier site, not {folder}")
    if (folder / ".git").exists():
        raise ValueError(f"folder must not be a checkout, for it is emptied first: {folder}")
    lessons: list[Lesson] = []
    scripts: dict[str, dict[str, str]] = {}
    for number, path in enumerate(paths, 1):
        name = path.relative_to(source).with_suffix("").as_posix()
        print(f"{number}/{len(paths)} {name}", flush=True)
        lessons.append(Lesson(name, execute(path)))
        prepare(lessons[-1], scripts)
    write(folder, lessons, scripts)
    if wrong := broken(folder):
        raise ValueError("these links lead nowhere:\n" + "\n".join(wrong))
    return lessons


def write(folder: Path, lessons: list[Lesson], scripts: dict[str, dict[str, str]]) -> None:
    """Write the pages, and what they share."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "solutions").mkdir(parents=True)
    (folder / "assets").mkdir()
    for name in ASSETS:
        shutil.copy(HERE / name, folder / "assets")
    (folder / "assets" / "widgets.js").write_text(f"var WIDGETS = {embedded(scripts)};\n", "utf-8")
    cores = machine().usable_cores
    facts = {
        "machine": f"{cores:g} usable core{'s' * (cores != 1)}, {platform.system()}",
        "python": platform.python_version(),
        "date": f"{date.today():%d %B %Y}".lstrip("0"),
    }
    main = [lesson for lesson in lessons if "/" not in lesson.path]
    for lesson in lessons:
        row = main if lesson in main else [other for other in lessons if other not in main]
        place = row.index(lesson)
        about: dict[str, Any] = {
            **facts,
            "lesson": lesson,
            "root": lesson.root,
            "state": embedded(lesson.widgets),
            "slides": any(cell.metadata.slide == "slide" for cell in lesson.notebook.cells),
            "before": row[place - 1] if place else None,
            "after": row[place + 1] if place + 1 < len(row) else None,
        }
        (folder / f"{lesson.path}.html").write_text(page(lesson.notebook, about), "utf-8")
    contents = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    about = {**facts, "lesson": None, "root": "", "state": "{}", "lessons": main}
    (folder / "index.html").write_text(page(contents, about), "utf-8")
    texts = list(index(folder, lessons))
    (folder / SEARCH).write_text(f"var SECTIONS = {embedded(texts)};\n", "utf-8")


def page(notebook: NotebookNode, about: dict[str, Any]) -> str:
    """Return a notebook's page, by the template beside this file."""
    exporter = HTMLExporter(template_file=str(HERE / "page.html.j2"), anchor_link_text="#")  # type: ignore[no-untyped-call]
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    text = str(exporter.from_notebook_node(notebook, {"site": about})[0])
    return CORNER.sub("<td></td>", text)


def main(words: list[str]) -> int:
    """Write the site into the folder that is named, or beside this file."""
    if len(words) > 2 or words[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return len(words) > 2
    folder = Path(words[0]) if words else HERE / "site"
    source = Path(words[1]) if len(words) > 1 else NOTEBOOKS
    with tempfile.TemporaryDirectory(prefix="course-home-") as home:
        os.environ["COURSE_HOME"] = home  # nobody's answers stand on the pages
        try:
            build(folder, source)
        except (OSError, ValueError) as error:
            print(error, file=sys.stderr)
            return 1
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{size / 1e6:.1f} MB; open {(folder / 'index.html').resolve().as_uri()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

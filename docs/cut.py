"""Cut lessons into slides: python -m docs.cut [notebook ...]; of all lessons, if none is named.

Each cell gets the slide type that Jupyter's own slides know: "slide" and "subslide" begin a slide,
"-" goes on with it, "skip" is left out of a lecture. A cell that has one already keeps it, so what
was cut by hand stays.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
#: Sections for those who sit at the keyboard, and not for a hall.
LEFT_OUT = {"How to use this page", "Your turn", "Your progress", "Sources", "Further reading"}
HEADING = re.compile(r"(#{1,6}) (.+)")
ASKED = re.compile(r"\b(predict|question)\(")
ROOM = 15  # lines of large type on a slide
LINE = 14  # words on each
#: What a cell shows, by what it calls, in such lines; the first that fits counts.
SHOWN = (
    (r"\.compare\(", 7),
    (r"\b(amdahl|cafe|scheduler|play|finish|check)\(", 14),
    (r"\b(run|simulate|observe|curves|compare|timelines?|quadrant|display|machine)\(", 13),
    (r"\b(print|%%)|^\w+$", 3),
)


def lines(cell: NotebookNode) -> float:
    """Return about how many lines of a slide a cell takes."""
    if cell.cell_type == "markdown":
        return float(cell.source.count("#") + len(cell.source.split()) / LINE + 1)
    if asks := ASKED.search(cell.source):  # slides leave its code away
        return {"predict": 6, "question": 9}[asks[1]]
    shown = next((size for calls, size in SHOWN if re.search(calls, cell.source, re.MULTILINE)), 0)
    return float(0.7 * (cell.source.count("\n") + 2) + shown)


def cut(cells: list[NotebookNode]) -> list[str]:
    """Return the slide type of each cell.

    A heading begins a slide, and so does what would not fit on the one before. What answers a
    prediction never stands beside it.
    """
    types = []
    taken, left_out, asked = 0.0, False, False
    for cell in cells:
        heading = HEADING.match(cell.source) if cell.cell_type == "markdown" else None
        if heading and len(heading[1]) <= 2:
            left_out = heading[2].strip() in LEFT_OUT
        size = lines(cell)
        answers = asked and cell.cell_type == "code"
        if left_out or re.search(r"^begin\(", cell.source, re.MULTILINE):
            types.append("skip")
        elif heading and len(heading[1]) <= 2:
            types.append("slide")
        elif heading or answers or taken + size > ROOM or not types:
            types.append("subslide")
        else:
            types.append("-")
        if types[-1] != "skip":
            taken = size + taken * (types[-1] == "-")
            asked = cell.cell_type == "code" and "predict(" in cell.source
    return types


def mark(notebook: NotebookNode) -> int:
    """Give a slide type to each cell that has none; return how many these were."""
    new = 0
    for cell, kind in zip(notebook.cells, cut(notebook.cells), strict=True):
        if "slide_type" not in cell.metadata.get("slideshow", {}):
            cell.metadata["slideshow"] = {"slide_type": kind}
            new += 1
    return new


def main(words: list[str]) -> int:
    """Cut the notebooks that are named, or all lessons."""
    if words[:1] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    for path in map(Path, words or sorted(map(str, NOTEBOOKS.glob("[0-9]*.ipynb")))):
        notebook = nbformat.read(path, 4)  # type: ignore[no-untyped-call]
        if new := mark(notebook):
            nbformat.write(notebook, path)  # type: ignore[no-untyped-call]
        print(f"{path.name}: {new} cells cut")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

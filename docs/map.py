"""Draw the map in CONTRIBUTING.md anew, from the modules' first lines: python -m docs.map."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- the map: python -m docs.map -->\n", "<!-- end of the map -->\n"


def drawn() -> str:
    """Return a table of the modules of `course_lib`, with the first line of each."""
    folders = sorted({path.parent for path in (ROOT / "course_lib").rglob("*.py")})
    rows = ["| Module | What it is |", "|---|---|"]
    for folder in folders:
        for path in sorted(folder.glob("*.py")):  # `__init__.py` comes first
            place = path.relative_to(ROOT / "course_lib").as_posix()
            said = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
            rows.append(f"| [{place}](course_lib/{place}) | {said.partition(chr(10))[0]} |")
    return "\n".join(rows) + "\n"


def put_in(guide: str) -> str:
    """Return the guide with the map as it is now."""
    before, _, rest = guide.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{GUIDE.name} has no place for the map: {BEGIN}{END}")
    return f"{before}{BEGIN}\n{drawn()}\n{END}{after}"


if __name__ == "__main__":
    GUIDE.write_text(put_in(GUIDE.read_text("utf-8")), "utf-8")

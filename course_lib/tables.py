"""Small tables in a notebook, which a screen reader can read, too."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Sheet", "html_table"]


@dataclass(frozen=True)
class Sheet:
    """A small table that shows itself."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def __repr__(self) -> str:
        lines = [self.caption, *(" | ".join(row) for row in (self.head, *self.rows)), self.note]
        return "\n".join(filter(None, lines))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        page = html_table(self.caption, self.head, self.rows, self.note)
        return {"text/html": page, "text/plain": repr(self)}


def html_table(
    caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], foot: str = ""
) -> str:
    """Return a small table that a screen reader can read, too: the first cell names its row."""
    cells = "".join(f'<th scope="col">{html.escape(word)}</th>' for word in head)
    body = "".join(
        f'<tr><th scope="row">{html.escape(row[0])}</th>'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    if foot:
        style = 'style="text-align: left"'
        body += f'<tr><td colspan="{len(head)}" {style}>{html.escape(foot)}</td></tr>'
    return f"<table><caption>{html.escape(caption)}</caption><tr>{cells}</tr>{body}</table>"

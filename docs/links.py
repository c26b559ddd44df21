"""Read the pages that were written: their sections, and where their links lead."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Reader(HTMLParser):
    """Reads from a page what the search and the check need."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []  # what the browser asks for by itself
        self.ids: list[str] = []
        self.sections: list[list[str]] = []  # anchor, title, text
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note links, places that can be linked to, and where a section begins."""
        found = {key: value or "" for key, value in attrs}
        into = self.links if tag == "a" else self.loads
        into += [found[key] for key in ("href", "src") if key in found]
        self.ids += [found["id"]] if "id" in found else []
        if tag in {"h1", "h2", "h3"}:
            self.sections.append([found.get("id", ""), "", ""])
        if tag in {"main", "h1", "h2", "h3", "script", "style", "math", "a"}:
            self._open.append("permalink" if found.get("class") == "anchor-link" else tag)

    def handle_endtag(self, tag: str) -> None:
        """Note where an element ends that text is read from, or isn't."""
        if tag in {"main", "h1", "h2", "h3", "script", "style", "math", "a"} and self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Keep the text of the sections."""
        hidden = {"script", "style", "math", "permalink"} & set(self._open)
        if self.sections and "main" in self._open and not hidden:
            title = {"h1", "h2", "h3"} & set(self._open)
            self.sections[-1][1 if title else 2] += data


def read(page: Path) -> Reader:
    """Return what a page's reader found."""
    reader = Reader()
    reader.feed(page.read_text("utf-8"))
    return reader


def broken(folder: Path) -> list[str]:
    """Return the links within the site that lead nowhere, and what a page would load from abroad.

    Links to other sites are left alone: nothing is loaded before somebody follows them.
    """
    pages = {page.resolve(): read(page) for page in sorted(folder.rglob("*.html"))}
    wrong = []
    for page, reader in pages.items():
        for link in reader.links + reader.loads:
            parts = urlsplit(link)
            if parts.scheme == "data" or (parts.scheme == "https" and link in reader.links):
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            lost = parts.fragment and unquote(parts.fragment) not in getattr(
                pages.get(target), "ids", []
            )
            if not target.is_file() or lost:
                wrong.append(f"{page.relative_to(folder.resolve())}: {link}")
    return wrong

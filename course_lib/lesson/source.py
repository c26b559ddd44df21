"""Show what a part of the course is made of: its source, as it stands in the file."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["Source", "source"]

HOME = Path(__file__).parents[2]


class Source:
    """Some source code that shows itself in a notebook, in the notebook's own colors."""

    def __init__(self, place: str, code: str) -> None:
        self.place, self.code = place, code

    def __repr__(self) -> str:
        return f"# {self.place}\n{self.code}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        page = f"`{self.place}`\n\n```python\n{self.code}\n```"
        return {"text/markdown": page, "text/plain": repr(self)}


def source(*parts: ModuleType | type | Callable[..., Any]) -> Source:
    """Show the source of a module, or of some classes and functions of one.

    Raises
    ------
    TypeError
        If a part has no source in Python, or if there is none.

    Examples
    --------
    >>> from course_lib.models import sequential
    >>> print(source(sequential.play))
    # course_lib/models/sequential.py
    def play(stage: Stage) -> None:
        \"\"\"Do the tasks in the order of their arrival.\"\"\"
        stage.begin()
        for index in stage.arrivals():
            stage.perform(index)
        stage.end()
    """
    if not parts:
        raise TypeError("parts must be at least one module, class or function")
    try:
        path = Path(inspect.getsourcefile(inspect.unwrap(parts[0])) or "")  # type: ignore[arg-type]
        texts = [textwrap.dedent(inspect.getsource(part)).strip() for part in parts]
    except (TypeError, OSError) as error:
        raise TypeError(f"parts must have a source in Python: {error}") from None
    place = path.relative_to(HOME) if path.is_relative_to(HOME) else Path(path.name)
    return Source(place.as_posix(), "\n\n\n".join(texts))

"""The course on one page, to be printed: its ideas and laws, this machine, and how well was predicted."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from course_lib import files
from course_lib.lesson.calibration import Progress, calibration, guesses
from course_lib.lesson.progress import place, progress
from course_lib.machine import Machine, machine

__all__ = ["Summary", "summary"]

TITLE = "Concurrency is not parallelism: the course on one page"
MOST = 6  # predictions in the picture: a page is small
FACTS = ("Usable cores", "Limited by", "Physical cores", "GIL", "Start method", "Python", "System")
ROOMS = (
    ("concurrent, not parallel", "waits overlap; one core is enough", "an event loop"),
    ("concurrent and parallel", "many under way, several at once", "a pool of processes"),
    ("sequential", "one thing after the other", "a plain loop"),
    ("parallel, not concurrent", "one task, cut into parts", "a parallel loop"),
)
IDEAS = """
Concurrency is how a program is composed: what may overlap. Parallelism is what computes at the same instant. Of a run, count tasks in flight, and cores busy.
Both numbers describe a run, on a machine. And what is one task is for you to say.
Waiting needs no core: threads or an event loop overlap waits, and no second core is needed.
Work needs cores. Under the GIL, threads of Python code take turns: take processes, code that lets go of the GIL, or a Python without one.
What blocks the event loop stops all that is on it. What computes belongs elsewhere.
To hand over work costs. Find the grain: few enough pieces to be cheap, enough to be shared.
What is shared and changed needs a lock tied to it, or an owner. That it has always worked says which orders happened, no more.
On other machines data must travel, and what is lost is done again: let twice be the same as once.
Bound what is in hand, ask again where a service refuses, and end cleanly when you are stopped.
Predict, measure several times, compare. Measure only as far as there are cores.
"""
LAWS = (
    ("Amdahl (fixed size)", "S = 1 / ((1 − P) + P/N), at most 1 / (1 − P)"),
    ("Gustafson (fixed time)", "S = N + (1 − N) s; s is of the parallel run's time"),
    ("Karp and Flatt (measured)", "f = (1/S − 1/N) / (1 − 1/N); if it grows with N: overhead"),
    ("Gunther", "S = N / (1 + σ(N − 1) + κN(N − 1)), peak at √((1 − σ)/κ)"),
)
STYLE = """
@page { size: A4; margin: 11mm }
* { box-sizing: border-box }
body { font: 9pt/1.22 system-ui, sans-serif; color: #222; background: #fff; max-width: 188mm;
  margin: 0 auto }
h1 { font-size: 16pt; margin: 0 0 2mm }
h2 { font-size: 11pt; margin: 2mm 0 1mm; border-bottom: 1px solid #767676 }
ul { margin: 0; padding-left: 5mm }
table { border-collapse: collapse; width: 100% }
caption { text-align: left; padding-bottom: 1mm }
th, td { text-align: left; vertical-align: top; padding: .6mm 2mm; font-weight: normal }
.rooms { table-layout: fixed }
.rooms td { border: 1px solid #767676 }
.rooms tr:first-child td { border: 0; width: 16% }
th { font-weight: 600 }
.two { display: grid; grid-template-columns: 1fr 1fr; gap: 5mm }
img { display: block; max-width: 100%; max-height: 56mm }
p { margin: 1mm 0 }
"""


class Summary:
    """The page, and where it was written; it shows itself in a notebook."""

    def __init__(self, path: Path, page: str) -> None:
        self.path, self.page = path, page

    def __repr__(self) -> str:
        return f"Written to {self.path}: open it in a browser, and print it. It fits on one page."

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        said, page = html.escape(repr(self)), html.escape(self.page)
        style = "width: 100%; height: 60em; border: 1px solid #767676; background: #fff"
        frame = f'<iframe title="The course on one page" style="{style}" srcdoc="{page}"></iframe>'
        return {"text/html": f"<p>{said}</p>{frame}", "text/plain": repr(self)}


def summary(path: str | Path | None = None) -> Summary:
    """Write the course on one page, with this machine's numbers and your predictions.

    Parameters
    ----------
    path : path, optional
        The HTML file to write; None: `summary.html`, beside your progress.

    Raises
    ------
    ValueError
        If the path doesn't end in .html.
    OSError
        If it can't be written; also if another file than an earlier summary stands there.
    """
    target = place().with_name("summary.html") if path is None else Path(path)
    if target.suffix != ".html":
        raise ValueError(f"path must end in .html, as summary.html does, not {str(path)!r}")
    if target.exists() and TITLE not in target.read_text("utf-8", errors="replace")[:500]:
        raise FileExistsError(f"path must be new, or an earlier summary's, and {target} is neither")
    page = _page(machine(), progress())
    files.write(target, page)
    return Summary(target, page)


def _page(here: Machine, kept: Progress) -> str:
    ideas = "".join(f"<li>{html.escape(idea)}</li>" for idea in IDEAS.strip().splitlines())
    facts = [(fact, value) for fact, value, _ in here.card() if fact in FACTS]
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{TITLE}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>
<body><main>
<h1>Concurrency is not parallelism</h1>
<h2>The quadrant</h2>
{_rooms()}
<h2>Ideas</h2>
<ul>{ideas}</ul>
<div class="two">
<div><h2>Laws</h2>{_table(LAWS)}
<p>S speed-up, N workers, P parallel fraction, s and f serial shares, σ contention, κ coherency.</p>
</div>
<div><h2>My machine</h2>{_table(facts)}</div>
</div>
<h2>My predictions</h2>
{_predictions(kept)}
</main></body></html>
"""


def _rooms() -> str:
    cells = [
        f"<td><strong>{name}</strong><br>{html.escape(what)}, as in {example}</td>"
        for name, what, example in ROOMS
    ]
    return f"""<table class="rooms"><caption>A run's two numbers name its room; the walls stand at
1.15.</caption>
<tr><td></td><th scope="col">one core busy</th><th scope="col">several cores busy</th></tr>
<tr><th scope="row">several tasks in flight</th>{"".join(cells[:2])}</tr>
<tr><th scope="row">one task in flight</th>{"".join(cells[2:])}</tr></table>"""


def _table(rows: Iterable[tuple[str, str]]) -> str:
    made = (
        f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>'
        for name, value in rows
    )
    return f"<table>{''.join(made)}</table>"


def _predictions(kept: Progress) -> str:
    said = [sentence for sentence in kept.sentences() if not sentence.startswith("Kept in")]
    words = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in said)
    found = guesses(kept.lessons)[-MOST:]
    if not found:
        return f"{words}<p>No number was predicted and measured yet.</p>"
    picture = calibration(found)
    image = base64.b64encode(picture.png).decode()
    alt = html.escape(picture.alt, quote=True)
    head = f"<p>The last {len(found)}, in the lessons' order: filled as measured, hollow as predicted:</p>"
    return f'{words}{head}<img alt="{alt}" src="data:image/png;base64,{image}">'

"""Dates and processors, from the file `history.json`: each with its source; and pictures of them.

A clock rate is what the processor's maker published when it was introduced: the base rate, and the
highest that one core may reach for a while, where the maker gives one.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_lib.tables import Sheet
from course_lib.tasks import one_of

if TYPE_CHECKING:
    from course_lib.pictures import Picture

__all__ = ["KINDS", "Event", "Processor", "events", "growth", "machines", "processor", "processors"]
__all__ += ["sources", "timeline"]

DATA = Path(__file__).parent / "history.json"
#: What an event is about, and its mark in the picture.
KINDS = {"tasks": "o", "processors": "s", "chips": "^", "ideas": "D", "Python": "P"}
ONE_CORE_UNTIL = 2005.0  # for mainstream machines, about
WHOLE = "\N{NON-BREAKING HYPHEN}"  # so that a table leaves a date in one line
LAST = "Pentium 4 570"  # of those whose clock rate rose as it had for decades


@dataclass(frozen=True)
class Event:
    """Something that happened: its date (a year, or year-month), what it is about, its source."""

    date: str
    kind: str
    what: str
    source: str

    @property
    def year(self) -> float:
        """The date as a number: the middle of its month, or of its year."""
        return as_number(self.date)


@dataclass(frozen=True)
class Processor:
    """A processor when it was introduced; `transistors` is None where the maker gave no number."""

    name: str
    date: str
    base_mhz: float
    top_mhz: float
    cores: int
    source: str
    transistors: int | None = None

    @property
    def year(self) -> float:
        """When it was introduced, as a number."""
        return as_number(self.date)


def as_number(date: str) -> float:
    """Return a date, a year or year-month, as a number.

    Examples
    --------
    >>> as_number("2005-07"), as_number("1969")
    (2005.5416666666667, 1969.5)
    """
    year, _, month = date.partition("-")
    return int(year) + ((int(month) - 0.5) / 12 if month else 0.5)


@cache
def _read() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(DATA.read_text("utf-8"))
    return data


def events() -> tuple[Event, ...]:
    """Return what happened, in order."""
    return tuple(Event(**event) for event in _read()["events"])


def processors() -> tuple[Processor, ...]:
    """Return the processors, in the order of their introduction."""
    return tuple(Processor(**found) for found in _read()["processors"])


def processor(name: str) -> Processor:
    """Return a processor by its name.

    Raises
    ------
    ValueError
        If there is none of this name.
    """
    found = {one.name: one for one in processors()}
    return found[one_of("name", name, tuple(found))]


def growth(first: str, last: str, what: str = "top_mhz") -> tuple[float, float]:
    """Return by what factor something grew from one processor to another, and by what in a year.

    Parameters
    ----------
    first, last : str
        Their names.
    what : {"top_mhz", "base_mhz", "cores", "transistors"}

    Raises
    ------
    ValueError
        If there is no such processor or number, or no time between the two.
    """
    one_of("what", what, ("top_mhz", "base_mhz", "cores", "transistors"))
    before, after = processor(first), processor(last)
    numbers = getattr(before, what), getattr(after, what)
    if None in numbers:
        raise ValueError(f"{what} isn't known of both {first} and {last}")
    if not after.year > before.year:
        raise ValueError(f"last must be later than {first}, not {last!r}")
    factor = numbers[1] / numbers[0]
    return factor, factor ** (1 / (after.year - before.year))


def sources(of: str = "events") -> Sheet:
    """Return the table of all dates, or of all processors, with their sources.

    Raises
    ------
    ValueError
        If `of` is neither "events" nor "processors".
    """
    if one_of("of", of, ("events", "processors")) == "events":
        rows = [(event.date.replace("-", WHOLE), event.what, event.source) for event in events()]
        return Sheet("dates and their sources", ("date", "what", "source"), tuple(rows))
    table = [
        (
            one.name,
            one.date.replace("-", WHOLE),
            f"{one.base_mhz:g}",
            f"{one.top_mhz:g}" if one.top_mhz > one.base_mhz else "–",
            f"{one.cores}",
            f"{one.transistors:,}" if one.transistors else "–",
            one.source,
        )
        for one in processors()
    ]
    head = ("processor", "introduced", "MHz", "for a while", "cores", "transistors", "source")
    return Sheet("processors, as their makers published", head, tuple(table))


# Pictures -------------------------------------------------------------------------------------------


def timeline(guess: float | None = None) -> Picture:
    """Draw the dates, one a row; hollow, above: the year predicted for time sharing."""
    from matplotlib.figure import Figure

    from course_lib.pictures import COLORS, show
    from course_lib.pictures._style import FAINT, FONT, INK, quiet

    rows = events()
    figure = Figure(figsize=(9.6, 0.8 + 0.29 * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(ONE_CORE_UNTIL, color=FAINT, linestyle=":", linewidth=1.5, zorder=1)
    middle = 1985
    for at, event in enumerate(rows):
        place = list(KINDS).index(event.kind)
        axes.plot(
            event.year, at, KINDS[event.kind], color=COLORS[place], markeredgecolor=INK,
            markersize=9, zorder=3, label=event.kind if event not in rows[:at] else None,
        )  # fmt: skip
        left = event.year > middle
        said = f"{event.what}  {event.date[:4]}" if left else f"{event.date[:4]}  {event.what}"
        axes.annotate(
            said, (event.year, at), (-9 if left else 9, 0), textcoords="offset points",
            ha="right" if left else "left", va="center", parse_math=False, zorder=2,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1}, **FONT,
        )  # fmt: skip
    if guess is not None:
        axes.plot(
            guess, -1, "o", color=COLORS[0], markersize=12, markerfacecolor="white",
            markeredgewidth=2, clip_on=False,
        )  # fmt: skip
    axes.set(xlim=(1944, 2028), ylim=(len(rows) - 0.4, -0.9 - (guess is not None)))
    axes.set_yticks([])
    quiet(axes)
    axes.spines["left"].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(
        [unique[kind] for kind in KINDS], list(KINDS), loc="outside upper left", ncols=len(KINDS),
        frameon=False, fontsize=11,
    )  # fmt: skip
    hollow = "     hollow: predicted for time sharing" if guess is not None else ""
    axes.set_xlabel(f"year     dotted: 2005, two cores reach the mainstream{hollow}", **FONT)
    said = "; ".join(f"{event.date}: {event.what} ({event.kind})" for event in rows)
    predicted = f" You predicted {guess:.0f} for time sharing." if guess is not None else ""
    return show(figure, f"A timeline of {len(rows)} dates. {said}.{predicted}")


def machines(guess: float | None = None) -> Picture:
    """Draw clock rates, cores and transistors over the years, on logarithmic scales.

    Hollow, with a `guess`: what was predicted, how many times the clock of 2004 is reached.

    Raises
    ------
    ValueError
        If the guess isn't above 0.
    """
    if guess is not None and not (math.isfinite(guess) and guess > 0):
        raise ValueError(f"guess must be a number above 0, or None, not {guess!r}")
    from matplotlib.figure import Figure

    from course_lib.pictures import COLORS, show
    from course_lib.pictures._style import FAINT, FONT, INK, quiet

    rows = processors()
    years = [one.year for one in rows]
    figure = Figure(figsize=(9, 7.5), layout="constrained")
    clock, cores, transistors = figure.subplots(3, sharex=True, height_ratios=(1.5, 1, 1))
    style = {"linestyle": "none", "markersize": 7, "markeredgecolor": INK, "zorder": 3}
    for one in rows:  # a bar from the base rate to the highest
        clock.plot([one.year] * 2, [one.base_mhz, one.top_mhz], color=COLORS[0], linewidth=2)
    clock.plot(years, [one.top_mhz for one in rows], marker="o", color=COLORS[0], **style)
    cores.plot(years, [one.cores for one in rows], marker="s", color=COLORS[1], **style)
    known = [(one.year, one.transistors) for one in rows if one.transistors]
    transistors.plot(*zip(*known, strict=True), marker="^", color=COLORS[2], **style)
    if guess is not None:
        clock.plot(
            2023.8, guess * processor(LAST).top_mhz, "o", color=COLORS[0], markersize=14, markerfacecolor="none",
            markeredgewidth=2, clip_on=False,
        )  # fmt: skip
    names = ("clock, up to the highest rate", "cores", "transistors")
    for axes, name in zip((clock, cores, transistors), names, strict=True):
        axes.set_yscale("log")
        axes.minorticks_off()
        axes.set_title(name, loc="left", fontsize=11, color=INK)
        axes.axvline(ONE_CORE_UNTIL, color=FAINT, linestyle=":", linewidth=1.5, zorder=1)
        quiet(axes)
    rates = {1: "1 MHz", 10: "10 MHz", 100: "100 MHz", 1_000: "1 GHz", 10_000: "10 GHz"}
    clock.set_yticks(list(rates), list(rates.values()))
    counts = {10**4: "10 thousand", 10**6: "1 million", 10**8: "100 million", 10**10: "10 billion"}
    transistors.set_yticks(list(counts), list(counts.values()))
    cores.set_yscale("log", base=2)
    cores.set_yticks([1, 2, 4, 8, 16, 32, 64, 128], [f"{2**n}" for n in range(8)])
    for name, place in (("Intel 4004", (8, -4)), (LAST, (-8, 10))):
        one = processor(name)
        clock.annotate(
            name, (one.year, one.top_mhz), place, textcoords="offset points",
            ha="left" if place[0] > 0 else "right", **FONT,
        )  # fmt: skip
    hollow = "     hollow: your prediction" if guess is not None else ""
    transistors.set_xlabel(f"year of introduction     dotted: 2005{hollow}", **FONT)
    picks = ("Intel 4004", "Intel 386 DX", LAST, "Core i9-14900K", "EPYC 9965")
    said = "; ".join(
        f"{one.name}, {one.date[:4]}: {one.top_mhz:g} MHz, {one.cores} core{'s' * (one.cores > 1)}"
        for one in map(processor, picks)
    )
    predicted = f" You predicted {guess:g} times the clock of 2004." if guess is not None else ""
    return show(
        figure,
        f"Clock rates, cores and transistors of {len(rows)} processors, 1971 to 2024. The clock rises "
        "steeply until 2004, and hardly after; processors for PCs have one core until 2005, and more after; "
        f"transistors rise as far as makers publish them. {said}.{predicted}",
    )

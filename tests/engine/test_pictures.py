"""Pictures of traces made by hand: what is drawn, and that a text says the same."""

from __future__ import annotations

import base64
import math
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import Collection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path

from course_lib import Task, compute, simulate
from course_lib.pictures import COLORS, STYLES, Picture, lay_out, quadrant, show, timeline
from course_lib.pictures._coverage import coverage
from course_lib.pictures._style import ink_on
from course_lib.trace import ROOMS, WALL, Trace, room

nan = math.nan
PNG = b"\x89PNG\r\n\x1a\n"


def made(tasks: list[Any], spans: list[Any], **facts: Any) -> Trace:
    """Make a trace; spans are (task, worker, core, start, stop, kind)."""
    return Trace.build(tasks, spans, **{"cpu": 1.0, "end": 4.0, "model": "made", **facts})


A, B, C = ("A", 0, 0, 2, 2), ("B", 0, 1, 3, 1), ("C", 0, 2, 4, 1)
TURNS = made(
    [A, B],
    [
        (0, 0, 0, 0, 1, "run"),
        (0, 0, -1, 1, 2, "ready"),
        (1, 1, 0, 1, 2, "run"),
        (1, 1, -1, 2, 3, "wait"),
    ],
)


class Images(HTMLParser):
    """The images of a page: their attributes, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.found.append(dict(attributes))


def words(picture: Picture) -> list[str]:
    """Return all texts that stand on a picture, when it is drawn."""
    figure = picture.figure
    figure.draw_without_rendering()
    axes = figure.axes[0]
    labels = [*axes.get_xticklabels(), *axes.get_yticklabels(), axes.xaxis.label, axes.yaxis.label]
    legends = [text for legend in figure.legends for text in legend.get_texts()]
    return [text.get_text() for text in [*axes.texts, *labels, *legends]] + [axes.get_title("left")]


def ends(line: Line2D) -> list[tuple[float, float]]:
    """Return the points of a line, or of a mark."""
    return [(float(x), float(y)) for x, y in np.asarray(line.get_xydata())]


def marks(picture: Picture) -> dict[tuple[float, float], Line2D]:
    """Return the marks on a quadrant, by their place (cores busy, in flight)."""
    lines = picture.figure.axes[0].lines
    return {ends(line)[0]: line for line in lines if line.get_marker() not in ("None", "", None)}


def legend(picture: Picture) -> set[str]:
    return {text.get_text() for text in picture.figure.legends[0].get_texts()}


# A picture, and the text that says the same ---------------------------------------------------------------


def test_a_notebook_gets_an_image_with_its_text() -> None:
    bundle = show(Figure(figsize=(5, 2)), "What it shows.")._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/png", "text/plain"}
    assert bundle["text/plain"] == "What it shows."
    png = base64.b64decode(bundle["image/png"], validate=True)
    assert png.startswith(PNG)
    [image] = Images(bundle["text/html"]).found
    assert image["alt"] == "What it shows."
    assert image["src"] == "data:image/png;base64," + bundle["image/png"]


@pytest.mark.parametrize("alt", ['say "A" & <B>', "it's", 'a" onerror="alert(1)', "ünï ✓", "5 > 4"])
def test_the_text_arrives_as_it_is_whatever_it_holds(alt: str) -> None:
    [image] = Images(show(Figure(), alt)._repr_mimebundle_()["text/html"]).found
    assert image["alt"] == alt
    assert set(image) == {"alt", "src", "style"}


@pytest.mark.parametrize("alt", ["", " ", "\n\t"])
def test_a_picture_without_text_is_refused(alt: str) -> None:
    with pytest.raises(ValueError, match="alt must say in words"):
        show(Figure(), alt)


# The timeline -----------------------------------------------------------------------------------------------


def test_the_text_of_a_timeline_names_the_numbers_and_the_tasks() -> None:
    alt = timeline(TURNS).alt
    assert TURNS.numbers in alt and "2 tasks" in alt and "made" in alt
    assert "A 0.000 to 2.000 s" in alt and "B 1.000 to 3.000 s" in alt


def test_a_timeline_bears_its_legend_its_workers_and_its_numbers() -> None:
    said = words(timeline(TURNS))
    assert {"worker 0: A", "worker 1: B", "A", "B"} <= set(said)
    assert any(TURNS.numbers in text for text in said)
    assert legend(timeline(TURNS)) == {"running", "ready, not running", "waiting"}


@pytest.mark.parametrize("kind", STYLES)
def test_every_kind_of_span_is_drawn_and_explained(kind: str) -> None:
    picture = timeline(made([A], [(0, 0, 0, 0.5, 2, kind)]))
    [boxes] = picture.figure.axes[0].collections
    [box] = boxes.get_paths()
    across = np.asarray(box.vertices)[:, 0]
    assert (across.min(), across.max()) == (0.5, 2)
    assert legend(picture) == {STYLES[kind][0]}


def test_ready_is_hatched_and_running_is_not() -> None:
    hatches = [c.get_hatch() for c in timeline(TURNS).figure.axes[0].collections]
    assert sorted(map(bool, hatches)) == [False, False, False, True]


def test_what_is_ready_is_a_whole_box() -> None:
    (hatched,) = [c for c in timeline(TURNS).figure.axes[0].collections if c.get_hatch()]
    corners = [
        {tuple(point) for point in np.asarray(box).round(6).tolist()}
        for path in hatched.get_paths()
        for box in path.to_polygons()
    ]
    assert corners
    assert all(len(box) == 4 for box in corners)


def test_a_task_has_one_color_wherever_it_runs() -> None:
    moved = made([A], [(0, 0, 0, 0, 1, "run"), (0, 1, 1, 1, 2, "run")])
    [boxes] = timeline(moved).figure.axes[0].collections
    assert len(boxes.get_paths()) == 2


def test_a_worker_has_one_row_as_long_as_its_tasks_do_not_overlap() -> None:
    after = [(0, 0, 0, 0, 2, "run"), (1, 0, 0, 2, 3, "run"), (2, 0, 0, 3, 4, "run")]
    assert lay_out(made([A, B, C], after)) == ({(0, 0): 0, (1, 0): 0, (2, 0): 0}, ["worker 0"])


def test_tasks_that_overlap_on_one_worker_have_rows_of_their_own() -> None:
    beside = [(0, 0, 0, 0, 2, "wait"), (1, 0, 0, 1, 3, "wait"), (2, 0, 0, 2, 4, "wait")]
    rows, labels = lay_out(made([A, B, C], beside))
    assert rows == {(0, 0): 0, (1, 0): 1, (2, 0): 0}
    assert labels == ["worker 0", "B"]


def test_the_rows_of_a_worker_stand_together() -> None:
    spans = [
        (0, 1, 0, 0, 2, "run"),
        (1, 1, 0, 1, 3, "run"),
        (2, 0, 0, 2, 4, "run"),
        (0, -1, 0, 3, 4, "run"),
    ]
    rows, labels = lay_out(made([A, B, C], spans))
    assert labels == ["unknown: A", "worker 0: C", "worker 1: A", "B"]
    assert rows == {(0, -1): 0, (2, 0): 1, (0, 1): 2, (1, 1): 3}


def test_overlapping_tasks_never_share_a_row() -> None:
    random = np.random.default_rng(4)
    start = random.uniform(0, 3, 200)
    stop = start + random.uniform(0, 1, 200)
    spans = [(n, n % 3, 0, start[n], stop[n], "run") for n in range(200)]
    rows, labels = lay_out(made([(f"T{n}", 0, start[n], stop[n], 0) for n in range(200)], spans))
    for row in range(len(labels)):
        mine = sorted((start[task], stop[task]) for (task, _), at in rows.items() if at == row)
        assert mine and all(before[1] <= after[0] for before, after in pairwise(mine))


def boxes_of(drawn: Collection) -> int:
    """Return how many boxes a collection draws; those that are hatched share a path."""
    return sum(int(np.sum(path.codes == Path.MOVETO)) for path in drawn.get_paths())


def test_thousands_of_spans_are_drawn() -> None:
    many = 3000
    tasks = [(f"T{n}", 0, n, n + 1.5, 1) for n in range(many)]
    spans = [(n, n % 4, 0, n, n + 1.5, ("run", "wait", "ready")[n % 3]) for n in range(many)]
    picture = timeline(made(tasks, spans, end=many + 1.0))
    assert picture.png.startswith(PNG)
    assert sum(map(boxes_of, picture.figure.axes[0].collections)) == many
    assert "3000 tasks" in picture.alt and "2994 more" in picture.alt


def crowd(count: int, workers: int = 4) -> Trace:
    """Make a trace of so many spans, all kinds of them, in four tasks."""
    edges = np.linspace(0, 4, count // workers + 1)
    spans = [
        (w % 4, w, 0, edges[n], edges[n + 1], list(STYLES)[n % len(STYLES)])
        for w in range(workers)
        for n in range(count // workers)
    ]
    return made([(name, 0, 0, 4, 1) for name in "ABCD"], spans)


def test_more_spans_than_can_be_told_apart_are_drawn_as_what_they_cover() -> None:
    picture = timeline(crowd(40_000))
    axes = picture.figure.axes[0]
    assert not axes.collections and len(axes.images) == 1
    assert {"worker 0: A", "worker 3: D"} <= set(words(picture))
    assert legend(picture) == {label for label, _, _ in STYLES.values()}
    assert picture.png.startswith(PNG)


@pytest.mark.parametrize("workers", [1, 250, 2000])
def test_a_crowd_is_drawn_in_any_number_of_rows(workers: int) -> None:
    picture = timeline(crowd(24_000, workers), until=3.0)
    assert picture.png.startswith(PNG)
    assert picture.figure.axes[0].get_xlim() == (0, 3.0)


def painted(*spans: tuple[int, float, float, str], rows: tuple[int, ...] = (0,)) -> Any:
    trace = made([A, B, C], [(task, 0, 0, start, stop, kind) for task, start, stop, kind in spans])
    return coverage(trace.spans, np.array(rows), max(rows) + 1, 4.0)


def test_a_pixel_is_as_dense_as_it_is_covered() -> None:
    half = 4.0 / 1200 / 2
    pixels = painted((0, 1.0, 1.0 + half, "run"), (0, 2.0, 3.0, "run"), rows=(0, 0))
    middle = pixels[len(pixels) // 2].astype(float)
    full = np.array(to_rgb(COLORS[0])) * 255
    assert np.allclose(middle[600:900], full, atol=1)
    assert np.allclose(middle[300], (full + 255) / 2, atol=1)
    rest = np.delete(middle, [300, *range(600, 900)], axis=0)
    assert np.all(rest == 255)


def test_colors_that_share_a_pixel_are_mixed_by_what_each_covers() -> None:
    one = 4.0 / 1200
    pixels = painted((0, 0.0, one / 4, "run"), (1, one / 4, one, "run"), rows=(0, 0))
    mixed = [255 * (0.25 * a + 0.75 * b) for a, b in zip(*map(to_rgb, COLORS[:2]), strict=True)]
    assert np.allclose(pixels[len(pixels) // 2, 0], mixed, atol=1)


def test_a_covered_row_is_as_high_as_its_kind_and_ready_is_hatched() -> None:
    def dark(kind: str) -> Any:
        return (painted((0, 0.0, 4.0, kind)) < 255).any(axis=2)

    high = {kind: dark(kind).any(axis=1).mean() for kind in STYLES}
    assert high["run"] == high["call"] > high["ready"] > high["wait"] > 0
    assert dark("run")[12].all() and 0.2 < dark("ready")[12].mean() < 0.5


def test_rows_that_share_a_line_of_pixels_are_all_seen() -> None:
    spans = [(0, n / 500, (n + 1) / 500, "run") for n in range(2000)]
    pixels = painted(*spans, rows=tuple(range(2000)))
    assert pixels.shape == (600, 1200, 3)
    assert np.all((pixels < 255).any(axis=(1, 2)))


def test_thousands_in_flight_on_one_worker_are_drawn() -> None:
    tasks = [(f"T{n}", 0, 0, 1, 0) for n in range(1000)]
    picture = timeline(made(tasks, [(n, 0, 0, 0, 1, "wait") for n in range(1000)], end=1.0))
    assert picture.png.startswith(PNG)
    assert picture.figure.get_figheight() < 30


PARTIAL = {
    "never started": made([A, ("B", 0, nan, nan, 0)], [(0, 0, 0, 0, 2, "run")]),
    "not finished": made(
        [A, ("B", 0, 1, nan, 0)], [(0, 0, 0, 0, 2, "run"), (1, 1, -1, 1, 4, "call")]
    ),
    "nothing started": made([("A", 0, nan, nan, 0)], [], cpu=0.0),
    "no span": made([A], []),
    "no time": made([("A", 0, 0, 0, 0)], [(0, 0, 0, 0, 0, "run")], cpu=0.0, end=0.0),
    "no task": made([], []),
}


@pytest.mark.parametrize("what", PARTIAL)
def test_a_trace_that_is_not_whole_is_drawn_and_told(what: str) -> None:
    trace = PARTIAL[what]
    for picture in (trace.timeline(), trace.quadrant()):
        assert picture.png.startswith(PNG)
        assert picture.alt.strip()
    assert "image/png" in trace._repr_mimebundle_()


@pytest.mark.parametrize("what", ["never started", "not finished", "nothing started"])
def test_the_text_tells_in_words_what_has_not_happened(what: str) -> None:
    assert "nan" not in PARTIAL[what].timeline().alt


@pytest.mark.parametrize("name", ["$_$", r"$\frac$", "a_b^c", "100 %", "<b>", "two\nlines", "{x}"])
def test_any_name_can_stand_on_a_picture(name: str) -> None:
    trace = made([(name, 0, 0, 4, 2)], [(0, 0, 0, 0, 4, "run")])
    assert name in words(trace.timeline())
    assert name in words(quadrant({name: trace}, {name: (1, 1)}))
    assert trace.timeline().png.startswith(PNG)


def test_a_timeline_of_thousands_of_rows_has_few_ticks_on_them() -> None:
    names = [(f"T{n}", 0.0, 0.0, 1.0, 0.0) for n in range(3000)]
    for workers in (1, 3000):
        spans = [(n, n % workers, -1, 0, 1, "wait") for n in range(3000)]
        ticks = made(names, spans).timeline().figure.axes[0].get_yticklabels()
        assert 12 <= len(ticks) <= 24
        assert all(f"T{int(tick.get_position()[1])}" in tick.get_text() for tick in ticks)


# The quadrant -----------------------------------------------------------------------------------------------

#: 8 tasks in flight, 2 cores busy.
EIGHT = made([(f"T{n}", 0, 0, 4, 0) for n in range(8)], [], cpu=8.0, usable_cores=4.0)


def test_a_measured_run_is_a_filled_mark_at_its_two_numbers() -> None:
    found = marks(quadrant({"eight": EIGHT}))
    assert set(found) == {(2, 8)}
    assert found[2, 8].get_markerfacecolor() not in ("white", "none")


def test_a_predicted_run_is_a_hollow_mark_joined_with_the_measured_one() -> None:
    picture = quadrant({"eight": EIGHT}, {"eight": (1, 3), "other": (5, 0.5)})
    found = marks(picture)
    assert set(found) == {(2, 8), (3, 1), (0.5, 5)}
    assert [found[place].get_markerfacecolor() for place in ((3, 1), (0.5, 5))] == [
        "white",
        "white",
    ]
    assert found[2, 8].get_color() == found[3, 1].get_color() != found[0.5, 5].get_color()
    joints = [line for line in picture.figure.axes[0].lines if line.get_linestyle() == ":"]
    assert [ends(line) for line in joints] == [[(3, 1), (2, 8)]]


@pytest.mark.parametrize("name", ROOMS.values())
def test_a_predicted_room_is_a_hollow_mark_in_it_joined_with_nothing(name: str) -> None:
    picture = quadrant({"eight": EIGHT}, {"eight": name})
    assert not [line for line in picture.figure.axes[0].lines if line.get_linestyle() == ":"]
    (hollow,) = marks(picture).keys() - {(2, 8)}
    assert room(*hollow[::-1]) == name
    assert f"eight predicted: {name}." in picture.alt


def test_a_simulated_run_is_a_dashed_square_on_this_machines_quadrant() -> None:
    trace = simulate([Task(name, compute(1)) for name in "ABC"], cores=3)
    picture = quadrant({"three": trace, "eight": EIGHT})
    (square,) = picture.figure.axes[0].collections
    assert np.asarray(square.get_offsets()).round(6).tolist() == [[3, 3]]
    assert str(square.get_linestyle()) != "[(0.0, None)]"  # a plain line
    assert set(marks(picture)) == {(2, 8)}
    said = words(picture)
    assert "4 usable cores" in said  # the measured run's, not the simulated machine's
    assert any("filled: measured     square, dashed: simulated" in text for text in said)
    assert "three, simulated: 3.00 in flight" in picture.alt
    assert "simulated" in words(trace.timeline())


def test_a_quadrant_says_its_rooms_its_axes_and_what_the_marks_mean() -> None:
    said = words(quadrant({"eight": EIGHT}, {"other": (1, 1)}))
    assert {*ROOMS.values(), "eight", "other", "4 usable cores"} <= set(said)
    assert any("cores busy" in text for text in said) and any(
        "tasks in flight" in text for text in said
    )
    assert any("filled: measured" in text and "hollow: predicted" in text for text in said)
    assert not any("hollow" in text for text in words(quadrant({"eight": EIGHT})))


def test_a_line_leads_from_a_mark_to_a_name_that_had_to_move() -> None:
    def lines(runs: dict[str, Trace]) -> list[bool]:
        axes = quadrant(runs).figure.axes[0]
        named = [text for text in axes.texts if text.get_text() in runs]
        return [getattr(text, "arrow_patch", None) is not None for text in named]

    assert lines({"alone": EIGHT}) == [False]
    assert lines({"first": EIGHT, "second": EIGHT}) == [False, True]


def test_the_walls_and_the_usable_cores_stand_where_they_belong() -> None:
    axes = quadrant({"eight": EIGHT}).figure.axes[0]
    both = [ends(line) for line in axes.lines if len(ends(line)) == 2]
    assert {WALL, 4.0} <= {start[0] for start, stop in both if start[0] == stop[0]}
    assert WALL in {start[1] for start, stop in both if start[1] == stop[1]}
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


@pytest.mark.parametrize("usable", [0.5, 1.0, 1.5, 64.0])
def test_the_wall_of_the_usable_cores_is_on_the_picture(usable: float) -> None:
    picture = quadrant({"one": made([A], [], usable_cores=usable)})
    left, right = picture.figure.axes[0].get_xlim()
    assert left < usable < right
    cores = "1 usable core" if usable == 1 else f"{usable:g} usable cores"
    assert cores in words(picture)


def test_the_text_of_a_quadrant_says_where_each_run_is() -> None:
    alt = quadrant({"eight": EIGHT, "one": made([A], [], usable_cores=4.0)}, {"eight": (1, 3)}).alt
    assert "eight: 8.00 in flight, 2.00 cores busy, concurrent and parallel" in alt
    assert "one: 0.50 in flight" not in alt and "one: 1.00 in flight" in alt
    assert "eight predicted: 1.00 in flight, 3.00 cores busy" in alt
    assert "Usable cores here: 4" in alt


@pytest.mark.parametrize("place", [(0, 0), (1e-6, 1e-6), (1000, 64), (5000, 0.001), (nan, nan)])
def test_a_run_far_out_stays_on_the_picture(place: tuple[float, float]) -> None:
    flight, busy = place
    axes = quadrant({}, {"far": (flight, busy)}).figure.axes[0]
    assert all(math.isfinite(limit) for limit in (*axes.get_xlim(), *axes.get_ylim()))
    if not math.isnan(flight):
        [(x, y)] = marks(quadrant({}, {"far": (flight, busy)}))
        assert axes.get_xlim()[0] < x < axes.get_xlim()[1]
        assert axes.get_ylim()[0] < y < axes.get_ylim()[1]


def test_more_runs_than_there_are_marks_are_drawn() -> None:
    picture = quadrant({f"run {n}": EIGHT for n in range(20)})
    assert picture.png.startswith(PNG)
    assert all(f"run {n}:" in picture.alt for n in range(20))


def test_a_quadrant_may_hold_nothing_yet() -> None:
    picture = quadrant({})
    assert set(ROOMS.values()) <= set(words(picture))
    assert picture.png.startswith(PNG)


def test_of_very_many_spans_switches_are_drawn_too() -> None:
    tasks = [Task(f"T{n}", compute(2)) for n in range(2)]
    trace = simulate(tasks, policy="rr", quantum=0.5, switch_cost=0.5)
    pixels = coverage(trace.spans, trace.spans["task"].astype(np.intp), 2, trace.end)
    switches = trace.spans[trace.spans["kind"] == "switch"]
    middle = (switches["start"] + switches["stop"]) / 2 / trace.end * pixels.shape[1]
    lines = (2 * switches["task"] + 1) * pixels.shape[0] // 4
    assert len(switches) > 3
    assert (pixels[lines, middle.astype(int)] < 60).all()  # as dark as ink


@pytest.mark.parametrize("until", ["1", True, -1, 0, float("nan")])
def test_a_timeline_until_what_is_no_time_is_refused(until: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="until must be"):
        timeline(simulate([Task("A", compute(1))]), until)


def test_a_figure_without_a_layout_is_shown_with_all_that_stands_at_its_edge() -> None:
    figure = Figure(figsize=(2, 1))
    figure.add_axes((0, 0, 1, 1)).set_xlabel("below the figure")
    assert width_and_height(show(figure, "An edge.").png) != (288, 144)
    fitted = Figure(figsize=(2, 1), layout="constrained")
    fitted.add_subplot()
    assert width_and_height(show(fitted, "None.").png) == (288, 144)


def width_and_height(png: bytes) -> tuple[int, int]:
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def contrast(one: str, other: str) -> float:
    """WCAG's contrast of two colors: 1 to 21."""
    parts = np.array([to_rgb(one), to_rgb(other)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ [0.2126, 0.7152, 0.0722] + 0.05)
    return float(high / low)


@pytest.mark.parametrize("color", COLORS)
def test_what_stands_on_a_task_color_can_be_read(color: str) -> None:
    assert contrast(color, ink_on(color)) >= 4.5
    assert min(contrast(color, paper) for paper in ("#ffffff", "#161616")) >= 3


def test_each_name_is_written_in_the_ink_of_its_color() -> None:
    tasks = [(f"T{number}", 0, number, number + 1, 1) for number in range(len(COLORS))]
    spans = [(number, number, 0, number, number + 1, "run") for number in range(len(COLORS))]
    axes = timeline(made(tasks, spans, end=6.0)).figure.axes[0]
    inks = {text.get_text(): text.get_color() for text in axes.texts}
    assert inks == {f"T{number}": ink_on(color) for number, color in enumerate(COLORS)}

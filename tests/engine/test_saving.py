"""A trace goes to a file and comes back as it was; what isn't a trace is refused, and left alone."""

from __future__ import annotations

import errno
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_lib import Task, Trace, compute, run, wait

nan = math.nan
FACTS = ("outcomes", "model", "workers", "cores", "usable_cores", "causes")
TIMES = ("cpu", "end", "others")


def same(one: Trace, other: Trace) -> None:
    """Assert that two traces are equal in all, to the bit; NaN equals NaN."""
    for table in ("tasks", "spans"):
        mine, its = getattr(one, table), getattr(other, table)
        assert mine.dtype == its.dtype
        for name in mine.dtype.names:
            assert mine[name].tobytes() == its[name].tobytes(), name
    assert [getattr(one, name) for name in FACTS] == [getattr(other, name) for name in FACTS]
    assert np.array(one.queued).tobytes() == np.array(other.queued).tobytes()
    for name in TIMES:
        assert (
            np.float64(getattr(one, name)).tobytes() == np.float64(getattr(other, name)).tobytes()
        )


MADE = Trace.build(
    [("A · ✓", 0, 0.1, 1 / 3, 0.2), ("B", 0.5, nan, nan, nan)],
    [(0, 0, 1, 0.1, 0.3, "run"), (0, 0, -1, 0.3, 1 / 3, "ready")],
    outcomes=("done", "never started"),
    results=({"a": [1, None, "x"]}, None),
    cpu=0.2,
    end=2.0,
    model="made",
    workers=2,
    usable_cores=1.5,
    causes={"a core": 0.03},
)
TASKS = [Task("A", compute(0.02), lambda: 7), Task("B", compute(0.02), wait(0.02))]


def test_a_trace_comes_back_as_it_was(tmp_path: Path) -> None:
    MADE.save(tmp_path / "made.json")
    back = Trace.load(tmp_path / "made.json")
    same(MADE, back)
    assert back.results == MADE.results
    assert back.numbers == MADE.numbers and back.table() == MADE.table()
    assert os.listdir(tmp_path) == ["made.json"]


@pytest.mark.parametrize("model", ["sequential", "threads", "async"])
def test_a_run_comes_back_as_it_was(model: str, tmp_path: Path) -> None:
    trace = run(TASKS, model)
    trace.save(str(tmp_path / "run.json"))
    same(trace, Trace.load(tmp_path / "run.json"))
    assert Trace.load(tmp_path / "run.json").results == (7, None)


TIME = st.floats(allow_infinity=False, allow_nan=False)
NAME = st.text(min_size=1).filter(lambda name: not name.endswith("\0"))  # NumPy cuts those off
ROW = st.tuples(NAME, TIME, TIME | st.just(nan), TIME | st.just(nan), TIME | st.just(nan))
SPAN = st.tuples(
    st.integers(0, 2),
    st.integers(-1, 2**31 - 1),
    st.integers(-1, 99),
    TIME,
    TIME,
    st.sampled_from(["run", "wait", "ready", "call", "blur", "held"]),
)


@given(
    rows=st.lists(ROW, min_size=3, max_size=3),
    spans=st.lists(SPAN, max_size=20),
    cpu=TIME | st.just(nan),
)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_trace_comes_back_to_the_bit(
    rows: list[Any], spans: list[Any], cpu: float, tmp_path: Path
) -> None:
    trace = Trace.build(rows, spans, cpu=cpu, end=1.0, model="made")
    trace.save(tmp_path / "any.json")
    same(trace, Trace.load(tmp_path / "any.json"))


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("result", "comes_back"),
    [
        (None, None),
        (3.5, 3.5),
        ([1, {"a": "b"}], [1, {"a": "b"}]),
        ("", ""),
        ((1, 2), "(1, 2)"),  # JSON would make a list of it
        ({1: 2}, "{1: 2}"),
        (nan, "nan"),
        (1j, "1j"),
        (np.arange(3), "array([0, 1, 2])"),
        (Rude(), "<Rude>"),
    ],
)
def test_a_result_comes_back_or_its_text_does(result: Any, comes_back: Any, tmp_path: Path) -> None:
    rows = [("A", 0.0, 0.0, 1.0, 1.0)]
    made = Trace.build(rows, [], results=(result,), cpu=1.0, end=1.0, model="made")
    made.save(tmp_path / "made.json")
    assert Trace.load(tmp_path / "made.json").results == (comes_back,)


def test_an_empty_trace_comes_back(tmp_path: Path) -> None:
    empty = Trace.build([], [], cpu=0.0, end=0.0, model="made")
    empty.save(tmp_path / "empty.json")
    same(empty, Trace.load(tmp_path / "empty.json"))


def test_a_trace_may_be_replaced_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    MADE.save(file)
    Trace.build([], [], cpu=0.0, end=0.0, model="other").save(file)
    assert Trace.load(file).model == "other"
    for other in ("Chapter 1", '{"version": 1, "lessons": {}}', '{"version": 2}', ""):
        file.write_text(other)
        with pytest.raises(FileExistsError, match=r"trace\.json can't be written"):
            MADE.save(file)
        assert file.read_text() == other
    with pytest.raises(OSError, match=r"[Ii]s a directory|denied"):
        MADE.save(tmp_path)


def test_on_a_full_disk_what_was_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file = tmp_path / "trace.json"
    MADE.save(file)
    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        MADE.save(file)
    assert file.read_bytes() == before
    assert os.listdir(tmp_path) == ["trace.json"]


def test_infinite_times_are_refused(tmp_path: Path) -> None:
    endless = Trace.build([("A", 0, 0, math.inf, 0)], [], cpu=0.0, end=0.0, model="made")
    with pytest.raises(ValueError, match="infinite time"):
        endless.save(tmp_path / "endless.json")
    assert not os.listdir(tmp_path)


def changed(*path: Any, to: Any) -> Any:
    def change(content: Any) -> None:
        at = content
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (changed("version", to=2), "a newer version of the course"),
        (changed("version", to=True), r"at \$\.version: 1 was expected"),
        (changed("kind", to="a poem"), r"at \$\.kind"),
        (changed("more", to=1), "'more' was unexpected"),
        (changed("cpu", to="much"), r"at \$\.cpu"),
        (changed("usable_cores", to=0), r"at \$\.usable_cores"),
        (changed("causes", to={"a core": -1}), "causes"),
        (changed("tasks", "start", to=[0.1]), "different lengths"),
        (changed("tasks", "start", 0, to="soon"), r"at tasks\.start: .* not str"),
        (changed("tasks", "start", 0, to=10**400), r"at tasks\.start"),
        (changed("end", to=10**400), "usable_cores: int too large"),
        (changed("spans", "start", 0, to=None), "at spans: each must have a start"),
        (changed("tasks", "name", 0, to=None), r"at tasks\.name: .* not NoneType"),
        (changed("spans", "task", 0, to=2), "there are tasks 0 to 1 only"),
        (changed("spans", "task", 0, to=-1), "there are tasks 0 to 1 only"),
        (changed("spans", "worker", 0, to=2**40), r"at spans\.worker"),
        (changed("spans", "core", 0, to=True), r"at spans\.core: .* not bool"),
        (changed("spans", "kind", 0, to="idle"), "'idle' is none of run, wait"),
        (changed("spans", "kind", 0, to=[]), "none of run, wait"),
        (changed("outcomes", to=["done"]), "2 tasks, but 1 outcomes"),
        (changed("queued", 0, to="long"), r"at queued: .* not str"),
        (changed("results", 0, to=7), "each must hold a value or a text"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(change: Any, why: str, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    MADE.save(file)
    content = json.loads(file.read_text("utf-8"))
    change(content)
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"trace\.json can't be loaded as a trace: .*{why}"):
        Trace.load(file)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[", b"[" * 100_000, b"null", b"[]", b"{}", b'{"cpu": NaN}']
)
def test_a_damaged_file_is_refused_and_named(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"trace\.json can't be loaded as a trace"):
        Trace.load(file)
    assert file.read_bytes() == content


def test_every_cut_off_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    MADE.save(file)
    whole = file.read_bytes().rstrip()
    for length in range(0, len(whole), 7):
        file.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="can't be loaded"):
            Trace.load(file)


def test_a_missing_file_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Trace.load(tmp_path / "none.json")


def test_a_hundred_thousand_spans_go_and_come(tmp_path: Path) -> None:
    many = 100_000
    start = np.random.default_rng(1).uniform(0, 100, many)
    spans = (
        (n % 5, n % 5, -1, float(start[n]), float(start[n]) + 0.001, "run") for n in range(many)
    )
    tasks = [(name, 0.0, 0.0, 100.0, 20.0) for name in "ABCDE"]
    trace = Trace.build(tasks, spans, cpu=100.0, end=100.0, model="made")
    trace.save(tmp_path / "many.json")
    same(trace, Trace.load(tmp_path / "many.json"))

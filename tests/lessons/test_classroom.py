"""A class's machines: what an export tells and what it doesn't, and what a pool makes of any file."""

from __future__ import annotations

import itertools
import json
import os
import platform
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_lib import machine
from course_lib.lesson import classroom
from course_lib.lesson.classchart import Pooled, chart, spread
from course_lib.lesson.classroom import LARGEST, export_results, pool, pretend
from course_lib.lesson.progress import place

GOOD: dict[str, Any] = {
    "version": 1,
    "id": "0123456789abcdef",
    "taken": "2026-03-01T10:00:00+00:00",
    "usable_cores": 4.0,
    "logical_cores": 8,
    "gil": True,
    "python": "3.13.1",
    "system": "Linux x86_64",
    "parallel_fraction": 0.9,
    "workers": [1, 2, 4],
    "speedup": [1.0, 1.8, 3.0],
    "best": 3.0,
    "others": 0.0,
}


def put(folder: Path, name: str, /, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    content = {key: value for key, value in (GOOD | changes).items() if value is not None}
    path.write_text(json.dumps(content), "utf-8")
    return path


# Export -----------------------------------------------------------------------------------------------


def test_an_export_says_what_was_measured_and_nothing_about_whose_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = export_results(tmp_path, budget=0.5)
    assert file is not None and file.parent == tmp_path
    text = file.read_text("utf-8")
    found = json.loads(text)
    assert len(text) < LARGEST / 10
    assert set(found) == set(GOOD)
    here = machine()
    assert (found["usable_cores"], found["gil"]) == (here.usable_cores, here.gil)
    assert found["python"] == platform.python_version()
    assert max(found["workers"]) <= max(1, here.usable_cores)
    assert found["best"] > 0.1
    for telling in (platform.node(), str(Path.home()), str(tmp_path), sys.prefix, os.getcwd()):
        assert telling not in text
    assert place().with_name("classroom-secret").read_text("utf-8") not in text
    assert "no name, no host name, no path" in capsys.readouterr().out
    assert len(pool(tmp_path).results) == 1


def test_a_name_is_there_only_if_it_is_given(tmp_path: Path) -> None:
    file = export_results(tmp_path / "mine.json", "  Bench 7 ", budget=0.2)
    assert file == tmp_path / "mine.json"
    assert json.loads(file.read_text("utf-8"))["name"] == "Bench 7"
    with pytest.raises(TypeError, match="name must be a text, not 5"):
        export_results(tmp_path, 5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="name must be at most 60 characters long, not 61"):
        export_results(tmp_path, "x" * 61)
    with pytest.raises(ValueError, match="name must be a text that can be written"):
        export_results(tmp_path, "\ud800")


def test_the_number_stays_the_same_and_differs_by_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine = classroom._identity()
    assert classroom._identity() == mine
    monkeypatch.setattr(platform, "node", lambda: "another machine that shares this home")
    assert classroom._identity() != mine


def test_without_a_place_for_the_secret_there_is_a_number_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "file" / "below"))
    assert len(classroom._identity()) == 16


def test_an_export_replaces_an_older_one_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older = put(tmp_path, "older.json")
    assert export_results(older, budget=0.2) == older
    assert json.loads(older.read_text("utf-8"))["id"] != GOOD["id"]
    thesis = tmp_path / "thesis.json"
    thesis.write_text("{}")
    assert export_results(thesis, budget=0.2) is None
    assert thesis.read_text() == "{}"
    assert "Nothing was exported" in capsys.readouterr().out
    assert export_results(tmp_path / "older.json" / "below.json", budget=0.2) is None


def test_what_a_pool_would_not_see_is_not_written(tmp_path: Path) -> None:
    file = export_results(f"{tmp_path}/class/", budget=0.2)
    assert file is not None and file.parent == tmp_path / "class"
    with pytest.raises(ValueError, match=r"end in \.json"):
        export_results(tmp_path / "class" / "anna")
    assert [path.name for path in file.parent.iterdir()] == [file.name]


# Pool -------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_named_with_the_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    put(tmp_path / "ann", "good.json")
    put(tmp_path, "simulated.json", id="0" * 16, simulated=True)
    wrong: dict[str, tuple[dict[str, Any], str]] = {
        "newer.json": ({"version": 2}, "a newer version"),
        "fast.json": ({"best": -1}, "$.best"),
        "host.json": ({"host": "lab-7"}, "'host' was unexpected"),
        "uneven.json": ({"speedup": [1.0]}, "3 numbers of workers, but 1 speed-ups"),
        "many.json": ({"workers": [1, 2, 64]}, "64 workers are more than its 4 cores"),
        "cores.json": ({"usable_cores": 9}, "more usable cores than logical ones"),
        "missing.json": ({"gil": None}, "'gil' is a required property"),
        "better.json": ({"best": 3.1}, "its best speed-up, 3.1, isn't within those on 4 workers"),
        "worse.json": ({"best": 2.9}, "isn't within those on 4 workers, 3 to 3"),
        "line.json": ({"id": "1" * 16 + "\n"}, "$.id"),
        "later.json": ({"taken": "2026-03-01T10:00:00+00:00\n"}, "$.taken"),
        "never.json": ({"taken": "9999-99-99T99:99:99+00:00"}, "there is no such time"),
        "half.json": ({"name": "\ud800"}, "its name is no text"),
    }
    for name, (changes, _) in wrong.items():
        put(tmp_path, name, **({"id": "1" * 16} | changes))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "huge.json").write_text(" " * (LARGEST + 1))
    (tmp_path / "deep.json").write_text("[" * 50_000)
    (tmp_path / "nan.json").write_text(json.dumps(GOOD | {"best": float("nan")}))
    (tmp_path / "notes.txt").write_text("not looked at")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    put(tmp_path / ".ipynb_checkpoints", "good.json", id="2" * 16)
    found = pool(tmp_path)
    assert sorted(result.simulated for result in found.results) == [False, True]
    said = dict(found.refused)
    names = {*wrong, "broken.json", "binary.json", "huge.json", "deep.json", "nan.json"}
    assert set(said) == names
    for name, (_, reason) in wrong.items():
        assert reason in said[name]
    assert "isn't JSON" in said["broken.json"] and "isn't JSON" in said["binary.json"]
    assert f"more than {LARGEST:,} bytes" in said["huge.json"]
    assert "nan.json: it isn't JSON (NaN isn't a finite number)" in repr(found)
    page = found._repr_mimebundle_()["text/html"]
    assert "18 files left out" in page and "huge.json" in page


if sys.platform != "win32":  # which has no such pipes

    def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.json")
        assert pool(tmp_path).refused == (("pipe.json", "it isn't a file that can be read"),)


def test_a_folder_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "ann", "good.json")
    put(tmp_path / "bob", "good.json")
    scan = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path).name == "bob":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = pool(tmp_path)
    assert len(found.results) == 1
    assert found.refused == ((f"bob{os.sep}", "permission denied"),)


def test_of_one_machines_files_the_newest_counts(tmp_path: Path) -> None:
    for day, best in (("02", 2.0), ("03", 3.0), ("01", 1.0)):
        taken = f"2026-03-{day}T10:00:00+00:00"
        put(tmp_path, f"{day}.json", taken=taken, speedup=[1.0, 1.0, best], best=best)
    found = pool(tmp_path)
    assert [result.best for result in found.results] == [3.0]
    assert found.older == 2
    assert "2 files left out: a newer one is of that machine." in repr(found)


def test_a_zip_is_read_as_a_folder_is_and_bombs_are_not_unpacked(tmp_path: Path) -> None:
    archived = tmp_path / "class.zip"
    with zipfile.ZipFile(archived, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/good.json", json.dumps(GOOD))
        file.writestr("../../outside.json", json.dumps(GOOD | {"id": "3" * 16}))
        file.writestr("bomb.json", " " * 200_000_000)
        file.writestr("__MACOSX/a/._good.json", "x")
        file.writestr("read me.txt", "not looked at")
    start = time.process_time()
    found = pool(archived)
    assert time.process_time() - start < 1
    assert len(found.results) == 2
    assert [name for name, _ in found.refused] == ["bomb.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["class.zip"]


def test_a_damaged_entry_of_a_zip_is_named(tmp_path: Path) -> None:
    archived = tmp_path / "class.zip"
    with zipfile.ZipFile(archived, "w") as file:
        file.writestr("good.json", json.dumps(GOOD))
        file.writestr("hurt.json", json.dumps(GOOD | {"id": "4" * 16, "system": "Hurt"}))
    archived.write_bytes(archived.read_bytes().replace(b"Hurt", b"HURT", 1))
    found = pool(archived)
    assert len(found.results) == 1
    ((name, reason),) = found.refused
    assert name == "hurt.json" and "can't be unpacked" in reason


def test_a_damaged_entry_of_any_packing_is_named(tmp_path: Path) -> None:
    archived = tmp_path / "class.zip"
    with zipfile.ZipFile(archived, "w", zipfile.ZIP_LZMA) as file:
        file.writestr("hurt.json", json.dumps(GOOD) * 20)
    content = bytearray(archived.read_bytes())
    content[60:90] = bytes(30)
    archived.write_bytes(content)
    ((name, reason),) = pool(archived).refused
    assert name == "hurt.json" and "can't be unpacked" in reason


NAMED = b"g\xc3\xb6od.json"  # in UTF-8, as the entry says


@pytest.mark.parametrize(
    ("before", "after"),
    [(NAMED, NAMED.replace(b"\xb6", b"\xff")), (b"PK\1\2\x14\x03\x14", b"PK\1\2\x14\x03\xff")],
    ids=["a name that is no text", "a version that nobody has"],
)
def test_a_zip_whose_list_is_damaged_is_refused_in_words(
    tmp_path: Path, before: bytes, after: bytes
) -> None:
    archived = tmp_path / "class.zip"
    with zipfile.ZipFile(archived, "w") as file:
        entry = zipfile.ZipInfo(NAMED.decode())
        entry.create_system = 3
        file.writestr(entry, json.dumps(GOOD))
    assert len(pool(archived).results) == 1
    content = archived.read_bytes()
    assert before in content
    archived.write_bytes(content.replace(before, after))
    with pytest.raises(ValueError, match=r"must be a zip file that can be read: .*class\.zip"):
        pool(archived)


if sys.platform == "linux":  # elsewhere a name must be text

    def test_a_file_whose_name_is_no_text_is_named_all_the_same(tmp_path: Path) -> None:
        (tmp_path / os.fsdecode(b"\xff.json")).write_text("{")
        found = pool(tmp_path)
        assert [name for name, _ in found.refused] == ["?.json"]
        found._repr_mimebundle_()["text/html"].encode()


def test_the_law_is_that_of_the_median_fraction_whatever_the_order(tmp_path: Path) -> None:
    made = [classroom._result(GOOD | {"parallel_fraction": p}) for p in (0.5, 0.9, 0.1)]
    laws = {Pooled(tuple(own)).rows()[0][-1] for own in itertools.permutations(made)}
    assert laws == {"1.60"}


def test_part_of_a_core_takes_no_worker(tmp_path: Path) -> None:
    put(tmp_path, "half.json", usable_cores=1.5, workers=[1], speedup=[1.0], best=1.0)
    (row,) = pool(tmp_path).rows()
    assert row[-1] == "1.00"


def test_what_would_spoil_the_chart_or_its_words_is_left_out(tmp_path: Path) -> None:
    put(tmp_path, "good.json")
    put(tmp_path, "tiny.json", usable_cores=1e-300, workers=[1], speedup=[1.0], best=1.0)
    nested = json.dumps(GOOD | {"name": 0}).replace('"name": 0', f'"name": {"[" * 985 + "]" * 985}')
    (tmp_path / "nested.json").write_text(nested)
    found = pool(tmp_path)
    assert len(found.results) == 1
    assert len(found.refused) == 2


def test_others_may_read_what_a_class_shares_but_not_the_secret(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        file = export_results(tmp_path, budget=0.05)
    finally:
        os.umask(before)
    assert file is not None
    if os.name != "nt":
        assert file.stat().st_mode & 0o777 == 0o644
        assert place().with_name("classroom-secret").stat().st_mode & 0o777 == 0o600
        file.chmod(0o640)
        export_results(file, budget=0.05)
        assert file.stat().st_mode & 0o777 == 0o640


def test_a_machine_with_a_name_is_shown_with_it(tmp_path: Path) -> None:
    named = GOOD | {"id": "a" * 16, "name": "Bench <7>"}
    (tmp_path / "a.json").write_text(json.dumps(named), "utf-8")
    put(tmp_path, "b.json", id="b" * 16)
    page = pool(tmp_path)._repr_mimebundle_()["text/html"]
    assert "machines with a name" in page and "Bench &lt;7&gt;" in page
    (tmp_path / "a.json").unlink()
    assert "machines with a name" not in pool(tmp_path)._repr_mimebundle_()["text/html"]


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no .*nowhere"):
        pool(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="is neither"):
        pool(put(tmp_path, "good.json"))
    for bad in (None, 5, b"class"):
        with pytest.raises(TypeError, match="^folder must be the path"):
            pool(bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="^folder must be .* not ''"):
        pool("")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
CHANGE = st.dictionaries(st.sampled_from(sorted(GOOD)) | st.text(max_size=9), JSON, max_size=3)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(st.lists(st.binary(max_size=60) | JSON | CHANGE, max_size=8))
def test_whatever_lies_in_the_folder_is_pooled_or_named(
    tmp_path: Path, contents: list[Any]
) -> None:
    for old in tmp_path.glob("*.json"):
        old.unlink()
    for number, content in enumerate(contents):
        if isinstance(content, dict):
            content = GOOD | {"id": f"{number:016x}"} | content
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        (tmp_path / f"{number}.json").write_bytes(raw)
    put(tmp_path, "good.json", id="f" * 16)
    found = pool(tmp_path)
    assert len(found.results) + found.older + len(found.refused) == len(contents) + 1
    assert any(result.best == GOOD["best"] for result in found.results)
    assert {name for name, _ in found.refused} <= {f"{n}.json" for n in range(len(contents))}
    assert all(reason for _, reason in found.refused)
    assert "measured" in repr(found)


@given(st.lists(st.sampled_from([0.5, 1.0, 2.0, 8.0]), min_size=1, max_size=60))
def test_each_machine_has_a_mark_of_its_own(cores: list[float]) -> None:
    made = classroom._result(GOOD)
    results = [made._replace(usable_cores=each) for each in cores]
    points = spread(results)
    assert len(set(points)) == len(results)
    for (x, y), each in zip(points, results, strict=True):
        assert y == each.best
        assert each.usable_cores / 1.2 < x < each.usable_cores * 1.2


# Chart ------------------------------------------------------------------------------------------------


def test_a_thousand_files_are_pooled_in_two_seconds(tmp_path: Path) -> None:
    pretend(tmp_path, 1000)
    pool(tmp_path)  # loads what it needs
    start = time.process_time()
    found = pool(tmp_path)
    page = found._repr_mimebundle_()["text/html"]
    assert time.process_time() - start < 2
    assert len(found.results) == 1000
    assert "alt=" in page


def test_made_up_machines_are_the_same_ones_and_marked(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        pretend(tmp_path / folder, 20, seed=3)
    one, other = pool(tmp_path / "a"), pool(tmp_path / "b")
    assert sorted(one.results) == sorted(other.results)
    assert all(result.simulated and result.best <= 10 for result in one.results)
    assert one.parallel_fraction is None
    assert repr(one).startswith("0 machines measured, 20 simulated.")
    both = pool(tmp_path)
    assert (len(both.results), both.older) == (20, 20)
    with pytest.raises(ValueError, match="machines must be 1 to 5,000, not 0"):
        pretend(tmp_path, 0)


def test_the_chart_says_in_words_what_it_shows(tmp_path: Path) -> None:
    put(tmp_path, "four.json", others=0.3)
    six = {"usable_cores": 6, "speedup": [1.0, 1.8, 4.0], "best": 4.0}
    put(tmp_path, "six.json", id="6" * 16, simulated=True, **six)
    found = pool(tmp_path)
    picture = found.picture()
    assert "1 measured with 4 usable cores: 3.00 to 3.00" in picture.alt
    assert "1 simulated with 6 usable cores: 4.00 to 4.00" in picture.alt
    assert "On 1 of them, other programs used over 10% meanwhile." in repr(found)
    assert found.parallel_fraction == pytest.approx(0.889, abs=0.01)
    assert found.rows()[0] == ["4", "measured", "1", "3.00", "3.00", "3.00", "3.08"]
    assert picture.png


def test_one_core_alone_and_no_machine_at_all(tmp_path: Path) -> None:
    put(tmp_path, "one.json", usable_cores=0.5, workers=[1], speedup=[1.0], best=1.0)
    found = pool(tmp_path)
    assert found.parallel_fraction is None
    assert found.picture().png
    empty = Pooled(())
    assert "0 machines measured" in empty._repr_mimebundle_()["text/html"]
    with pytest.raises(ValueError, match="at least one machine"):
        chart(empty)

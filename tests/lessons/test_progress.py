"""Progress: kept through everything that can go wrong with a file, and shown as it is."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_lib.lesson import (
    begin,
    export_progress,
    finish,
    forget,
    import_progress,
    progress,
    recall,
    remember,
)
from course_lib.lesson.calibration import day, guesses
from course_lib.lesson.progress import Kernel, kernel, lessons, load, place, trouble

NUMBER = {"name": "cores", "kind": "number", "unit": "cores", "answer": 2.0, "measured": 1.0}
ROOM = {"name": "loop", "kind": "choice", "answer": "sequential", "measured": "sequential"}
ENTRY = {"right": True, "tries": 1}


def restart(lesson: str = "a lesson") -> None:
    """Forget what a kernel knows, as its restart does."""
    vars(kernel).update(vars(Kernel(lesson)))


def page(shown: Any) -> str:
    return str(shown._repr_mimebundle_()["text/html"])


# What is remembered


def test_what_is_remembered_is_there_in_a_new_kernel(home: Path) -> None:
    remember("answers", "one", ENTRY)
    restart()
    assert recall("answers", "one") == ENTRY
    assert recall("answers", "two") is None
    assert recall("checks", "one") is None
    assert not trouble()
    assert {path.name for path in home.iterdir()} <= {"progress.json", "progress.lock"}


def test_lessons_are_apart() -> None:
    remember("answers", "one", ENTRY)
    begin("another")
    assert recall("answers", "one") is None
    forget("a lesson")
    assert list(lessons()) == ["another"]


def test_outside_a_lesson_nothing_is_saved(home: Path) -> None:
    restart("")
    remember("answers", "one", ENTRY)
    assert recall("answers", "one") is None
    assert not (home / "progress.json").exists()


def test_a_lessons_beginning_and_end_are_noted_once() -> None:
    begin("02")
    first = lessons()["02"]["begun"]
    begin("02")
    assert lessons()["02"] == {"begun": first}
    finish()
    assert set(lessons()["02"]) == {"begun", "done"}


def test_without_course_home_the_system_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_HOME")
    assert place().name == "progress.json"
    assert place().parent.name == "concurrency-is-not-parallelism"


@pytest.mark.parametrize(
    "entry",
    [{"tries": 0}, {"right": "yes"}, {"at": float("nan")}, {"set": {1}}, {"tries": 1.5}],
)
def test_an_entry_that_does_not_fit_is_refused(entry: dict[str, Any], home: Path) -> None:
    with pytest.raises(ValueError, match="entry can't be saved"):
        remember("answers", "one", entry)
    assert not lessons()


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="kind must be one of predictions, answers, checks"):
        remember("notes", "one", {})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="lesson must be"):
        begin(" ")


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
ANY = st.text(st.characters())  # lone surrogates too
JSON = st.dictionaries(
    ANY.filter(lambda key: key not in ("right", "tries")),
    st.recursive(
        PLAIN.filter(lambda value: value not in (float("inf"), float("-inf"))),
        lambda inner: st.lists(inner) | st.dictionaries(ANY, inner),
        max_leaves=10,
    ),
)


@given(lesson=ANY.filter(str.strip), key=ANY, entry=JSON)
@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_every_entry_comes_back_as_it_was(lesson: str, key: str, entry: dict[str, Any]) -> None:
    begin(lesson)
    remember("answers", key, entry)
    restart(lesson)
    assert recall("answers", key) == entry


# Two kernels at once

WRITER = """
import sys
from course_lib.lesson import begin, remember
begin("together")
for number in range(200):
    remember("answers", f"{sys.argv[1]} {number}", {"right": True, "tries": 1})
"""


def test_two_kernels_that_write_at_once_lose_nothing() -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for name in "AB"
    ]
    assert [(writer.communicate(timeout=120)[0], writer.returncode) for writer in writers] == [
        (b"", 0)
    ] * 2
    assert set(load(place())["together"]["answers"]) == {
        f"{name} {number}" for name in "AB" for number in range(200)
    }


# A file that isn't as it should be


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"not JSON",
        b'{"version": 1, "lessons": {"a lesson": {"answ',
        b"[" * 100_000,
        b"null",
        b"[]",
        b"{}",
        b'{"version": 0, "lessons": {}}',
        b'{"version": true, "lessons": {}}',
        b'{"version": 1, "lessons": []}',
        b'{"version": 1, "lessons": {}, "more": 1}',
        b'{"version": 1, "lessons": {"x": {"predictions": {"y": {"kind": "number"}}}}}',
        b'{"version": 1, "lessons": {"x": {"answers": {"y": {"at": NaN}}}}}',
        b'{"version": 1, "lessons": {"x": {"answers": {"y": {"at": 1e999}}}}}',
    ],
)
def test_a_damaged_file_is_set_aside_and_said(
    content: bytes, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.mkdir()
    place().write_bytes(content)
    begin("a lesson")
    remember("answers", "one", ENTRY)
    (aside,) = home.glob("progress.damaged-*.json")
    assert aside.read_bytes() == content
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 1
    assert "was damaged" in said
    assert str(aside) in said
    assert load(place())["a lesson"]["answers"] == {"one": ENTRY}


def test_a_file_of_a_newer_version_is_left_alone(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.mkdir()
    content = '{"version": 2, "learned": ["much"]}'
    place().write_text(content)
    begin("a lesson")
    remember("answers", "one", ENTRY)
    assert recall("answers", "one") == ENTRY
    forget("a lesson")
    assert place().read_text() == content
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("is kept until its kernel ends.")
    assert "a newer version of the course wrote it" in said[0]
    assert len(said) == 2  # forget was asked for, so it answers
    assert not list(home.glob("progress.damaged*"))


# A place that can't be written


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_on_a_full_disk_the_lesson_goes_on_and_is_saved_later(
    call: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remember("answers", "before", ENTRY)
    before = place().read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, call, full)
        remember("answers", "one", ENTRY)
        remember("answers", "two", ENTRY)
        assert recall("answers", "one") == ENTRY
        assert "no space left" in trouble()
        assert place().read_bytes() == before
        assert {path.name for path in home.iterdir()} <= {"progress.json", "progress.lock"}
    assert len(capsys.readouterr().out.splitlines()) == 1
    remember("answers", "three", ENTRY)
    assert not trouble()
    assert set(load(place())["a lesson"]["answers"]) == {"before", "one", "two", "three"}


def test_a_home_that_cannot_be_made_is_said_once(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write_text("a file")
    monkeypatch.setenv("COURSE_HOME", str(home / "below"))
    begin("a lesson")
    remember("answers", "one", ENTRY)
    assert recall("answers", "one") == ENTRY
    assert "a lesson" in page(progress())
    (said,) = capsys.readouterr().out.splitlines()
    assert said.startswith(f"Not saved: {home / 'below'}")
    assert home.read_text() == "a file"


def test_a_read_only_home_is_said_once(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    remember("answers", "before", ENTRY)
    place().with_name("progress.lock").unlink(missing_ok=True)
    opened = os.open

    def read_only(path: Any, flags: int, *more: Any, **facts: Any) -> int:
        if flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR):
            raise PermissionError(errno.EROFS, os.strerror(errno.EROFS), path)
        return opened(path, flags, *more, **facts)

    monkeypatch.setattr(os, "open", read_only)
    remember("answers", "one", ENTRY)
    remember("answers", "two", ENTRY)
    assert set(lessons()["a lesson"]["answers"]) == {"before", "one", "two"}
    (said,) = capsys.readouterr().out.splitlines()
    assert "read-only file system" in said


def test_a_lock_that_is_held_is_waited_for_and_then_said(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from filelock import FileLock

    monkeypatch.setitem(vars(sys.modules["course_lib.lesson.progress"]), "PATIENCE", 0.1)
    home.mkdir()
    with FileLock(home / "progress.lock"):
        remember("answers", "one", ENTRY)
    assert "another notebook has been saving" in capsys.readouterr().out
    remember("answers", "two", ENTRY)
    assert set(load(place())["a lesson"]["answers"]) == {"one", "two"}


# Export and import


def test_progress_goes_out_and_comes_in_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.json"
    remember("predictions", "cores", NUMBER)
    remember("answers", "one", ENTRY)
    export_progress(file)
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "elsewhere"))
    remember("answers", "one", {"right": False, "tries": 3})
    import_progress(file)
    assert recall("predictions", "cores") == NUMBER
    assert recall("answers", "one") == {"right": False, "tries": 3}, "what is here stays"
    assert "1 of 2 entries" in capsys.readouterr().out
    export_progress(file)  # its own kind of file may be replaced
    assert load(file) == lessons()


def test_an_import_that_could_not_be_saved_replaces_nothing_later(
    home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "other.json"
    remember("answers", "one", {"right": False, "tries": 7})
    remember("answers", "two", ENTRY)
    export_progress(file)
    forget("a lesson")
    remember("answers", "one", ENTRY)
    lock = home / "progress.lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()  # nothing can be saved
    import_progress(file)
    assert trouble()
    lock.rmdir()
    remember("answers", "three", ENTRY)
    assert not trouble()
    kept = load(place())["a lesson"]["answers"]
    assert kept == {"one": ENTRY, "two": ENTRY, "three": ENTRY}


def test_a_file_that_an_editor_saved_with_a_byte_order_mark_is_read() -> None:
    remember("answers", "one", ENTRY)
    place().write_bytes(b"\xef\xbb\xbf" + place().read_bytes())
    restart()
    assert recall("answers", "one") == ENTRY


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_link_to_progress_elsewhere_stays_one(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    (tmp_path / "synced").mkdir()
    place().symlink_to(tmp_path / "synced" / "mine.json")
    remember("answers", "one", ENTRY)
    assert place().is_symlink()
    assert load(tmp_path / "synced" / "mine.json")["a lesson"]["answers"] == {"one": ENTRY}


def test_a_file_system_without_modes_keeps_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EPERM, "operation not permitted")

    for name in ("chmod", "fchmod"):
        monkeypatch.setattr(os, name, refuse, raising=False)
    remember("answers", "one", ENTRY)
    remember("answers", "two", ENTRY)
    assert not trouble()
    export_progress(place().with_name("mine.json"))
    export_progress(place().with_name("mine.json"))
    assert load(place().with_name("mine.json")) == lessons()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="no time zones by the environment")
def test_a_lesson_was_begun_on_the_learners_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "EST+5")
    time.tzset()
    try:
        assert day("2025-03-01T02:00:00+00:00") == "2025-02-28"
        assert day("2025-03-01 at noon") == "2025-03-01"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "no such file"),
        ("hello", "it isn't JSON"),
        ('{"version": 7}', "a newer version"),
        ('{"version": 1, "lessons": 3}', r"at \$\.lessons: 3 is not of type 'object'"),
    ],
)
def test_a_file_that_does_not_fit_is_not_imported(
    content: str | None, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remember("answers", "one", ENTRY)
    before, file = place().read_bytes(), tmp_path / "other.json"
    if content is not None:
        file.write_text(content)
    import_progress(file)
    (said,) = capsys.readouterr().out.splitlines()
    assert str(file) in said
    assert re.search(why, said)
    assert place().read_bytes() == before
    assert content is None or file.read_text() == content


def test_an_export_replaces_no_file_of_another_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "thesis.txt"
    file.write_text("Chapter 1")
    export_progress(file)
    export_progress(tmp_path)
    assert file.read_text() == "Chapter 1"
    assert capsys.readouterr().out.count("Nothing was exported") == 2


def test_an_export_keeps_an_earlier_one_if_the_progress_cannot_be_read(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin("a lesson")
    remember("answers", "one", ENTRY)
    export_progress(tmp_path / "mine.json")
    kept = (tmp_path / "mine.json").read_text()
    place().write_text('{"version": 2}')
    export_progress(tmp_path / "mine.json")
    assert (tmp_path / "mine.json").read_text() == kept
    assert "Nothing was exported" in capsys.readouterr().out
    assert home in place().parents


def test_a_lesson_nobody_began_cannot_be_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    begin("02")
    forget("2")
    assert capsys.readouterr().out == "There is nothing to forget of '2'. Begun: 02.\n"
    assert list(lessons()) == ["02"]


# The view


def test_without_any_progress_there_is_a_view_all_the_same(home: Path) -> None:
    assert "no lesson begun" in page(progress())
    assert str(home / "progress.json") in page(progress())


def test_the_view_counts(home: Path) -> None:
    begin("00")
    remember("predictions", "cores", NUMBER)
    remember("predictions", "loop", ROOM)
    remember("predictions", "server", ROOM | {"answer": "parallel, not concurrent"})
    remember("predictions", "open", {"name": "x", "kind": "choice", "answer": "a"})
    remember("answers", "one", {"right": True, "tries": 1})
    remember("answers", "two", {"right": True, "tries": 2})
    remember("checks", "one", {"passed": True})
    shown = page(finish())
    cells = re.findall(r"<td>(.*?)</td>", shown)
    assert [cell[:4] for cell in cells[:2]] == ["✓ 20", "✓ 20"]
    assert cells[2:] == ["4", "1 of 2", "1 of 2", "1 of 1"]
    assert "1 of 2 came true" in shown
    assert "from course_lib.lesson import export_progress, import_progress, forget" in shown
    assert "within a factor of 2." in shown


def test_the_calibration_picture_says_what_it_shows() -> None:
    begin("00")
    remember("predictions", "cores", NUMBER)
    point = {"name": "server", "kind": "point", "answer": [4.0, 1.0], "measured": [8.0, 0.5]}
    remember("predictions", "server", point)
    remember("predictions", "none", NUMBER | {"name": "none", "measured": 0.0})
    found = {guess.name: guess.ratio for guess in guesses(lessons())}
    assert found == {"cores": 2.0, "server, in flight": 0.5, "server, cores busy": 2.0}
    shown = page(progress())
    assert "Calibration" in shown
    assert "00, cores: predicted 2, measured 1, 2 times" in shown
    assert "none: predicted" not in shown


def test_a_changed_file_shows_no_markup() -> None:
    begin("<b>00")
    remember("predictions", "x", NUMBER | {"name": "<script>$x$"})
    shown = page(progress())
    assert "<script>" not in shown
    assert "<b>" not in shown


def test_the_numbers_can_be_far_apart() -> None:
    remember("predictions", "x", NUMBER | {"answer": 1e300, "measured": 1e-300})
    remember("predictions", "y", NUMBER | {"answer": 1e-300, "measured": 1e300})
    assert "<img" in page(progress())


def test_in_a_notebook_a_sentence_is_shown_not_printed(home: Path) -> None:
    """Asked of a real IPython: its display hook gets the sentence."""
    home.write_text("a file where the folder would be")
    cell = "from course_lib.lesson import begin; begin('02')"
    command = [sys.executable, "-m", "IPython", "--quick", "-c", cell]
    environment = {**os.environ, "IPYTHONDIR": str(home.with_name("ipython"))}
    said = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.startswith("Not saved: ")
    assert "a file stands where its folder would be" in said.stdout


def test_the_file_is_as_its_schema_says(home: Path) -> None:
    begin("00")
    remember("predictions", "cores", NUMBER)
    content = json.loads(place().read_text("utf-8"))
    assert content["version"] == 1
    assert content["lessons"]["00"]["predictions"]["cores"] == NUMBER


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_progress_is_its_learners_and_an_export_is_for_whoever_is_given_it(tmp_path: Path) -> None:
    begin("a lesson")
    export_progress(tmp_path / "mine.json")
    assert place().stat().st_mode & 0o077 == 0
    assert (tmp_path / "mine.json").stat().st_mode & 0o777 == 0o666 & ~umask()


def umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now

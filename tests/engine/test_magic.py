"""`%%observe`: a cell is recorded and shown, also one that awaits, also one that fails."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from course_lib import Trace
from course_lib.activity import current

SLEEPERS = """\
import threading, time
threads = [threading.Thread(target=time.sleep, args=(0.1,)) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
AWAITS = """\
import asyncio
text = '''kept
    as it is'''
got = await asyncio.gather(*(asyncio.sleep(0.1, n) for n in range(3)))
"""


@pytest.fixture
def shell(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    shell = InteractiveShell.instance()  # what is displayed is captured from this one
    shell.run_line_magic("load_ext", "course_lib")
    asyncio.set_event_loop(None)
    yield shell
    atexit.unregister(shell.atexit_operations)
    shell.atexit_operations()  # type: ignore[no-untyped-call]
    shell.restore_sys_module_state()  # type: ignore[no-untyped-call]
    InteractiveShell.clear_instance()


def ran(shell: Any, cell: str) -> tuple[Any, list[Any]]:
    """Run a cell; return its result, and the traces that were shown."""
    with capture_output() as seen:
        result = shell.run_cell(cell)
    assert current.get() is None
    return result, [
        output for output in seen.outputs if output.data["text/plain"].startswith("<Trace of")
    ]


def test_a_cell_is_recorded_and_its_trace_shown_and_kept(shell: Any) -> None:
    result, shown = ran(shell, f"%%observe trace\n{SLEEPERS}")
    result.raise_error()
    assert len(shown) == 1
    trace = shell.user_ns["trace"]
    assert isinstance(trace, Trace)
    assert len(trace.tasks) == 4 and trace.concurrency > 1.5
    assert len(shell.user_ns["threads"]) == 3, "the cell's names are the notebook's"


def test_without_a_name_the_trace_is_shown_only(shell: Any) -> None:
    before = set(shell.user_ns)
    result, shown = ran(shell, "%%observe\nx = 1")
    result.raise_error()
    assert len(shown) == 1
    assert set(shell.user_ns) - before == {"x"}


def test_a_cell_may_await(shell: Any) -> None:
    result, shown = ran(shell, f"%%observe trace\n{AWAITS}")
    result.raise_error()
    assert len(shown) == 1
    assert shell.user_ns["got"] == [0, 1, 2]
    assert shell.user_ns["text"] == "kept\n    as it is"
    assert shell.user_ns["trace"].concurrency > 1.5


@pytest.mark.parametrize("wait", ["", "import asyncio; await asyncio.sleep(0)"])
def test_an_error_is_raised_after_the_trace_is_shown(wait: str, shell: Any) -> None:
    result, shown = ran(shell, f"%%observe trace\n{wait}\nx = 1\n1 / 0\nx = 2")
    assert isinstance(result.error_in_exec, ZeroDivisionError)
    assert len(shown) == 1
    assert shell.user_ns["x"] == 1
    assert shell.user_ns["trace"].makespan > 0


def test_magics_inside_are_done(shell: Any) -> None:
    result, _ = ran(shell, "%%observe\nfolder = %pwd")
    result.raise_error()
    assert shell.user_ns["folder"]


@pytest.mark.parametrize("line", ["1st", "a b", "a.b"])
@pytest.mark.parametrize("cell", ["x = 1", AWAITS])
def test_a_name_must_be_one(line: str, cell: str, shell: Any) -> None:
    result, shown = ran(shell, f"%%observe {line}\n{cell}")
    assert isinstance(result.error_in_exec, UsageError)
    assert not shown and "x" not in shell.user_ns


def test_what_is_no_python_is_said_and_not_run(shell: Any) -> None:
    result, shown = ran(shell, "%%observe trace\nx = 1\nx =")
    assert isinstance(result.error_in_exec, SyntaxError)
    assert not shown and "x" not in shell.user_ns


def test_other_cells_are_as_they_were(shell: Any) -> None:
    for cell in ("x = 1", "%%time\nx = 1", "", "import asyncio; await asyncio.sleep(0)"):
        result, shown = ran(shell, cell)
        result.raise_error()
        assert not shown


def test_it_can_be_taken_away_and_loaded_again(shell: Any) -> None:
    before = len(shell.input_transformers_cleanup)
    shell.run_line_magic("reload_ext", "course_lib")
    assert len(shell.input_transformers_cleanup) == before
    shell.run_line_magic("unload_ext", "course_lib")
    assert len(shell.input_transformers_cleanup) == before - 1
    assert "observe" not in shell.magics_manager.magics["cell"]


def test_in_a_notebook(tmp_path: Any) -> None:
    cells = [
        "%load_ext course_lib",
        f"%%observe one\n{SLEEPERS}",
        f"%%observe two\n{AWAITS}",
        "print(len(one.tasks), len(two.tasks), got)",
        "%%observe\nimport asyncio\nawait asyncio.sleep(0)\nraise KeyError('mine')",
    ]
    book = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]  # type: ignore[no-untyped-call]
    )
    client = NotebookClient(book, timeout=60, resources={"metadata": {"path": str(tmp_path)}})
    with pytest.raises(CellExecutionError, match="mine"):
        client.execute()
    for number in (1, 2, 4):
        [shown] = [o for o in book.cells[number].outputs if o.output_type == "display_data"]
        assert "<img alt=" in shown.data["text/html"] and "<table>" in shown.data["text/html"]
    [said] = book.cells[3].outputs
    assert said.text == "4 4 [0, 1, 2]\n"
    assert [o.output_type for o in book.cells[4].outputs] == ["display_data", "error"]

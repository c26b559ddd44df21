"""The benchmarks still run, and still show every figure beside its peers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.table import Row, table

ROOT = Path(__file__).resolve().parent.parent
WATCHERS = ("course_lib", "cProfile", "viztracer")
FIGURES = r"(?: +-?\d+\.\d){3}"


def test_every_figure_is_shown_beside_its_peers() -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.benchmarks", "--quick"]
    run = subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=240,
    )
    assert (run.returncode, run.stderr) == (0, "")
    wanted = [(program, "ms") for program in ("pass", "import numpy", "import course_lib")]
    wanted += [(f"1 round a chunk, {name}", "ns") for name in ("nobody watching", *WATCHERS)]
    wanted += [(f"5000 ns a chunk, {name}", "ns") for name in ("nobody watching", *WATCHERS)]
    wanted += [(f"5000 ns a chunk, {name}", "%") for name in WATCHERS]
    sliders = ("the player, median of 20 moves", "interact and matplotlib, median")
    wanted += [(name, "ms") for name in sliders]
    wanted += [("speedup()", "×"), ("one pair, by the clock", "×")]
    wanted += [("1,000 spans, timeline", "ms")]
    wanted += [(f"1,000 files, {name}", "s") for name in ("json alone", "pool and its picture")]
    wanted += [("P = 0.9: speed-up, off Amdahl's law, by the quickest runs", "%")]
    lines = run.stdout.splitlines()
    for name, unit in wanted:
        row = re.compile(rf"{re.escape(name)}{FIGURES}  {unit}( |$)")
        assert len([line for line in lines if row.match(line)]) == 1, f"{name} in {unit}: {lines}"
    assert len(re.findall(r"  [\d.]+ +(?:yes|NO)$", run.stdout, re.MULTILINE)) >= 8


@pytest.mark.parametrize(
    ("figures", "met"), [((1.0, 2.0, 9.0), "yes"), ((1.0, 2.1, 2.2), "NO"), ((2.0,), "yes")]
)
def test_an_aim_is_met_by_the_median(figures: tuple[float, ...], met: str) -> None:
    assert Row("a tick", "ns", figures, aim=2.0).met == met
    assert Row("a peer", "ns", figures).met == ""


def test_columns_stand_under_their_headings() -> None:
    rows = [Row("a", "ns", (1.0, 1000.0, 2.0), aim=2.5), Row("a longer name", "%", (-3.0,))]
    assert table("What", rows).splitlines() == [
        "What            min  median     max  unit  at most  met",
        "a               1.0     2.0  1000.0  ns        2.5  yes",
        "a longer name  -3.0    -3.0    -3.0  %",
    ]

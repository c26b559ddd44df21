"""What `machine` says is held against made-up file trees, and against real CPU quotas."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import math
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import psutil
import pytest

from course_lib import cgroups
from course_lib.machine import Machine, allowed_cpus, machine, spin_check, throttled

# Not `from course_lib import machine`: the package has a function of that name.
room = importlib.import_module("course_lib.machine")

V1 = "30 25 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct"
V2 = "31 25 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
HYBRID_V2 = "31 25 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
SETTINGS = ("PYTHON_CPU_COUNT", "CPU_LIMIT")

NAMES = [("a b", "a b"), ("ä", "ä")]
if sys.platform == "linux":  # elsewhere no file has such a name
    NAMES += [("a:b", "a:b"), ("\udcff", "\ufffd")]

HERE = str(Path(str(room.__file__)).parents[1])
REPORT = "import json; from course_lib.machine import *; m = machine(); print(json.dumps({}))"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*SETTINGS, *(name for name in os.environ if name.startswith("BINDER_"))]:
        monkeypatch.delenv(name, raising=False)


def tree(root: Path, own: str, mounts: tuple[str, ...], **files: str) -> Path:
    """Make a file system in which a process finds its control groups."""
    contents = {"proc/self/cgroup": own, "proc/self/mountinfo": "\n".join(mounts), **files}
    for name, text in contents.items():
        file = root / name.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
    return root


def v1(group: str, quota: object, period: object = 100_000) -> dict[str, str]:
    folder = f"/sys/fs/cgroup/cpu{group}"
    return {
        f"{folder}/cpu.cfs_quota_us": f"{quota}\n",
        f"{folder}/cpu.cfs_period_us": f"{period}\n",
    }


def v2(group: str, limit: str) -> dict[str, str]:
    return {f"/sys/fs/cgroup{group}/cpu.max": f"{limit}\n"}


def smallest(root: Path) -> float | None:
    return min((limit.cores for limit in cgroups.quotas(root)), default=None)


def python(code: str, *options: str, **environment: str) -> str:
    """Run code in a Python of its own, which finds the package, and return what it prints."""
    env = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return subprocess.run(
        [sys.executable, *options, "-c", f"import sys; sys.path.insert(0, {HERE!r}); {code}"],
        env=env | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.strip()


class TestQuotasInFileTrees:
    def test_v1(self, tmp_path: Path) -> None:
        root = tree(tmp_path, "4:cpu,cpuacct:/a\n0::/\n", (V1,), **v1("/a", 50_000))
        assert list(cgroups.quotas(root)) == [(0.5, "a CPU quota of 0.5 cores (cgroup v1, /a)")]

    def test_v2(self, tmp_path: Path) -> None:
        root = tree(
            tmp_path, "0::/user.slice/a.scope\n", (V2,), **v2("/user.slice", "150000 100000")
        )
        assert list(cgroups.quotas(root)) == [
            (1.5, "a CPU quota of 1.5 cores (cgroup v2, /user.slice)")
        ]

    def test_another_period(self, tmp_path: Path) -> None:
        root = tree(tmp_path, "0::/a\n", (V2,), **v2("/a", "30000 20000"))
        assert smallest(root) == 1.5

    @pytest.mark.parametrize(("outer", "inner"), [(50_000, 150_000), (150_000, 50_000)])
    def test_the_tightest_of_nested_groups_counts(
        self, tmp_path: Path, outer: int, inner: int
    ) -> None:
        first = tree(tmp_path / "1", "1:cpu:/a/b\n", (V1,), **v1("/a", outer), **v1("/a/b", inner))
        second = tree(
            tmp_path / "2",
            "0::/a/b\n",
            (V2,),
            **v2("/a", f"{outer} 100000"),
            **v2("/a/b", f"{inner} 100000"),
        )
        assert smallest(first) == smallest(second) == 0.5

    def test_a_distant_ancestor_and_the_root_count(self, tmp_path: Path) -> None:
        root = tree(
            tmp_path, "0::/a/b/c/d\n", (V2,), **v2("/a", "70000 100000"), **v2("", "60000 100000")
        )
        assert [limit.cores for limit in cgroups.quotas(root)] == [0.7, 0.6]

    def test_a_group_beside_does_not_count(self, tmp_path: Path) -> None:
        root = tree(
            tmp_path, "0::/a\n", (V2,), **v2("/ab", "50000 100000"), **v2("/a/c", "50000 100000")
        )
        assert smallest(root) is None

    @pytest.mark.parametrize(("in_v1", "in_v2"), [(50_000, 150_000), (150_000, 50_000)])
    def test_hybrid(self, tmp_path: Path, in_v1: int, in_v2: int) -> None:
        unified = {"/sys/fs/cgroup/unified/b/cpu.max": f"{in_v2} 100000"}
        own = "2:cpuacct:/z\n1:cpu:/a\n0::/b\n"
        root = tree(tmp_path, own, (V1, HYBRID_V2), **v1("/a", in_v1), **unified)
        assert smallest(root) == 0.5

    def test_hybrid_without_the_controller_in_v2(self, tmp_path: Path) -> None:
        root = tree(tmp_path, "1:cpu:/a\n0::/a\n", (V1, HYBRID_V2), **v1("/a", 50_000))
        assert smallest(root) == 0.5

    def test_only_the_cpu_controller_counts(self, tmp_path: Path) -> None:
        cpuset = "32 25 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset"
        files = {"/sys/fs/cgroup/cpuset/a/cpu.cfs_quota_us": "50000"}
        files["/sys/fs/cgroup/cpuset/a/cpu.cfs_period_us"] = "100000"
        own = "3:cpuset:/a\n1:cpu,cpuacct:/a\n"
        assert smallest(tree(tmp_path, own, (cpuset, V1), **files)) is None

    def test_a_mount_that_begins_at_the_containers_own_group(self, tmp_path: Path) -> None:
        first = tree(
            tmp_path / "1",
            "1:cpu:/docker/f00\n",
            (V1.replace(" / ", " /docker/f00 "),),
            **v1("", 50_000),
        )
        second = tree(
            tmp_path / "2",
            "0::/docker/f00/a\n",
            (V2.replace(" / ", " /docker/f00 "),),
            **v2("/a", "50000 100000"),
        )
        assert list(cgroups.quotas(first)) == [
            (0.5, "a CPU quota of 0.5 cores (cgroup v1, /docker/f00)")
        ]
        assert list(cgroups.quotas(second)) == [
            (0.5, "a CPU quota of 0.5 cores (cgroup v2, /docker/f00/a)")
        ]

    @pytest.mark.parametrize("own", ["/../f00/bar", "/..", "/../../b", "/", "/a/../b"])
    @pytest.mark.parametrize("top", ["/", "/..", "/../..", "/elsewhere"])
    def test_outside_of_the_namespace_the_visible_root_counts(
        self, tmp_path: Path, own: str, top: str
    ) -> None:
        mount = V2.replace(" / ", f" {top} ")
        root = tree(tmp_path, f"0::{own}\n", (mount,), **v2("", "50000 100000"))
        assert smallest(root) == 0.5

    def test_nothing_outside_of_the_mount_counts(self, tmp_path: Path) -> None:
        root = tree(tmp_path, "0::/../b\n", (HYBRID_V2,), **v2("/b", "50000 100000"))
        (root / "sys/fs/cgroup/unified").mkdir()
        assert smallest(root) is None

    def test_below_a_mount_root_outside_of_the_namespace(self, tmp_path: Path) -> None:
        mount = V2.replace(" / ", " /.. ")
        root = tree(tmp_path, "0::/../b\n", (mount,), **v2("/b", "50000 100000"))
        assert smallest(root) == 0.5

    def test_a_mount_of_another_group_does_not_count_beside_one_of_our_own(
        self, tmp_path: Path
    ) -> None:
        other = "33 25 0:27 /other /mnt/other rw - cgroup2 cgroup2 rw"
        files = {"/mnt/other/cpu.max": "50000 100000"}
        assert smallest(tree(tmp_path, "0::/a\n", (other, V2), **files)) is None

    def test_a_mount_point_with_a_blank_and_optional_fields(self, tmp_path: Path) -> None:
        mount = r"31 25 0:27 / /my\040groups rw shared:9 master:1 - cgroup2 cgroup2 rw"
        files = {"/my groups/a/cpu.max": "50000 100000"}
        assert smallest(tree(tmp_path, "0::/a\n", (mount,), **files)) == 0.5

    @pytest.mark.parametrize(("group", "shown"), NAMES)
    def test_names(self, tmp_path: Path, group: str, shown: str) -> None:
        root = tree(tmp_path, f"0::/{group}\n", (V2,), **v2(f"/{group}", "50000 100000"))
        words = f"a CPU quota of 0.5 cores (cgroup v2, /{shown})"
        assert list(cgroups.quotas(root)) == [(0.5, words)]

    def test_a_root_without_files(self, tmp_path: Path) -> None:
        assert smallest(tmp_path) is None
        assert cgroups.throttled(tmp_path) is None

    @pytest.mark.parametrize(
        "text",
        [
            "max 100000",
            "",
            "max",
            "50000",
            "-1 100000",
            "0 100000",
            "50000 0",
            "50000 -1",
            "nan 100000",
            "inf 100000",
            "50000 nan",
            "default 1",
            "1e308 1e-300",
            "1e-300 1e308",
            "9" * 5000 + " 1",
            "\udcff \udcfe",
            "\0 \0",
        ],
    )
    def test_no_limit_or_garbage_is_ignored(self, tmp_path: Path, text: str) -> None:
        quota, _, period = text.partition(" ")
        second = tree(
            tmp_path / "2", "0::/a/b\n", (V2,), **v2("/a/b", text), **v2("/a", "70000 100000")
        )
        first = tree(
            tmp_path / "1", "1:cpu:/a/b\n", (V1,), **v1("/a/b", quota, period), **v1("/a", 70_000)
        )
        assert smallest(first) == smallest(second) == 0.7

    @pytest.mark.parametrize(
        "own", ["", "\n\n", "0", "0:", "0::", "::", "nonsense", "\udcff", "0::a", "0::/\0", "0:://"]
    )
    @pytest.mark.parametrize(
        "mount",
        [
            "",
            "-",
            " - ",
            " - cgroup2",
            "1 2 3 - cgroup2 cgroup2 rw",
            "\udcff",
            " - cgroup x cpu",
            "1 2 3 / /\0 rw - cgroup2 cgroup2 rw",
            V2,
        ],
    )
    def test_garbage_in_proc_is_ignored(self, tmp_path: Path, own: str, mount: str) -> None:
        root = tree(tmp_path, own, (mount,))
        assert smallest(root) is None
        assert cgroups.throttled(root) is None

    def test_a_folder_in_place_of_a_file_is_ignored(self, tmp_path: Path) -> None:
        root = tree(tmp_path, "0::/a\n", (V2,))
        (root / "sys/fs/cgroup/a/cpu.max").mkdir(parents=True)
        assert smallest(root) is None

    def test_throttled_time(self, tmp_path: Path) -> None:
        usec, nsec = (
            "nr_throttled 3\nthrottled_usec 250000\n",
            "nr_throttled 3\nthrottled_time 250000000\n",
        )
        second = tree(tmp_path / "2", "0::/a\n", (V2,), **{"/sys/fs/cgroup/a/cpu.stat": usec})
        first = tree(tmp_path / "1", "1:cpu:/a\n", (V1,), **{"/sys/fs/cgroup/cpu/a/cpu.stat": nsec})
        assert cgroups.throttled(first) == cgroups.throttled(second) == pytest.approx(0.25)


class TestLimits:
    def test_what_a_machine_says(self) -> None:
        here = machine()
        assert 0 < here.usable_cores <= here.logical_cores == psutil.cpu_count()
        assert here.physical_cores == psutil.cpu_count(logical=False)
        assert here.python.split()[1] == platform.python_version()
        assert here.switch_interval == sys.getswitchinterval()
        assert here.gil is getattr(sys, "_is_gil_enabled", lambda: True)()
        assert (here.descriptor_limit is None) == (sys.platform == "win32")
        assert not here.binder

    @pytest.mark.parametrize("name", SETTINGS)
    def test_a_setting_limits(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        before = machine()
        monkeypatch.setenv(name, "0.25")
        after = machine()
        assert after.usable_cores == min(0.25, before.usable_cores)
        assert any(words.startswith(f"{name}=0.25 set ") for words in after.limits)
        monkeypatch.setenv(name, "64000")
        assert machine() == before

    @pytest.mark.parametrize("name", SETTINGS)
    @pytest.mark.parametrize(
        "value", ["", "default", "-1", "0", "0.0", "nan", "inf", "-inf", "two", "1,5"]
    )
    def test_garbage_in_a_setting_is_ignored(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        before = machine()
        monkeypatch.setenv(name, value)
        assert machine() == before

    def test_limits_are_sorted_and_the_smallest_counts(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            cgroups, "quotas", lambda root: [cgroups.Limit(0.2, "b"), cgroups.Limit(0.1, "a")]
        )
        here = machine()
        assert here.usable_cores == 0.1
        assert here.limits[:2] == ("a", "b")

    def test_a_setting_does_not_change_the_logical_cores(self) -> None:
        wide = python(REPORT.format("m.logical_cores"), PYTHON_CPU_COUNT="1")
        assert int(wide) == psutil.cpu_count()

    def test_the_option_of_the_interpreter(self) -> None:
        limited = python(REPORT.format("m.usable_cores"), "-X", "cpu_count=1")
        assert float(limited) == min(1.0, machine().usable_cores)

    def test_without_psutil(self) -> None:
        found = python("sys.modules['psutil'] = None; " + REPORT.format("m.physical_cores"))
        assert json.loads(found) is None

    def test_asking_does_not_fix_the_start_method(self) -> None:
        said, default, chosen = json.loads(
            python(
                "import multiprocessing as mp; "
                + REPORT.format(
                    "[m.start_method, mp.get_start_method(), "
                    "mp.set_start_method('spawn', force=True) or machine().start_method]"
                )
            )
        )
        assert said == default == multiprocessing.get_all_start_methods()[0]
        assert chosen == "spawn"
        unset = "import multiprocessing as mp; " + REPORT.format(
            "mp.get_start_method(allow_none=True)"
        )
        assert json.loads(python(unset)) is None


if hasattr(psutil.Process, "cpu_affinity"):  # macOS has no affinity

    def test_affinity_is_looked_up_at_each_call() -> None:
        pin = "import psutil; p = psutil.Process(); p.cpu_affinity(p.cpu_affinity()[:1])"
        code = f"import json; from course_lib.machine import *; before = machine(); {pin}; m = machine(); "
        code += "print(json.dumps([before.usable_cores, m.usable_cores, m.limits, len(allowed_cpus())]))"
        before, after, limits, allowed = json.loads(python(code))
        assert before == machine().usable_cores
        assert after == min(1.0, before)
        assert allowed == 1
        count = machine().logical_cores
        assert (f"the affinity mask allows 1 of {count} CPUs" in limits) == (count > 1)


@contextlib.contextmanager
def nested_groups(version: int, root: Path, quotas: tuple[float | None, ...]) -> Iterator[Path]:
    """Make a control group, and in it the next, each with its quota; yield the innermost."""
    folder, made, opened = root, list[Path](), list[Path]()
    try:
        for quota in quotas:
            control = folder / "cgroup.subtree_control"
            if version == 2 and "cpu" not in control.read_text().split():
                control.write_text("+cpu")
                opened.append(control)
            folder = folder / f"course-test-{uuid.uuid4().hex[:8]}"
            folder.mkdir()
            made.append(folder)
            # A heavy weight: what else runs on this machine must not eat into the quota.
            weight = {1: ("cpu.shares", "262144"), 2: ("cpu.weight", "10000")}
            (folder / weight[version][0]).write_text(weight[version][1])
            if quota is not None:
                limit = f"{quota * 100_000:.0f}"
                name, text = {1: ("cpu.cfs_quota_us", limit), 2: ("cpu.max", f"{limit} 100000")}[
                    version
                ]
                (folder / name).write_text(text)
        yield folder
    finally:
        for group in reversed(made):
            remove_group(group)
        for control in opened:
            with contextlib.suppress(OSError):  # gone, or needed by someone else by now
                control.write_text("-cpu")


def remove_group(group: Path) -> None:
    """End what still runs in a control group, and remove it."""
    for _ in range(200):
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        with contextlib.suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.02)
    raise RuntimeError(f"could not remove {group}")


def offered() -> list[tuple[int, Path]]:
    """Return (version, root) of each hierarchy in which a CPU quota can be set here: by trying."""
    found = []
    for version, _, root in cgroups.mounts(Path("/")):
        with contextlib.suppress(OSError), nested_groups(version, root, (0.5, 0.5)):
            found.append((version, root))
    return found


@pytest.mark.parametrize(
    "hierarchy", offered() or [None], ids=lambda h: f"v{h[0]}" if h else "none"
)
@pytest.mark.parametrize(
    ("quotas", "expected"), [((0.5,), 0.5), ((1.5,), 1.5), ((1.5, 0.5), 0.5), ((0.5, None), 0.5)]
)
def test_real_quotas(
    hierarchy: tuple[int, Path] | None, quotas: tuple[float | None, ...], expected: float
) -> None:
    """The quota is found, and processes that spin for 15 of its periods get just that."""
    if hierarchy is None:
        is_root = getattr(os, "geteuid", lambda: -1)() == 0
        if is_root and os.environ.get("CI") == "true":
            pytest.fail("here a CPU quota must be tried for real, and none can be set")
        pytest.skip("a CPU quota can only be set by root on Linux, with cgroups mounted writable")
    version, root = hierarchy
    expected = min(expected, machine().usable_cores)
    measured: list[float] = []
    with nested_groups(version, root, quotas) as group:
        enter = f"import os; open({str(group / 'cgroup.procs')!r}, 'w').write(str(os.getpid())); "
        report = REPORT.format(
            "[m.usable_cores, m.limits, throttled(), spin_check(1.5), throttled()]"
        )
        while len(measured) < 3 and not any(abs(cores - expected) <= 0.15 for cores in measured):
            usable, limits, before, spun, after = json.loads(python(enter + report))
            measured.append(spun)
            assert usable == pytest.approx(expected, abs=0.1)
            assert any(f"cgroup v{version}, /" in words for words in limits) or usable > 1
            assert spun <= expected + 0.15
            assert after > before or len(allowed_cpus()) <= expected
    assert max(measured) >= expected - 0.15
    assert not group.exists()


def runs(process: psutil.Process) -> bool:
    """Tell whether a process still runs; one that ended may wait as a zombie for its parent."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class TestSpinCheck:
    def test_gives_at_most_the_allowed_cpus_and_leaves_no_process(self) -> None:
        before = psutil.Process().children(recursive=True)
        assert 0 < spin_check(0.3) <= len(allowed_cpus()) + 0.1
        assert psutil.Process().children(recursive=True) == before

    @pytest.mark.parametrize(
        "seconds", [0, 0.09, 5.1, -1, math.nan, math.inf, "1", None, [1.0]], ids=repr
    )
    def test_bad_seconds(self, seconds: float) -> None:
        with pytest.raises(
            ValueError, match=r"seconds must be a number from 0\.1 to 5, not "
        ) as caught:
            spin_check(seconds)
        assert repr(seconds) in str(caught.value)

    def test_an_interrupt_leaves_no_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before, during = psutil.Process().children(), list[psutil.Process]()

        def interrupt(seconds: float) -> None:
            during.extend(psutil.Process().children())
            raise KeyboardInterrupt

        monkeypatch.setattr(time, "sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            spin_check(5)
        assert len(during) == len(before) + len(allowed_cpus())
        assert psutil.Process().children() == before

    def test_a_spinner_that_dies(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(room, "_SPIN", "raise SystemExit(1)")
        with pytest.raises(RuntimeError, match="ended before it could report"):
            spin_check(0.1)

    @pytest.mark.parametrize(
        "sign", [signal.SIGINT, signal.SIGKILL] if sys.platform != "win32" else [signal.SIGTERM]
    )
    def test_a_signal_ends_everything_at_once(self, sign: signal.Signals) -> None:
        code = (
            f"import signal, sys; sys.path.insert(0, {HERE!r}); from course_lib.machine import *; "
            "signal.signal(signal.SIGINT, signal.default_int_handler); spin_check(5)"
        )
        with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as parent:
            asked, spinners = psutil.Process(parent.pid), list[psutil.Process]()
            while len(spinners) < len(allowed_cpus()) or sum(spinners[0].cpu_times()[:2]) < 0.2:
                assert parent.poll() is None
                spinners = asked.children(recursive=True)
                time.sleep(0.02)
            parent.send_signal(sign)
            parent.communicate(timeout=1)
        deadline = time.monotonic() + 1
        while any(map(runs, spinners)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not any(map(runs, spinners))


class Rows(HTMLParser):
    """The tags of a page, and the text in its row headers."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


class Printer:
    """Stands for IPython's pretty printer."""

    def text(self, text: str) -> None:
        self.written = text


class TestCard:
    here = Machine(
        usable_cores=1.0,
        limits=("CPU_LIMIT=1 set by JupyterHub",),
        logical_cores=4,
        physical_cores=2,
        gil=True,
        switch_interval=0.005,
        start_method="forkserver",
        descriptor_limit=1024,
        python="CPython 3.11.7",
        system="Linux 6.1 <b>&",
        binder=False,
    )

    def test_as_text(self) -> None:
        lines = str(self.here).splitlines()
        assert lines[0] == (
            "Usable cores:    1 (no parallel speed-up can be seen here; the lessons say so in place)"
        )
        assert lines[1].startswith("Limited by:      CPU_LIMIT=1 set by JupyterHub (")
        printer = Printer()
        self.here._repr_pretty_(printer, False)
        assert printer.written == str(self.here)

    def test_as_an_accessible_table(self) -> None:
        page = self.here._repr_html_()
        tags = Rows(page).tags
        names = [tag for tag, _ in tags]
        assert names[:2] == ["table", "caption"]
        rows = [values for tag, values in tags if tag == "th" and values.get("scope") == "row"]
        assert len(rows) == len(self.here.card()) == names.count("tr") - 1
        assert names.count("td") == 2 * len(rows)
        assert "Linux 6.1 &lt;b&gt;&amp;" in page
        assert "color" not in page and "background" not in page

    def test_every_row_says_what_it_means(self) -> None:
        for here in (machine(), self.here):
            assert all(fact and value and meaning for fact, value, meaning in here.card())

    def test_what_it_means(self) -> None:
        def meaning(fact: str, **changes: object) -> str:
            card = dataclasses.replace(self.here, **changes).card()  # type: ignore[arg-type]
            return next(meaning for name, _, meaning in card if name == fact)

        assert "no parallel speed-up" in meaning("Usable cores", usable_cores=0.5)
        assert "at best 1.5 times" in meaning("Usable cores", usable_cores=1.5)
        assert "not parallel" in meaning("GIL", gil=True)
        assert "in parallel" in meaning("GIL", gil=False)
        assert "shared" in meaning("Physical cores", physical_cores=2)
        assert "shared" not in meaning("Physical cores", physical_cores=4)
        assert "shared" not in meaning("Physical cores", physical_cores=None)

    def test_binder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BINDER_LAUNCH_HOST", "https://mybinder.org/")
        here = machine()
        assert here.binder
        assert "Binder: 1 CPU" in here._repr_html_()
        assert "Binder: 1 CPU" in str(here)
        assert "Binder" not in str(self.here)


def test_throttled_time_only_grows() -> None:
    before, after = throttled(), throttled()
    assert (before is None) == (after is None)
    assert (before or 0.0) <= (after or 0.0)

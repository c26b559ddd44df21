"""What holds for every test and notebook: in CI nothing is skipped, and nothing may fail.

Most tests measure real runs, and a shared machine now and then takes a core away in mid-run. So a
test that fails is tried again, twice at most: a defect fails three times, a disturbance doesn't.
Each further try is listed at the end, so that a test that needs them often is seen.
"""

import os
import tempfile
from collections.abc import Generator

import pytest

IN_CI = os.environ.get("CI") == "true"


def pytest_configure(config: pytest.Config) -> None:
    """Keep what notebooks save out of the developer's own data folder: kernels inherit this."""
    home = tempfile.TemporaryDirectory(prefix="course-home-")
    config.add_cleanup(home.cleanup)
    os.environ["COURSE_HOME"] = home.name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let every test be tried again but the cells of a notebook, which build on each other."""
    for item in items:
        if item.path.suffix == ".py":
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=1))


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skipped or an expected-to-fail report into a failed one."""
    if report.skipped or hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"Skipped or xfailed, which CI does not allow: {report.longrepr}"
        vars(report).pop("wasxfail", None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IN_CI:
        refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if IN_CI:
        refuse_skip(report)
    return report

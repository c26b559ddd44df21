"""Run the tests under the start method that COURSE_START_METHOD names, where it names one."""

import multiprocessing
import os

from hypothesis import settings

# The same examples each time, so that a change is judged by what it changed; however slow a machine.
settings.register_profile("course", derandomize=True, deadline=None)
settings.load_profile("course")


def pytest_sessionstart() -> None:
    method = os.environ.get("COURSE_START_METHOD")
    if method:
        multiprocessing.set_start_method(method, force=True)

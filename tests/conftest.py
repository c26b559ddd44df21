"""Run the tests under the start method that COURSE_START_METHOD names, where it names one."""

import multiprocessing
import os


def pytest_sessionstart() -> None:
    method = os.environ.get("COURSE_START_METHOD")
    if method:
        multiprocessing.set_start_method(method, force=True)

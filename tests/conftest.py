"""What holds for all tests."""

import logging

import pytest


@pytest.fixture(autouse=True)
def _logging_stays_as_it_was():
    """A test that runs a verb in this process sets up the program's logging; the next must not inherit it."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    for handler in [handler for handler in root.handlers if type(handler).__module__.startswith("monitor.")]:
        if handler not in handlers:
            root.removeHandler(handler)

"""Instructions are counted in the userland, wherever this host's temporary folder is."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from benchmarks.counter import Counter, obstacle

pytestmark = [pytest.mark.arm64, pytest.mark.timeout(600)]

_MOUNT = Path("/dev/shm")  # noqa: S108 - a mount of its own, as /tmp often is


@pytest.fixture
def elsewhere():
    """A folder on another file system than the root's."""
    assert os.path.ismount(_MOUNT)
    with TemporaryDirectory(dir=_MOUNT) as name:
        yield Path(name)


def test_what_is_on_a_mount_of_its_own_is_loaded_and_more_work_counts_more(pi, elsewhere):
    assert obstacle() is None
    counter = Counter.within(pi, elsewhere)
    few, many = (counter.count("-c", f"for _ in range({n}): pass") for n in (10, 100_000))
    assert 1_000_000 < few < many - 100_000

"""Work in a few processes: in order, once set up, and not outliving whoever wanted it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainer.workers import mapped

_PARENT = """
import sys
from trainer.workers import mapped
from test_workers import note_and_sleep

if __name__ == "__main__":
    list(mapped(note_and_sleep, [sys.argv[1]] * 2, "test", n_workers=2))
"""


def note_and_sleep(folder):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(120)


def half(number):
    return number / 2, os.getpid(), _offset[0]


_offset = []


def set_up(offset):
    _offset[:] = [offset]


def is_alive(pid):
    # A zombie waits for whoever adopted it, and works no more.
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def awaited(found, seconds=60):
    """Wait until `found()`, and tell whether it came."""
    until = time.monotonic() + seconds
    while not found() and time.monotonic() < until:
        time.sleep(0.1)
    return found()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks for processes in /proc")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="with one core all is done in one process")
def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    notes = tmp_path / "notes"
    notes.mkdir()
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    parent = subprocess.Popen([sys.executable, script, notes], env={**os.environ, "PYTHONPATH": path})
    try:
        assert awaited(lambda: len(list(notes.iterdir())) == 2)
        workers = [int(note.name) for note in notes.iterdir()]
        assert all(is_alive(pid) for pid in workers)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert awaited(lambda: not any(is_alive(pid) for pid in workers), 20)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_results_come_in_order_and_every_process_is_set_up(n_workers):
    found = list(mapped(half, [6, 4, 2, 8], "test", setup=set_up, setup_args=(7,), n_workers=n_workers))
    assert [value for value, _, _ in found] == [3, 2, 1, 4]
    assert {offset for _, _, offset in found} == {7}

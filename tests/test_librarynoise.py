"""Noise of C libraries on standard error: said once, never waited for, and in nobody's way."""

import subprocess
import sys
from pathlib import Path

import pytest

_BEGIN = """
import os, sys
from monitor.librarynoise import LibraryNoise
from monitor.logs import set_up_logging
set_up_logging("info")
"""


def run(body, **options):
    return subprocess.run(
        [sys.executable, "-c", _BEGIN + body], capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_a_line_is_said_once_and_in_the_logs_form():
    done = run("""
with LibraryNoise():
    for _ in range(50):
        os.write(2, b"ALSA lib pcm.c: Unknown PCM\\n\\nExpression 'r' failed\\n")
os.write(2, b"afterwards\\n")
""")
    assert done.stderr.splitlines() == [
        "ser-monitor: INFO: a library says: ALSA lib pcm.c: Unknown PCM",
        "ser-monitor: INFO: a library says: Expression 'r' failed",
        "afterwards",
    ]
    assert done.returncode == 0


def test_what_python_says_goes_its_way():
    done = run("""
import logging
with LibraryNoise():
    print("said", file=sys.stderr)
    logging.getLogger("x").warning("logged")
    sys.stderr.write("without an end")
raise SystemExit("the last word")
""")
    assert done.stderr == "said\nser-monitor: WARNING: logged\nwithout an endthe last word\n"
    assert done.returncode == 1


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="/proc tells how much a process held on Linux only")
def test_a_library_that_says_very_much_waits_for_nobody():
    done = run("""
with LibraryNoise() as noise:
    for number in range(20_000):
        try:
            os.write(2, b"%d " % number + b"x" * 2000)  # no line ever ends
        except BlockingIOError:
            pass
# Not ru_maxrss, which begins with what the parent held.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
""")
    assert done.returncode == 0
    assert len(done.stderr) < 1_000
    assert int(done.stdout) < 200_000  # kB


def test_a_crash_is_told():
    done = run("""
import ctypes
with LibraryNoise():
    ctypes.string_at(0)
""")
    assert done.returncode < 0
    assert "Segmentation fault" in done.stderr


def test_a_full_disk_behind_standard_error_does_not_hide_how_it_ended():
    body = """
with LibraryNoise():
    try:
        print("lost", file=sys.stderr, flush=True)
    except OSError:
        pass
raise SystemExit(75)
"""
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run([sys.executable, "-c", _BEGIN + body], stderr=full, timeout=60, check=False)
    assert done.returncode == 75


def test_complaints_that_differ_in_numbers_are_of_one_kind_and_there_are_not_many():
    done = run("""
with LibraryNoise():
    for number in range(50):
        os.write(2, b"[rtsp @ 0x55%04x] try %d\\n" % (number, number))
    for number in range(50):
        os.write(2, b"another %s\\n" % (b"x" * number))
""")
    assert sum("rtsp" in line for line in done.stderr.splitlines()) == 1
    assert len(done.stderr.splitlines()) == 20


def test_without_standard_error_there_is_nothing_to_catch():
    done = run("""
os.close(2)
with LibraryNoise():
    print("on")
""")
    assert (done.returncode, done.stdout) == (0, "on\n")

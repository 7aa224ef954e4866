"""The running program, sampled by the kernel: by thread and library."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from benchmarks import hotspots, livespots, profiler
from benchmarks.measurement import NotAvailableError
from benchmarks.process import Counters, Modes, Usage, thread_names
from benchmarks.profiler import Sample, parsed, sampled, samples
from benchmarks.recording import RATE_HZ, unbroken_speech

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="perf is Linux's")

SCRIPT = """
   7379   10.000100:  ffffffff812fb1a5 finish_task_switch.isra.0 ([kernel.kallsyms])
   7379   10.000200:      7f7ebfc1187a _PyEval_EvalFrameDefault (/usr/lib/libpython3.11.so.1.0)
   7379   10.000300:      7f7ebfc1187b _PyEval_EvalFrameDefault (/usr/lib/libpython3.11.so.1.0)
   7380   10.000400:      7f7ebfc123e0 std::function<void (int)>::operator()(int) const (/lib/a folder/libm.so.6)
   7380   99.000000:      7f7ebfc123e0 [unknown] ([unknown])
some warning
"""
SPINS = "import time\nprint('busy', flush=True)\nwhile time.thread_time() < 60: pass"


def test_samples_are_counted_by_thread_file_and_function_between_two_moments():
    python = Sample(7379, "libpython3.11.so.1.0", "_PyEval_EvalFrameDefault")
    kernel = Sample(7379, "kernel", "finish_task_switch.isra.0")
    other = Sample(7380, "libm.so.6", "std::function<void (int)>::operator()(int) const")
    assert parsed(SCRIPT, 10.0, 11.0) == Counter({python: 2, kernel: 1, other: 1})
    assert parsed(SCRIPT, 10.00015, 10.00035) == Counter({python: 2})
    assert Sample(7380, "[unknown]", "[unknown]") in parsed(SCRIPT, 0, 100)


def test_files_go_by_what_they_are_for():
    named = [
        "libpython3.11.so.1.0",
        "python3.11",
        "_pywrap_tensorflow_interpreter_wrapper.so",
        "libc.so.6",
        "libcrypto.so.3",
        "kernel",
    ]
    assert [livespots.library(file) for file in named] == [
        "Python",
        "Python",
        "the network's interpreter",
        "C library: memory, copies, calls of the kernel",
        "libcrypto.so.3",
        livespots.KERNEL,
    ]


def test_without_perf_it_is_said(monkeypatch, capsys):
    monkeypatch.setattr(shutil, "which", lambda _name, **_: None)
    with pytest.raises(NotAvailableError, match="linux-perf"):
        profiler.perf()
    assert hotspots.main(["--live", "--seconds", "1"]) == 1
    assert "perf is not installed" in capsys.readouterr().err


def test_samples_stand_for_the_time_that_a_process_runs(tmp_path):
    if shutil.which("perf") is None:
        pytest.skip("perf is not installed (Debian: linux-perf)")
    with subprocess.Popen([sys.executable, "-S", "-c", SPINS], stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout.readline() == b"busy\n"
            try:
                with sampled(child.pid, tmp_path) as file:
                    # It goes on while it is looked at: what it used lies between these.
                    first, start_s, second = (cpu_s(child.pid), time.monotonic(), cpu_s(child.pid))
                    time.sleep(1)
                    third, end_s, fourth = (cpu_s(child.pid), time.monotonic(), cpu_s(child.pid))
            except NotAvailableError as error:
                pytest.skip(str(error))
        finally:
            child.kill()
    found = samples(file, start_s, end_s)
    assert {sample.thread for sample in found} == {child.pid}
    assert 0.8 * (third - second) - 0.02 <= found.total() / profiler.RATE_HZ <= 1.2 * (fourth - first) + 0.02
    assert "Python" in {livespots.library(sample.library) for sample in found}


def cpu_s(pid):
    return Counters.of(pid).cpu_s


def test_user_and_system_time_are_told_apart_by_thread():
    before = Modes.by_thread(os.getpid())
    assert set(thread_names(os.getpid()).values()) == set(before)
    other = threading.Event()
    waits = threading.Thread(target=other.wait)  # of the same name, for the kernel
    waits.start()
    until_s = time.process_time() + 0.5
    while time.process_time() < until_s:
        sum(range(1000))
    names = thread_names(os.getpid())
    name = names[os.getpid()]
    assert list(names.values()).count(name) > 1 or sys.version_info >= (3, 14)
    used = Modes.by_thread(os.getpid())[name].since(before[name])
    other.set()
    waits.join()
    assert used.user_s > 0.3
    assert used.user_s > used.system_s >= 0


def test_the_tables_hold_the_kernels_clock_beside_the_samples(capsys):
    usage = Usage(0.3, 4.0, {"worker": 0.2, "main": 0.01})
    counts = Counter({("worker", "Python"): 90, ("worker", "kernel"): 10, ("main", "Python"): 1, ("main", "rare"): 0})
    modes = {"worker": Modes(0.1, 0.02), "main": Modes(0, 0)}
    found = livespots.Stretch("Speech", usage, usage, modes, counts, duration_s=10.0)
    livespots.print_threads(found)
    livespots.print_libraries(found, {"Python": 0.02})
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "| worker | 0.2000 | 0.2000 | 0.1000 | 10 % | 0.10 + 0.02 s |"
    assert lines[3].startswith("| main | 0.0100 | 0.0100 | 0.0010 | 0 % |")
    assert "| 0.0900 | 89 % | 0.0200 | worker | Python |" in lines
    assert "| 0.0100 | 10 % | 0.0000 | worker | kernel |" in lines
    assert not any("rare" in line for line in lines)


def test_the_hot_loop_is_sampled_alike(monkeypatch):
    if shutil.which("perf") is None:
        pytest.skip("perf is not installed (Debian: linux-perf)")
    monkeypatch.setattr(livespots, "_HOT_S", 0.2)
    try:
        hot = livespots.hot_percent(unbroken_speech()[: 5 * RATE_HZ])
    except NotAvailableError as error:
        pytest.skip(str(error))
    assert hot["the network's interpreter"] > hot["webrtcvad"] > 0
    assert 0 < sum(hot.values()) < 50

"""What is played to a process, and what the kernel says it used for that."""

import io
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

from benchmarks.listening import Feed, listening_rows, stretches, thread_rows, usage_rows
from benchmarks.process import Counters, Memory, Usage
from benchmarks.recording import Recording

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")

BUSY_THEN_IDLE = """
import os, threading, time
def work():
    while time.thread_time() < 0.3: pass
thread = threading.Thread(target=work)
thread.start()
thread.join()
while len(os.listdir("/proc/self/task")) > 1:  # join returns a little before the kernel's thread is gone
    time.sleep(0.01)
print("idle", flush=True)
input()
"""
SLEEPS = """
import time
print("idle", flush=True)
input()
for _ in range(50):
    time.sleep(0.001)
print("slept", flush=True)
input()
"""


@contextmanager
def python(script):
    """A process, after its first line."""
    with subprocess.Popen([sys.executable, "-S", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout.readline() == b"idle\n"
            yield child
        finally:
            child.kill()


def test_a_stream_is_written_piece_by_piece_and_none_before_it_is_heard():
    samples, pipe = np.arange(4800, dtype=np.int16), io.BytesIO()
    feed = Feed(pipe, piece_s=0.03)
    feed.play(samples[:1440])
    feed.play(samples[1440:])
    assert pipe.getvalue() == samples.tobytes()
    heard_s = [feed.started_s + (n + 1) * 0.03 for n in range(10)]
    assert all(written >= heard for written, heard in zip(feed.written_s, heard_s, strict=True))


def test_a_sample_was_written_with_the_piece_that_holds_it():
    feed = Feed(io.BytesIO(), piece_s=0.03)
    feed.written_s = [100.0, 101.0, 102.0]
    assert [feed.written_at(n) for n in (1, 480, 481, 960, 1440)] == [100.0, 100.0, 101.0, 101.0, 102.0]


def test_less_than_a_piece_is_left_out():
    pipe = io.BytesIO()
    Feed(pipe, piece_s=0.03).play(np.zeros(1000, dtype=np.int16))
    assert len(pipe.getvalue()) == 2 * 960


def test_processor_time_counts_threads_that_have_ended():
    with python(BUSY_THEN_IDLE) as child:
        found = Counters.of(child.pid)
    assert found.cpu_s >= 0.3
    assert sum(found.threads_s.values()) < found.cpu_s, "the busy thread is gone from the list, not from the sum"


def test_each_sleep_is_a_wake_up():
    with python(SLEEPS) as child:
        before = Counters.of(child.pid)
        child.stdin.write(b"\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"slept\n"
        after = Counters.of(child.pid)
    assert 50 <= after.wakeups - before.wakeups <= 80
    assert Usage.between(before, after).wakeups_per_s == pytest.approx(
        (after.wakeups - before.wakeups) / (after.at_s - before.at_s)
    )


def test_memory_is_that_of_the_process():
    with python("held = bytearray(50_000_000)\ndel held\nprint('idle', flush=True)\ninput()") as child:
        found = Memory.of(child.pid)
    assert found.peak_mb - found.resident_mb > 45
    assert 1 < found.proportional_mb <= found.resident_mb < 40


def test_usage_is_the_difference_over_the_time_that_passed():
    start = Counters(10.0, 1.0, 100, {"main": 0.5, "worker": 0.5})
    end = Counters(20.0, 1.2, 150, {"main": 0.5, "worker": 0.6, "mqtt": 0.1})
    used = Usage.between(start, end)
    assert (used.core_percent, used.wakeups_per_s) == (pytest.approx(2.0), 5.0)
    assert used.threads_percent == pytest.approx({"main": 0.0, "worker": 1.0, "mqtt": 1.0})
    rows = thread_rows("threads", {"speech": [used]})
    assert {row.name for row in rows} == {"speech: worker", "speech: mqtt"}, "an idle thread is no row"
    cpu, wakeups = usage_rows("live", "speech", [used, used])
    assert (cpu.values, wakeups.values) == ((used.core_percent,) * 2, (5.0, 5.0))


def used(core_percent, **threads_percent):
    return Usage(core_percent, 5.0, threads_percent)


def test_what_is_heard_is_speech_then_talk_then_a_quiet_room():
    recording = Recording.compose(12, 6, n_rounds=1)
    whole = stretches(recording)
    assert list(whole) == ["speech", "talk", "silence"]
    assert np.array_equal(whole["talk"], recording.talk)
    assert not np.array_equal(whole["talk"], whole["speech"])
    for name, part in stretches(recording, 2 / 3).items():
        assert np.array_equal(part, whole[name][: 4 * 16_000])


def test_talk_is_held_against_the_target_of_speech():
    found = {"speech": [used(0.29)], "talk": [used(0.31)], "silence": [used(0.11)]}
    rows = {row.name: row for row in listening_rows("live", found, "60 s")}
    assert [rows[f"{name}: CPU"].is_met for name in found] == [True, False, False]
    assert [rows[f"{name}: wake-ups"].is_met for name in found] == [None] * 3
    assert [row.note for row in rows.values()] == ["60 s", *[""] * 5]


def test_threads_are_told_stretch_by_stretch_the_busiest_first():
    found = {
        "speech": [used(0.3, main=0.1, worker=0.2)],
        "talk": [used(0.9, mqtt=0.4, worker=0.5)],
        "silence": [used(0.1, worker=0.1)],
    }
    told = [row.name for row in thread_rows("threads", found)]
    assert told == ["speech: worker", "speech: main", "talk: worker", "talk: mqtt", "silence: worker"]

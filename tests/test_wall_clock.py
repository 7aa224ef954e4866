"""The wall clock is set and slewed under the running program: durations, order and latencies take no notice."""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import datetime
from itertools import groupby
from pathlib import Path

import pytest
import soundfile
from waiting import wait_until

from monitor.demo import clip_path
from monitor.host import clock_synced

SER = [sys.executable, "-m", "monitor.cli", "--input", "-", "--format", "json"]
RATE_HZ = 16_000
DAY_S, HOUR_S = 86_400, 3_600
NEAR_S = 10.0
"""Between when an event is heard and when the test sees it, on a busy machine."""


def library():
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        pytest.skip("libfaketime is not installed (Debian: faketime)")
    return found[0]


def speech():
    """Five utterances and more of the bundled clip."""
    samples, _ = soundfile.read(clip_path(), dtype="int16", stop=25 * RATE_HZ)
    return samples


class Program:
    """Hears the clip at its own pace, by a wall clock that the test sets; only the wall clock is false.

    What waits in the program waits for events and queues: under libfaketime 0.9.10 `time.sleep` fails with EINVAL.
    """

    def __init__(self, folder):
        self._offset = folder / "offset"
        self.set_clock(0)
        variables = {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        self.process = subprocess.Popen(
            SER, env=os.environ | variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.events = []
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._talk, daemon=True).start()

    def set_clock(self, ahead_s):
        """At once, and never half: the program may read it at any moment."""
        new = self._offset.with_suffix(".new")
        new.write_text(f"{ahead_s:+.3f}\n")
        new.rename(self._offset)

    def wait_for_new(self, number, timeout_s=60.0):
        """The `new` of so many utterances."""
        wait_until(lambda: sum(event["type"] == "new" for event in self.events) >= number, timeout_s)

    def _listen(self):
        for line in self.process.stdout:
            self.events.append({**json.loads(line), "seen": time.time()})

    def _talk(self):
        started_s, samples = time.monotonic(), speech()
        for at in range(0, len(samples), RATE_HZ // 10):
            time.sleep(max(started_s + at / RATE_HZ - time.monotonic(), 0))
            self.process.stdin.write(samples[at : at + RATE_HZ // 10].tobytes())
            self.process.stdin.flush()
        self.process.stdin.close()


def seconds(text):
    return datetime.fromisoformat(text).timestamp()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What is said while the clock is put a day ahead, an hour back, and then slewed by a tenth."""
    program = Program(tmp_path_factory.mktemp("clock"))
    try:
        program.wait_for_new(2)
        program.set_clock(DAY_S)  # while somebody speaks
        program.wait_for_new(3)
        program.set_clock(-HOUR_S)
        program.wait_for_new(4)
        for step in range(1, 21):
            program.set_clock(-HOUR_S + step * 0.01)
            time.sleep(0.1)
        assert program.process.wait(60) == 0, program.process.stderr.read()
        wait_until(lambda: program.events[-1]["type"] == "end")
    finally:
        program.process.kill()
        program.process.wait()
    return program.events


def test_the_steps_are_seen(run):
    """Otherwise the others prove nothing."""
    ahead_s = [seconds(event["start"]) - event["seen"] for event in run if event["type"] == "new"]
    for found, wanted in zip(ahead_s[:5], [0, 0, DAY_S, -HOUR_S, -HOUR_S], strict=True):
        assert found == pytest.approx(wanted, abs=NEAR_S)


def test_ids_stay_in_order_and_every_event_has_one_start(run):
    lives = [(id_, list(events)) for id_, events in groupby(run, lambda event: event["id"])]
    assert [id_ for id_, _ in lives] == sorted({event["id"] for event in run})
    for _, events in lives:
        assert (events[0]["type"], events[-1]["type"]) == ("new", "end")
        assert len({event["start"] for event in events}) == 1


def test_durations_are_those_of_the_sound(run):
    piped = subprocess.run(SER, input=speech().tobytes(), capture_output=True, check=True, timeout=60).stdout
    wanted = [json.loads(line) for line in piped.splitlines()]
    names = ("type", "duration_s", "speech_s", "windows", "gap_s")
    assert [[event[name] for name in names] for event in run] == [[event[name] for name in names] for event in wanted]
    for event in run:
        assert seconds(event["end"]) - seconds(event["start"]) == pytest.approx(event["duration_s"], abs=0.002)


def test_latencies_take_no_notice(run):
    assert all(0 <= event["latency_s"] < NEAR_S for event in run)


def test_whether_the_clock_can_be_trusted_is_what_the_system_says(run):
    assert {event["clock_synced"] for event in run} == {clock_synced()}

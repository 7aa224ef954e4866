"""Hours in minutes or in full: what the program holds does not grow, and nothing that it heard is lost.

Each has a short form, which any run does, and a long one behind the marker `long`, whose course is written into
`runs/endurance` for docs/reliability.md.
"""

import json
import os
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from endurance.vitals import Watcher
from live.conftest import frail_pulse  # noqa: F401 - a fixture
from mqtt.program import NODE, RATE_HZ, SER, Monitor, speech

RUNS = Path(os.environ.get("SER_ENDURANCE_OUT") or Path(__file__).resolve().parents[2] / "runs" / "endurance")
BASE = f"ser-monitor/{NODE}"
_HEARING = ("listening", "speech", "degraded")


def long(*values):
    return pytest.param(*values, marks=[pytest.mark.long, pytest.mark.timeout(5 * 3600)])


@pytest.mark.live
@pytest.mark.parametrize(("times", "every_s", "max_mb_per_h"), [(4, 4.0, None), long(240, 15.0, 1.0)])
def test_a_microphone_that_is_unplugged_again_and_again(
    broker,
    frail_pulse,  # noqa: F811
    times,
    every_s,
    max_mb_per_h,
):
    witness = broker.watch(f"{BASE}/status", lasting=True)
    settings = {k: v for k, v in broker.environment().items() if k.startswith("SER_MONITOR")}
    with Monitor(environment={**frail_pulse.environment, **settings}) as monitor:
        witness.wait_for(f"{BASE}/status", lambda seen: seen.json["state"] in _HEARING, timeout_s=20)
        first = None
        with Watcher(monitor.process.pid, every_s=1.0) as watcher:
            for _ in range(times):
                cycle_s = time.monotonic()
                witness.clear()
                frail_pulse.control("unload-module", "module-null-sink")
                witness.wait_for(f"{BASE}/status", lambda seen: seen.json["state"] == "no_audio", timeout_s=6)
                witness.clear()
                frail_pulse.control("load-module", "module-null-sink", "sink_name=mic", "rate=16000", "channels=1")
                witness.wait_for(f"{BASE}/status", lambda seen: seen.json["state"] in _HEARING, timeout_s=10)
                time.sleep(max(0.0, cycle_s + every_s - time.monotonic()))
                first = first or watcher.look()
            last = watcher.look()
        assert monitor.end()[0] == 0, monitor.log
    if max_mb_per_h is not None:
        slope = watcher.slope_mb_per_h(after_s=600)
        watcher.write(RUNS / "unplugged.json", slope_mb_per_h=slope, times=times)
        assert slope < max_mb_per_h
    assert abs(last.descriptors - first.descriptors) <= 1
    assert last.threads <= first.threads + 1


_NO_LIMIT = "[decision]\nmax_events_per_min = 0\n"


def told(event):
    """What does not depend on when it was heard."""
    return event["type"], event["emotion"], event["scores"], event["duration_s"], event["speech_s"], event["windows"]


@pytest.mark.parametrize(("hours", "kill_every_s", "max_mb_per_h"), [(50 / 3600, 20.0, None), long(2.0, 3600.0, 0.2)])
def test_talk_for_hours_is_heard_as_from_a_file(make_broker, tmp_path, hours, kill_every_s, max_mb_per_h):
    broker = make_broker(persistent=True)
    witness = broker.watch(f"{BASE}/#", lasting=True)
    clip = speech()
    n_times = max(round(hours * 3600 * RATE_HZ / len(clip)), 1)
    with Monitor("--input", "-", environment=broker.environment(), config=_NO_LIMIT) as monitor:
        witness.wait_for(f"{BASE}/availability", lambda seen: seen.text == "online")
        feeder = monitor.talk(clip, times=n_times)
        killed_s = time.monotonic()
        with Watcher(monitor.process.pid, every_s=1.0 if max_mb_per_h is None else 10.0) as watcher:
            while feeder.is_alive():
                feeder.join(1.0)
                if time.monotonic() - killed_s >= kill_every_s:
                    broker.kill()
                    time.sleep(2.0)
                    broker.start()
                    killed_s = time.monotonic()
        assert monitor.process.wait(60) == 0, monitor.log
    # What was on its way when the broker died comes twice, with the same id.
    heard = list({(one["id"], one["type"], one["end"]): one for one in events_of(witness)}.values())
    by_type = Counter(event["type"] for event in heard)
    assert by_type["new"] == by_type["end"] > 0
    latencies = [event["latency_s"] for event in heard if event["type"] != "end"]
    offline = events_of_file(tmp_path, clip, n_times)
    assert [told(event) for event in heard] == [told(event) for event in offline]
    if max_mb_per_h is not None:
        slope = watcher.slope_mb_per_h(after_s=900)
        watcher.write(RUNS / "talk.json", slope_mb_per_h=slope, hours=hours, latency_s=latencies, events=len(heard))
        assert slope <= max_mb_per_h
        half = len(latencies) // 2
        assert sorted(latencies[half:])[half // 2] <= sorted(latencies[:half])[half // 2] + 0.05


def events_of(witness):
    return [seen.json for seen in witness.of(f"{BASE}/event")]


def events_of_file(folder, clip, n_times):
    """The same audio, through the same pipe, as fast as it can."""
    raw = clip.astype("<i2").tobytes()
    pipe = subprocess.Popen(
        [*SER, "--input", "-", "--format", "json"],
        stdin=subprocess.PIPE,
        stdout=(folder / "events").open("wb"),
        env=os.environ | {"SER_MONITOR__DECISION__MAX_EVENTS_PER_MIN": "0"},
    )
    for _ in range(n_times):
        pipe.stdin.write(raw)
    pipe.stdin.close()
    assert pipe.wait(1800) == 0
    return [json.loads(line) for line in (folder / "events").read_text().splitlines()]

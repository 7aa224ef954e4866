"""`ser-monitor --stdout` on a real sound system: a clip is played into the microphone, events come out."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest
import soundfile

from monitor.demo import clip_path
from monitor.model import EmotionModel, shipped_model

pytestmark = pytest.mark.live

SER = [sys.executable, "-m", "monitor.cli"]
LATEST_FIRST_S = 0.7
"""After one analysis window from the onset of speech."""


@pytest.fixture
def speech(tmp_path):
    """The first ten seconds of the bundled clip, as WAV."""
    samples, rate_hz = soundfile.read(clip_path(), dtype="int16", stop=10 * 16000)
    path = tmp_path / "speech.wav"
    soundfile.write(path, samples, rate_hz)
    return path


def onset_in(path):
    """Seconds from the start of the file to its first 30 ms above -45 dBFS."""
    samples, rate_hz = soundfile.read(path)
    frame = rate_hz * 30 // 1000
    power = (samples[: len(samples) // frame * frame].reshape(-1, frame) ** 2).mean(axis=1)
    return float((power > 10**-4.5).argmax() * frame / rate_hz)


class Monitor:
    """The program, with the wall-clock time at which each line came."""

    def __init__(self, environment, *arguments):
        self.process = subprocess.Popen(
            [*SER, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.events, self.log = [], []
        threading.Thread(target=self._take, daemon=True).start()
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()

    def _take(self):
        for line in self.process.stdout:
            self.events.append((time.time(), json.loads(line)))

    def wait_for(self, kind, count=1, timeout_s=30):
        deadline = time.monotonic() + timeout_s
        while sum(event["type"] == kind for _, event in self.events) < count:
            assert time.monotonic() < deadline, f"no {kind}: {self.events} {self.log}"
            assert self.process.poll() is None, self.log
            time.sleep(0.02)
        return next((at, event) for at, event in self.events if event["type"] == kind)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


@pytest.fixture
def monitor(pulse):
    started = []

    def start(*arguments):
        started.append(Monitor(pulse.environment, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


def test_speech_played_into_the_microphone_comes_out_as_events(pulse, monitor, speech):
    model = EmotionModel.load(shipped_model())
    window_s = model.card.window_frames * model.spec.hop_samples / model.spec.rate_hz
    live = monitor("--stdout")
    time.sleep(3)  # the first block of PulseAudio can take two seconds
    began = time.time()
    player = pulse.play_in_background(speech)
    at, first = live.wait_for("new")
    # The onset by the player's clock, not by the monitor's own; the player's start-up counts against the monitor.
    onset = began + onset_in(speech)
    assert at - onset <= window_s + LATEST_FIRST_S
    assert -0.3 <= datetime.fromisoformat(first["start"]).timestamp() - onset <= 1.5
    assert 0 <= first["latency_s"] < 0.7
    live.wait_for("end")
    player.wait()
    assert live.stop() == 0
    ids = [(event["id"], event["type"]) for _, event in live.events]
    news, ends = ([i for i, kind in ids if kind == wanted] for wanted in ("new", "end"))
    assert news == ends


def test_live_hears_what_the_file_says(pulse, monitor, speech):
    live = monitor("--format", "json")
    time.sleep(3)
    pulse.play(speech)
    live.wait_for("end", count=2)
    assert live.stop() == 0
    played = subprocess.run([*SER, "--input", str(speech)], capture_output=True, check=True, text=True).stdout
    wanted = [event for event in map(json.loads, played.splitlines()) if event["type"] == "end"]
    found = [event for _, event in live.events if event["type"] == "end"]
    for one, other in zip(found[:2], wanted[:2], strict=True):
        assert one["duration_s"] == pytest.approx(other["duration_s"], abs=0.3)
        assert one["level_dbfs"] == pytest.approx(other["level_dbfs"], abs=1.0)
        likeliest = max(other["scores"], key=other["scores"].get)
        assert one["scores"][likeliest] == pytest.approx(other["scores"][likeliest], abs=0.25)


def test_devices_lists_the_microphone(pulse):
    done = subprocess.run(
        [*SER, "devices"], env=pulse.environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert "default" in done.stdout
    assert done.stderr == ""


def test_an_unknown_device_is_said_and_waited_for(monitor):
    live = monitor("--device", "no such thing")
    deadline = time.monotonic() + 15
    while not any("no such thing" in line for line in live.log):
        assert time.monotonic() < deadline, live.log
        time.sleep(0.05)
    assert live.process.poll() is None
    assert live.stop() == 0


@pytest.mark.skipif(Path("/proc/asound/card0").exists(), reason="this machine has a sound card")
def test_no_input_device_is_66_in_one_line():
    nowhere = os.environ | {"PULSE_SERVER": "unix:/nonexistent"}
    done = subprocess.run([*SER, "devices"], env=nowhere, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 66
    assert done.stderr.count("\n") == 1

"""The bundled clip through the whole program, compared line by line with what was recorded.

`make golden` records anew, after a change of the model or the pipeline that is meant.
"""

import json
import platform
import subprocess
import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.demo import clip_path
from monitor.model import EmotionModel, shipped_model
from monitor.pipeline import Pipeline
from monitor.records import AudioBlock, Estimate

GOLDEN = Path(__file__).parent / "golden" / "demo.jsonl"
POSTERIORS = GOLDEN.parent / "demo_posteriors.npy"
"""Of every window, float64 (windows, labels): what the other interpreters are held against."""
COMMAND = ["--input", "demo", "--format", "json", "--start-time", "2026-01-01T00:00:00Z"]
NODE = {
    "SER_MONITOR__NODE": "golden",
    # By default all of the clip's synthetic voice is uncertain: nothing would be named, and nothing change.
    "SER_MONITOR__DECISION__MIN_CONFIDENCE": "0.4",
    # And its sentences are over before the label may change.
    "SER_MONITOR__DECISION__MIN_DWELL_S": "0.5",
    "PATH": "/usr/bin:/bin",
    "HOME": "/nonexistent",
}
REFERENCE = platform.machine() in {"x86_64", "AMD64"} and find_spec("tflite_runtime") is not None


def transcript():
    done = subprocess.run(
        [sys.executable, "-m", "monitor.cli", *COMMAND],
        env=NODE,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def posteriors():
    samples, _ = soundfile.read(clip_path(), dtype="int16")
    pipeline = Pipeline(EmotionModel.load(shipped_model()))
    events = pipeline.push(AudioBlock(samples, 0)) + pipeline.flush()
    return np.array([event.posteriors for event in events if isinstance(event, Estimate)])


@pytest.mark.skipif(not REFERENCE, reason="exact only where it was recorded: x86-64 with tflite-runtime")
def test_transcript_is_exactly_the_recorded_one():
    assert transcript() == GOLDEN.read_text(encoding="utf-8")


def test_transcript_is_the_recorded_one_within_rounding():
    found = [json.loads(line) for line in transcript().splitlines()]
    wanted = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert list(one) == list(other)
        for key, value in other.items():
            if key == "scores":
                assert one[key] == pytest.approx(value, abs=2e-3)
            else:
                assert one[key] == (pytest.approx(value, abs=2e-3) if isinstance(value, float) else value), key


def test_posteriors_are_the_recorded_ones():
    np.testing.assert_allclose(posteriors(), np.load(POSTERIORS), rtol=0, atol=1e-3)


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(1, 50_000), min_size=1, max_size=200))
def test_events_are_equal_for_any_cutting_of_the_clip(cuts):
    samples, _ = soundfile.read(clip_path(), dtype="int16")
    model = EmotionModel.load(shipped_model())

    def hear(borders):
        pipeline, events = Pipeline(model), []
        for start, end in pairwise([0, *borders, len(samples)]):
            events += pipeline.push(AudioBlock(samples[start:end], start))
        events += pipeline.flush()
        return [e.posteriors.tobytes() if isinstance(e, Estimate) else e for e in events]

    borders = [at for at in np.cumsum(cuts).tolist() if at < len(samples)]
    assert hear(borders) == hear([])


def test_transcript_repeats_itself():
    assert transcript() == transcript()


def test_recorded_transcript_has_a_life_for_every_segment():
    events = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    lives = {}
    for event in events:
        lives.setdefault(event["id"], []).append(event["type"])
    assert len(lives) >= 4
    assert {event["type"] for event in events} == {"new", "update", "end"}
    assert len({event["emotion"] for event in events}) >= 3
    assert all(life[0] == "new" and life[-1] == "end" and life.count("end") == 1 for life in lives.values())


if __name__ == "__main__":
    GOLDEN.write_text(transcript(), encoding="utf-8")
    np.save(POSTERIORS, posteriors())

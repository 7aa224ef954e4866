"""The arithmetic limit, and our pipeline held against it."""

import pytest

from benchmarks import limit, rates
from benchmarks.listening import PERCENT
from benchmarks.operations import Kind
from benchmarks.recording import Recording


@pytest.fixture
def rows(monkeypatch):
    monkeypatch.setattr(rates, "_convolution", lambda: None)  # without TensorFlow
    return limit.measure(Recording.compose(duration_s=12, stretch_s=6, n_rounds=2))


def figures(rows, unit):
    return {row.name: row.values for row in rows if row.unit == unit}


def test_the_limit_is_the_sum_of_its_parts(rows):
    found = figures(rows, PERCENT)
    parts = sum(found[f"speech: {part}"][0] for part in PARTS)
    assert found["speech: the limit"][0] == pytest.approx(parts + found["speech: webrtcvad, as measured"][0])


def test_the_pipeline_is_held_against_it_in_speech_and_in_silence(rows):
    found, times = figures(rows, PERCENT), figures(rows, "times the limit")
    for audio in ("speech", "silence"):
        ours, limits = found[f"{audio}: our pipeline"], found[f"{audio}: the limit"]
        assert times[f"{audio}: our pipeline"] == pytest.approx([a / b for a, b in zip(ours, limits, strict=True)])
        # Nothing is faster than what cannot be avoided.
        assert min(times[f"{audio}: our pipeline"]) > 1
    assert found["silence: the limit"] < found["speech: the limit"]


def test_the_rates_that_it_was_computed_with_are_told(rows):
    assert {row.name for row in rows if row.group == limit.RATES} == {kind.value for kind in Kind}


PARTS = {
    "level",
    "pre-emphasis and taper",
    "transform",
    "power spectrum",
    "filterbank",
    "logarithm",
    "cosine transform",
    "network",
}

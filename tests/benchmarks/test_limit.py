"""The arithmetic limit, and our pipeline held against it."""

import pytest

from benchmarks import limit, rates
from benchmarks.operations import Kind
from benchmarks.recording import Recording


@pytest.fixture
def rows(monkeypatch):
    monkeypatch.setattr(rates, "_convolution", lambda: None)  # without TensorFlow
    return limit.measure(Recording.compose(duration_s=12, stretch_s=6, n_rounds=2))


def figures(rows, unit):
    return {row.name: row.values for row in rows if row.unit == unit}


def test_the_limit_is_the_sum_of_its_parts(rows):
    found = figures(rows, limit.UNIT)
    parts = [values[0] for name, values in found.items() if name.startswith("limit, ") and name[7:] in PARTS]
    assert len(parts) == len(PARTS)
    assert found["limit, speech"][0] == pytest.approx(sum(parts) + found["limit, webrtcvad in speech"][0])


def test_the_pipeline_is_held_against_it_in_speech_and_in_silence(rows):
    found, times = figures(rows, limit.UNIT), figures(rows, "times the limit")
    for audio in ("speech", "silence"):
        ours = f"our pipeline, {audio}"
        assert times[ours] == pytest.approx([a / b for a, b in zip(found[ours], found[f"limit, {audio}"], strict=True)])
        # Nothing is faster than what cannot be avoided.
        assert min(times[ours]) > 1
    assert found["limit, silence"] < found["limit, speech"]


def test_the_rates_that_it_was_computed_with_are_told(rows):
    told = {row.name for row in rows if row.unit.endswith("a second")}
    assert told == {f"this machine, {kind.value}" for kind in Kind}


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

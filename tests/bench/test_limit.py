"""The arithmetic limit, and our pipeline held against it."""

import pytest

from benchmarks import limit, rates
from benchmarks.everyhop import EVERY_HOP, EveryHop
from benchmarks.listening import PERCENT
from benchmarks.operations import Kind
from benchmarks.recording import Recording

N_ROUNDS = 3
RECORDING = Recording.compose(duration_s=24, stretch_s=12, n_rounds=N_ROUNDS)
HELD = ("speech", f"speech, {EVERY_HOP}", "silence")


@pytest.fixture
def rows(monkeypatch):
    monkeypatch.setattr(rates, "_convolution", lambda: None)  # without TensorFlow
    return limit.measure(RECORDING)


def figures(rows, unit):
    return {row.name: row.values for row in rows if row.unit == unit}


@pytest.mark.parametrize("audio", ["speech", f"speech, {EVERY_HOP}"])
def test_the_limit_is_the_sum_of_its_parts(rows, audio):
    found = figures(rows, PERCENT)
    parts = sum(found[f"speech: {part}"][0] for part in PARTS) + found[f"{audio}: network"][0]
    assert found[f"{audio}: the limit"][0] == pytest.approx(parts + found["speech: webrtcvad, as measured"][0])


def test_in_silence_speech_detection_is_all_that_cannot_be_avoided(rows):
    found = figures(rows, PERCENT)
    assert found["silence: the limit"] == found["silence: webrtcvad, as measured"]


def test_the_pipeline_is_held_against_it_in_speech_and_in_silence(rows):
    found, times = figures(rows, PERCENT), figures(rows, "times the limit")
    assert set(times) == {f"{audio}: our pipeline" for audio in HELD}
    for audio in HELD:
        ours, limits = found[f"{audio}: our pipeline"], found[f"{audio}: the limit"]
        assert times[f"{audio}: our pipeline"] == pytest.approx([a / b for a, b in zip(ours, limits, strict=True)])
        # Nothing is faster than what cannot be avoided. The least of all rounds: others' work adds to some of them.
        assert min(ours) > min(limits)
    assert found["silence: the limit"] < found["speech: the limit"]


def test_each_way_of_listening_has_the_target(rows):
    targets = {row.name: row.target for row in rows if row.target is not None}
    assert {name: target.bound for name, target in targets.items()} == {f"{audio}: our pipeline": 3 for audio in HELD}


def test_the_network_is_counted_for_the_windows_that_are_classified(rows):
    found = figures(rows, PERCENT)
    every = EveryHop.shipped()
    n_shipped, n_every = (limit.n_classified(model, RECORDING.speech) for model in (every.model, every))
    # 12 s: one every half a second once a second of it is voiced, and less often from 1.5 s on.
    assert n_shipped < n_every <= 24
    shares = found["speech: network"][0] / found[f"speech, {EVERY_HOP}: network"][0]
    assert shares == pytest.approx(n_shipped / n_every)


def test_what_is_held_against_what_is_measured_in_turns(monkeypatch):
    turns = []

    def takes(turn, figure):
        return lambda *_: turns.append(turn) or figure

    monkeypatch.setattr(rates, "_kernels", lambda _n_fft: [rates._Kernel(kind, 1.0, lambda: None) for kind in Kind])
    monkeypatch.setattr(rates, "cpu_s_a_call", takes("rate", 1.0))
    monkeypatch.setattr(limit, "webrtcvad_cpu_s", takes("detector", 1.0))
    monkeypatch.setattr(limit, "pipeline_percent", takes("pipeline", 1.0))
    limit.measure(RECORDING)
    assert turns == [*["rate"] * len(Kind), *["detector"] * 2, *["pipeline"] * len(HELD)] * N_ROUNDS


def test_the_rates_that_it_was_computed_with_are_told(rows):
    assert {row.name for row in rows if row.group == limit.RATES} == {kind.value for kind in Kind}


PARTS = {
    "mean square",
    "pre-emphasis and taper",
    "transform",
    "power spectrum",
    "filterbank",
    "logarithm",
    "cosine transform",
}
"""But for the network."""

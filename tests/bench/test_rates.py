"""What this machine computes a second."""

import numpy as np

from benchmarks import rates
from benchmarks.operations import Kind
from monitor.pipeline import GateRule
from monitor.pipeline.gate import VAD_FRAME_MS


def test_every_kind_of_work_has_a_rate_in_every_round(monkeypatch):
    monkeypatch.setattr(rates, "_convolution", lambda: None)  # as without TensorFlow
    taken = rates.Rates(512)
    taken.run_round()
    taken.run_round()
    found = taken.fastest()
    assert set(found) == set(Kind)
    assert all(len(values) == 2 and min(values) > 0 for values in found.values())
    # A transform of 512 samples is thousands of operations.
    assert found[Kind.TRANSFORM][0] < found[Kind.MULTIPLY_ADD][0] / 100


def test_the_faster_kernel_of_a_kind_counts(monkeypatch):
    slow = rates._Kernel(Kind.BYTE, 1, lambda: None)
    fast = rates._Kernel(Kind.BYTE, 1000, lambda: None)
    monkeypatch.setattr(rates, "_kernels", lambda _n_fft: [slow, fast, slow])
    monkeypatch.setattr(rates, "cpu_s_a_call", lambda _call: 1.0)
    taken = rates.Rates(512)
    taken.run_round()
    assert taken.fastest() == {Kind.BYTE: (1000.0,)}


def test_speech_detection_takes_a_small_part_of_the_time_it_listens_to():
    noise = np.random.default_rng(0).integers(-3000, 3000, 5 * 16_000 + 7).astype(np.int16)
    assert 0 < rates.webrtcvad_cpu_s(noise, 16_000, VAD_FRAME_MS, GateRule().mode) < 0.1

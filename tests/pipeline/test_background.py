"""The background's power, and what the gate makes of it."""

import numpy as np
import pytest

from monitor.pipeline.background import Background
from monitor.pipeline.gate import Gate, GateTimes, Level

FRAME = 480
FRAMES_A_SECOND = 16000 / FRAME


class Always:
    def is_speech(self, frame):
        return True


def noise(seconds, dbfs, seed=0):
    """White noise in frames, int16 (n, FRAME)."""
    n = int(seconds * FRAMES_A_SECOND)
    values = np.random.default_rng(seed).standard_normal((n, FRAME)) * 32768 * 10 ** (dbfs / 20)
    return np.round(np.clip(values, -32768, 32767)).astype(np.int16)


def after(frames):
    background = Background()
    for frame in frames:
        background.push(Level.of(frame).mean_square)
    return 10 * np.log10(background.mean_square)


@pytest.mark.parametrize("dbfs", [-70, -40, -15])
def test_steady_noise_is_its_own_background(dbfs):
    assert after(noise(8, dbfs)) == pytest.approx(dbfs, abs=0.8)


def test_speech_in_pauses_of_which_the_noise_is_heard_does_not_raise_it():
    words = [np.concatenate([noise(0.4, -20, i), noise(0.2, -50, 100 + i)]) for i in range(20)]
    assert after(np.concatenate(words)) < -44


def test_it_follows_noise_that_begins_and_noise_that_ends():
    assert after(np.concatenate([noise(10, -60), noise(3, -30)])) == pytest.approx(-60, abs=1)
    assert after(np.concatenate([noise(10, -60), noise(7, -30)])) == pytest.approx(-30, abs=1)
    assert after(np.concatenate([noise(10, -30), noise(1, -60)])) == pytest.approx(-60, abs=1)


def test_it_is_not_judged_before_a_second_has_been_heard():
    background = Background()
    for frame in noise(0.95, -30):
        background.push(Level.of(frame).mean_square)
    assert background.mean_square == 0.0


@pytest.mark.parametrize(("snr_db", "n_open"), [(0.0, 1.0), (6.0, 0.0), (20.0, 0.0)])
def test_the_gate_asks_for_more_than_the_background(snr_db, n_open):
    gate = Gate(Always(), -80.0, GateTimes(3 * FRAME, 4 * FRAME, 0), snr_db)
    votes = [gate.is_voiced(frame, Level.of(frame)) for frame in noise(8, -40)]
    assert np.mean(votes[40:]) == n_open
    louder = [gate.is_voiced(frame, Level.of(frame)) for frame in noise(1, -25)]
    assert np.mean(louder) == (0.0 if snr_db == 20.0 else 1.0)


def test_digital_silence_asks_for_nothing():
    gate = Gate(Always(), -80.0, GateTimes(3 * FRAME, 4 * FRAME, 0), 12.0)
    for frame in np.zeros((100, FRAME), np.int16):
        assert not gate.is_voiced(frame, Level.of(frame))
    assert all(gate.is_voiced(frame, Level.of(frame)) for frame in noise(1, -70))

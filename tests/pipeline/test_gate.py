"""The gate's four states, frame by frame."""

import numpy as np
import pytest

from monitor.pipeline.gate import Gate, GateState, GateTimes, Level, WebrtcDetector, dbfs
from monitor.records import SpeechEnded, SpeechStarted

FRAME = 480
TIMES = GateTimes(onset_samples=3 * FRAME, hangover_samples=4 * FRAME, preroll_samples=2 * FRAME)


class Always:
    def is_speech(self, frame):
        return True


def walk(votes):
    """Votes like `..###..` to the states after each and the changes with the frame they came at."""
    gate, states, changes = Gate(Always(), -60, TIMES), [], []
    for i, vote in enumerate(votes):
        change = gate.step(i * FRAME, (i + 1) * FRAME, voiced=vote == "#")
        states.append(gate.state)
        if change:
            changes.append((i, change))
    return gate, states, changes


def test_opens_after_the_onset_and_names_the_start_with_preroll():
    _, states, changes = walk(".....###")
    assert states[5:] == [GateState.ONSET, GateState.ONSET, GateState.SPEECH]
    assert changes == [(7, SpeechStarted(3 * FRAME))]


def test_a_click_does_not_open_it():
    _, states, changes = walk("..##..#.##..")
    assert not changes
    assert states[-1] is GateState.SILENCE


def test_a_pause_below_the_hangover_does_not_close_it():
    _, states, changes = walk("###...###")
    assert [i for i, _ in changes] == [2]
    assert states[3:6] == [GateState.HANGOVER] * 3
    assert states[6] is GateState.SPEECH


def test_closes_after_the_hangover_and_names_the_last_voiced_frame():
    _, _, changes = walk("####.#....")
    assert changes[-1] == (9, SpeechEnded(6 * FRAME, voiced_samples=5 * FRAME))


def test_preroll_never_reaches_before_the_stream_or_into_speech_that_ended():
    _, _, changes = walk("###....###")
    assert changes[0][1] == SpeechStarted(0)
    assert changes[2][1] == SpeechStarted(5 * FRAME)
    close = GateTimes(onset_samples=FRAME, hangover_samples=FRAME, preroll_samples=5 * FRAME)
    gate = Gate(Always(), -60, close)
    gate.step(0, FRAME, voiced=True)
    gate.step(FRAME, 2 * FRAME, voiced=False)
    assert gate.step(2 * FRAME, 3 * FRAME, voiced=True) == SpeechStarted(FRAME)


def test_closing_the_stream_ends_speech_once():
    gate, _, _ = walk("####.")
    assert gate.close() == SpeechEnded(4 * FRAME, voiced_samples=4 * FRAME)
    assert gate.close() is None


def test_closing_during_onset_says_nothing():
    gate, _, _ = walk("..##")
    assert gate.close() is None


def test_energy_floor_overrules_the_detector():
    gate = Gate(Always(), -60, TIMES)
    quiet, loud = np.full(FRAME, 20, dtype=np.int16), np.full(FRAME, 60, dtype=np.int16)
    assert not gate.is_voiced(quiet, Level.of(quiet))
    assert gate.is_voiced(loud, Level.of(loud))


def test_level_of_the_loudest_negative_sample_does_not_wrap_around():
    level = Level.of(np.full(FRAME, -32768, dtype=np.int16))
    assert level.peak == 1.0
    assert dbfs(level.mean_square) == pytest.approx(0.0)


def test_digital_silence_is_minus_infinity_not_zero_dbfs():
    assert dbfs(Level.of(np.zeros(FRAME, dtype=np.int16)).mean_square) == float("-inf")


def test_webrtc_hears_no_speech_in_silence():
    detector = WebrtcDetector(2, 16000)
    assert not any(detector.is_speech(np.zeros(FRAME, dtype=np.int16)) for _ in range(50))

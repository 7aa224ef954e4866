"""The bundled clip is what it is said to be: short, clean, with quiet and loud speech and pauses between."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import soundfile

from monitor.demo import clip_path
from monitor.demo.make_clip import NOISE_DBFS, PEAK_LIMIT, RATE_HZ, UTTERANCES
from monitor.pipeline.gate import Gate, GateTimes, Level, WebrtcDetector, dbfs
from monitor.records import SpeechEnded, SpeechStarted

FRAME = 480


@pytest.fixture(scope="module")
def clip():
    samples, rate_hz = soundfile.read(clip_path(), dtype="int16", always_2d=True)
    assert rate_hz == RATE_HZ
    return samples


@pytest.fixture(scope="module")
def speech(clip):
    """Start, end and level of each stretch of speech that the gate finds with its default settings."""
    gate = Gate(WebrtcDetector(2, RATE_HZ), -60.0, GateTimes(90 * 16, 500 * 16, 200 * 16))
    stretches, start = [], 0
    for at in range(0, len(clip) - FRAME, FRAME):
        frame = clip[at : at + FRAME, 0]
        step = gate.step(at, at + FRAME, voiced=gate.is_voiced(frame, Level.of(frame)))
        if isinstance(step, SpeechStarted):
            start = step.at_sample
        elif isinstance(step, SpeechEnded):
            level = dbfs(Level.of(clip[start : step.at_sample, 0]).mean_square)
            stretches.append((start / RATE_HZ, step.at_sample / RATE_HZ, level))
    return stretches


def test_the_file_is_small_mono_and_lossless(clip):
    assert clip_path().stat().st_size <= 500_000
    header = soundfile.info(clip_path())
    assert (header.format, header.subtype, header.channels) == ("FLAC", "PCM_16", 1)
    assert 25 <= header.duration <= 30


def test_nothing_clips_and_nothing_is_digital_silence(clip):
    assert np.abs(clip.astype(int)).max() <= (PEAK_LIMIT + 0.01) * 32768
    frames = clip[: len(clip) // FRAME * FRAME, 0].reshape(-1, FRAME).astype(float)
    levels = 10 * np.log10((frames**2).mean(axis=1) / 32768**2)
    assert levels.min() > NOISE_DBFS - 1
    assert np.percentile(levels, 10) < NOISE_DBFS + 1


def test_the_gate_hears_every_utterance_once(speech):
    assert len(speech) == len(UTTERANCES)
    assert all(end - start >= 2.0 for start, end, _ in speech)


def test_speech_is_quiet_and_loud(speech):
    levels = [level for *_, level in speech]
    assert max(levels) - min(levels) >= 18
    for found, utterance in zip(levels, UTTERANCES, strict=True):
        assert found == pytest.approx(utterance.level_dbfs, abs=1.5)


def test_there_are_pauses_between(speech):
    pauses = [later[0] - earlier[1] for earlier, later in pairwise(speech)]
    assert all(0.8 <= pause <= 2.5 for pause in pauses)

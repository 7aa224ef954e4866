"""Resampling: any rate, channel count and cutting to mono int16."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import BadAudioError
from monitor.sources.resample import BlockStream, MonoResampler, to_int16

RATE_HZ = 16_000


def _tone(frequency_hz, seconds, rate_hz):
    return (0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(int(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def _resample(frames, rate_hz, cut=4_000):
    resampler = MonoResampler(rate_hz, frames.shape[1], RATE_HZ)
    pieces = [resampler.push(frames[i : i + cut]) for i in range(0, len(frames), cut)]
    return np.concatenate([*pieces, resampler.flush()])


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000])
def test_a_tone_keeps_pitch_level_and_length(rate_hz):
    out = _resample(_tone(440, 2.0, rate_hz)[:, None], rate_hz)
    assert abs(len(out) - 2 * RATE_HZ) <= 1
    expected = to_int16(_tone(440, 2.0, RATE_HZ))
    inner = slice(500, len(expected) - 500)
    assert np.abs(out[inner].astype(int) - expected[inner]).max() <= 8


def test_what_is_above_half_the_rate_does_not_fold_down():
    out = _resample(_tone(11_000, 1.0, 48_000)[:, None], 48_000)
    assert np.abs(out[500:-500].astype(int)).max() <= 2


@settings(deadline=None)
@given(cuts=st.lists(st.integers(20, 3_000), min_size=1, max_size=8), rate_hz=st.sampled_from([16_000, 44_100, 8_000]))
def test_cutting_changes_nothing(cuts, rate_hz):
    frames = np.random.default_rng(1).normal(0, 0.2, (9_000, 2)).astype(np.float32)
    resampler = MonoResampler(rate_hz, 2, RATE_HZ)
    pieces, at = [], 0
    while at < len(frames):
        n = cuts[len(pieces) % len(cuts)]
        pieces.append(resampler.push(frames[at : at + n]))
        at += n
    out = np.concatenate([*pieces, resampler.flush()])
    np.testing.assert_array_equal(out, _resample(frames, rate_hz, cut=9_000))


@settings(deadline=None)
@given(samples=st.lists(st.integers(-32_768, 32_767), max_size=50))
def test_int16_at_the_right_rate_passes_unchanged(samples):
    frames = np.array(samples, dtype=np.int16).reshape(-1, 1)
    np.testing.assert_array_equal(MonoResampler(RATE_HZ, 1, RATE_HZ).push(frames), frames[:, 0])
    as_float = frames.astype(np.float32) / np.float32(32_768)
    np.testing.assert_array_equal(MonoResampler(RATE_HZ, 1, RATE_HZ).push(as_float), frames[:, 0])


def test_channels_are_averaged_without_wrapping_around():
    frames = np.array([[32_767, 32_767], [-32_768, -32_768], [100, 50], [32_767, -32_767]], dtype=np.int16)
    np.testing.assert_array_equal(MonoResampler(RATE_HZ, 2, RATE_HZ).push(frames), [32_767, -32_768, 75, 0])


def test_float_is_rounded_and_clipped():
    samples = np.array([1.0, -1.0, 2.0, -7.0, 1e30, 0.6 / 32_768, -0.6 / 32_768, 0.4 / 32_768], dtype=np.float32)
    out = MonoResampler(RATE_HZ, 1, RATE_HZ).push(samples[:, None])
    np.testing.assert_array_equal(out, [32_767, -32_768, 32_767, -32_768, 32_767, 1, -1, 0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rate_hz", [RATE_HZ, 48_000])
def test_a_sample_that_is_no_number_is_refused(bad, rate_hz):
    frames = np.zeros((100, 2), dtype=np.float32)
    frames[50, 1] = bad
    with pytest.raises(BadAudioError, match="NaN or infinite"):
        MonoResampler(rate_hz, 2, RATE_HZ).push(frames)


@pytest.mark.parametrize(("rate_hz", "channels"), [(0, 1), (1, 1), (2**31, 1), (16_000, 0), (16_000, 1_000)])
def test_what_no_recording_has_is_refused(rate_hz, channels):
    with pytest.raises(BadAudioError, match=r"found .* wanted"):
        MonoResampler(rate_hz, channels, RATE_HZ)


@pytest.mark.parametrize("rate_hz", [RATE_HZ, 44_100])
def test_blocks_are_of_one_length_and_numbered(rate_hz):
    stream = BlockStream(rate_hz, 1, RATE_HZ)
    frames = _tone(300, 1.23, rate_hz)[:, None]
    blocks = [block for i in range(0, len(frames), 777) for block in stream.push(frames[i : i + 777])] + stream.flush()
    assert {len(block.samples) for block in blocks[:-1]} == {1_600}
    assert [block.start_sample for block in blocks] == [1_600 * i for i in range(len(blocks))]
    assert blocks[-1].end_sample == pytest.approx(1.23 * RATE_HZ, abs=1)
    assert stream.flush() == [] if rate_hz == RATE_HZ else True

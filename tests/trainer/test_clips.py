import numpy as np
import pytest
import soundfile
from dummy_corpora import voice
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import BadAudioError
from trainer.audio import read_clip, read_samples, to_int16
from trainer.cliprecipe import ClipTable
from trainer.clips import envelope, fitted, prepare, read_prepared

RATE_HZ = 1000


def table(**changes):
    return ClipTable(rate_hz=RATE_HZ, **changes)


def ramp(n):
    return np.linspace(0.001, 0.9, n, dtype=np.float32)


def test_by_default_nothing_changes():
    np.testing.assert_array_equal(prepare(ramp(500), RATE_HZ, table()), ramp(500))


@given(st.integers(1, 5000), st.integers(0, 3), st.sampled_from(["none", "peak", "rms"]))
def test_with_seconds_the_length_is_always_that(n, tenths, normalise):
    samples = prepare(ramp(n), RATE_HZ, table(seconds=1.0 + tenths / 10, normalise=normalise))
    assert samples.shape == (1000 + 100 * tenths,)
    assert samples.dtype == np.float32


def test_offset_is_left_out_before_the_cut():
    np.testing.assert_array_equal(prepare(ramp(500), RATE_HZ, table(offset_s=0.1, seconds=0.2)), ramp(500)[100:300])


def test_a_clip_that_ends_before_the_offset_is_refused(tmp_path):
    path = tmp_path / "short.wav"
    soundfile.write(path, ramp(300), RATE_HZ)
    with pytest.raises(BadAudioError, match=r"short\.wav: 0\.30 s long, clip\.offset_s is 0\.5"):
        read_prepared(path, table(offset_s=0.5))


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=80), st.integers(1, 120))
def test_envelope_is_that_of_pandas(values, window):
    pandas = pytest.importorskip("pandas", exc_type=ImportError)
    samples = np.array(values, np.float32)
    rolling = pandas.Series(np.abs(samples).astype(np.float64)).rolling(window, min_periods=1, center=True)
    np.testing.assert_allclose(envelope(samples, window), rolling.mean(), atol=1e-9)


def test_quiet_parts_are_cut_out():
    samples = np.zeros(3000, np.float32)
    samples[1000:2000] = 0.5 * np.sin(np.arange(1000))
    loud = prepare(samples, RATE_HZ, table(envelope_threshold=0.01, envelope_window_s=0.1))
    assert 1000 <= len(loud) <= 1100
    np.testing.assert_array_equal(loud[np.flatnonzero(loud)], samples[np.flatnonzero(samples)])


def test_a_clip_below_the_threshold_is_kept():
    assert len(prepare(ramp(500) * np.float32(1e-4), RATE_HZ, table(envelope_threshold=0.1))) == 500


def test_normalisation_is_of_the_kept_part():
    samples = np.concatenate([np.full(100, 0.9, np.float32), np.full(100, 0.2, np.float32)])
    assert prepare(samples, RATE_HZ, table(offset_s=0.1, normalise="peak")).max() == pytest.approx(1)
    rms = prepare(samples, RATE_HZ, table(normalise="rms"))
    assert np.sqrt(np.mean(rms**2)) == pytest.approx(0.1, rel=1e-5)


@pytest.mark.parametrize("normalise", ["peak", "rms"])
def test_silence_stays_silence(normalise):
    samples = prepare(np.zeros(200, np.float32), RATE_HZ, table(normalise=normalise, envelope_threshold=0.1))
    np.testing.assert_array_equal(samples, np.zeros(200))


def test_the_input_is_left_alone():
    samples = ramp(400)
    prepare(samples, RATE_HZ, table(normalise="peak", seconds=0.1))
    np.testing.assert_array_equal(samples, ramp(400))


def test_fitted_cuts_and_pads_at_the_end():
    np.testing.assert_array_equal(fitted(ramp(3), 5), [*ramp(3), 0, 0])
    np.testing.assert_array_equal(fitted(ramp(5), 2), ramp(5)[:2])


def test_samples_are_those_the_monitor_hears_but_not_rounded(tmp_path):
    path = tmp_path / "clip.flac"
    soundfile.write(path, np.stack([voice("sad", 1), np.zeros(24000)], axis=1), 16000)
    samples = read_samples(path, 22050)
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(1.5 * 22050, abs=2)
    np.testing.assert_array_equal(to_int16(samples * 32768), read_clip(path, 22050))

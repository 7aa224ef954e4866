"""Contracts of every registered augmentation, and what is special in each."""

import numpy as np
import pytest
from dummy_corpora import voice

from trainer.augment import ENERGIES, MAPS, WAVEFORM, energies_chain, maps_chain, waveform_chain
from trainer.speech import at_level, speech_level, speech_span

SETTINGS = {
    "speed": {"min_factor": 0.8, "max_factor": 1.25},
    "reverb": {"folder": "RIR_misc"},
    "noise": {"min_snr_db": 0.0, "max_snr_db": 20.0, "folders": ["ESC-10"], "folder_weights": [1.0]},
    "gain": {"min_dbfs": -50.0, "max_dbfs": 6.0},
    "equalise": {"depth": 1.0},
    "warp": {"max_filters": 2.0},
    "floor": {},
    "mask": {"time_masks": 2, "max_frames": 30, "frequency_masks": 2, "max_filters": 6},
    "mixup": {"probability": 1.0, "concentration": 0.4},
}


def settings(name, **changes):
    return {"name": name, **SETTINGS[name], **changes}


def clip():
    samples = voice("happy", 1)
    return samples / np.float32(speech_level(samples, 16000))


def windows():
    rng = np.random.default_rng(0)
    energies = (rng.standard_normal((6, 50, 40)) * 3).astype(np.float32)
    energies[0, :10] = -36.04
    return energies


def test_every_augmentation_has_settings_here():
    assert set(SETTINGS) == {*WAVEFORM, *ENERGIES, *MAPS}


@pytest.mark.parametrize("name", WAVEFORM)
def test_waveforms_stay_mono_float32_finite_and_seeded(name, corpora_root):
    (augmentation,) = waveform_chain([settings(name)], corpora_root)
    samples = clip()
    before = samples.copy()
    for seed in range(5):
        first, second = (augmentation(samples, 16000, np.random.default_rng(seed)) for _ in range(2))
        assert first.dtype == np.float32
        assert first.ndim == 1
        assert len(first) > 0
        assert np.isfinite(first).all()
        np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(samples, before)


@pytest.mark.parametrize("name", WAVEFORM)
def test_waveforms_bear_silence(name, corpora_root):
    (augmentation,) = waveform_chain([settings(name)], corpora_root)
    assert np.isfinite(augmentation(np.zeros(8000, np.float32), 16000, np.random.default_rng(0))).all()


@pytest.mark.parametrize("name", ENERGIES)
def test_energies_keep_shape_and_are_seeded(name):
    (augmentation,) = energies_chain([settings(name)])
    energies = windows()
    before = energies.copy()
    first, second = (augmentation(energies, np.random.default_rng(4)) for _ in range(2))
    assert first.shape == energies.shape
    assert np.isfinite(first).all()
    assert not np.array_equal(first, energies)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(energies, before)


@pytest.mark.parametrize("name", MAPS)
def test_maps_keep_shape_targets_stay_distributions(name):
    (augmentation,) = maps_chain([settings(name)])
    maps, targets = windows(), np.eye(7, dtype=np.float32)[[0, 1, 2, 3, 4, 5]]
    before = maps.copy()
    mixed, mixed_targets = augmentation(maps, targets, np.random.default_rng(4))
    again, _ = augmentation(maps, targets, np.random.default_rng(4))
    assert mixed.shape == maps.shape
    assert not np.array_equal(mixed, maps)
    np.testing.assert_allclose(mixed_targets.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(mixed, again)
    np.testing.assert_array_equal(maps, before)


def test_speed_changes_length_by_the_factor():
    (augmentation,) = waveform_chain([settings("speed", min_factor=1.25, max_factor=1.25)], None)
    assert len(augmentation(clip(), 16000, np.random.default_rng(0))) == pytest.approx(len(clip()) / 1.25, abs=2)


def test_gain_rounds_and_clips_as_16_bits_do():
    (augmentation,) = waveform_chain([settings("gain", min_dbfs=0.0, max_dbfs=0.0)], None)
    loud = augmentation(clip(), 16000, np.random.default_rng(0))
    assert loud.min() == -32768
    assert loud.max() == 32767
    np.testing.assert_array_equal(loud, np.rint(loud))


def test_noise_has_the_ratio_asked_for_and_can_begin_late(corpora_root):
    changes = {"min_snr_db": 10.0, "max_snr_db": 10.0, "late_probability": 1.0, "late_s": 0.5}
    (augmentation,) = waveform_chain([settings("noise", **changes)], corpora_root)
    noise = augmentation(np.zeros(16000, np.float32), 16000, np.random.default_rng(0))
    assert not noise[:8000].any()
    assert 20 * np.log10(np.sqrt(np.mean(noise[8000:] ** 2))) == pytest.approx(-10, abs=1)


def test_noise_and_reverb_do_without_recordings(tmp_path):
    chain = waveform_chain([settings("reverb"), settings("noise")], tmp_path)
    samples = clip()
    for augmentation in chain:
        samples = augmentation(samples, 16000, np.random.default_rng(1))
    assert np.isfinite(samples).all()


def test_digital_silence_is_not_coloured():
    (augmentation,) = energies_chain([settings("equalise")])
    np.testing.assert_array_equal(augmentation(windows(), np.random.default_rng(0))[0, :10], windows()[0, :10])


@pytest.mark.parametrize("level_dbfs", [-50, -35, -20, -10])
def test_speech_level_is_what_was_asked_for(level_dbfs):
    samples = np.rint(voice("neutral", 2) * 32767).astype(np.int16)
    padded = np.concatenate([np.zeros(16000, np.int16), samples, np.zeros(16000, np.int16)])
    level = 20 * np.log10(speech_level(at_level(padded, level_dbfs, 16000), 16000) / 32768)
    # At -10 dBFS the peaks of this voice are clipped.
    assert level == pytest.approx(level_dbfs, abs=0.5)


def test_speech_span_finds_the_voice():
    from monitor.pipeline import GateRule

    samples = np.rint(voice("neutral", 2) * 8000).astype(np.int16)
    start, end = speech_span(np.pad(samples, (16000, 16000)), 16000, GateRule())
    assert 16000 - 4800 <= start <= 16000 + 3200
    assert abs(end - (16000 + len(samples))) < 4800
    assert speech_span(np.zeros(16000, np.int16), 16000, GateRule()) is None

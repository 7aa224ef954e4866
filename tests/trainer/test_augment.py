"""Contracts of every registered augmentation, and what is special in each."""

import numpy as np
import pytest
from dummy_corpora import voice

from monitor.errors import ConfigError
from trainer.augment import CLIP, ENERGIES, MAPS, WAVEFORM, clip_chain, energies_chain, maps_chain, waveform_chain
from trainer.speech import at_level, speech_level, speech_span

SETTINGS = {
    "speed": {"min_factor": 0.8, "max_factor": 1.25},
    "reverb": {"folder": "RIR_misc"},
    "noise": {"min_snr_db": 0.0, "max_snr_db": 20.0, "folders": ["ESC-10"], "folder_weights": [1.0]},
    "gain": {"min_dbfs": -50.0, "max_dbfs": 6.0},
    "pitch": {"min_semitones": -3.0, "max_semitones": 3.0},
    "stretch": {"min_factor": 0.8, "max_factor": 1.2},
    "shift": {"max_share": 0.5},
    "inject": {},
    "bandlimit": {"min_low_hz": 100.0, "max_low_hz": 400.0, "min_high_hz": 3000.0, "max_high_hz": 9000.0},
    "codec": {"codecs": ["mp3", "vorbis", "opus", "mulaw", "alaw", "8bit"]},
    "background": {"min_snr_db": 0.0, "max_snr_db": 20.0, "folders": ["ESC-10"]},
    "equalise": {"depth": 1.0},
    "warp": {"max_filters": 2.0},
    "floor": {},
    "mixstyle": {"probability": 1.0},
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


def test_mixstyle_gives_the_colour_of_another_window_and_keeps_what_happens_in_it():
    (augmentation,) = energies_chain([settings("mixstyle", concentration=1e-3)])  # own style, or another's
    rng = np.random.default_rng(4)
    colour, spread = rng.normal(0, 1, (16, 1, 40)), rng.uniform(0.8, 1.4, (16, 1, 40))
    before = (5 + colour + spread * rng.standard_normal((16, 100, 40))).astype(np.float32)
    after = augmentation(before, np.random.default_rng(1))
    means, deviations = before.mean(axis=1), before.std(axis=1)
    taken = [int(np.abs(after[i].mean(axis=0) - means).sum(axis=1).argmin()) for i in range(16)]
    assert len({own for own, other in enumerate(taken) if own != other}) >= 4
    for own, other in enumerate(taken):
        np.testing.assert_allclose(after[own].mean(axis=0), means[other], atol=0.02)
        np.testing.assert_allclose(after[own].std(axis=0), deviations[other], rtol=0.05)
        correlation = np.corrcoef(
            after[own].ravel() - np.tile(means[other], 100), before[own].ravel() - np.tile(means[own], 100)
        )
        assert correlation[0, 1] > 0.95


@pytest.mark.parametrize("name", ["equalise", "mixstyle"])
def test_digital_silence_is_not_coloured(name):
    (augmentation,) = energies_chain([settings(name)])
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


@pytest.mark.parametrize("name", CLIP)
def test_clip_augmentations_are_free_of_scale(name, corpora_root):
    (augmentation,) = clip_chain([settings(name)], corpora_root)
    samples = voice("happy", 1)[:12000]
    for seed in range(3):
        loud, soft = (augmentation(samples * gain, 16000, np.random.default_rng(seed)) for gain in (1, 2.0**-10))
        np.testing.assert_allclose(soft * 2**10, loud, atol=2e-3)


@pytest.mark.parametrize("name", CLIP)
@pytest.mark.parametrize("rate_hz", [8000, 22050, 44100])
def test_clip_augmentations_bear_any_rate_and_length(name, rate_hz, corpora_root):
    (augmentation,) = clip_chain([settings(name)], corpora_root)
    for n in (1, 300, rate_hz // 3):
        samples = voice("sad", 1, rate_hz=rate_hz)[:n] + np.float32(0.1)
        changed = augmentation(samples, rate_hz, np.random.default_rng(n))
        assert changed.dtype == np.float32
        assert np.isfinite(changed).all()
        if name not in {"speed", "stretch", "reverb"}:
            assert len(changed) == n


@pytest.mark.parametrize("name", sorted({*WAVEFORM} - {*CLIP}))
def test_augmentations_that_need_a_level_are_refused_on_clips(name):
    with pytest.raises(ConfigError, match="unknown at this stage"):
        clip_chain([settings(name)], None)


def tone(hz, seconds=1.0, rate_hz=16000):
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def loudest_hz(samples, rate_hz=16000):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(spectrum) * rate_hz / len(samples)


def applied(name, samples, seed=0, root=None, **changes):
    (augmentation,) = clip_chain([settings(name, **changes)], root)
    return augmentation(samples, 16000, np.random.default_rng(seed))


@pytest.mark.parametrize("method", ["phase-vocoder", "signalsmith"])
def test_pitch_moves_the_pitch_stretch_the_length(method):
    raised = applied("pitch", tone(440), min_semitones=4.0, max_semitones=4.0, method=method)
    assert len(raised) == 16000
    assert loudest_hz(raised) == pytest.approx(440 * 2 ** (4 / 12), rel=0.01)
    slower = applied("stretch", tone(440), min_factor=0.8, max_factor=0.8, method=method)
    assert len(slower) == pytest.approx(20000, rel=0.01)
    assert loudest_hz(slower) == pytest.approx(440, rel=0.01)


@pytest.mark.parametrize("name", ["pitch", "stretch"])
def test_signalsmith_draws_from_the_given_generator_only(name):
    samples = voice("happy", 1)
    first, second = (applied(name, samples, 3, method="signalsmith") for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[:9000], applied(name, samples, 4, method="signalsmith")[:9000])


def test_shift_rolls_or_leaves_silence():
    samples = np.arange(1, 1001, dtype=np.float32)
    for seed in range(6):
        rolled, shifted = (applied("shift", samples, seed, max_share=0.3, wrap=wrap) for wrap in (True, False))
        assert sorted(rolled) == sorted(samples)
        kept = shifted > 0
        assert 700 <= kept.sum() < 1000
        np.testing.assert_array_equal(shifted[kept], rolled[kept])
        assert np.abs(np.diff(shifted[kept])).max() == 1


def test_inject_adds_a_share_of_the_peak():
    samples = np.zeros(40000, np.float32)
    samples[0] = 0.5
    deviation = [applied("inject", samples, seed, amount=0.04)[1:].std() for seed in range(20)]
    assert max(deviation) <= 0.04 * 0.5 * 1.02
    assert np.mean(deviation) == pytest.approx(0.01, rel=0.35)


def test_bandlimit_is_a_telephone_by_default():
    (augmentation,) = clip_chain([{"name": "bandlimit"}], None)
    for hz, lowest, highest in ((100, 0, 0.05), (1000, 0.95, 1.05), (6000, 0, 0.1)):
        passed = augmentation(tone(hz), 16000, np.random.default_rng(0))[4000:]
        assert lowest <= passed.std() / tone(hz).std() <= highest


@pytest.mark.parametrize("name", ["mp3", "vorbis", "opus", "mulaw", "alaw", "8bit"])
def test_codecs_keep_time_and_lose_little_at_their_best(name):
    samples = voice("happy", 1)
    strong = {"codecs": [name], "min_compression": 1.0, "max_compression": 1.0, "telephone": False}
    best = applied("codec", samples, **strong | {"min_compression": 0.0, "max_compression": 0.0})
    error = np.std(best - samples) / samples.std()
    assert 0 < error < 0.15
    worst = applied("codec", samples, **strong)
    assert np.corrcoef(worst, samples)[0, 1] > 0.8
    assert np.std(worst - samples) / samples.std() >= error


def test_the_telephone_codec_has_no_highs():
    spectrum = np.abs(np.fft.rfft(applied("codec", tone(6000) + tone(1000), codecs=["mulaw"])))
    assert spectrum[6000] < 0.02 * spectrum[1000]


@pytest.mark.parametrize("level", [1.0, 0.01])
@pytest.mark.parametrize("coloured_probability", [0.0, 1.0])
def test_background_has_the_ratio_asked_for_at_any_level(level, coloured_probability, corpora_root):
    samples = voice("neutral", 2) * np.float32(level)
    changes = {"min_snr_db": 10.0, "max_snr_db": 10.0, "coloured_probability": coloured_probability}
    noise = applied("background", samples, root=corpora_root, **changes) - samples
    ratio_db = 20 * np.log10(speech_level(samples, 16000) / np.sqrt(np.mean(noise.astype(np.float64) ** 2)))
    assert ratio_db == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("pitch", {"min_semitones": 5.0}, "min_semitones 5.0 is above max_semitones 3.0"),
        ("stretch", {"min_factor": 1.5}, "min_factor"),
        ("bandlimit", {"max_low_hz": 5000.0}, "rising order"),
        ("codec", {"codecs": []}, "codecs is empty"),
        ("codec", {"codecs": ["g729"]}, "codec"),
        ("background", {"min_snr_db": 30.0}, "min_snr_db"),
        ("shift", {"max_share": 2.0}, "max_share"),
    ],
)
def test_wrong_settings_are_refused(name, changes, message):
    with pytest.raises(ConfigError, match=message):
        clip_chain([settings(name, **changes)], None)

"""Contracts of every registered feature of whole clips, and each against the library it comes from."""

import subprocess
import sys

import librosa
import numpy as np
import pytest
import python_speech_features as psf
from dummy_corpora import voice
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import ConfigError, MissingDependencyError
from monitor.pipeline.features.spec import FeatureSpec
from monitor.pipeline.frames import features_of
from trainer.features import FEATURES, make_feature
from trainer.features.pitch import pitch_of

RATE_HZ = 16000
SETTINGS = {
    "mfcc": [{}, {"n_mfcc": 40, "deltas": 2, "hop_samples": 160, "n_fft": 400, "lifter": 22.0, "htk": True}],
    "mel": [{}, {"values": "db", "reference": "max", "deltas": 1}, {"exponent": 1.0, "high_hz": 4000.0}],
    "spectrogram": [{}, {"values": "power"}, {"values": "db", "range_db": 0.0}],
    "chroma": [{}, {"from_magnitudes": True, "n_chroma": 24}],
    "contrast": [{"n_bands": 5}],
    "tonnetz": [{"chroma": "stft"}, {"harmonic": False}],
    "psf-mfcc": [{}, {"n_cepstra": 40, "n_filters": 26, "window": "hamming", "full_scale": 1, "n_fft": 0}],
    "psf-filterbank": [{}, {"log": False, "low_hz": 100.0, "high_hz": 7000.0}],
    "psf-fft": [{}, {"values": "power"}, {"values": "db"}, {"values": "db-relative", "n_fft": 1024}],
    "daemon": [{}, {"spec": {"name": "logfbank", "n_filters": 26, "n_cepstra": 13}}],
    "voice": [{}, {"statistics": ["mean", "std", "p20", "p50", "p80", "range"]}],
    "egemaps": [{}, {"level": "descriptors"}],
}
CASES = [(name, changes) for name, cases in SETTINGS.items() for changes in cases]


def feature(name, **changes):
    try:
        made = make_feature({"name": name, **changes})
        made.coefficient_names  # noqa: B018
    except MissingDependencyError as error:
        pytest.skip(str(error))
    return made


def clips():
    rng = np.random.default_rng(0)
    speech = voice("happy", 1)
    return {
        "silence": np.zeros(8000, np.float32),
        "one sample": np.full(1, 0.5, np.float32),
        "short": speech[:100],
        "clipped": np.clip(speech * 20, -1, 1),
        "noise": (0.1 * rng.standard_normal(8000)).astype(np.float32),
        "faint": speech[:8000] * np.float32(1e-6),
        "zeros and speech": np.concatenate([np.zeros(6000, np.float32), speech[:6000], np.zeros(6000, np.float32)]),
        "offset": np.full(6000, 0.3, np.float32),
    }


def test_every_feature_has_settings_here():
    assert set(SETTINGS) == set(FEATURES)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("name", "changes"), CASES)
def test_features_are_finite_named_and_repeatable(name, changes):
    made = feature(name, **changes)
    for kind, samples in clips().items():
        before = samples.copy()
        values = made(samples, RATE_HZ)
        assert values.dtype == np.float32, kind
        assert values.ndim == 2, kind
        assert len(values) >= 1, kind
        assert values.shape[1] == len(made.coefficient_names) == len(set(made.coefficient_names)), kind
        assert np.isfinite(values).all(), kind
        np.testing.assert_array_equal(values, made(samples, RATE_HZ))
        np.testing.assert_array_equal(samples, before)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([case for case in CASES if case[0] not in {"egemaps", "tonnetz"}]),
    st.integers(1, 3000),
    st.sampled_from([0.0, 1e-7, 0.1, 30.0]),
    st.integers(0, 5),
)
def test_any_length_and_level_is_finite(case, n, gain, seed):
    name, changes = case
    samples = np.clip(gain * np.random.default_rng(seed).standard_normal(n), -1, 1).astype(np.float32)
    assert np.isfinite(make_feature({"name": name, **changes})(samples, RATE_HZ)).all()


def test_librosa_features_are_those_of_librosa():
    y = voice("angry", 2)
    short = {"n_fft": 1024, "hop_length": 256}
    frames = {"n_fft": 1024, "hop_samples": 256}
    mel = librosa.feature.melspectrogram(y=y, sr=RATE_HZ, n_mels=64, **short)
    magnitudes = np.abs(librosa.stft(y, **short))
    for made, oracle in (
        (feature("mfcc", n_mfcc=13, **frames), librosa.feature.mfcc(y=y, sr=RATE_HZ, n_mfcc=13, **short)),
        (feature("mfcc"), librosa.feature.mfcc(y=y, sr=RATE_HZ)),
        (feature("mel", n_mels=64, **frames), mel),
        (feature("mel", n_mels=64, values="db", reference="max", **frames), librosa.power_to_db(mel, ref=np.max)),
        (feature("spectrogram", **frames), magnitudes),
        (feature("spectrogram", values="db", **frames), librosa.amplitude_to_db(magnitudes)),
        (feature("chroma"), librosa.feature.chroma_stft(y=y, sr=RATE_HZ)),
        (
            feature("chroma", from_magnitudes=True),
            librosa.feature.chroma_stft(S=np.abs(librosa.stft(y)), sr=RATE_HZ),
        ),
        (feature("contrast", n_bands=5), librosa.feature.spectral_contrast(y=y, sr=RATE_HZ, n_bands=5)),
        (feature("tonnetz"), librosa.feature.tonnetz(y=librosa.effects.harmonic(y), sr=RATE_HZ)),
    ):
        np.testing.assert_allclose(made(y, RATE_HZ), oracle.T, rtol=1e-3, atol=1e-3)


def test_deltas_are_those_of_librosa():
    y = voice("sad", 1)
    cepstra = librosa.feature.mfcc(y=y, sr=RATE_HZ, n_mfcc=13)
    oracle = np.concatenate([cepstra, librosa.feature.delta(cepstra), librosa.feature.delta(cepstra, order=2)])
    np.testing.assert_allclose(feature("mfcc", n_mfcc=13, deltas=2)(y, RATE_HZ), oracle.T, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("full_scale", "rate_hz"), [(32768, 16000), (1, 22050)])
def test_psf_features_are_those_of_the_library(full_scale, rate_hz):
    y = voice("fear", 1, rate_hz=rate_hz)
    scaled = y.astype(np.float64) * full_scale
    same = {"full_scale": full_scale}
    spectra = psf.sigproc.magspec(
        psf.sigproc.framesig(psf.sigproc.preemphasis(scaled, 0.97), 0.025 * rate_hz, 0.01 * rate_hz), 1024
    )
    for made, oracle in (
        (feature("psf-mfcc", n_fft=0, **same), psf.mfcc(scaled, rate_hz, nfft=512 if rate_hz == 16000 else 1024)),
        (
            feature("psf-mfcc", n_cepstra=26, n_fft=1200, append_energy=False, window="hamming", **same),
            psf.mfcc(scaled, rate_hz, numcep=26, nfft=1200, appendEnergy=False, winfunc=np.hamming),
        ),
        (feature("psf-filterbank", n_fft=1024, **same), psf.logfbank(scaled, rate_hz, nfft=1024)),
        (feature("psf-filterbank", n_fft=1024, log=False, **same), psf.fbank(scaled, rate_hz, nfft=1024)[0]),
        (feature("psf-fft", n_fft=1024, **same), spectra),
        (feature("psf-fft", n_fft=1024, values="power", **same), spectra**2 / 1024),
    ):
        np.testing.assert_allclose(made(y, rate_hz), oracle, rtol=1e-4, atol=1e-6)


def test_daemon_is_what_the_daemon_computes():
    samples = np.rint(voice("neutral", 1) * 32767).astype(np.int16)
    spec = FeatureSpec(name="logfbank", n_filters=26, n_cepstra=26)
    values = feature("daemon", spec=spec.to_dict())((samples / 32768).astype(np.float32), RATE_HZ)
    np.testing.assert_array_equal(values, features_of(samples, spec).astype(np.float32))
    with pytest.raises(ConfigError, match="22050 Hz, its spec wants 16000"):
        feature("daemon")(np.zeros(9000, np.float32), 22050)


@pytest.mark.parametrize(("rate_hz", "pitch_hz"), [(16000, 97.0), (16000, 310.0), (22050, 201.3), (8000, 150.0)])
def test_pitch_is_found_and_is_that_of_pyin(rate_hz, pitch_hz):
    t = np.arange(rate_hz) / rate_hz
    harmonics = sum(np.sin(2 * np.pi * k * pitch_hz * t) / k for k in range(1, 9)) * 0.2
    found_hz, harmonicity = pitch_of(harmonics.astype(np.float32), rate_hz, 256, 60.0, 600.0)
    inner = slice(8, -8)
    np.testing.assert_allclose(found_hz[inner], pitch_hz, rtol=0.01)
    assert (harmonicity[inner] > 20).all()
    pyin_hz, _, _ = librosa.pyin(harmonics, fmin=60, fmax=600, sr=rate_hz)
    assert np.median(found_hz[inner]) == pytest.approx(np.nanmedian(pyin_hz), rel=0.01)


@pytest.mark.parametrize("hnr_db", [0.0, 10.0, 20.0])
def test_harmonicity_is_the_ratio_of_voice_to_noise(hnr_db):
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    tone = sum(np.sin(2 * np.pi * k * 160 * t) / k for k in range(1, 9))
    noise = np.random.default_rng(1).standard_normal(len(t)) * np.std(tone) * 10 ** (-hnr_db / 20)
    _, harmonicity = pitch_of((0.1 * (tone + noise)).astype(np.float32), RATE_HZ, 512, 60.0, 600.0)
    assert np.median(harmonicity) == pytest.approx(hnr_db, abs=2.5)


def test_noise_and_silence_have_no_pitch():
    noise = (0.1 * np.random.default_rng(0).standard_normal(RATE_HZ)).astype(np.float32)
    assert np.mean(pitch_of(noise, RATE_HZ, 256, 60.0, 600.0)[0] > 0) < 0.05
    assert not pitch_of(np.zeros(RATE_HZ, np.float32), RATE_HZ, 256, 60.0, 600.0)[0].any()


def test_voice_knows_level_pitch_and_brightness():
    made = feature("voice", statistics=["mean"])
    names = [name.removesuffix("-mean") for name in made.coefficient_names]
    high, low = (dict(zip(names, made(voice(emotion, 1), RATE_HZ)[0], strict=True)) for emotion in ("surprise", "sad"))
    assert high["pitch-semitones"] - low["pitch-semitones"] == pytest.approx(12 * np.log2(380 / 90), abs=1)
    assert high["centroid-hz"] > low["centroid-hz"]
    half = dict(zip(names, made(voice("sad", 1) / 2, RATE_HZ)[0], strict=True))
    assert low["level-dbfs"] - half["level-dbfs"] == pytest.approx(6.02, abs=0.05)
    for name in set(names) - {"level-dbfs", "flatness"}:
        assert half[name] == pytest.approx(low[name], rel=0.01, abs=0.02), name


def test_alpha_ratio_and_hammarberg_index_compare_bands():
    made = feature("voice")
    t = np.arange(RATE_HZ) / RATE_HZ
    samples = (0.5 * np.sin(2 * np.pi * 500 * t) + 0.05 * np.sin(2 * np.pi * 3000 * t)).astype(np.float32)
    values = dict(zip(made.coefficient_names, made(samples, RATE_HZ)[10], strict=True))
    assert values["alpha-ratio-db"] == pytest.approx(20, abs=0.5)
    assert values["hammarberg-db"] == pytest.approx(20, abs=0.5)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"name": "mfc"}, "'mfc' is unknown; known: mfcc"),
        ({}, "'None' is unknown"),
        ({"name": "mel", "n_mel": 3}, "feature 'mel'.*n_mel"),
        ({"name": "mfcc", "n_mfcc": 50, "n_mels": 40}, "n_mfcc 50 must not exceed n_mels 40"),
        ({"name": "mel", "win_samples": 4096}, "win_samples 4096"),
        ({"name": "voice", "low_hz": 700.0}, "low_hz 700"),
    ],
)
def test_wrong_settings_are_refused(recipe, message):
    with pytest.raises(ConfigError, match=message):
        make_feature(recipe)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("contrast", {}, "6 bands begins at 6400"),
        ("psf-mfcc", {"high_hz": 5000.0}, "half the rate"),
        ("voice", {"high_hz": 5000.0}, "half the rate"),
    ],
)
def test_settings_that_do_not_fit_the_rate_are_refused(name, changes, message):
    with pytest.raises(ConfigError, match=message):
        feature(name, **changes)(np.zeros(8000, np.float32), 8000)


def test_without_opensmile_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("trainer.features.egemaps.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install ser-monitor\[egemaps\]"):
        make_feature({"name": "egemaps"})


def test_the_registry_imports_nothing_heavy():
    code = "import sys, trainer.features; assert not {'librosa', 'opensmile', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

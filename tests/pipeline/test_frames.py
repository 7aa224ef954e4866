"""A stream in any blocks equals python_speech_features on the whole signal."""

import numpy as np
import pytest
import python_speech_features as psf
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.pipeline.features.mel import lifter, mel_filters
from monitor.pipeline.features.mfcc import dct_matrix
from monitor.pipeline.features.spec import FeatureSpec
from monitor.pipeline.frames import FrameStream, features_of

WINDOW_FUNCTIONS = {"hamming": np.hamming, "hann": np.hanning, "rectangular": np.ones}

SPECS = st.builds(
    FeatureSpec,
    name=st.sampled_from(["mfcc", "logfbank"]),
    n_filters=st.sampled_from([26, 40]),
    n_cepstra=st.sampled_from([13, 26]),
    hop_samples=st.sampled_from([100, 160, 400]),
    low_hz=st.sampled_from([0.0, 20.0]),
    preemphasis=st.sampled_from([0.0, 0.97]),
    lifter=st.sampled_from([0, 22]),
    window_function=st.sampled_from(sorted(WINDOW_FUNCTIONS)),
)


def oracle(samples, spec):
    winlen, winstep = spec.frame_samples / spec.rate_hz, spec.hop_samples / spec.rate_hz
    shared = {"nfilt": spec.n_filters, "nfft": spec.n_fft, "lowfreq": spec.low_hz, "highfreq": spec.high_hz}
    taper = WINDOW_FUNCTIONS[spec.window_function]
    if spec.name == "logfbank":
        energies, _ = psf.fbank(
            samples, spec.rate_hz, winlen, winstep, preemph=spec.preemphasis, winfunc=taper, **shared
        )
        return np.log(energies)
    return psf.mfcc(
        samples,
        spec.rate_hz,
        winlen,
        winstep,
        spec.n_cepstra,
        preemph=spec.preemphasis,
        ceplifter=spec.lifter,
        appendEnergy=False,
        winfunc=taper,
        **shared,
    )


@given(spec=SPECS)
def test_filters_and_lifter_are_those_of_the_library(spec):
    theirs = psf.base.get_filterbanks(spec.n_filters, spec.n_fft, spec.rate_hz, spec.low_hz, spec.high_hz)
    np.testing.assert_array_equal(mel_filters(spec), theirs)
    np.testing.assert_array_equal(
        lifter(spec.n_cepstra, spec.lifter), psf.base.lifter(np.ones((1, spec.n_cepstra)), spec.lifter)[0]
    )


def test_filters_narrower_than_a_bin_are_those_of_the_library():
    spec = FeatureSpec(n_filters=128, n_cepstra=40, n_fft=400)
    theirs = psf.base.get_filterbanks(128, 400, spec.rate_hz, spec.low_hz, spec.high_hz)
    np.testing.assert_array_equal(mel_filters(spec), theirs)


def signal(n, seed):
    rng = np.random.default_rng(seed)
    loud = (rng.standard_normal(n) * rng.choice([1, 30, 3000, 20000])).clip(-32768, 32767)
    loud[rng.integers(0, n) :][: n // 4] = 0  # digital silence in the middle
    return loud.astype(np.int16)


def stream(samples, cuts, spec, *, tail=True):
    frames, feature_stream, at = [], FrameStream(spec), 0
    for cut in [*cuts, len(samples)]:
        feature_stream.push(samples[at : at + cut])
        at += cut
        frames.append(feature_stream.take())
    if tail:
        frames.append(feature_stream.take_padded_tail())
    return np.concatenate(frames)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(401, 12_000),
    seed=st.integers(0, 2**31),
    cuts=st.lists(st.integers(0, 3000), max_size=40),
    spec=SPECS,
)
def test_stream_equals_python_speech_features_for_any_cutting(n, seed, cuts, spec):
    samples = signal(n, seed)
    wanted = oracle(samples, spec)
    found = stream(samples, cuts, spec)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("block", [1, 159, 160, 161, 400, 480])
def test_stream_equals_python_speech_features_for_fixed_blocks(block):
    samples = signal(4001, 7)
    found = stream(samples, [block] * (4001 // block), FeatureSpec())
    np.testing.assert_allclose(found, oracle(samples, FeatureSpec()), rtol=0, atol=1e-9)


def test_frames_that_do_not_overlap_can_be_skipped_after_all_were_taken():
    spec = FeatureSpec(hop_samples=400)
    samples = (np.random.default_rng(3).standard_normal(4_000) * 3000).astype(np.int16)
    stream = FrameStream(spec)
    stream.push(samples[:800])
    assert len(stream.take()) == 2
    stream.push(samples[800:])
    stream.skip(3)
    np.testing.assert_allclose(stream.take(), oracle(samples, spec)[5:10], atol=1e-9)


def test_skipped_frames_leave_the_others_unchanged():
    spec, samples = FeatureSpec(), signal(8000, 3)
    feature_stream = FrameStream(spec)
    feature_stream.push(samples[:5000])
    feature_stream.skip(11)
    feature_stream.push(samples[5000:])
    np.testing.assert_allclose(feature_stream.take(), features_of(samples, spec)[11:], rtol=0, atol=1e-9)


def test_each_frame_is_computed_once():
    class Counting:
        n_frames = 0

        def extract(self, frames):
            self.n_frames += len(frames)
            return np.zeros((len(frames), 40))

    feature_stream = FrameStream(FeatureSpec())
    feature_stream._feature = counting = Counting()
    for _ in range(100):
        feature_stream.push(np.zeros(333, dtype=np.int16))
        feature_stream.take()
    assert counting.n_frames == feature_stream.next_frame == (33_300 - 400) // 160 + 1


def test_digital_silence_is_finite():
    assert features_of(np.zeros(800, dtype=np.int16), FeatureSpec(name="logfbank")) == pytest.approx(-36.0437, abs=1e-3)


def test_dct_matrix_is_orthogonal():
    matrix = dct_matrix(40, 40)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(40), atol=1e-12)


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("n_fft", 256, "n_fft"),
        ("hop_samples", 500, "hop_samples"),
        ("n_cepstra", 41, "n_cepstra"),
        ("low_hz", 9000.0, "low_hz"),
        ("high_hz", 9000.0, "high_hz"),
    ],
)
def test_impossible_specs_are_refused(field, value, word):
    with pytest.raises(ValueError, match=word):
        FeatureSpec(**{field: value})

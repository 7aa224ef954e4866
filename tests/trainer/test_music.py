"""Computed music: what every piece holds, and that it is the same wherever it is made."""

import numpy as np
import pytest
import soundfile

from trainer.artificial import artificial
from trainer.music import PIECE_S, RATE_HZ, piece, written_pieces

_PIECES = range(24)


@pytest.fixture(scope="module")
def pieces():
    return [piece(number) for number in _PIECES]


def loudest_hz(samples):
    """Of each fifth of a second with some sound, the frequency of its highest peak."""
    parts = samples[: len(samples) // 3200 * 3200].reshape(-1, 3200)
    parts = parts[np.abs(parts).max(axis=1) > 0.02]
    spectra = np.abs(np.fft.rfft(parts * np.hanning(3200), axis=1))
    return np.fft.rfftfreq(3200, 1 / RATE_HZ)[spectra.argmax(axis=1)]


def test_a_piece_is_sound_all_along_and_fits_the_scale(pieces):
    for samples in pieces:
        assert samples.shape == (round(PIECE_S * RATE_HZ),)
        assert np.abs(samples).max() == pytest.approx(0.5)
        # Rests are short.
        fifths = samples.reshape(5, -1)
        assert (np.abs(fifths).max(axis=1) > 0.01).all()


def test_pieces_are_of_tones_that_change_and_differ_from_each_other(pieces):
    n_notes = [len(np.unique(loudest_hz(samples))) for samples in pieces]
    assert min(n_notes) >= 2
    assert np.median(n_notes) >= 5
    # Tones: most of the power lies in few of the frequencies.
    for samples in pieces:
        power = np.sort(np.abs(np.fft.rfft(samples)) ** 2)[::-1]
        assert power[: len(power) // 20].sum() > 0.5 * power.sum()
    centroids = [np.average(np.fft.rfftfreq(len(s), 1 / RATE_HZ), weights=np.abs(np.fft.rfft(s)) ** 2) for s in pieces]
    assert max(centroids) > 5 * min(centroids)


def test_a_piece_is_none_of_the_tunes_that_models_are_judged_by(pieces):
    tune = artificial("tunes", PIECE_S, RATE_HZ) / 32768.0
    spectrum = np.fft.rfft(tune, 2 * len(tune))
    for samples in pieces:
        # At no delay are they alike.
        together = np.fft.irfft(spectrum * np.conj(np.fft.rfft(samples, 2 * len(tune))))
        assert np.abs(together).max() < 0.5 * np.linalg.norm(tune) * np.linalg.norm(samples)


def test_files_hold_the_pieces_and_are_written_once(tmp_path):
    paths = written_pieces(3, tmp_path)
    assert [path.name for path in paths] == ["music-000.wav", "music-001.wav", "music-002.wav"]
    for number, path in enumerate(paths):
        samples, rate_hz = soundfile.read(path)
        assert rate_hz == RATE_HZ
        np.testing.assert_allclose(samples, piece(number), atol=2**-15)
    before = [path.stat().st_mtime_ns for path in paths]
    assert written_pieces(2, tmp_path) == paths[:2]
    assert [path.stat().st_mtime_ns for path in paths] == before
    assert not list(tmp_path.rglob("*.part"))
    assert written_pieces(0, tmp_path / "none") == []
    assert not (tmp_path / "none").exists()

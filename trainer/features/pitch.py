"""Pitch and harmonicity by autocorrelation (Boersma 1993, IFA Proceedings 17: 97-110)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PERIODS = 4.5
"""Longest periods in a frame: few enough to follow the voice, enough for harmonicity."""
_OCTAVE_COST = 0.01
"""Per octave that a candidate lies lower: the first of equal peaks is the pitch, not one of its multiples."""
_VOICING = 0.45
"""Periodic share of the power above which a frame is voiced."""
_SILENCE = 0.03
"""Frames with a lower peak, relative to the clip's, are silent."""
_RANGE = (0.01, 0.9999)
"""Periodic share of the power, so that harmonicity lies between -20 and 40 dB."""


def pitch_of(
    samples: NDArray[np.float32], rate_hz: int, hop_samples: int, low_hz: float, high_hz: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pitch and harmonic-to-noise ratio of frames centred on every hop.

    The best peak of each frame for itself; unlike Boersma's, no path over the frames is sought.

    Args:
        samples: float32, shape (n,).
        rate_hz: of the samples.
        hop_samples: distance between frames.
        low_hz: lowest pitch.
        high_hz: highest pitch.

    Returns:
        Pitch in Hz, 0 where unvoiced, and the ratio in dB, -20 to 40; float64, shape (1 + n // hop_samples,).
    """
    half = int(_PERIODS / low_hz * rate_hz / 2)
    frames = sliding_window_view(np.pad(samples.astype(np.float64), half), 2 * half)[::hop_samples]
    frames = frames[: 1 + len(samples) // hop_samples]
    peaks = np.abs(frames).max(axis=1)
    window = np.hanning(2 * half)
    last = min(int(rate_hz / low_hz) + 2, 2 * half - 1)
    correlation = _autocorrelation((frames - frames.mean(axis=1, keepdims=True)) * window, last + 1)
    correlation /= _autocorrelation(window[None], last + 1)
    lag, strength = _best_peaks(correlation, rate_hz, low_hz, high_hz)
    silent = (peaks <= _SILENCE * np.abs(samples).max(initial=0)) | (lag == 0)
    strength = np.where(silent, 0, strength)
    pitch_hz = np.divide(rate_hz, lag, out=np.zeros(len(lag)), where=strength >= _VOICING)
    periodic = np.clip(strength, *_RANGE)
    return np.asarray(pitch_hz, np.float64), np.asarray(10 * np.log10(periodic / (1 - periodic)), np.float64)


def _autocorrelation(frames: NDArray[np.float64], n_lags: int) -> NDArray[np.float64]:
    """Normalised to 1 at lag 0; float64 (frames, n_lags), all 0 for a frame of zeros."""
    n_fft = 1 << (2 * frames.shape[1] - 1).bit_length()
    power = np.abs(np.fft.rfft(frames, n_fft)) ** 2
    correlation = np.fft.irfft(power, n_fft)[:, :n_lags]
    energy = correlation[:, :1].copy()
    return np.divide(correlation, energy, out=np.zeros_like(correlation), where=energy > 0)


def _best_peaks(
    correlation: NDArray[np.float64], rate_hz: int, low_hz: float, high_hz: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lag in samples and height of each frame's best peak, 0 and 0 where there is none, by a parabola through it."""
    first = max(int(rate_hz / high_hz), 1)
    left, centre, right = correlation[:, first - 1 : -2], correlation[:, first:-1], correlation[:, first + 1 :]
    lags = np.arange(first, first + centre.shape[1])
    cost = _OCTAVE_COST * np.log2(low_hz * lags / rate_hz)
    is_peak = (centre > left) & (centre >= right) & (centre > 0)
    curvature = left - 2 * centre + right
    shift = np.divide(left - right, 2 * curvature, out=np.zeros_like(centre), where=curvature < 0)
    # Peaks are compared by their true heights: of a high voice, the period seldom falls on a sample, its double does.
    height = np.minimum(centre - (left - right) * shift / 4, 1)
    at = np.argmax(np.where(is_peak, height - cost, -np.inf), axis=1)
    rows = np.arange(len(centre))
    found = is_peak[rows, at]
    return np.where(found, lags[at] + shift[rows, at], 0), np.where(found, height[rows, at], 0)

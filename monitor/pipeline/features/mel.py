"""Triangular mel filters and the cepstral lifter, number for number those of `python_speech_features`.

Not imported from there: that package brings SciPy along, 80 ms at every start and 13 MB for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.pipeline.features.spec import FeatureSpec


def mel_filters(spec: FeatureSpec) -> NDArray[np.float64]:
    """Filters whose corners lie evenly in mel, each corner on a whole bin of the Fourier transform.

    Returns:
        float64, shape (n_filters, n_fft // 2 + 1): weight of each bin.
    """
    corners_mel = np.linspace(_mel(spec.low_hz), _mel(spec.high_hz), spec.n_filters + 2)
    corners = np.floor((spec.n_fft + 1) * _hz(corners_mel) / spec.rate_hz)
    filters = np.zeros((spec.n_filters, spec.n_fft // 2 + 1))
    for weights, (low, peak, high) in zip(filters, zip(corners, corners[1:], corners[2:], strict=False), strict=True):
        rising, falling = np.arange(low, peak), np.arange(peak, high)
        # Two corners in one bin leave a side without bins: nothing is divided then.
        weights[int(low) : int(peak)] = (rising - low) / (peak - low or 1.0)
        weights[int(peak) : int(high)] = (high - falling) / (high - peak or 1.0)
    return filters


def lifter(n_cepstra: int, length: int) -> NDArray[np.float64]:
    """Factor of each cepstrum, float64 (n_cepstra,); 1 where `length` is 0."""
    if length == 0:
        return np.ones(n_cepstra)
    factors: NDArray[np.float64] = 1 + (length / 2) * np.sin(np.pi * np.arange(n_cepstra) / length)
    return factors


def _mel(hz: float) -> float:
    return 2595 * float(np.log10(1 + hz / 700))


def _hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    hz: NDArray[np.float64] = 700 * (10 ** (mel / 2595) - 1)
    return hz

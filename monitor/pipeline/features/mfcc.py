"""Mel-frequency cepstra, equal to `python_speech_features.mfcc` with `appendEnergy=False`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.pipeline.features.filterbank import Filterbank
from monitor.pipeline.features.mel import lifter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.pipeline.features.spec import FeatureSpec


def dct_matrix(n_inputs: int, n_outputs: int) -> NDArray[np.float64]:
    """Orthonormal DCT-II as a matrix, so that `energies @ matrix` are the cepstra.

    Returns:
        float64, shape (n_inputs, n_outputs). With n_outputs == n_inputs it is orthogonal: its transpose undoes it.
    """
    n = np.arange(n_inputs)[:, None]
    k = np.arange(n_outputs)[None, :]
    matrix: NDArray[np.float64] = np.sqrt(2.0 / n_inputs) * np.cos(np.pi * k * (2 * n + 1) / (2 * n_inputs))
    matrix[:, 0] /= np.sqrt(2.0)
    return matrix


class Mfcc:
    """Cepstra of frames."""

    def __init__(self, spec: FeatureSpec) -> None:
        """Prepare filters, cosine transform and lifter of `spec`."""
        self._filterbank = Filterbank(spec)
        # The lifter scales each cepstrum by a constant: it is folded into the transform.
        self._transform = dct_matrix(spec.n_filters, spec.n_cepstra) * lifter(spec.n_cepstra, spec.lifter)

    def extract(self, frames: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pre-emphasised frames, float64 (n, frame_samples), to float64 (n, n_cepstra)."""
        cepstra: NDArray[np.float64] = self._filterbank.log_energies(frames) @ self._transform
        return cepstra

"""Power spectrum through the mel filterbank: the stage that every feature here shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.pipeline.features.mel import mel_filters

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from monitor.pipeline.features.spec import FeatureSpec

_WINDOW_FUNCTIONS: dict[str, Callable[[int], NDArray[np.float64]]] = {
    "hamming": np.hamming,
    "hann": np.hanning,
    "rectangular": np.ones,
}
_EPS = np.finfo(np.float64).eps
"""What python_speech_features puts in place of an energy of exactly 0; its log is -36.04."""


class Filterbank:
    """Mel filterbank energies of frames, as `python_speech_features.fbank` computes them."""

    def __init__(self, spec: FeatureSpec) -> None:
        """Take window function and filters of `spec`."""
        self._n_fft = spec.n_fft
        self._taper = _WINDOW_FUNCTIONS[spec.window_function](spec.frame_samples)
        # The power spectrum's 1/n_fft is folded into the filters: one pass less over every frame.
        self._filters = np.ascontiguousarray(mel_filters(spec).T) / spec.n_fft

    def log_energies(self, frames: NDArray[np.float64]) -> NDArray[np.float64]:
        """Natural logarithm of the filter energies.

        Args:
            frames: pre-emphasised samples, float64, shape (n, frame_samples).

        Returns:
            float64, shape (n, n_filters); digital silence is log(2.2e-16) = -36.04.
        """
        # Tapered into a padded array at once: rfft would pad by one more copy.
        tapered = np.zeros((len(frames), self._n_fft))
        np.multiply(frames, self._taper, out=tapered[:, : frames.shape[1]])
        spectrum = np.fft.rfft(tapered)
        power = spectrum.real**2 + spectrum.imag**2
        energies = power @ self._filters
        energies[energies == 0.0] = _EPS
        logarithms: NDArray[np.float64] = np.log(energies, out=energies)
        return logarithms

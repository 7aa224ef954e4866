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
_FRAMES_AT_ONCE = 32
"""So many stay in the processor's cache and in memory that is used again. All of a window at once, in fresh arrays,
took three times as long, most of it for memory that the C library had given back to the system."""
_EPS = np.finfo(np.float64).eps
"""What python_speech_features puts in place of an energy of exactly 0; its log is -36.04."""


class Filterbank:
    """Mel filterbank energies of frames, as `python_speech_features.fbank` computes them."""

    def __init__(self, spec: FeatureSpec) -> None:
        """Take window function and filters of `spec`."""
        self._taper = _WINDOW_FUNCTIONS[spec.window_function](spec.frame_samples)
        # The power spectrum's 1/n_fft is folded into the filters: one pass less over every frame.
        self._filters = np.ascontiguousarray(mel_filters(spec).T) / spec.n_fft
        self._padded = np.zeros((_FRAMES_AT_ONCE, spec.n_fft))
        self._real_square, self._imaginary_square = np.empty((2, _FRAMES_AT_ONCE, spec.n_fft // 2 + 1))

    def log_energies(self, frames: NDArray[np.float64]) -> NDArray[np.float64]:
        """Natural logarithm of the filter energies.

        Args:
            frames: pre-emphasised samples, float64, shape (n, frame_samples).

        Returns:
            float64, shape (n, n_filters); digital silence is log(2.2e-16) = -36.04.
        """
        energies = np.empty((len(frames), self._filters.shape[1]))
        for at in range(0, len(frames), _FRAMES_AT_ONCE):
            few = frames[at : at + _FRAMES_AT_ONCE]
            np.matmul(self._power(few), self._filters, out=energies[at : at + len(few)])
        energies[energies == 0.0] = _EPS
        logarithms: NDArray[np.float64] = np.log(energies, out=energies)
        return logarithms

    def _power(self, frames: NDArray[np.float64]) -> NDArray[np.float64]:
        """Squared magnitudes of a few frames, float64 (n, n_fft // 2 + 1); they hold until the next call."""
        n = len(frames)
        # The rest of each row stays zero: rfft would pad by a copy.
        np.multiply(frames, self._taper, out=self._padded[:n, : frames.shape[1]])
        spectrum = np.fft.rfft(self._padded[:n])
        power = np.square(spectrum.real, out=self._real_square[:n])
        power += np.square(spectrum.imag, out=self._imaginary_square[:n])
        return power

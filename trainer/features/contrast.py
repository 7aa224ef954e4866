"""Spectral contrast: how far peaks stand above valleys, in octave bands (Jiang et al. 2002)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import librosa
import numpy as np
from msgspec import Meta

from monitor.errors import ConfigError
from trainer.features import numbered
from trainer.features.stft import Stft, quiet
from trainer.recipe import Count, Positive  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Contrast(Stft, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`librosa.feature.spectral_contrast`, in dB.

    Attributes:
        n_bands: octaves from `low_hz` upwards; their lower edges must lie below half the rate: at most 5 at 16 kHz,
            6 at 22.05 kHz, above 200 Hz.
        low_hz: upper edge of the lowest band, which is one more.
        quantile: share of a band's bins that are its peak, and its valley.
    """

    n_bands: Count = 6
    low_hz: Positive = 200.0
    quantile: Annotated[float, Meta(gt=0, lt=1)] = 0.02

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """From the lowest band to the highest."""
        return numbered("contrast", self.n_bands + 1)

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """float32 (n,) to float32 (1 + n // hop_samples, n_bands + 1).

        Raises:
            ConfigError: the bands do not fit below half the rate.
        """
        highest_hz = self.low_hz * 2.0 ** (self.n_bands - 1)
        if highest_hz >= rate_hz / 2:
            raise ConfigError(
                f"feature 'contrast': the highest of {self.n_bands} bands begins at {highest_hz:g} Hz; wanted below "
                f"{rate_hz / 2:g}, half the rate: correct n_bands or low_hz in the recipe"
            )
        with quiet():
            contrast = librosa.feature.spectral_contrast(
                S=self.magnitudes(samples), sr=rate_hz, n_bands=self.n_bands, fmin=self.low_hz, quantile=self.quantile
            )
        return np.asarray(contrast.T, np.float32)

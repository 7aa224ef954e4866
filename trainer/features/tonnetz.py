"""Tonnetz: tonal centroids, where a frame's harmony lies among fifths and thirds (Harte et al. 2006)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import librosa
import msgspec
import numpy as np
from librosa.effects import harmonic

from trainer.features.stft import quiet
from trainer.recipe import Count

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Tonnetz(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`librosa.feature.tonnetz`.

    Attributes:
        hop_samples: distance between frames.
        harmonic: of the clip's harmonic part (`librosa.effects.harmonic`), as librosa documents it.
        chroma: from the constant-Q transform, librosa's own way, or from the faster Fourier transform.
    """

    hop_samples: Count = 512
    harmonic: bool = True
    chroma: Literal["cqt", "stft"] = "cqt"

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """Two coordinates each."""
        return ("fifth-x", "fifth-y", "minor-third-x", "minor-third-y", "major-third-x", "major-third-y")

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """float32 (n,) to float32 (1 + n // hop_samples, 6).

        Raises:
            ConfigError: the constant-Q transform reaches above half the rate.
        """
        with quiet():
            sung = harmonic(samples) if self.harmonic else samples
            of = librosa.feature.chroma_cqt if self.chroma == "cqt" else librosa.feature.chroma_stft
            chroma = of(y=sung, sr=rate_hz, hop_length=self.hop_samples)
            centroids = librosa.feature.tonnetz(chroma=chroma, sr=rate_hz)
        return np.asarray(centroids.T, np.float32)

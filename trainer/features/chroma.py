"""Chroma: energy of the twelve pitch classes, whatever the octave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import librosa
import numpy as np

from trainer.features import numbered
from trainer.features.stft import Stft, quiet
from trainer.recipe import Count  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Chroma(Stft, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`librosa.feature.chroma_stft`, tuning estimated from the clip; each frame's largest is 1.

    Attributes:
        n_chroma: pitch classes.
        from_magnitudes: the energies are magnitudes rather than power, as in much code that passes `S=abs(stft)`.
    """

    n_chroma: Count = 12
    from_magnitudes: bool = False

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """From C upwards."""
        return numbered("chroma", self.n_chroma)

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """float32 (n,) to float32 (1 + n // hop_samples, n_chroma)."""
        magnitudes = self.magnitudes(samples)
        spectrogram = magnitudes if self.from_magnitudes else np.square(magnitudes)
        with quiet():
            chroma = librosa.feature.chroma_stft(S=spectrogram, sr=rate_hz, n_chroma=self.n_chroma)
        return np.asarray(chroma.T, np.float32)

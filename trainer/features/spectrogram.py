"""Spectrogram: the short-time Fourier transform itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from trainer.features import numbered
from trainer.features.stft import Stft, in_db
from trainer.recipe import NotNegative  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Spectrogram(Stft, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`librosa.stft` as magnitudes, power or dB.

    Attributes:
        values: what a coefficient is.
        reference: of the dB: one, or the clip's loudest value.
        range_db: dB below the clip's loudest value are cut off; 0 cuts nothing.
    """

    values: Literal["magnitude", "power", "db"] = "magnitude"
    reference: Literal["one", "max"] = "one"
    range_db: NotNegative = 80.0

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """From 0 Hz to half the rate."""
        return numbered("bin", self.n_fft // 2 + 1)

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """float32 (n,) to float32 (1 + n // hop_samples, n_fft // 2 + 1)."""
        del rate_hz
        magnitudes = self.magnitudes(samples)
        if self.values == "magnitude":
            return magnitudes.T
        power = np.square(magnitudes)
        return power.T if self.values == "power" else in_db(power, self.reference, self.range_db).T

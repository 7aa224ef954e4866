"""Mel spectrogram as librosa computes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import librosa
import numpy as np

from trainer.features import numbered
from trainer.features.deltas import Orders, delta_names, with_deltas
from trainer.features.stft import Stft, in_db, quiet
from trainer.recipe import Count, NotNegative, Positive  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Mel(Stft, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`librosa.feature.melspectrogram`.

    Attributes:
        n_mels: mel filters.
        low_hz: lower edge of the filters.
        high_hz: upper edge; 0 is half the rate.
        exponent: of the magnitudes: 2 is power.
        values: as they are, or in dB.
        reference: of the dB: one, or the clip's loudest value.
        range_db: dB below the clip's loudest value are cut off; 0 cuts nothing.
        htk: mel scale of HTK instead of Slaney's.
        deltas: orders of derivatives put behind the filters.
    """

    n_mels: Count = 128
    low_hz: NotNegative = 0.0
    high_hz: NotNegative = 0.0
    exponent: Positive = 2.0
    values: Literal["power", "db"] = "power"
    reference: Literal["one", "max"] = "one"
    range_db: NotNegative = 80.0
    htk: bool = False
    deltas: Orders = 0

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """From the lowest filter to the highest."""
        return delta_names(numbered("mel", self.n_mels), self.deltas)

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """float32 (n,) to float32 (1 + n // hop_samples, n_mels * (deltas + 1))."""
        spectrogram = self.magnitudes(samples) ** np.float32(self.exponent)
        with quiet():
            mel = librosa.feature.melspectrogram(
                S=spectrogram,
                sr=rate_hz,
                n_mels=self.n_mels,
                fmin=self.low_hz,
                fmax=self.high_hz or None,
                htk=self.htk,
            ).astype(np.float32)
        if self.values == "db":
            mel = in_db(mel, self.reference, self.range_db)
        return with_deltas(mel, self.deltas).T

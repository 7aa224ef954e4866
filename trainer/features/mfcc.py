"""Mel-frequency cepstra as librosa computes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import librosa
import numpy as np
from msgspec import Meta

from trainer.features import numbered
from trainer.features.deltas import Orders, delta_names, with_deltas
from trainer.features.stft import Stft, quiet
from trainer.recipe import Count, NotNegative  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Mfcc(Stft, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`librosa.feature.mfcc`: cosine transform of a mel spectrogram in dB, which reaches 80 dB below its loudest.

    Attributes:
        n_mfcc: cepstra kept.
        n_mels: mel filters.
        low_hz: lower edge of the filters.
        high_hz: upper edge; 0 is half the rate.
        dct_type: type of the cosine transform.
        lifter: cepstral lifter length; 0 is none.
        htk: mel scale of HTK instead of Slaney's.
        deltas: orders of derivatives put behind the cepstra.
    """

    n_mfcc: Count = 20
    n_mels: Count = 128
    low_hz: NotNegative = 0.0
    high_hz: NotNegative = 0.0
    dct_type: Annotated[int, Meta(ge=1, le=3)] = 2
    lifter: NotNegative = 0.0
    htk: bool = False
    deltas: Orders = 0

    def __post_init__(self) -> None:
        """Refuse more cepstra than filters.

        Raises:
            ValueError: with the two numbers.
        """
        super().__post_init__()
        if self.n_mfcc > self.n_mels:
            raise ValueError(f"n_mfcc {self.n_mfcc} must not exceed n_mels {self.n_mels}")

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """`mfcc-1` is the mean level."""
        return delta_names(numbered("mfcc", self.n_mfcc), self.deltas)

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """float32 (n,) to float32 (1 + n // hop_samples, n_mfcc * (deltas + 1))."""
        power = np.square(self.magnitudes(samples))
        with quiet():
            mel = librosa.feature.melspectrogram(
                S=power,
                sr=rate_hz,
                n_mels=self.n_mels,
                fmin=self.low_hz,
                fmax=self.high_hz or None,
                htk=self.htk,
            )
            cepstra = librosa.feature.mfcc(
                S=librosa.power_to_db(mel), n_mfcc=self.n_mfcc, dct_type=self.dct_type, lifter=self.lifter
            )
        return with_deltas(cepstra.astype(np.float32), self.deltas).T

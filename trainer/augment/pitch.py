"""Pitch: raises or lowers the voice at the same speed."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np
from librosa.effects import pitch_shift
from msgspec import Meta

from trainer.recipe import Share

if TYPE_CHECKING:
    from numpy.typing import NDArray

Semitones = Annotated[float, Meta(ge=-24, le=24)]


class Pitch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Uniform shift between the two, in semitones; free of scale.

    Attributes:
        probability: of being applied.
        min_semitones: lowest.
        max_semitones: highest.
        method: librosa's phase vocoder, as earlier projects used it, or Signalsmith Stretch by way of audiomentations,
            which is cleaner and faster.
    """

    probability: Share = 1.0
    min_semitones: Semitones
    max_semitones: Semitones
    method: Literal["phase-vocoder", "signalsmith"] = "phase-vocoder"

    def __post_init__(self) -> None:
        """Refuse an empty range.

        Raises:
            ValueError: with the two ends.
        """
        if self.min_semitones > self.max_semitones:
            raise ValueError(f"min_semitones {self.min_semitones} is above max_semitones {self.max_semitones}")

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (n,) to float32 (n,)."""
        if rng.random() >= self.probability:
            return samples
        semitones = rng.uniform(self.min_semitones, self.max_semitones)
        if self.method == "signalsmith":
            return _signalsmith(samples, rate_hz, semitones)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="n_fft=")
            return np.asarray(pitch_shift(samples, sr=rate_hz, n_steps=semitones), np.float32)


def _signalsmith(samples: NDArray[np.float32], rate_hz: int, semitones: float) -> NDArray[np.float32]:
    from audiomentations import PitchShift  # noqa: PLC0415 - it takes a second to import

    # With nothing to choose from, its own random numbers decide nothing.
    return np.asarray(PitchShift(semitones, semitones, method="signalsmith_stretch", p=1.0)(samples, rate_hz))

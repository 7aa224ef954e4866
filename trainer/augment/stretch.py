"""Stretch: plays the clip faster or slower at the same pitch."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
from librosa.effects import time_stretch

from trainer.augment.speed import Factor
from trainer.recipe import Share

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Stretch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Uniform factor between the two; above 1 is faster; free of scale.

    Attributes:
        probability: of being applied.
        min_factor: slowest.
        max_factor: fastest.
        method: librosa's phase vocoder, as earlier projects used it, or Signalsmith Stretch by way of audiomentations,
            which is cleaner and faster.
    """

    probability: Share = 1.0
    min_factor: Factor
    max_factor: Factor
    method: Literal["phase-vocoder", "signalsmith"] = "phase-vocoder"

    def __post_init__(self) -> None:
        """Refuse an empty range.

        Raises:
            ValueError: with the two ends.
        """
        if self.min_factor > self.max_factor:
            raise ValueError(f"min_factor {self.min_factor} is above max_factor {self.max_factor}")

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (n,) to float32 (about n / factor,)."""
        if rng.random() >= self.probability:
            return samples
        factor = rng.uniform(self.min_factor, self.max_factor)
        if self.method == "signalsmith":
            return _signalsmith(samples, rate_hz, factor)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="n_fft=")
            return np.asarray(time_stretch(samples, rate=factor), np.float32)


def _signalsmith(samples: NDArray[np.float32], rate_hz: int, factor: float) -> NDArray[np.float32]:
    from audiomentations import TimeStretch  # noqa: PLC0415 - it takes a second to import

    # With nothing to choose from, its own random numbers decide nothing.
    stretch = TimeStretch(factor, factor, leave_length_unchanged=False, method="signalsmith_stretch", p=1.0)
    return np.asarray(stretch(samples, rate_hz))

"""Inject: white noise as strong as a random share of the clip's peak, as much published code adds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from trainer.recipe import NotNegative, Share

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Inject(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """samples + amount * U(0, 1) * max |samples| * N(0, 1), U drawn once a clip; free of scale.

    Attributes:
        probability: of being applied.
        amount: deviation of the loudest noise, relative to the peak.
    """

    probability: Share = 1.0
    amount: NotNegative = 0.035

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (n,) to float32 (n,)."""
        del rate_hz
        if rng.random() >= self.probability:
            return samples
        deviation = self.amount * rng.random() * np.abs(samples).max(initial=0)
        noisy: NDArray[np.float32] = (samples + deviation * rng.standard_normal(len(samples))).astype(np.float32)
        return noisy

"""MixStyle: the colour of one window, and how lively it is in each band, mixed with those of another.

Zhou, K. et al. (2021), Domain generalization with MixStyle, ICLR; over frequency as in Kim, B. et al. (2022), Domain
generalization with relaxed instance frequency-wise normalization for multi-device acoustic scene classification,
Interspeech. Corpora differ in rooms, microphones and voices; these are then no sign of the label any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from trainer.recipe import Share

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIGITAL_SILENCE = -30.0
"""Log energies below are digital silence, -36.04, which has no colour."""
_LOUD = 6.0
"""Frames so many nepers (26 dB) below the loudest are not speech, and have no say."""
_MIN_SPREAD = 0.3
_MAX_RATIO = 2.0


class MixStyle(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Mean and deviation over the loud frames, for each filter, become a mix with those of another window of the batch.

    Attributes:
        probability: of being applied, for each window.
        concentration: both parameters of the beta distribution of the window's own share; small ones swap or keep.
    """

    probability: Share = 0.5
    concentration: Annotated[float, Meta(gt=0)] = 0.4

    def __call__(self, energies: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (batch, frames, filters) to the same."""
        n = len(energies)
        drawn = rng.beta(self.concentration, self.concentration, n)
        own = np.where(rng.random(n) < self.probability, drawn, 1.0).astype(np.float32)[:, None]
        other = rng.permutation(n)
        mean, spread = _style(energies)
        wanted_mean = own * mean + (1 - own) * mean[other]
        wanted_spread = own * spread + (1 - own) * spread[other]
        ratio = np.clip(wanted_spread / spread, 1 / _MAX_RATIO, _MAX_RATIO)
        mixed = (energies - mean[:, None]) * ratio[:, None] + wanted_mean[:, None]
        return np.where(energies > _DIGITAL_SILENCE, mixed, energies)


def _style(energies: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and deviation over the loud frames, float32 (batch, filters)."""
    level = energies.mean(axis=2)
    loud = (level >= level.max(axis=1, keepdims=True) - _LOUD).astype(np.float32)[..., None]
    n = loud.sum(axis=1)
    mean = (loud * energies).sum(axis=1) / n
    variance = (loud * (energies - mean[:, None]) ** 2).sum(axis=1) / n
    return mean, np.maximum(np.sqrt(variance), _MIN_SPREAD)

"""Floor: steady coloured noise below the speech, added in the power domain."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from trainer.recipe import NotNegative, Share

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BANK_FRAMES = 4096
_LOWEST_SPREAD, _HIGHEST_SPREAD = 0.9, 0.35
"""Spread of noise in a log filter energy: the wider the filter, the more bins it averages."""


class Floor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Noise whose level lies below the window's loudest energy, in nepers of power (1 is 4.34 dB).

    Attributes:
        probability: of being applied, for each window.
        min_depth: loudest noise.
        max_depth: softest noise.
        min_tilt: change from the middle filter to the highest, at least.
        max_tilt: at most.
    """

    probability: Share = 1.0
    min_depth: NotNegative = 5.0
    max_depth: NotNegative = 16.0
    min_tilt: float = -1.5
    max_tilt: float = 1.0

    def __call__(self, energies: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (batch, frames, filters) to the same."""
        n_windows, n_frames, n_filters = energies.shape
        chosen = np.flatnonzero(rng.random(n_windows) < self.probability)
        depth = rng.uniform(self.min_depth, self.max_depth, len(chosen))
        level = energies[chosen].max(axis=(1, 2), initial=-np.inf) - depth
        tilt = rng.uniform(self.min_tilt, self.max_tilt, len(chosen))[:, None] * np.linspace(-1, 1, n_filters)
        bank = _noise_bank(n_frames, n_filters)
        starts = rng.integers(0, len(bank) - n_frames + 1, len(chosen))
        grain = bank[starts[:, None] + np.arange(n_frames)]
        noisy = energies.copy()
        noisy[chosen] = np.logaddexp(energies[chosen], (level[:, None] + tilt)[:, None].astype(np.float32) + grain)
        return noisy


@cache
def _noise_bank(n_frames: int, n_filters: int) -> NDArray[np.float32]:
    """Grain of noise, float32 (n_frames + 4096, n_filters): drawing it for each batch takes longer than training."""
    rng = np.random.default_rng(1)
    spread = np.linspace(_LOWEST_SPREAD, _HIGHEST_SPREAD, n_filters)
    return (rng.standard_normal((n_frames + _BANK_FRAMES, n_filters)) * spread).astype(np.float32)

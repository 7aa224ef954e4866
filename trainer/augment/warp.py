"""Warp: stretches the filter axis, as another vocal tract length does (Jaitly & Hinton 2013)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from trainer.recipe import NotNegative

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Warp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The highest filter moves by up to `max_filters`, the others in proportion."""

    max_filters: NotNegative

    def __call__(self, energies: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (batch, frames, filters) to the same; linear interpolation between filters."""
        n = energies.shape[2]
        shift = rng.uniform(-self.max_filters, self.max_filters, len(energies))
        position = np.clip(np.arange(n) * (1 + shift[:, None] / n), 0, n - 1.001)
        left = position.astype(np.int64)[:, None]
        share = (position[:, None] - left).astype(np.float32)
        lower = np.take_along_axis(energies, left, axis=2)
        upper = np.take_along_axis(energies, left + 1, axis=2)
        warped: NDArray[np.float32] = lower * (1 - share) + upper * share
        return warped

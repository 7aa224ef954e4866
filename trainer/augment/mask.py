"""Masks over time and frequency: SpecAugment (Park et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

if TYPE_CHECKING:
    from numpy.typing import NDArray

Count = Annotated[int, Meta(ge=0)]


class Mask(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Sets stretches to 0, about the mean of the maps.

    Attributes:
        time_masks: stretches of frames in each window.
        max_frames: longest.
        frequency_masks: stretches of filters in each window.
        max_filters: widest.
    """

    time_masks: Count = 0
    max_frames: Count = 0
    frequency_masks: Count = 0
    max_filters: Count = 0

    def __call__(
        self, maps: NDArray[np.float32], targets: NDArray[np.float32], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """float32 (batch, frames, filters) and (batch, labels) to the same."""
        batch, n_frames, n_filters = maps.shape
        keep = np.ones(maps.shape, dtype=bool)
        for _ in range(self.time_masks):
            keep &= ~_stretches(batch, n_frames, self.max_frames, rng)[:, :, None]
        for _ in range(self.frequency_masks):
            keep &= ~_stretches(batch, n_filters, self.max_filters, rng)[:, None, :]
        return maps * keep, targets


def _stretches(batch: int, length: int, longest: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """One stretch a window, 0 to `longest` long, bool (batch, length)."""
    widths = rng.integers(0, min(longest, length) + 1, batch)
    starts = rng.integers(0, length - widths + 1)
    at = np.arange(length)
    return (at >= starts[:, None]) & (at < (starts + widths)[:, None])

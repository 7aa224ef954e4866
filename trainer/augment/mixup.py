"""Mixup: two windows and their targets in one (Zhang et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from trainer.recipe import Share

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Mixup(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Convex mix with another window of those it is given: a batch's speech, or what is none in it.

    The share of the window itself is never below one half.

    Attributes:
        probability: of being applied, for each window.
        concentration: both parameters of the beta distribution of the share; small ones mix little.
    """

    probability: Share = 0.5
    concentration: Annotated[float, Meta(gt=0)]

    def __call__(
        self, maps: NDArray[np.float32], targets: NDArray[np.float32], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """float32 (batch, frames, filters) and (batch, labels) to the same."""
        share = rng.beta(self.concentration, self.concentration, len(maps))
        share = np.where(rng.random(len(maps)) < self.probability, np.maximum(share, 1 - share), 1.0).astype(np.float32)
        other = rng.permutation(len(maps))
        mixed = maps * share[:, None, None] + maps[other] * (1 - share)[:, None, None]
        return mixed, targets * share[:, None] + targets[other] * (1 - share)[:, None]

"""Shift: the clip begins earlier or later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from trainer.recipe import Share

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Shift(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Uniform shift of up to `max_share` of the clip, either way; free of scale.

    Attributes:
        probability: of being applied.
        max_share: farthest shift, of the clip's length.
        wrap: what leaves at one end comes in at the other (`numpy.roll`); otherwise silence does.
    """

    probability: Share = 1.0
    max_share: Share
    wrap: bool = True

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (n,) to float32 (n,)."""
        del rate_hz
        if rng.random() >= self.probability:
            return samples
        by = int(rng.uniform(-self.max_share, self.max_share) * len(samples))
        shifted = np.roll(samples, by)
        if not self.wrap:
            shifted[slice(by) if by >= 0 else slice(by, None)] = 0
        return shifted

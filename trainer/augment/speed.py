"""Speed: plays the clip faster or slower; pitch and formants move with it, as in another speaker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import soxr
from msgspec import Meta

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Factor = Annotated[float, Meta(ge=0.5, le=2)]


class Speed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Uniform factor between the two; above 1 is faster."""

    min_factor: Factor
    max_factor: Factor

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (n,) to float32 (about n / factor,)."""
        factor = rng.uniform(self.min_factor, self.max_factor)
        resampled: NDArray[np.float32] = soxr.resample(samples, rate_hz * factor, rate_hz, quality="HQ")
        return resampled

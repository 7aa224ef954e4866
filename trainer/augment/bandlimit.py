"""Band limit: what a telephone or a small microphone lets through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta
from scipy.signal import butter, sosfilt

from trainer.recipe import NotNegative, Positive, Share

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Bandlimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Butterworth filters with uniform corners, a telephone's unless said otherwise; free of scale.

    Attributes:
        probability: of being applied.
        min_low_hz: lowest lower corner; 0 leaves the low end as it is.
        max_low_hz: highest lower corner.
        min_high_hz: lowest upper corner; corners above half the rate leave the high end as it is.
        max_high_hz: highest upper corner.
        order: of each filter: 6 dB per octave each.
    """

    probability: Share = 1.0
    min_low_hz: NotNegative = 300.0
    max_low_hz: NotNegative = 300.0
    min_high_hz: Positive = 3400.0
    max_high_hz: Positive = 3400.0
    order: Annotated[int, Meta(ge=1, le=8)] = 4

    def __post_init__(self) -> None:
        """Refuse corners out of order.

        Raises:
            ValueError: with all four.
        """
        corners = self.min_low_hz, self.max_low_hz, self.min_high_hz, self.max_high_hz
        if list(corners) != sorted(corners) or self.max_low_hz == self.min_high_hz:
            raise ValueError(
                f"corners {', '.join(f'{corner:g}' for corner in corners)} Hz; wanted them in rising order"
            )

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (n,) to float32 (n,)."""
        if rng.random() >= self.probability:
            return samples
        low_hz = rng.uniform(self.min_low_hz, self.max_low_hz)
        high_hz = rng.uniform(self.min_high_hz, self.max_high_hz)
        filtered = samples.astype(np.float64)
        for corner_hz, kind in ((low_hz, "highpass"), (high_hz, "lowpass")):
            if 0 < corner_hz < rate_hz / 2:
                filtered = sosfilt(butter(self.order, corner_hz, kind, fs=rate_hz, output="sos"), filtered)
        return filtered.astype(np.float32)

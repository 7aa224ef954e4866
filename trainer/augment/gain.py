"""Gain: the recorder's level, with the rounding and clipping of 16 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from trainer.audio import FULL_SCALE, to_int16

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Gain(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Uniform speech level in dBFS between the two; the speech has RMS 1 before.

    Attributes:
        min_dbfs: lowest level.
        max_dbfs: highest level.
        overdriven_probability: share of copies whose level is drawn between the overdriven levels instead: clipping
            changes the sound itself, which no normalisation in the network undoes, so it has to be learned.
        overdriven_min_dbfs: lowest level of those.
        overdriven_max_dbfs: highest level of those.
    """

    min_dbfs: float
    max_dbfs: float
    overdriven_probability: float = 0.0
    overdriven_min_dbfs: float = -16.0
    overdriven_max_dbfs: float = -6.0

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (n,) to float32 (n,) of whole numbers from -32768 to 32767."""
        del rate_hz
        overdriven = rng.random() < self.overdriven_probability
        levels = (self.overdriven_min_dbfs, self.overdriven_max_dbfs) if overdriven else (self.min_dbfs, self.max_dbfs)
        gain = FULL_SCALE * 10 ** (rng.uniform(*levels) / 20)
        return to_int16(samples * np.float32(gain)).astype(np.float32)

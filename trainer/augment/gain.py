"""Gain: the recorder's level, with the rounding and clipping of 16 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from trainer.audio import FULL_SCALE, to_int16

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Gain(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Uniform speech level in dBFS between the two; the speech has RMS 1 before."""

    min_dbfs: float
    max_dbfs: float

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (n,) to float32 (n,) of whole numbers from -32768 to 32767."""
        del rate_hz
        gain = FULL_SCALE * 10 ** (rng.uniform(self.min_dbfs, self.max_dbfs) / 20)
        return to_int16(samples * np.float32(gain)).astype(np.float32)

"""What the daemon computes, of whole clips: a model trained on it sees the same numbers live."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from monitor.errors import ConfigError
from monitor.pipeline.features.spec import FeatureSpec
from monitor.pipeline.frames import features_of
from trainer.audio import FULL_SCALE, to_int16
from trainer.features import numbered

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Daemon(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`monitor.pipeline.frames.features_of`, of samples rounded to 16 bits; only whole frames.

    Attributes:
        spec: the daemon's features; a clip shorter than a frame is padded to one.
    """

    spec: FeatureSpec = FeatureSpec()

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """As the spec orders them."""
        return numbered(self.spec.name, self.spec.n_coefficients)

    def __call__(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """float32 (n,) to float32 (frames, n_coefficients).

        Raises:
            ConfigError: `rate_hz` is not that of the spec.
        """
        if rate_hz != self.spec.rate_hz:
            raise ConfigError(
                f"feature 'daemon': clips at {rate_hz} Hz, its spec wants {self.spec.rate_hz}; "
                "make clip.rate_hz and spec.rate_hz of the recipe equal"
            )
        padded = np.pad(samples, (0, max(0, self.spec.frame_samples - len(samples))))
        return features_of(to_int16(padded * FULL_SCALE), self.spec).astype(np.float32)

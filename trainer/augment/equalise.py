"""Equalisation: another microphone and room, as a smooth curve over the filters that holds for the whole window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from trainer.recipe import NotNegative

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RELATIVE_DEPTHS = (1.0, 0.6, 0.4, 0.3)
"""Of tilt, and of one, one and a half and three half-waves over the filters."""
_DIGITAL_SILENCE = -30.0
"""Log energies below are digital silence, -36.04, which no microphone colours."""


class Equalise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`depth` is the standard deviation of the tilt towards the edges, in nepers of power (1 is 4.34 dB)."""

    depth: NotNegative

    def __call__(self, energies: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (batch, frames, filters) to the same."""
        x = np.linspace(-1, 1, energies.shape[2])
        shapes = np.stack([x, np.cos(np.pi * x), np.sin(1.5 * np.pi * x), np.cos(3 * np.pi * x)])
        depths = rng.standard_normal((len(energies), len(shapes))) * self.depth * np.array(_RELATIVE_DEPTHS)
        curves = (depths @ shapes).astype(np.float32)[:, None]
        return np.where(energies > _DIGITAL_SILENCE, energies + curves, energies)

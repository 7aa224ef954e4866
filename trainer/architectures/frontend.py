"""The front-end: the first layer of every deployed network. It undoes the cosine transform and takes the level away."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from monitor.pipeline.features.mfcc import dct_matrix


@keras.saving.register_keras_serializable(package="ser_monitor")
class FrontEnd(keras.layers.Layer):  # type: ignore[misc]
    """Features to maps of about unit spread.

    The level of a window is the logarithm of the mean energy of its frames, all filters summed. What lies `floor` below
    it is cut off, so that digital silence, a quiet room and a noise floor look alike.
    """

    def __init__(self, *, cepstra: bool, floor: float, scale: float, shift: float, **kwargs: Any) -> None:
        """Take the constants.

        Args:
            cepstra: the input holds all cepstra; otherwise log filterbank energies.
            floor: in nepers of power (1 is 4.34 dB) relative to the level; negative.
            scale: nepers that become one.
            shift: added at the end.
            kwargs: of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.cepstra, self.floor, self.scale, self.shift = cepstra, floor, scale, shift

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Prepare the inverse transform: the transposed matrix, as the transform is orthonormal."""
        n = int(input_shape[-1] or 0)
        self._inverse = np.ascontiguousarray(dct_matrix(n, n).T).astype(np.float32) if self.cepstra else None
        self._log_frames = math.log(int(input_shape[1] or 1))
        super().build(input_shape)

    def call(self, features: Any) -> Any:
        """float32 (batch, frames, coefficients) to float32 (batch, frames, filters)."""
        energies = ops.matmul(features, self._inverse) if self._inverse is not None else features
        loudest = ops.max(energies, axis=(1, 2), keepdims=True)
        total = ops.sum(ops.exp(energies - loudest), axis=(1, 2), keepdims=True)
        level = loudest + ops.log(total) - self._log_frames
        return ops.maximum(energies - level, self.floor) / self.scale + self.shift

    def get_config(self) -> dict[str, Any]:
        """What the constructor takes."""
        own = {"cepstra": self.cepstra, "floor": self.floor, "scale": self.scale, "shift": self.shift}
        return {**super().get_config(), **own}

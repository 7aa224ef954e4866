"""Deltas: how coefficients change over time, as more coefficients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import librosa
import numpy as np
from msgspec import Meta

if TYPE_CHECKING:
    from numpy.typing import NDArray

Orders = Annotated[int, Meta(ge=0, le=2)]
"""0 none, 1 the first derivative, 2 the second too."""
_WIDTH = 9
"""Frames a derivative is taken over; librosa's default."""


def with_deltas(coefficients: NDArray[np.float32], orders: int) -> NDArray[np.float32]:
    """float32 (k, frames) to float32 (k * (orders + 1), frames); see `librosa.feature.delta`."""
    # What librosa does at the ends by default needs a whole width of frames.
    mode = "interp" if coefficients.shape[1] >= _WIDTH else "nearest"
    changes = [librosa.feature.delta(coefficients, width=_WIDTH, order=i + 1, mode=mode) for i in range(orders)]
    return np.asarray(np.concatenate([coefficients, *changes]), np.float32)


def delta_names(names: tuple[str, ...], orders: int) -> tuple[str, ...]:
    """Names of what `with_deltas` returns."""
    return tuple(prefix + name for prefix in ("", "delta-", "delta2-")[: orders + 1] for name in names)

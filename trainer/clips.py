"""Clips of a recipe: from a file's samples to those the features are computed of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import BadAudioError
from trainer.audio import read_samples

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from trainer.cliprecipe import ClipTable

_RMS = 0.1
"""-20 dBFS."""


def read_prepared(path: Path, table: ClipTable) -> NDArray[np.float32]:
    """The clip in a file at `table.rate_hz`, prepared; float32, shape (n,).

    Raises:
        BadAudioError: it cannot be decoded, holds nothing, or nothing after the offset.
    """
    samples = read_samples(path, table.rate_hz)
    try:
        return prepare(samples, table.rate_hz, table)
    except BadAudioError as error:
        raise BadAudioError(f"{path}: {error}") from None


def prepare(samples: NDArray[np.float32], rate_hz: int, table: ClipTable) -> NDArray[np.float32]:
    """Offset, envelope, normalisation and length, in this order.

    A clip that lies below the envelope's threshold throughout is kept whole, silence is not normalised.

    Args:
        samples: float32 in -1 to 1, shape (n,).
        rate_hz: of the samples; `table.rate_hz` is not looked at.
        table: what to do.

    Returns:
        float32, shape (m,), m of 1 at least.

    Raises:
        BadAudioError: nothing is left after the offset.
    """
    kept = samples[int(table.offset_s * rate_hz) :]
    if not len(kept):
        raise BadAudioError(
            f"{len(samples) / rate_hz:.2f} s long, clip.offset_s is {table.offset_s:g}; "
            "shorten the offset or leave the clip out"
        )
    if table.envelope_threshold:
        loud = kept[envelope(kept, max(1, int(table.envelope_window_s * rate_hz))) > table.envelope_threshold]
        kept = loud if len(loud) else kept
    kept = kept * np.float32(_gain(kept, table))
    return fitted(kept, round(table.seconds * rate_hz)) if table.seconds else kept.astype(np.float32)


def envelope(samples: NDArray[np.float32], window_samples: int) -> NDArray[np.float64]:
    """Mean of |samples| over the window centred on each, float64 (n,); at the ends over what there is of it.

    Equals `pandas.Series(abs(samples)).rolling(window_samples, min_periods=1, center=True).mean()`.
    """
    sums = np.concatenate([[0.0], np.cumsum(np.abs(samples), dtype=np.float64)])
    after = (window_samples - 1) // 2
    ends = np.minimum(np.arange(len(samples)) + after + 1, len(samples))
    starts = np.maximum(np.arange(len(samples)) + after + 1 - window_samples, 0)
    mean: NDArray[np.float64] = (sums[ends] - sums[starts]) / (ends - starts)
    return mean


def fitted(samples: NDArray[np.float32], n_samples: int) -> NDArray[np.float32]:
    """The clip cut at the end, or padded with zeros there, to float32 (n_samples,)."""
    return np.pad(samples[:n_samples], (0, max(0, n_samples - len(samples)))).astype(np.float32)


def _gain(samples: NDArray[np.float32], table: ClipTable) -> float:
    if table.normalise == "none" or not samples.any():
        return 1.0
    wide = samples.astype(np.float64)
    if table.normalise == "peak":
        return float(1 / np.abs(wide).max())
    return float(_RMS / np.sqrt(np.mean(wide**2)))

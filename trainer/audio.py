"""Clips from disk: any file type, rate and channel count, to what the monitor would hear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
import soxr

from monitor.errors import BadAudioError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FULL_SCALE = 32768.0


def read_clip(path: Path, rate_hz: int) -> NDArray[np.int16]:
    """The first channel of an audio file at `rate_hz`, int16, shape (n,).

    Raises:
        BadAudioError: it cannot be decoded or holds nothing.
    """
    return to_int16(read_samples(path, rate_hz) * FULL_SCALE)


def duration_s(path: Path) -> float:
    """How long a recording is, in seconds, by its header.

    Raises:
        BadAudioError: it cannot be decoded.
    """
    try:
        return float(soundfile.info(path).duration)
    except (soundfile.SoundFileError, OSError) as error:
        raise _undecoded(path, error) from None


def read_samples(path: Path, rate_hz: int) -> NDArray[np.float32]:
    """The first channel of an audio file at `rate_hz`, not rounded, float32 in -1 to 1, shape (n,).

    Raises:
        BadAudioError: it cannot be decoded or holds nothing.
    """
    samples, found_hz = _decode(path)
    if found_hz != rate_hz:
        samples = soxr.resample(samples, found_hz, rate_hz, quality="HQ")
    return samples


def to_int16(samples: NDArray[np.floating[Any]]) -> NDArray[np.int16]:
    """Round and clip samples in int16 scale, as a recorder does."""
    rounded: NDArray[np.int16] = np.clip(np.rint(samples), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    return rounded


def _decode(path: Path) -> tuple[NDArray[np.float32], int]:
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise _undecoded(path, error) from None
    if not len(samples):
        raise BadAudioError(f"{path}: holds no samples; get the file again")
    return samples[:, 0], int(rate_hz)


def _undecoded(path: Path, error: Exception) -> BadAudioError:
    return BadAudioError(f"{path}: cannot be decoded ({error}); get the file again")

"""From any sample rate and channel count to mono int16 blocks at the pipeline's rate.

Channels are averaged first (resampling is linear, so the order does not matter and one channel costs least); soxr
then resamples as a stream whose output does not depend on how the input was cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from monitor.errors import BadAudioError, MissingDependencyError
from monitor.records import AudioBlock
from monitor.sources import BLOCK_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOWEST_RATE_HZ = 4_000
HIGHEST_RATE_HZ = 768_000
"""Rates outside come from damaged headers; a 1 Hz one would blow a small file up 16,000 times."""
MOST_CHANNELS = 64
_FULL_SCALE = 32768.0
_LOUDEST = 8.0
"""Float samples are held to this (18 dB over full scale): what is louder is clipped anyway, and would overflow sums."""


def to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Samples of full scale 1.0, float32 (n,), to int16: rounded to the nearest, clipped at full scale."""
    scaled = np.rint(samples * np.float32(_FULL_SCALE))
    clipped: NDArray[np.int16] = np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
    return clipped


class MonoResampler:
    """A stream of sample frames in, mono int16 samples at `rate_hz` out."""

    def __init__(self, rate_hz_in: int, channels: int, rate_hz: int) -> None:
        """Take `channels` channels at `rate_hz_in`.

        Raises:
            BadAudioError: a rate or channel count that no recording has.
            MissingDependencyError: the rates differ and soxr cannot be imported.
        """
        if not LOWEST_RATE_HZ <= rate_hz_in <= HIGHEST_RATE_HZ:
            raise BadAudioError(
                f"found a sample rate of {rate_hz_in} Hz, wanted {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz; convert it"
            )
        if not 1 <= channels <= MOST_CHANNELS:
            raise BadAudioError(f"found {channels} channels, wanted 1 to {MOST_CHANNELS}; convert it to mono")
        self._soxr = None if rate_hz_in == rate_hz else _soxr_stream(rate_hz_in, rate_hz)

    def push(self, frames: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.int16]:
        """Take sample frames, shape (n, channels), int16 or float32 of full scale 1.0.

        Returns:
            int16, shape (m,): what is ready; the resampler holds a few milliseconds back.

        Raises:
            BadAudioError: a sample is NaN or infinite.
        """
        if self._soxr is None and frames.dtype == np.int16 and frames.shape[1] == 1:
            return cast("NDArray[np.int16]", frames[:, 0])
        mono = _mean_of_channels(frames)
        return to_int16(mono if self._soxr is None else self._soxr.resample_chunk(mono))

    def flush(self) -> NDArray[np.int16]:
        """The input is over: what was held back, int16 (m,). Nothing may be pushed afterwards."""
        if self._soxr is None:
            return np.empty(0, dtype=np.int16)
        return to_int16(self._soxr.resample_chunk(np.empty(0, dtype=np.float32), last=True))


class BlockStream:
    """Sample frames of any rate and channel count in, numbered blocks out."""

    def __init__(self, rate_hz_in: int, channels: int, rate_hz: int, block_s: float = BLOCK_S) -> None:
        """Blocks of `block_s` at `rate_hz`; else as `MonoResampler`, and raises what it raises."""
        self._resampler = MonoResampler(rate_hz_in, channels, rate_hz)
        self._block_samples = max(round(rate_hz * block_s), 1)
        self.joined = False
        """Give all blocks that are complete as one."""
        self._pending: NDArray[np.int16] = np.empty(0, dtype=np.int16)
        self._next_sample = 0

    def push(self, frames: NDArray[np.int16] | NDArray[np.float32]) -> list[AudioBlock]:
        """Take sample frames, shape (n, channels); the blocks that are complete with them."""
        fresh = self._resampler.push(frames)
        self._pending = np.concatenate([self._pending, fresh]) if len(self._pending) else fresh
        n_blocks = len(self._pending) // self._block_samples
        if self.joined and n_blocks:
            return [self._cut(n_blocks * self._block_samples)]
        return [self._cut(self._block_samples) for _ in range(n_blocks)]

    def flush(self) -> list[AudioBlock]:
        """The input is over: the rest, its last block shorter."""
        self._pending = np.concatenate([self._pending, self._resampler.flush()])
        blocks = []
        while len(self._pending):
            blocks.append(self._cut(min(self._block_samples, len(self._pending))))
        return blocks

    def _cut(self, n_samples: int) -> AudioBlock:
        block = AudioBlock(self._pending[:n_samples], self._next_sample)
        self._pending = self._pending[n_samples:]
        self._next_sample = block.end_sample
        return block


def _mean_of_channels(frames: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.float32]:
    if frames.dtype == np.int16:
        scaled = frames.astype(np.float32) / np.float32(_FULL_SCALE)
    elif np.isfinite(frames).all():
        scaled = np.clip(frames, -_LOUDEST, _LOUDEST)
    else:
        raise BadAudioError("found a sample that is NaN or infinite, wanted numbers between -1 and 1; export it again")
    mono = scaled[:, 0] if scaled.shape[1] == 1 else scaled.mean(axis=1, dtype=np.float32)
    return np.ascontiguousarray(mono, dtype=np.float32)


def _soxr_stream(rate_hz_in: int, rate_hz: int) -> Any:
    try:
        import soxr  # noqa: PLC0415 - only audio at another rate needs it
    except ImportError as error:
        raise MissingDependencyError("soxr", error) from None
    return soxr.ResampleStream(rate_hz_in, rate_hz, 1, dtype="float32")

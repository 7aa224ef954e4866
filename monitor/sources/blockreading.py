"""How much to read of a live pipe, and when: its writer's small pieces are not worth waking up for one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.host import elapsed_s
from monitor.sources import LIVE_BLOCK_S, LONGEST_BLOCK_AHEAD_S, LONGEST_BLOCK_S, LONGEST_SPEAKING_BLOCK_AHEAD_S
from monitor.sources.arrival import Arrival

if TYPE_CHECKING:
    from monitor.records import Rhythm

_PIPE_BYTES = 1 << 16
"""What a pipe holds on most systems."""
_LIVE = 0.5
"""A block that took at least this share of its length to come is live: files and bursts come faster."""


def block_s(rhythm: Rhythm | None, position: int, rate_hz: int, *, exact: bool, ahead: bool) -> float:
    """Length of the block that begins at sample `position`, in seconds.

    Args:
        rhythm: where blocks may end; None: as soon as they can.
        position: in the stream at the pipeline's rate.
        rate_hz: the pipeline's rate.
        exact: the input has this rate too. A resampler holds a little back, so that what is due in speech might then
            wait for a whole block.
        ahead: the block begins before the last one was judged: where the gate is about to close may not be known yet.
    """
    if rhythm is None or (not exact and (rhythm.speaking or rhythm.turn_sample is not None)):
        return LIVE_BLOCK_S
    longest_s = LONGEST_BLOCK_S
    if ahead:
        longest_s = LONGEST_SPEAKING_BLOCK_AHEAD_S if rhythm.speaking else LONGEST_BLOCK_AHEAD_S
    longest_samples = round(longest_s * rate_hz)
    if ahead and not rhythm.speaking and rhythm.soonest_samples is not None:
        # Two of them are then half a block longer than that, as `LONGEST_BLOCK_AHEAD_S` allows.
        longest_samples = min(longest_samples, 2 * rhythm.soonest_samples // 3)
    return (rhythm.block_end(position, longest_samples) - position) / rate_hz


class BlockReading:
    """Follows one block after the other as it comes in."""

    def __init__(self, rate_hz_in: int, frame_bytes: int, rate_hz: int, pipe_bytes: int = _PIPE_BYTES) -> None:
        """Of audio at `rate_hz_in`, whose sample frames take `frame_bytes`, for a pipeline at `rate_hz`.

        `pipe_bytes` is what the pipe holds: slept over for longer, it would be full, and its writer held up.
        """
        self._longest_bytes = pipe_bytes // 2
        self._rate_hz_in, self._frame_bytes, self._rate_hz = rate_hz_in, frame_bytes, rate_hz
        self.rhythm: Rhythm | None = None
        """Where blocks are to end; holds from the next one on."""
        self.block_s: float | None = None
        """Length of the next blocks, where it is not up to the rhythm."""
        self._arrival = Arrival(rate_hz_in * frame_bytes)
        self._is_live = False
        self._n_frames = 0
        self._missing_bytes = 0
        self._begun_s = elapsed_s()

    def wanted_bytes(self) -> int:
        """What is missing of the block under way; where nothing is, the next one begins."""
        if not self._missing_bytes:
            self._length_s = self._next_length_s() if self.block_s is None else self.block_s
            n_frames = max(round(self._rate_hz_in * self._length_s), 1)
            self._missing_bytes = n_frames * self._frame_bytes
            self._n_frames += n_frames
        return self._missing_bytes

    @property
    def rest_s(self) -> float:
        """For how long it is no use to ask for more: what is missing can not be there before it was heard."""
        if not self._is_live:
            return 0.0
        return self._arrival.rest_s(min(self._missing_bytes, self._longest_bytes), elapsed_s())

    def came(self, n_bytes: int, *, drained: bool) -> None:
        """So many bytes were read, of this block and of later ones; `drained`: the pipe was left empty."""
        self._arrival.came(n_bytes, elapsed_s(), drained=drained)

    def took(self, n_bytes: int, *, waited: bool = False) -> bool:
        """So many of the missing bytes have come; whether they complete the block.

        Those that `waited`, read together with an earlier block, say nothing of how fast the writer is.
        """
        self._missing_bytes -= n_bytes
        if self._missing_bytes > 0:
            return False
        if waited:
            return True
        self._arrival.probed()
        now_s = elapsed_s()
        self._is_live = now_s - self._begun_s >= _LIVE * self._length_s
        self._begun_s = now_s
        return True

    def _next_length_s(self) -> float:
        position = self._n_frames * self._rate_hz // self._rate_hz_in
        return block_s(self.rhythm, position, self._rate_hz, exact=self._rate_hz_in == self._rate_hz, ahead=False)

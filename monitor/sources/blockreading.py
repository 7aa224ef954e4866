"""How much to read of a live pipe, and when: its writer's small pieces are not worth waking up for one by one."""

from __future__ import annotations

from monitor.host import elapsed_s
from monitor.sources import LIVE_BLOCK_S

_LIVE = 0.5
"""A block that took at least this share of its length to come is live: files and bursts come faster."""


class BlockReading:
    """Follows one block after the other as it comes in."""

    def __init__(self, rate_hz: int, frame_bytes: int) -> None:
        """Of audio at `rate_hz`, whose sample frames take `frame_bytes`."""
        self._rate_hz, self._frame_bytes = rate_hz, frame_bytes
        self.block_s = LIVE_BLOCK_S
        """Length of the next blocks; may change at any time."""
        self._is_live = False
        self._begin_block()

    @property
    def rest_s(self) -> float:
        """For how long it is no use to ask for more: what is missing can not be there before it was heard."""
        return self.missing_bytes / (self._rate_hz * self._frame_bytes) if self._is_live else 0.0

    def took(self, n_bytes: int) -> bool:
        """So many bytes have come; whether they complete the block. Then the next one begins."""
        self.missing_bytes -= n_bytes
        if self.missing_bytes > 0:
            return False
        self._is_live = elapsed_s() - self._begun_s >= _LIVE * self._length_s
        self._begin_block()
        return True

    def _begin_block(self) -> None:
        self._length_s, self._begun_s = self.block_s, elapsed_s()
        self.missing_bytes = max(round(self._rate_hz * self.block_s), 1) * self._frame_bytes

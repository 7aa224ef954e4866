"""When what a live pipe's writer has heard will be there to be read."""

from __future__ import annotations

_STRETCH_S = 30.0
"""How long one minimum is kept: long against a late piece, short against a drifting crystal."""
_PAUSED_S = 0.5
"""So much later than ever in a stretch, a writer has paused."""
_LATE_S = 0.001
"""So much later may a writer's last piece come: to wake up just before it would be to wake up twice."""
_PROBED_S = 0.1
"""Once a stretch, the last pieces before a block's end are awaited one by one: only then it is known when they come."""
_PROBED_BLOCKS = 2
"""A stretch may begin with the very last piece of the first."""


class Arrival:
    """Follows how a live writer's bytes come: those that come with the least delay tell when all others do.

    A reader that slept sees them later than they came, and would sleep ever later if it counted from there.
    """

    def __init__(self, bytes_per_s: int) -> None:
        """Nothing has come."""
        self._bytes_per_s = bytes_per_s
        self._n_bytes = 0
        self._previous_s = self._current_s = float("inf")
        self._stretch_start_s = float("-inf")
        self._probing = _PROBED_BLOCKS

    def came(self, n_bytes: int, now_s: float, *, drained: bool) -> None:
        """So many bytes were read; `drained`: none was left."""
        self._n_bytes += n_bytes
        if not drained:
            return
        if now_s - self._stretch_start_s >= _STRETCH_S:
            self._previous_s, self._current_s = self._current_s, float("inf")
            self._stretch_start_s, self._probing = now_s, _PROBED_BLOCKS
        begun_s = now_s - self._n_bytes / self._bytes_per_s
        if begun_s > min(self._previous_s, self._current_s) + _PAUSED_S:
            self._previous_s = self._current_s = begun_s
        self._current_s = min(self._current_s, begun_s)

    def probed(self) -> None:
        """A block is over: soon the next ones are slept over to their end."""
        self._probing = max(self._probing - 1, 0)

    def rest_s(self, n_bytes: int, now_s: float) -> float:
        """Seconds until so many more bytes will have come; 0 where they are to be awaited one by one."""
        begun_s = min(self._previous_s, self._current_s)
        if begun_s == float("inf"):
            return 0.0
        late_s = -_PROBED_S if self._probing else _LATE_S
        return max(begun_s + (self._n_bytes + n_bytes) / self._bytes_per_s + late_s - now_s, 0.0)

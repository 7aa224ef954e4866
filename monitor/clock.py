"""From sample numbers to wall-clock time, for live audio and for recordings."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from monitor.host import clock_synced, elapsed_s

if TYPE_CHECKING:
    from collections.abc import Callable

_STRETCH_S = 30.0
"""How long one minimum of the arrival offset is kept: long against a late burst, short against a drifting crystal."""
_MOST_EARLY_S = 2.0
"""Blocks may turn out to have been heard so much earlier than thought, within a stretch: the first one of a stream is
often late. Audio that comes faster still is no live audio (a file piped in): its time runs on from its first block."""


class StreamClock(Protocol):
    """Tells when a sample was heard."""

    @property
    def synced(self) -> bool | None:
        """Whether the times can be trusted; None where nobody knows."""
        ...

    def observe(self, end_sample: int) -> None:
        """The stream has arrived up to `end_sample` by now, read or not."""
        ...

    def restart(self) -> None:
        """Sample numbers jumped: forget how samples and time were related."""
        ...

    def wall_s(self, sample: int) -> float:
        """Wall clock of a sample, seconds since 1970-01-01 UTC."""
        ...

    def latency_s(self, end_sample: int) -> float | None:
        """Seconds since the sample was heard; None where that means nothing."""
        ...


class RecordingClock:
    """A recording: sample 0 lies at a time that is given, and time goes with the samples."""

    def __init__(self, start_s: float, rate_hz: int, *, synced: bool | None = None) -> None:
        """`start_s` is seconds since 1970-01-01 UTC."""
        self._start_s = start_s
        self._rate_hz = rate_hz
        self.synced = synced

    def observe(self, end_sample: int) -> None:
        """Reading a recording says nothing about time."""

    def restart(self) -> None:
        """A recording keeps its time across gaps."""

    def wall_s(self, sample: int) -> float:
        """Wall clock of a sample, seconds since 1970-01-01 UTC."""
        return self._start_s + sample / self._rate_hz

    def latency_s(self, end_sample: int) -> None:
        """A recording has no latency."""


class LiveClock:
    """Live audio: the block that arrives with the least delay tells when its samples were heard.

    A burst after a stall arrives late as a whole, so it is not stamped as now. The minimum is renewed every half
    minute, so that a sound card whose crystal runs slow does not drift away from the wall clock. What waits for a slow
    reader has arrived: the newest of it is as young as now, not the block that is read.
    """

    def __init__(
        self,
        rate_hz: int,
        monotonic: Callable[[], float] = elapsed_s,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`monotonic` and `wall` can be replaced in tests."""
        self._rate_hz = rate_hz
        self._monotonic = monotonic
        self._wall = wall
        self.restart()

    @property
    def synced(self) -> bool | None:
        """Whether the system's clock is synchronised; None where it can not be asked."""
        return clock_synced()

    def restart(self) -> None:
        """Sample numbers jumped: forget how samples and time were related."""
        self._stretch_start = self._monotonic()
        self._previous = float("inf")
        self._current = float("inf")
        self._earliest = float("-inf")

    def observe(self, end_sample: int) -> None:
        """The stream has arrived up to `end_sample` by now, read or not."""
        now = self._monotonic()
        if now - self._stretch_start >= _STRETCH_S:
            self._previous, self._current, self._stretch_start = self._current, float("inf"), now
        offset = now - end_sample / self._rate_hz
        if self._current == float("inf"):
            self._earliest = min(self._previous, offset) - _MOST_EARLY_S
        self._current = min(self._current, max(offset, self._earliest))

    def wall_s(self, sample: int) -> float:
        """Wall clock of a sample, seconds since 1970-01-01 UTC."""
        return self._heard_s(sample) + self._wall() - self._monotonic()

    def latency_s(self, end_sample: int) -> float:
        """Seconds since the sample was heard."""
        return max(self._monotonic() - self._heard_s(end_sample), 0.0)

    def _heard_s(self, sample: int) -> float:
        offset = min(self._previous, self._current)
        if offset == float("inf"):
            offset = self._monotonic()
        return offset + sample / self._rate_hz

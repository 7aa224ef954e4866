"""Counts audio that should have been heard and was not, and says so in the log. Muted time is never lost."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from monitor.host import elapsed_s

if TYPE_CHECKING:
    from monitor.health import Health

_LOG_EVERY_S = 60.0

log = logging.getLogger(__name__)


class Losses:
    """Fed by the worker; muted from any thread."""

    def __init__(self, health: Health) -> None:
        """Nothing is lost yet; `health` is told of what will be, and knows the sample rate."""
        self._health = health
        self._lock = threading.Lock()
        self._muted = False
        self._known_until_s: float | None = None
        """Until then it is known what was heard and what was not; None before anything was, and since it was muted."""
        self._deaf_since_s: float | None = None
        """Since then nobody listens, though somebody should."""
        self._unsaid_samples = 0
        self._said_at_s = float("-inf")

    def arrived(self, n_samples: int) -> None:
        """A block has come, with so many samples; an empty one tells of a gap."""
        now_s = elapsed_s()
        with self._lock:
            if n_samples:
                self._end_deafness(now_s - n_samples / self._health.rate_hz)
            self._known_until_s = None if self._muted else now_s

    def gap(self, n_samples: int, cause: str) -> None:
        """So many samples are missing that were to be heard."""
        self._health.lost(n_samples)
        self._unsaid_samples += n_samples
        now_s = elapsed_s()
        # A slow machine loses some every second: once a minute is enough.
        if now_s - self._said_at_s >= _LOG_EVERY_S:
            lost_s = self._unsaid_samples / self._health.rate_hz
            log.warning("%.2f s of audio lost (%s)", lost_s, cause or "unknown")
            self._unsaid_samples, self._said_at_s = 0, now_s

    def source_ended(self) -> None:
        """Another source takes its place: audio is lost until that one is heard, unless it is muted."""
        with self._lock:
            self._deaf_since_s = self._known_until_s

    def mute(self, muted: bool) -> None:
        """Nobody is to listen, or somebody again; an input that takes a while to be opened again loses nothing."""
        with self._lock:
            if muted != self._muted:
                self._end_deafness(elapsed_s())
                self._muted, self._known_until_s = muted, None

    def _end_deafness(self, until_s: float) -> None:
        """Under the lock."""
        if self._deaf_since_s is not None:
            self._health.lost(max(round((until_s - self._deaf_since_s) * self._health.rate_hz), 0))
            self._deaf_since_s = None

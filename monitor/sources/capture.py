"""One attempt at hearing a microphone, on a thread of its own; and a clock that finds what the sound system lost.

A read from, or a close of, a hanging sound server never returns. So every attempt gets a new daemon thread, and one
that hangs is left behind: when it ever returns, it finds that nobody wants its audio and closes its stream itself.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Protocol

from monitor.errors import MonitorError, NoInputError
from monitor.sources import LIVE_BLOCK_S
from monitor.sources.resample import MonoResampler

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

_CHECK_S = 2.0
"""Length of a stretch whose smallest lag counts: a block that comes late, or in a burst, is not lost."""
_LOST_S = 0.3
"""A smaller lag is jitter."""
_DRIFT_S = 0.001
"""Forgiven per stretch: 500 ppm, five times what the quartz of a sound card and of a computer may differ by."""


class LiveStream(Protocol):
    """An open input; `read` and `close` belong to the thread that opened it."""

    name: str
    """What people know it by."""
    rate_hz: int
    channels: int
    block_s: float
    """How much audio the next `read` waits for; the capture sets it."""

    def read(self) -> tuple[NDArray[np.int16], bool]:
        """Wait for the next block: int16, shape (n, channels), and whether audio before it is known to be lost."""
        ...

    def interrupt(self) -> None:
        """From any thread: end a blocked `read`, where that is possible."""
        ...

    def close(self) -> None:
        """Give the input back."""
        ...


class Deliver(Protocol):
    """Takes a capture's audio."""

    def __call__(self, capture: Capture, samples: NDArray[np.int16]) -> bool:
        """Take mono samples, int16 (n,); False when this capture is not wanted any more."""
        ...


_living: set[Capture] = set()
"""All captures of this process whose thread runs or hangs."""


def left_behind() -> int:
    """Captures that are not wanted any more and have not ended, those included that a reload left behind."""
    return sum(capture.is_let_go for capture in tuple(_living))


class Capture:
    """Opens an input and delivers its audio until it fails or is not wanted any more."""

    def __init__(self, open_stream: Callable[[], LiveStream], rate_hz: int, deliver: Deliver) -> None:
        """`open_stream` is called on the capture's thread; audio is delivered at `rate_hz`."""
        self._open_stream = open_stream
        self._rate_hz = rate_hz
        self._deliver = deliver
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._unwanted = threading.Event()
        self.stream: LiveStream | None = None
        """The open input, for its name and format; None before."""
        self.failure: MonitorError | None = None
        """Why it ended."""
        self.overflows = 0
        """Blocks before which PortAudio says that it lost audio."""
        self.block_s = LIVE_BLOCK_S
        """How much audio is delivered at a time."""

    def start(self) -> None:
        """Begin, on a thread."""
        self._thread.start()

    def let_go(self) -> None:
        """Its audio is not wanted any more; from any thread. It closes its stream by itself, or hangs in it."""
        self._unwanted.set()
        if self.stream is not None:
            self.stream.interrupt()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread, if there is one: it may be the one that could not be started."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    @property
    def alive(self) -> bool:
        """Whether its thread runs, or hangs."""
        return self._thread.is_alive()

    @property
    def is_let_go(self) -> bool:
        """Whether its audio is not wanted any more."""
        return self._unwanted.is_set()

    def _run(self) -> None:
        # Not before: a thread that cannot be started leaves nobody behind.
        _living.add(self)
        try:
            self._capture()
        finally:
            _living.discard(self)

    def _capture(self) -> None:
        try:
            stream = self.stream = self._open_stream()
        except Exception as error:  # noqa: BLE001 - a thread must not die unheard
            self.failure = _as_monitor_error(error)
            return
        try:
            self._read(stream)
        except Exception as error:  # noqa: BLE001
            self.failure = _as_monitor_error(error)
        stream.close()

    def _read(self, stream: LiveStream) -> None:
        resampler = MonoResampler(stream.rate_hz, stream.channels, self._rate_hz)
        # Asked after `stream` was set: whoever lets go now either finds it there, or is seen here.
        wanted = not self._unwanted.is_set()
        while wanted:
            stream.block_s = self.block_s
            frames, overflowed = stream.read()
            self.overflows += overflowed
            wanted = self._deliver(self, resampler.push(frames))


def _as_monitor_error(error: Exception) -> MonitorError:
    if isinstance(error, MonitorError):
        return error
    _log.debug("capture failed", exc_info=error)
    return NoInputError(f"the microphone failed: {type(error).__name__}: {error}")


class CaptureClock:
    """Compares the audio received with the time gone by.

    PortAudio's overflow flag does not tell: through the sound server's ALSA plug-in it stays off even when more than
    half of the audio is lost.
    """

    def __init__(self, rate_hz: int) -> None:
        """Nothing heard yet, of audio at `rate_hz`."""
        self._rate_hz = rate_hz
        self._end_s: float | None = None
        self._reopened = False
        self._smallest_lag_s = float("inf")
        self._check_at_s = 0.0

    def received(self, n_samples: int, now_s: float) -> int:
        """A block of `n_samples` has come, at `now_s`; the samples that are missing before it."""
        if self._end_s is None or self._reopened:
            return self._anchor(n_samples, now_s)
        self._end_s += n_samples / self._rate_hz
        self._smallest_lag_s = min(self._smallest_lag_s, now_s - self._end_s)
        if now_s < self._check_at_s:
            return 0
        lag_s, self._smallest_lag_s = self._smallest_lag_s, float("inf")
        self._check_at_s = now_s + _CHECK_S
        lost = round(lag_s * self._rate_hz) if lag_s > _LOST_S else 0
        self._end_s += lost / self._rate_hz if lost else min(lag_s, _DRIFT_S)
        return lost

    def broken(self, now_s: float) -> int:
        """The stream has ended or hangs, noticed at `now_s`; the samples that are missing so far, at least one."""
        if self._end_s is None:
            return 0
        lost = max(round((now_s - self._end_s) * self._rate_hz), 1)
        self._end_s += lost / self._rate_hz
        self._reopened = True
        return lost

    def _anchor(self, n_samples: int, now_s: float) -> int:
        """The first block of a stream: it ends now."""
        lost = 0 if self._end_s is None else max(round((now_s - self._end_s) * self._rate_hz) - n_samples, 0)
        self._end_s = now_s if self._end_s is None else max(self._end_s + (lost + n_samples) / self._rate_hz, now_s)
        self._reopened = False
        self._smallest_lag_s = float("inf")
        self._check_at_s = now_s + _CHECK_S
        return lost

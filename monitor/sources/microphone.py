"""The microphone: what an input hears, for as long as the program lives, whatever happens to device and sound server.

A capture thread writes into a ring, the worker reads from it. Between two blocks the worker's thread also looks after
the capture: one that failed or brings nothing is given up and, after a while, a new one started. Time without audio is
reported as a gap, at once and again when audio is back, so that sample numbers keep up with the clock.
"""

from __future__ import annotations

import importlib.util
import logging
import threading
from typing import TYPE_CHECKING

from monitor.errors import MissingDependencyError, NoInputError, PermissionDeniedError, RefusedError
from monitor.host import elapsed_s, has_session
from monitor.limits import HANGING_MAX
from monitor.logs import kind_of
from monitor.ring import Ring
from monitor.sources import LONGEST_BLOCK_AHEAD_S, MUTED_GAP, SourceStatus, portaudio
from monitor.sources.blockreading import block_s
from monitor.sources.capture import Capture, CaptureClock, left_behind
from monitor.sources.command import CommandStream, name_of, words_of
from monitor.sources.portaudio import InputDevice, input_devices

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from monitor.config import AudioSettings
    from monitor.errors import MonitorError
    from monitor.records import AudioBlock, Rhythm
    from monitor.sources.capture import LiveStream

__all__ = ["InputDevice", "Microphone", "input_devices"]

_log = logging.getLogger(__name__)

DEVICE_GAP = "device"
"""Cause of a gap: the device, the sound server or PortAudio brought no audio."""
_LOOK_S = 0.1
"""How often the worker looks after the capture before anything comes."""
_FLOWING_LOOK_S = 0.6
"""And while audio flows: a little longer than blocks are, which else would be two turns each."""
_FIRST_BLOCK_S = 5.0
"""Opening and the first block may take so long: PulseAudio needs 2 s."""
_FIRST_OF_COMMAND_S = 20.0
"""The same of a program: ffmpeg listens to a camera for 5 s before it writes anything."""
_SHORTEST_WAIT_S = 1.0
_LONGEST_WAIT_S = 30.0
_WAIT_GROWTH = 1.3
"""Waits grow so that the next attempt comes after about a third of the outage so far: back soon after a short one."""
_STEADY_S = 10.0
"""A capture that heard so much is sound: the next failure is retried soon again."""
_DENIED_S = 30.0
"""Who is denied every microphone for so long never may; rights can come a moment after a device, or a login."""
_LOSS_LOG_S = 60.0
_JOIN_S = 1.0
_SHORTEST_STALL_S = LONGEST_BLOCK_AHEAD_S + 0.5
"""Some sound servers deliver in steps of half a second."""


class Microphone:
    """Hears an input live."""

    live = True
    waits = False

    def __init__(self, settings: AudioSettings, rate_hz: int, *, wait_for_device: bool = True) -> None:
        """Deliver mono audio at `rate_hz`; nothing is opened before `blocks`.

        Args:
            settings: which device, and when to give it up.
            rate_hz: sample rate of the blocks.
            wait_for_device: an input that is missing at the start is waited for; otherwise `blocks` raises the error.

        Raises:
            MissingDependencyError: sounddevice is not installed.
            ConfigError: a command that can not be called.
        """
        if settings.command:
            words_of(settings.command)
        elif importlib.util.find_spec("sounddevice") is None:
            raise MissingDependencyError("sounddevice", ModuleNotFoundError("No module named 'sounddevice'"))
        self._settings = settings
        self._rate_hz = rate_hz
        self._wait_for_device = wait_for_device
        self._ring = Ring(max(round(settings.ring_s * rate_hz), 1))
        self._stopped = threading.Event()
        self._muted = threading.Event()
        # Guards what follows; whoever holds it is the ring's one writer.
        self._lock = threading.Lock()
        self._clock = CaptureClock(rate_hz)
        self._capture: Capture | None = None
        self._heard_at_s = 0.0
        self._heard_samples = 0
        self._gap_cause = DEVICE_GAP
        # While there is no capture they are the worker's.
        self._failure = ""
        self._denied_since_s: float | None = None
        # Only touched by the worker's thread.
        self._hanging: list[Capture] = []
        self._rhythm: Rhythm | None = None
        self._attempts = 0
        self._retry_at_s = 0.0
        self._wait_s = _SHORTEST_WAIT_S
        self._started_s = 0.0
        self._loss_logged_at_s = float("-inf")
        self._past_overflows = 0
        self._tended_at_s = elapsed_s()

    @property
    def name(self) -> str:
        """The open input's name, or what was asked for."""
        if self._settings.command:
            return name_of(self._settings.command)
        return self.status().device or self._settings.device or "default input"

    def status(self) -> SourceStatus:
        """How it is doing; from any thread."""
        capture = self._capture
        stream = capture.stream if capture is not None else None
        return SourceStatus(
            device=stream.name if stream is not None else "",
            rate_hz=stream.rate_hz if stream is not None else 0,
            channels=stream.channels if stream is not None else 0,
            reopens=max(self._attempts - 1, 0),
            overflows=self._past_overflows + (capture.overflows if capture is not None else 0),
            lost_samples=self._ring.lost_samples,
            hanging=left_behind(),
            failure=self._failure,
            tended_at_s=self._tended_at_s,
        )

    def blocks(self) -> Iterator[AudioBlock]:
        """The audio until `stop`; empty blocks tell of a gap while nothing is heard.

        Raises:
            MissingDependencyError, MissingLibraryError: sounddevice or PortAudio is not installed.
            PermissionDeniedError: this user may not open any microphone, and half a minute has not changed that.
            NoInputError: nothing can be heard at the start, and that is not waited for.
        """
        try:
            while not self._stopped.is_set():
                self._look_after(elapsed_s())
                timeout_s = _FLOWING_LOOK_S if self._capture is not None and self._heard_samples else _LOOK_S
                block = self._ring.read(max(round(self._rate_hz * LONGEST_BLOCK_AHEAD_S), 1), timeout_s)
                if block is not None:
                    yield block
        finally:
            self._end()

    def stop(self) -> None:
        """End `blocks`; returns at once, the stream is closed by its own thread."""
        self._stopped.set()
        self._ring.close()

    def mute(self, *, muted: bool) -> None:
        """Let go of the input, or open it again, at once; it is closed when the read under way is over."""
        if muted:
            self._muted.set()
        else:
            self._muted.clear()
        self._ring.nudge()

    def attend(self, rhythm: Rhythm | None) -> None:
        """Where the next blocks may end; on the worker's thread."""
        self._rhythm = rhythm

    def _look_after(self, now_s: float) -> None:
        """Start, watch or give up the capture; on the worker's thread."""
        self._tended_at_s = now_s
        capture = self._capture
        if self._muted.is_set():
            self._retry_at_s, self._failure, self._denied_since_s = now_s, "", None
            if capture is not None:
                self._let_go(capture, MUTED_GAP, now_s)
            else:
                with self._lock:
                    self._change_gap(MUTED_GAP, now_s)
        elif capture is None:
            if now_s >= self._retry_at_s:
                self._start(now_s)
        elif capture.failure is not None:
            self._give_up(capture, capture.failure, now_s)
        elif self._is_overdue(now_s):
            self._give_up(capture, self._stalled(), now_s)
        elif self._heard_samples and now_s - self._started_s > _STEADY_S:
            self._wait_s = _SHORTEST_WAIT_S

    def _start(self, now_s: float) -> None:
        self._hanging = [hanging for hanging in self._hanging if hanging.alive]
        if left_behind() >= HANGING_MAX:
            self._failure = self._failure or "the sound system hangs; waiting until it lets go"
            return
        rescan = self._attempts > 0
        capture = Capture(lambda: self._open(rescan=rescan), self._rate_hz, self._deliver)
        with self._lock:
            self._capture, self._heard_at_s, self._heard_samples = capture, now_s, 0
        self._attempts += 1
        self._started_s = now_s
        capture.start()

    def _open(self, *, rescan: bool) -> LiveStream:
        """On the capture's thread: find and open the input."""
        if self._settings.command:
            return CommandStream(self._settings.command, self._rate_hz)
        if rescan:
            # Under a stream that hangs this does nothing: then it must do with the devices that are known.
            portaudio.rescan()
        stream = portaudio.open_input(self._settings.device, self._rate_hz)
        _log.debug("opened '%s' at %d Hz with %d channels", stream.name, stream.rate_hz, stream.channels)
        return stream

    def _deliver(self, capture: Capture, samples: NDArray[np.int16]) -> bool:
        """On the capture's thread: into the ring, after a gap for what is missing."""
        with self._lock:
            if capture is not self._capture or self._stopped.is_set():
                return False
            now_s = elapsed_s()
            if self._is_late(now_s):
                # This process or the machine slept: what comes first is as old as that. The worker opens it anew.
                return False
            missing = self._clock.received(len(samples), now_s)
            # Before the ring has anything: whoever reads it there and asks for news is to find no failure any more.
            is_back = len(samples) > 0 and self._end_outage()
            self._ring.mark_gap(missing, self._gap_cause)
            self._gap_cause = DEVICE_GAP
            if self._muted.is_set():
                self._ring.mark_gap(len(samples), MUTED_GAP)
            else:
                self._ring.write(samples)
            # The next read begins at once: what it is to bring can not wait for the worker.
            exact = capture.stream is not None and capture.stream.rate_hz == self._rate_hz
            wanted_s = block_s(self._rhythm, self._ring.end_sample, self._rate_hz, exact=exact, ahead=True)
            capture.block_s = min(wanted_s, self._settings.ring_s / 2)
            in_the_flow = missing and self._heard_samples > 0
            self._heard_at_s, self._heard_samples = now_s, self._heard_samples + len(samples)
        if is_back:
            _log.info("listening to '%s' again", self.name)
        if in_the_flow:
            self._log_loss(missing, now_s)
        return True

    def _end_outage(self) -> bool:
        """Under the lock: audio has come; whether there was an outage before, and somebody listens."""
        if not self._failure or self._muted.is_set():
            return False
        self._failure, self._denied_since_s = "", None
        return True

    def _let_go(self, capture: Capture, cause: str, now_s: float) -> None:
        """From now on its audio is not wanted: it closes its stream by itself."""
        with self._lock:
            self._capture = None
            if self._heard_samples:
                # Said at once, so that speech is closed; what is missing until audio is back is said then.
                was_silent = now_s - self._heard_at_s > _SHORTEST_STALL_S
                self._ring.mark_gap(self._clock.broken(now_s), DEVICE_GAP if was_silent else cause)
                self._gap_cause = cause
            else:
                # An attempt that fails was to be heard from its beginning.
                self._change_gap(cause, now_s if cause == MUTED_GAP else self._started_s)
        capture.let_go()
        self._hanging.append(capture)
        self._past_overflows += capture.overflows

    def _change_gap(self, cause: str, at_s: float) -> None:
        """Under the lock: what is missing since `at_s` has this `cause`; what was missing before is said by its own."""
        if cause != self._gap_cause:
            self._ring.mark_gap(self._clock.broken(at_s), self._gap_cause)
            self._gap_cause = cause

    def _give_up(self, capture: Capture, failure: MonitorError, now_s: float) -> None:
        self._let_go(capture, DEVICE_GAP, now_s)
        at_start = self._attempts == 1 and not self._heard_samples
        # What is not installed does not come by waiting.
        if isinstance(failure, RefusedError) or (at_start and not self._wait_for_device):
            raise failure
        if self._never_may(failure, now_s):
            raise failure
        if kind_of(str(failure)) != kind_of(self._failure):
            _log.warning("%s; trying again until it works", failure)
        self._failure = str(failure)
        self._retry_at_s = now_s + self._wait_s
        self._wait_s = min(self._wait_s * _WAIT_GROWTH, _LONGEST_WAIT_S)

    def _never_may(self, failure: MonitorError, now_s: float) -> bool:
        """Whether this user is denied every microphone for good; a desktop's are had through its sound server."""
        if not isinstance(failure, PermissionDeniedError) or has_session():
            self._denied_since_s = None
            return False
        self._denied_since_s = now_s if self._denied_since_s is None else self._denied_since_s
        return now_s - self._denied_since_s >= _DENIED_S

    def _is_overdue(self, now_s: float) -> bool:
        with self._lock:
            return self._is_late(now_s)

    def _is_late(self, now_s: float) -> bool:
        """Under the lock."""
        return now_s - self._heard_at_s > self._patience_s()

    def _patience_s(self) -> float:
        stall_s = max(self._settings.stall_s, _SHORTEST_STALL_S)
        first_s = _FIRST_OF_COMMAND_S if self._settings.command else _FIRST_BLOCK_S
        return stall_s if self._heard_samples else max(stall_s, first_s)

    def _stalled(self) -> MonitorError:
        remedy = "see [audio] command" if self._settings.command else "see whether the sound server hangs"
        found = f"no audio from '{self.name}' for {self._patience_s():g} s"
        return NoInputError(f"{found}, wanted some every {LONGEST_BLOCK_AHEAD_S:g} s; {remedy}")

    def _log_loss(self, missing: int, now_s: float) -> None:
        if now_s - self._loss_logged_at_s >= _LOSS_LOG_S:
            self._loss_logged_at_s = now_s
            lost_s = missing / self._rate_hz
            _log.warning("the sound system lost %.1f s of audio; is this machine overloaded?", lost_s)

    def _end(self) -> None:
        """Let the capture close its stream; what hangs is left behind, and PortAudio must then not be ended at exit."""
        self.stop()
        captures = [capture for capture in (self._capture, *self._hanging) if capture is not None]
        deadline_s = elapsed_s() + _JOIN_S
        for capture in captures:
            capture.let_go()
        for capture in captures:
            capture.join(max(deadline_s - elapsed_s(), 0.0))
        if any(capture.alive for capture in captures):
            portaudio.leave_running_at_exit()

"""Stand-ins for hardware: a sound system whose devices come, go, hang and lose audio as a test says."""

from __future__ import annotations

import atexit
import threading
import time
import types
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from typing import Any

import numpy as np


@dataclass
class FakeDevice:
    """An input that plays a tone; `formats` are the (rate, channels) it can be opened with, None is any."""

    name: str
    channels: int = 2
    rate_hz: int = 44_100
    api: int = 0
    outputs: int = 0
    formats: set[tuple[int, int]] | None = None
    tone_hz: float = 440.0


class FakePortAudioError(Exception):
    """Carries (words, code), as the real one."""


@dataclass
class FakeSoundSystem:
    """What the test turns; `module()` is what the code under test imports as `sounddevice`."""

    devices: list[FakeDevice] = field(default_factory=lambda: [FakeDevice("Fake Mic")])
    default: int = 0
    working: bool = True
    """False: opening and reading fail."""
    overflow: bool = False
    """The flag of the next read."""
    kept: float = 1.0
    """Share of the audio that arrives; the rest is lost without a word."""
    opened: list[tuple[str, int, int]] = field(default_factory=list)
    """Every attempt to open: name, rate, channels."""
    n_open: int = 0
    n_scans: int = 0
    scanned_under_open_streams: bool = False
    answering: threading.Event = field(default_factory=threading.Event)
    """Cleared: every call hangs."""

    def __post_init__(self) -> None:
        self.answering.set()
        self.known = list(self.devices)
        self.lock = threading.Lock()

    def hang(self) -> None:
        """As a sound server does after SIGSTOP."""
        self.answering.clear()

    def resume(self) -> None:
        """As after SIGCONT."""
        self.answering.set()

    def check(self, words: str) -> None:
        """Hang or fail if that is what the system does now."""
        self.answering.wait()
        if not self.working:
            raise FakePortAudioError(words, -9999)

    def module(self) -> types.ModuleType:
        """A module object for `sys.modules`."""
        module: Any = types.ModuleType("sounddevice")
        module.__spec__ = ModuleSpec("sounddevice", None)
        module.PortAudioError = FakePortAudioError
        module.RawInputStream = lambda **options: FakeStream(self, **options)
        module.query_devices = self._query_devices
        module.query_hostapis = lambda: ({"name": "ALSA"}, {"name": "JACK"})
        module._initialized = 1
        module._terminate = lambda: self._terminate(module)
        module._initialize = lambda: self._initialize(module)
        module._libname = None
        module._exit_handler = self._at_exit
        atexit.register(module._exit_handler)
        return module

    def _query_devices(self, kind: str | None = None) -> Any:
        rows = [
            {
                "index": index,
                "name": device.name,
                "hostapi": device.api,
                "max_input_channels": device.channels,
                "max_output_channels": device.outputs,
                "default_samplerate": float(device.rate_hz),
            }
            for index, device in enumerate(self.known)
        ]
        if kind is None:
            return rows
        if not 0 <= self.default < len(rows):
            raise FakePortAudioError("Error querying device -1")
        return rows[self.default]

    def _terminate(self, module: Any) -> None:
        self.scanned_under_open_streams |= self.n_open > 0
        self.answering.wait()
        module._initialized -= 1

    def _initialize(self, module: Any) -> None:
        self.answering.wait()
        self.known = list(self.devices)
        self.n_scans += 1
        module._initialized += 1

    def _at_exit(self) -> None:
        """The real one ends PortAudio; nothing here."""


class FakeStream:
    """A blocking input stream that delivers in real time."""

    def __init__(
        self, system: FakeSoundSystem, *, samplerate: int, channels: int, device: int, dtype: str, latency: Any
    ):
        source = system.known[device]
        system.opened.append((source.name, samplerate, channels))
        system.check("Error opening RawInputStream: Device unavailable")
        if source.formats is not None and (samplerate, channels) not in source.formats:
            raise FakePortAudioError("Error opening RawInputStream: Invalid sample rate", -9997)
        self._system, self._source, self._rate_hz, self._channels = system, source, samplerate, channels
        self._sample = 0
        self._due_s = 0.0
        with system.lock:
            system.n_open += 1

    def start(self) -> None:
        """Begin to count time."""
        self._due_s = time.monotonic()

    def read(self, n_frames: int) -> tuple[bytes, bool]:
        """Wait until the frames would have been heard."""
        self._due_s += n_frames / self._rate_hz / self._system.kept
        time.sleep(max(self._due_s - time.monotonic(), 0.0))
        self._system.check("Error reading from RawInputStream: Unanticipated host error")
        overflow, self._system.overflow = self._system.overflow, False
        t = (self._sample + np.arange(n_frames)) / self._rate_hz
        self._sample += n_frames
        tone = (8_000 * np.sin(2 * np.pi * self._source.tone_hz * t)).astype("<i2")
        return np.repeat(tone[:, None], self._channels, axis=1).tobytes(), overflow

    def close(self, ignore_errors: bool = True) -> None:
        """Hangs with the system."""
        self._system.answering.wait()
        with self._system.lock:
            self._system.n_open -= 1

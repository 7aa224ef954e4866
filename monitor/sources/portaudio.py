"""PortAudio, through sounddevice: which inputs exist, and an open one.

Everything here may block for ever when a sound server hangs, so it is called from capture threads, which can be left
behind, and from short-lived commands. sounddevice is imported late: files and pipes need no PortAudio.
"""

from __future__ import annotations

import atexit
import ctypes
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.errors import MissingDependencyError, MissingLibraryError, NoInputError, PermissionDeniedError
from monitor.host import keep_loaded, portaudio_hint, sound_devices_denied, tight_limits
from monitor.sources import LIVE_BLOCK_S
from monitor.sources.occupancy import Occupancy

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LATENCY_S = 0.2
"""Depth of PortAudio's buffer: rides out a busy machine. Its `high` (0.03 s) would not."""
_STEREO = 2
_ALSA_PLUGINS = "libasound_module_"
"""In the file names of ALSA's plug-ins, which come and go with PortAudio."""

_portaudio = Occupancy()
"""Open streams and calls, those included that hang, whichever microphone they belong to: there is one PortAudio."""


@dataclass(frozen=True, slots=True)
class InputDevice:
    """One input that PortAudio knows."""

    index: int
    """PortAudio's number; changes when devices come and go."""
    name: str
    host_api: str
    """`ALSA`, `Core Audio`, `Windows WASAPI`, …"""
    channels: int
    """Most channels it can be opened with."""
    rate_hz: int
    """Its native sample rate."""
    is_default: bool


def load_sounddevice() -> Any:
    """The sounddevice module; importing it starts PortAudio.

    Raises:
        MissingDependencyError: the Python package is not installed.
        MissingLibraryError: the PortAudio library is not installed.
        NoInputError: it does not start.
    """
    try:
        import sounddevice  # noqa: PLC0415 - see above
    except ImportError as error:
        raise MissingDependencyError("sounddevice", error) from None
    except OSError as error:
        remedy = f"{portaudio_hint()}{_too_little()}"
        raise MissingLibraryError(f"the microphone needs the PortAudio library ({error}); {remedy}") from None
    except Exception as error:  # noqa: BLE001 - its PortAudioError cannot be named before the import has succeeded
        raise NoInputError(f"PortAudio does not start ({error}); is the sound server running?") from None
    return sounddevice


def rescan() -> None:
    """Look for devices anew; PortAudio only does so when it starts. While a stream is open or hangs, nothing is done.

    Raises:
        MissingDependencyError, MissingLibraryError, NoInputError: as `load_sounddevice`.
    """
    # Whoever hangs in PortAudio would come back into memory that it has given back.
    _portaudio.if_empty(_start_again)


def _start_again() -> None:
    """Meanwhile (about 0.05 s) sounddevice turns stderr off, so that ALSA's complaints are not logged."""
    sounddevice = load_sounddevice()
    # Debian's plug-in for surround sound loads sixty video libraries, which lose 13 kB at each turn.
    keep_loaded(_ALSA_PLUGINS)
    try:
        # Private, yet the only way sounddevice has; a count above zero tells that PortAudio runs.
        if sounddevice._initialized:  # noqa: SLF001
            sounddevice._terminate()  # noqa: SLF001
        sounddevice._initialize()  # noqa: SLF001
    except sounddevice.PortAudioError as error:
        raise NoInputError(f"PortAudio does not start again ({_reason(error)}); is the sound server running?") from None


def leave_running_at_exit() -> None:
    """Do not end PortAudio when the interpreter exits, because a thread hangs in it: the exit would hang or crash."""
    # Not imported here: that would wait for a thread whose import hangs.
    sounddevice = sys.modules.get("sounddevice")
    if sounddevice is not None:
        atexit.unregister(sounddevice._exit_handler)  # noqa: SLF001
        # The module's end unloads the library under the hanging thread. ctypes never closes what it has opened.
        ctypes.CDLL(sounddevice._libname)  # noqa: SLF001


def input_devices() -> list[InputDevice]:
    """All inputs, in PortAudio's order.

    Raises:
        MissingDependencyError, MissingLibraryError, NoInputError: as `load_sounddevice`.
    """
    with _portaudio.visit():
        sounddevice = load_sounddevice()
        try:
            apis = [api["name"] for api in sounddevice.query_hostapis()]
            default = _default_index(sounddevice)
            found = list(enumerate(sounddevice.query_devices()))
        except sounddevice.PortAudioError as error:
            raise NoInputError(f"PortAudio cannot list its devices ({_reason(error)})") from None
    return [
        InputDevice(
            index=index,
            name=device["name"],
            host_api=apis[device["hostapi"]],
            channels=device["max_input_channels"],
            rate_hz=round(device["default_samplerate"]),
            is_default=index == default,
        )
        for index, device in found
        if device["max_input_channels"] > 0
    ]


def find_device(wanted: str, devices: list[InputDevice]) -> InputDevice:
    """The device whose name is `wanted` or contains it, upper and lower case alike; the default one for "".

    The same device under several host APIs is taken from the first.

    Raises:
        NoInputError: none fits, or several of different names do; the message lists names that exist.
        PermissionDeniedError: there are microphones, but none that this user may open.
    """
    if not devices:
        raise _no_device()
    if not wanted:
        return next((device for device in devices if device.is_default), devices[0])
    folded = wanted.casefold()
    fits = [device for device in devices if folded == device.name.casefold()]
    fits = fits or [device for device in devices if folded in device.name.casefold()]
    if not fits:
        raise NoInputError(f"no input is named '{wanted}'; there are: {_names(devices)}")
    if len({device.name for device in fits}) > 1:
        raise NoInputError(f"'{wanted}' names several inputs: {_names(fits)}; give more of the name")
    return fits[0]


def open_input(wanted: str, rate_hz: int) -> InputStream:
    """Open the device that `find_device` finds among `input_devices`; errors as theirs, and as of `InputStream`."""
    # One visit: the numbers of devices change when PortAudio starts again.
    with _portaudio.visit():
        return InputStream(find_device(wanted, input_devices()), rate_hz)


class InputStream:
    """An open input; `read` and `close` belong to the thread that opened it."""

    def __init__(self, device: InputDevice, rate_hz: int) -> None:
        """Open `device`, at `rate_hz` and mono if it can do so, else in a format of its own.

        Raises:
            NoInputError: it cannot be opened.
        """
        self.name = device.name
        self._device = device
        self.block_s = LIVE_BLOCK_S
        self._sounddevice = load_sounddevice()
        with _portaudio.visit():
            self._stream = self._open(_formats(device, rate_hz))
            # Until it is closed.
            _portaudio.enter()

    def read(self) -> tuple[NDArray[np.int16], bool]:
        """Wait for the next `block_s` of audio.

        Returns:
            int16, shape (n, channels), and whether PortAudio says that audio before it was lost.

        Raises:
            NoInputError: the device or the sound server is gone.
        """
        try:
            buffer, overflowed = self._stream.read(max(round(self.rate_hz * self.block_s), 1))
        except self._sounddevice.PortAudioError as error:
            raise NoInputError(f"the input '{self.name}' is gone ({_reason(error)})") from None
        return np.frombuffer(buffer, dtype=np.int16).reshape(-1, self.channels), bool(overflowed)

    def interrupt(self) -> None:
        """PortAudio knows no way: what hangs is left behind."""

    def close(self) -> None:
        """Give the device back; hangs while the sound server does."""
        self._stream.close(ignore_errors=True)
        _portaudio.leave()

    def _open(self, formats: list[tuple[int, int]]) -> Any:
        error: Exception | None = None
        for self.rate_hz, self.channels in formats:
            try:
                return self._start()
            except self._sounddevice.PortAudioError as refusal:
                error = refusal
        raise NoInputError(f"the input '{self.name}' cannot be opened ({_reason(error)}); is it in use?{_too_little()}")

    def _start(self) -> Any:
        # Blocking reads, not callbacks: cffi callbacks need memory that is writable and executable, which a
        # hardened service may not have; and a callback stream ends silently when its sound server does.
        stream = self._sounddevice.RawInputStream(
            samplerate=self.rate_hz,
            channels=self.channels,
            device=self._device.index,
            dtype="int16",
            latency=_LATENCY_S,
        )
        try:
            stream.start()
        except self._sounddevice.PortAudioError:
            stream.close(ignore_errors=True)
            raise
        return stream


def _formats(device: InputDevice, rate_hz: int) -> list[tuple[int, int]]:
    """Rates and channel counts to try: sound servers convert, bare hardware wants its own."""
    native = device.rate_hz
    wishes = [(rate_hz, 1), (native, 1), (native, min(_STEREO, device.channels)), (native, device.channels)]
    return list(dict.fromkeys(wishes))


def _default_index(sounddevice: Any) -> int:
    """The default input, or -1."""
    try:
        return int(sounddevice.query_devices(kind="input")["index"])
    except sounddevice.PortAudioError:
        return -1


def _no_device() -> NoInputError | PermissionDeniedError:
    if sound_devices_denied():
        return PermissionDeniedError("this user may not open the microphones in /dev/snd; add it to the group 'audio'")
    return NoInputError(f"no audio input found; plug a microphone in, or start the sound server{_too_little()}")


def _too_little() -> str:
    """ALSA, and the search for a library, do not tell that they ran out of something."""
    limits = tight_limits()
    return f"; or is too little allowed to this process: {limits}?" if limits else ""


def _names(devices: list[InputDevice]) -> str:
    return ", ".join(dict.fromkeys(f"'{device.name}'" for device in devices))


def _reason(error: Exception | None) -> str:
    """PortAudio's words, without its codes; str() of its errors would ask PortAudio again."""
    return str(error.args[0]).strip(" :.") if error is not None and error.args else "no reason given"

"""The one place that asks which operating system this is."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import sys
import time
from pathlib import Path

_TIME_ERROR = 5
"""adjtimex(2) returns TIME_ERROR while the clock is not synchronised."""


def host_name() -> str:
    """The machine's name without its domain, fit for a topic or a label."""
    name = socket.gethostname().split(".")[0]
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name) or "localhost"


def config_paths() -> list[Path]:
    """Where a configuration file is looked for, the user's own first."""
    if sys.platform == "win32":
        roots = [Path(os.environ[v]) for v in ("APPDATA", "PROGRAMDATA") if v in os.environ]
        return [root / "ser-monitor" / "config.toml" for root in roots]
    paths = [Path("/etc/ser-monitor/config.toml")]
    base = os.environ.get("XDG_CONFIG_HOME") or (f"{os.environ['HOME']}/.config" if os.environ.get("HOME") else "")
    if base:
        paths.insert(0, Path(base) / "ser-monitor" / "config.toml")
    return paths


def clock_synced() -> bool | None:
    """Whether the kernel holds the wall clock to be synchronised; None where it can not be asked."""
    if not sys.platform.startswith("linux"):
        return None
    # struct timex is at most 208 bytes on 64-bit Linux; modes = 0 only reads.
    buffer = ctypes.create_string_buffer(512)
    try:
        state = int(ctypes.CDLL(None).adjtimex(buffer))
    except (OSError, AttributeError):
        return None
    return 0 <= state != _TIME_ERROR


def libsndfile_path(path: Path) -> str | bytes:
    """A path as libsndfile takes it: any bytes on POSIX, wide characters on Windows."""
    return str(path) if sys.platform == "win32" else os.fsencode(path)


def is_closed_pipe(error: OSError) -> bool:
    """Whether the reader of a pipe is gone; Windows calls that an invalid argument."""
    return isinstance(error, BrokenPipeError) or (sys.platform == "win32" and error.errno == errno.EINVAL)


def portaudio_hint() -> str:
    """What to do where PortAudio is missing."""
    if sys.platform.startswith("linux"):
        return "install it: sudo apt-get install libportaudio2"
    return "reinstall the Python package: pip install --force-reinstall sounddevice"


def elapsed_s() -> float:
    """Seconds on a clock that never jumps, time spent suspended included where the system can tell."""
    if sys.platform.startswith("linux"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def sound_devices_denied() -> bool:
    """Whether there are microphones that this user may not open; False where that cannot be seen."""
    devices = list(Path("/dev/snd").glob("pcmC*D*c")) if sys.platform.startswith("linux") else []
    return bool(devices) and not any(os.access(device, os.R_OK | os.W_OK) for device in devices)

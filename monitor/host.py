"""The one place that asks which operating system this is."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
import sys
import time
import uuid
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TIME_ERROR = 5
"""adjtimex(2) returns TIME_ERROR while the clock is not synchronised."""
_M_ARENA_MAX = -8
"""Of glibc's mallopt(3)."""
_FENV_BYTES = 256
"""More than glibc's fenv_t has anywhere."""
_TIMESYNC = Path("/run/systemd/timesync")
"""Where systemd-timesyncd says that it has set the clock."""
_MACHINE_ID_FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
"""systemd's and D-Bus', machine-id(5)."""
_MACHINE_ID_DIGITS = 32
_FEW_DESCRIPTORS = 12
"""PulseAudio's client holds 8."""
_MULTICAST_BIT = 1 << 40
"""`uuid.getnode` sets it in a number of its own making, which is another one in each process."""


def host_name() -> str:
    """The machine's name without its domain, fit for a topic or a label."""
    name = socket.gethostname().split(".")[0]
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name) or "localhost"


def machine_id() -> str:
    """What tells this machine from all others and stays the same over restarts; never empty.

    Linux: the machine id, 32 hexadecimal digits. Elsewhere, or where none is set: the hardware address of a network
    interface, 12 digits; without one, the host name. It is confidential, machine-id(5): only a hash of it may leave
    this machine.
    """
    for path in _MACHINE_ID_FILES:
        try:
            text = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        # It is `uninitialized` in an image that has not booted yet.
        if len(text) == _MACHINE_ID_DIGITS and set(text) <= set("0123456789abcdef"):
            return text
    address = uuid.getnode()
    return host_name() if address & _MULTICAST_BIT else f"{address:012x}"


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
    if state < 0:  # a sandbox forbids to ask, as the service's does
        return (_TIMESYNC / "synchronized").exists() if _TIMESYNC.is_dir() else None
    return state != _TIME_ERROR


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
    return f"reinstall the Python package: {sys.executable} -m pip install --force-reinstall sounddevice"


def keep_loaded(name: str) -> None:
    """Keep every library that is loaded now and has `name` in its file's name until this process ends.

    A library that is unloaded and loaded again loses what its start allocates, and that of all it needs. Linux only.
    """
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    files = {line[line.index("/") :].removesuffix(" (deleted)") for line in lines if "/" in line}
    for path in files:
        if name in path.rpartition("/")[2]:
            _never_unload(path)


@cache
def _never_unload(path: str) -> None:
    # One that was unloaded in the meantime is none of ours, and is not loaded again for this.
    with suppress(OSError):
        ctypes.CDLL(path, mode=os.RTLD_NOW | os.RTLD_NOLOAD | os.RTLD_NODELETE)


@contextmanager
def floating_point_as_it_was() -> Iterator[None]:
    """Take back what happens to this thread's rounding and subnormal numbers inside. Linux with glibc only.

    A library that was compiled with -ffast-math has the processor flush subnormal numbers to zero once it is loaded, in
    this thread and all that it starts: 0 then counts as above 0 where a bound is the smallest number above it.
    """
    try:
        libm = ctypes.CDLL("libm.so.6")
    except OSError:
        yield
        return
    state = ctypes.create_string_buffer(_FENV_BYTES)
    libm.fegetenv(state)
    try:
        yield
    finally:
        libm.fesetenv(state)


def elapsed_s() -> float:
    """Seconds on a clock that never jumps, time spent suspended included where the system can tell."""
    if sys.platform.startswith("linux"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def has_session() -> bool:
    """Whether a desktop session's sound server may be there for this process."""
    return any(os.environ.get(name) for name in ("XDG_RUNTIME_DIR", "PULSE_SERVER", "PULSE_RUNTIME_PATH"))


def sound_devices_denied() -> bool:
    """Whether there are microphones that this user may not open; False where that cannot be seen."""
    devices = list(Path("/dev/snd").glob("pcmC*D*c")) if sys.platform.startswith("linux") else []
    return bool(devices) and not any(os.access(device, os.R_OK | os.W_OK) for device in devices)


def tight_limits() -> str:
    """Which limits of this process a library may run into, for people; empty where nothing is scarce, or to be seen."""
    if sys.platform == "win32":
        return ""
    import resource  # noqa: PLC0415 - only where there is one

    addresses, descriptors = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_NOFILE))
    found = []
    if addresses != resource.RLIM_INFINITY:
        found.append(f"it may use {addresses / 1e6:.0f} MB of addresses (LimitAS)")
    if descriptors != resource.RLIM_INFINITY and descriptors - _open_descriptors(descriptors) < _FEW_DESCRIPTORS:
        found.append(f"it may open {descriptors} files (LimitNOFILE)")
    return " and ".join(found)


def _open_descriptors(limit: int) -> int:
    try:
        return len(list(Path("/dev/fd").iterdir()))
    except OSError as error:
        return limit if error.errno == errno.EMFILE else 0


def memory_bytes() -> int | None:
    """Resident memory of this process; None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def limit_memory(more_bytes: int) -> None:
    """Let this process write to so much more memory than now, where the system can hold it to that: on Linux."""
    try:
        import resource  # noqa: PLC0415 - not on Windows

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
        most_bytes = pages * resource.getpagesize() + more_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))
    except (ImportError, OSError, ValueError, IndexError):
        # ValueError: there is a lower limit already.
        return


def processor_s() -> float:
    """Processor time of this process so far, in seconds."""
    return time.process_time()


def can_reserve(n_bytes: int) -> bool:
    """Whether this process could have `n_bytes` more of addresses; none is kept."""
    # Private: shared memory would be counted although nobody writes to it.
    private = {} if sys.platform == "win32" else {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS}
    try:
        mmap.mmap(-1, n_bytes, **private).close()
    except (OSError, MemoryError):
        return False
    return True


def share_memory_among_threads() -> None:
    """Have one heap for all threads, where the C library can be asked: glibc would give each one of its own.

    64 MB of addresses each, which is what a process of limited size then lacks for a thread's stack. Call it before
    there are threads.
    """
    if not sys.platform.startswith("linux"):
        return
    # musl, the other C library of Linux, has one heap anyway.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def address_limit_bytes() -> int | None:
    """How many bytes of addresses this process may have in all; None where there is no limit."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - Windows has none

    limit_bytes = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit_bytes == resource.RLIM_INFINITY else limit_bytes

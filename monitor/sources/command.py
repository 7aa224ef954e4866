"""A program that writes raw audio, as an input: arecord, parec, pw-record, ffmpeg for a camera's sound.

It can always be killed, which a hanging sound library can not. One that ends is started again as a microphone is opened
again: by `monitor.sources.microphone`, with its waits and its account of what is lost.
"""

from __future__ import annotations

import logging
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import ConfigError, NoInputError, visible
from monitor.host import elapsed_s
from monitor.settings.environment import public_environment
from monitor.sources import LIVE_BLOCK_S
from monitor.sources.blockreading import BlockReading
from monitor.sources.rawpcm import file_format

if TYPE_CHECKING:
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

_SAMPLE_BYTES = 2
_MOST_LINE = 300
"""Characters of what the program says that are quoted."""
_JOIN_S = 0.5
"""A program that has closed its output, or was killed, has so long to end."""
_LOOK_S = 0.01
_STRETCH_S = 5.0
_STRETCHES = 3
"""So many of these in a row at another pace than time's are no accident."""
_PACE = (0.8, 1.2)
_MOST_AHEAD_S = 60.0
"""No live source had so much stored: a camera's or a radio's first block may bring half a minute."""
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


def words_of(command: str) -> list[str]:
    """The program and its arguments, as a shell would divide them; no shell is started.

    Raises:
        ConfigError: a quotation mark is left open, or the program is not installed.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError(f"[audio] command: {error}; wanted a program and its arguments") from None
    if not words:
        raise ConfigError("[audio] command: found nothing but blanks; wanted a program and its arguments")
    if shutil.which(words[0]) is None:
        raise ConfigError(f"[audio] command: no program '{words[0]}' here; install it, or give its whole path")
    return words


def name_of(command: str) -> str:
    """What the program is called, without its folder and arguments: these may hold a password."""
    return PurePath(shlex.split(command)[0]).name


def without_credentials(text: str) -> str:
    """`rtsp://***@camera/` for `rtsp://user:password@camera/`; on one line, without what moves a terminal's cursor."""
    return _CREDENTIALS.sub("***@", visible(text))


class CommandStream:
    """A running program that writes mono int16, little-endian, at `rate_hz`."""

    channels = 1

    def __init__(self, command: str, rate_hz: int) -> None:
        """Start `command`.

        Raises:
            NoInputError: it can not be started.
        """
        self.name = name_of(command)
        self.rate_hz = rate_hz
        self.block_s = LIVE_BLOCK_S
        self._reading = BlockReading(rate_hz, _SAMPLE_BYTES, rate_hz)
        # Whoever reads waits for this pipe too: its other end is closed when nobody wants to wait any more.
        self._wake, self._alarm = os.pipe()
        try:
            self._process = subprocess.Popen(
                words_of(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=public_environment(),
                # A group of its own: what it starts ends with it, and Ctrl-C is this program's alone.
                start_new_session=True,
            )
        except (OSError, ConfigError) as error:
            os.close(self._wake)
            os.close(self._alarm)
            reason = error.strerror if isinstance(error, OSError) else error
            raise NoInputError(f"'{self.name}' does not start ({reason}); see [audio] command") from None
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        self._out = self._process.stdout.fileno()
        # Once it is waited for its number may be another's: then nothing is killed any more.
        self._lock = threading.Lock()
        self._reaped = self._interrupted = self._closed = False
        self._last_words = ""
        self._listener = threading.Thread(target=self._listen, name="capture-log", daemon=True)
        self._listener.start()
        self._pending = b""
        self._pace: Pace | None = None

    def read(self) -> tuple[NDArray[np.int16], bool]:
        """Wait for the next `block_s` of audio.

        Returns:
            int16, shape (n, 1), and False: a pipe does not tell what was lost.

        Raises:
            NoInputError: the program has ended, or what it writes is no raw audio at this rate.
        """
        self._reading.block_s = self.block_s
        complete = False
        while not complete:
            if self._wake in _readable(self._out, self._wake):
                raise NoInputError(f"'{self.name}' was ended")
            wanted_bytes = self._reading.wanted_bytes()
            piece = os.read(self._out, wanted_bytes)
            if not piece:
                raise NoInputError(self._ended())
            self._reading.came(len(piece), drained=len(piece) < wanted_bytes)
            self._pending += piece
            complete = self._reading.took(len(piece))
            if not complete:
                _readable(self._wake, timeout_s=self._reading.rest_s)
        frames = np.frombuffer(self._pending, dtype="<i2").astype(np.int16, copy=False).reshape(-1, 1)
        self._check(len(frames))
        self._pending = b""
        return frames, False

    def interrupt(self) -> None:
        """From any thread: kill the program and what it started, and end a blocked `read`."""
        with self._lock:
            self._kill()
            if not self._interrupted:
                self._interrupted = True
                os.close(self._alarm)

    def close(self) -> None:
        """End the program; what left its group and still holds our pipes finds them closed. Once more does no harm."""
        if self._closed:
            return
        self._closed = True
        self.interrupt()
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdout.close()
        self._reap()
        self._listener.join(_JOIN_S)
        if not self._listener.is_alive():
            os.close(self._wake)

    def _kill(self) -> None:
        if not self._reaped:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _check(self, n_samples: int) -> None:
        """Refuse what is no raw audio at our rate.

        Raises:
            NoInputError: it is not.
        """
        if self._pace is None:
            if found := file_format(self._pending):
                raise NoInputError(f"'{self.name}' writes a {found} header, wanted raw s16le; see [audio] command")
            self._pace = Pace(self.rate_hz, elapsed_s())
        elif wrong := self._pace.wrong(n_samples, elapsed_s()):
            raise NoInputError(f"'{self.name}' brings {wrong}; see [audio] command")

    def _listen(self) -> None:
        """Take what the program says, on a thread: nobody else would, and it would wait for ever."""
        errors = self._process.stderr
        assert errors is not None  # noqa: S101
        rest = b""
        with errors:
            while self._wake not in _readable(errors.fileno(), self._wake):
                piece = os.read(errors.fileno(), 4096)
                *lines, rest = (rest + piece).split(b"\n")
                rest = rest[-_MOST_LINE:]
                for line in [*lines, *([] if piece else [rest])]:
                    self._take(line)
                if not piece:
                    return

    def _take(self, line: bytes) -> None:
        if said := without_credentials(line[:_MOST_LINE].decode(errors="replace")).strip():
            self._last_words = said.rstrip(".")
            _log.debug("%s: %s", self.name, said)

    def _ended(self) -> str:
        """What to say of a program that has closed its output."""
        self._await_end()
        status = self._reap()
        self._listener.join(_JOIN_S)
        said = f": {self._last_words}" if self._last_words else ""
        if status is None:
            how = "closed its output"
        else:
            how = f"was killed by signal {-status}" if status < 0 else f"ended with {status}"
        return f"'{self.name}' {how}{said}; see [audio] command"

    def _await_end(self) -> None:
        """Let it end by itself, without taking note: its number stays its own, so that its group can be killed."""
        wait = getattr(os, "waitid", None)  # not on every macOS
        if wait is None:
            return
        until_s = elapsed_s() + _JOIN_S
        while not wait(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) and elapsed_s() < until_s:
            time.sleep(_LOOK_S)

    def _reap(self) -> int | None:
        """Kill what is left and take note of the end: the exit status, negative for a signal; None: it does not end."""
        with self._lock:
            self._kill()
            self._reaped = True
        try:
            return self._process.wait(_JOIN_S)
        except subprocess.TimeoutExpired:
            return None


class Pace:
    """Whether samples come as time goes: otherwise they were recorded at another rate, or are no live audio."""

    def __init__(self, rate_hz: int, now_s: float) -> None:
        """From a first block on, which may bring what was stored."""
        self._rate_hz = rate_hz
        self._start_s = now_s
        self._n_samples = 0
        self._n_wrong = 0

    def wrong(self, n_samples: int, now_s: float) -> str:
        """`n_samples` have come; what is wrong with that, or nothing."""
        self._n_samples += n_samples
        past_s, brought_s = now_s - self._start_s, self._n_samples / self._rate_hz
        if brought_s > past_s + _MOST_AHEAD_S:
            return "audio faster than time goes, wanted live audio: is it a file?"
        if past_s < _STRETCH_S:
            return ""
        share = brought_s / past_s
        self._n_wrong = 0 if _PACE[0] <= share <= _PACE[1] else self._n_wrong + 1
        self._start_s, self._n_samples = now_s, 0
        if self._n_wrong < _STRETCHES:
            return ""
        return f"about {1000 * round(share * self._rate_hz / 1000)} samples a second, wanted {self._rate_hz}, mono"


def _readable(*descriptors: int, timeout_s: float | None = None) -> set[int]:
    """Those that can be read, or are at their end; waits for one, or so long."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(None if timeout_s is None else 1000 * timeout_s)}

"""A program that writes raw audio, as an input: arecord, parec, pw-record, ffmpeg for a camera's sound.

It can always be killed, which a hanging sound library can not. One that ends is started again as a microphone is opened
again: by `monitor.sources.microphone`, with its waits and its account of what is lost.
"""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import signal
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import ConfigError, NoInputError
from monitor.host import elapsed_s
from monitor.settings.environment import public_environment
from monitor.sources import LIVE_BLOCK_S
from monitor.sources.rawpcm import file_format

if TYPE_CHECKING:
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

_SAMPLE_BYTES = 2
_MOST_LINE = 300
"""Characters of what the program says that are quoted."""
_JOIN_S = 0.5
"""A program that has closed its output has so long to end by itself."""
_JUDGED_AFTER_S = 5.0
_MOST_AHEAD_S = 10.0
"""What a program may bring at once, as ffmpeg does with what a camera had stored."""
_TOO_FAST = 1.2


def words_of(command: str) -> list[str]:
    """The program and its arguments, as a shell would divide them; no shell is started.

    Raises:
        ConfigError: a quotation mark is left open, or the program is not installed.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError(f"[audio] command: found {command!r} ({error}); wanted a program and its arguments") from None
    if not words:
        raise ConfigError("[audio] command: found nothing but blanks; wanted a program and its arguments")
    if shutil.which(words[0]) is None:
        raise ConfigError(f"[audio] command: no program '{words[0]}' here; install it, or give its whole path")
    return words


class CommandStream:
    """A running program that writes mono int16, little-endian, at `rate_hz`."""

    channels = 1

    def __init__(self, command: str, rate_hz: int) -> None:
        """Start `command`.

        Raises:
            ConfigError: it is no command, or its program is not installed.
            NoInputError: it can not be started.
        """
        words = words_of(command)
        self.name = os.path.basename(words[0])  # noqa: PTH119 - of a word, not a path
        self.rate_hz = rate_hz
        self._read_bytes = max(round(rate_hz * LIVE_BLOCK_S), 1) * _SAMPLE_BYTES
        try:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=public_environment(),
                # A group of its own: what it starts ends with it, and Ctrl-C is this program's alone.
                start_new_session=True,
            )
        except OSError as error:
            raise NoInputError(f"'{self.name}' does not start ({error.strerror}); see [audio] command") from None
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        self._out = self._process.stdout.fileno()
        # Once it is waited for its number may be another's: then nothing is killed any more.
        self._lock = threading.Lock()
        self._reaped = False
        self._last_words = ""
        self._listener = threading.Thread(target=self._listen, name="capture-log", daemon=True)
        self._listener.start()
        self._pending = b""
        self._n_samples = 0
        self._first_s = 0.0

    def read(self) -> tuple[NDArray[np.int16], bool]:
        """Wait for the next `LIVE_BLOCK_S` of audio.

        Returns:
            int16, shape (n, 1), and False: a pipe does not tell what was lost.

        Raises:
            NoInputError: the program has ended, or what it writes is no raw audio at this rate.
        """
        while len(self._pending) < self._read_bytes:
            piece = os.read(self._out, self._read_bytes - len(self._pending))
            if not piece:
                raise NoInputError(self._ended())
            self._pending += piece
        frames = np.frombuffer(self._pending, dtype="<i2").astype(np.int16, copy=False).reshape(-1, 1)
        if not self._n_samples:
            self._first_s = elapsed_s()
            if found := file_format(self._pending):
                raise NoInputError(f"'{self.name}' writes a {found} header, wanted raw s16le; see [audio] command")
        self._pending = b""
        self._n_samples += len(frames)
        self._check_pace()
        return frames, False

    def interrupt(self) -> None:
        """From any thread: kill the program and what it started, so that a blocked `read` ends."""
        with self._lock, suppress(ProcessLookupError, PermissionError):
            if not self._reaped:
                os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the program."""
        self.interrupt()
        self._reap()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _listen(self) -> None:
        """Take what the program says, on a thread: nobody else would, and it would wait for ever."""
        assert self._process.stderr is not None  # noqa: S101
        while piece := self._process.stderr.readline(_MOST_LINE):
            if said := piece.decode(errors="replace").strip():
                self._last_words = said.rstrip(".")
                _log.debug("%s: %s", self.name, said)

    def _reap(self) -> int:
        """Wait for its end, not for long; the exit status, negative for a signal."""
        with self._lock:
            self._reaped = True
        try:
            status = self._process.wait(_JOIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        self._listener.join(_JOIN_S)
        return status

    def _ended(self) -> str:
        status = self._reap()
        said = f": {self._last_words}" if self._last_words else ""
        how = f"was killed by signal {-status}" if status < 0 else f"ended with {status}"
        return f"'{self.name}' {how}{said}; see [audio] command"

    def _check_pace(self) -> None:
        """Audio that comes faster than time goes was recorded at another rate, or is no live audio.

        Raises:
            NoInputError: it does.
        """
        past_s = elapsed_s() - self._first_s
        brought_s = self._n_samples / self.rate_hz
        if past_s > _JUDGED_AFTER_S and brought_s > _TOO_FAST * past_s + _MOST_AHEAD_S:
            raise NoInputError(
                f"'{self.name}' brought {self._n_samples / past_s:.0f} samples a second, wanted {self.rate_hz}, mono; "
                "see [audio] command"
            )

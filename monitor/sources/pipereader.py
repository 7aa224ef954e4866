"""Reads a pipe on the thread that wants its audio: it sleeps while that can not be there yet, and can be stopped."""

from __future__ import annotations

import fcntl
import os
import select
from contextlib import suppress
from typing import TYPE_CHECKING

from monitor.host import elapsed_s
from monitor.limits import PIPE_BYTES_MAX
from monitor.wakeup import Wakeup

if TYPE_CHECKING:
    from typing import BinaryIO

_LOOK_S = 1.0
"""How often it is said that a writer that is away is waited for."""
_USUAL_PIPE_BYTES = 1 << 16
_MS_PER_S = 1000


class PipeReader:
    """Standard input, or a stream in memory, which is always ready."""

    def __init__(self, stream: BinaryIO) -> None:
        """Read `stream` past its buffer: nobody else may have read from it."""
        self._stream = stream
        self._fd = _fd_of(stream)
        self._alarm = Wakeup()
        # For its audio, or for its end alone, which needs no asking for; and for `stop` in either case.
        self._audio, self._end = self._waiting_for(select.POLLIN), self._waiting_for(0)
        self.stopped = False
        self.holds_bytes = _USUAL_PIPE_BYTES if self._fd is None else _widened(self._fd)
        """So much can wait in it before its writer has to."""
        self.tended_at_s: float | None = None
        """When it was last looked whether the writer has come, on the clock of `host.elapsed_s`; None before."""

    def stop(self) -> None:
        """End the read under way and all others; from any thread."""
        self.stopped = True
        self._alarm.set()

    def read(self, n_bytes: int, rest_s: float) -> bytes:
        """At most `n_bytes`, or as many as there are; waits for the first.

        Args:
            n_bytes: wanted.
            rest_s: for so long nothing that comes is worth waking up for.

        Returns:
            Nothing when the stream has ended, or was stopped.

        Raises:
            OSError, ValueError: it can not be read.
        """
        if self._fd is None:
            return b"" if self.stopped else self._stream.read(n_bytes)
        if rest_s > 0:
            # Asked for no event of the pipe's own: what comes in is slept over, its end is told all the same.
            self._end.poll(_MS_PER_S * rest_s)
        while not self.stopped:
            self.tended_at_s = elapsed_s()
            if self._audio.poll(_MS_PER_S * _LOOK_S):
                return b"" if self.stopped else os.read(self._fd, n_bytes)
        return b""

    def _waiting_for(self, events: int) -> select.poll:
        poll = select.poll()
        if self._fd is not None:
            poll.register(self._fd, events)
        poll.register(self._alarm, select.POLLIN)
        return poll


def _widened(fd: int) -> int:
    """What the pipe holds, in bytes, made wide where that is allowed."""
    set_size, get_size = getattr(fcntl, "F_SETPIPE_SZ", None), getattr(fcntl, "F_GETPIPE_SZ", None)
    if set_size is None or get_size is None:
        return _USUAL_PIPE_BYTES
    # Refused: no pipe, or more than this user may have.
    with suppress(OSError):
        if fcntl.fcntl(fd, get_size) < PIPE_BYTES_MAX:
            return fcntl.fcntl(fd, set_size, PIPE_BYTES_MAX)
    with suppress(OSError):
        return fcntl.fcntl(fd, get_size)
    return _USUAL_PIPE_BYTES


def _fd_of(stream: BinaryIO) -> int | None:
    """The stream's file descriptor; None for one in memory."""
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None

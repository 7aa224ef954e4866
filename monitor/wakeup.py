"""A wait that ends at once for a signal too: those of `threading` do not, so they would have to be short."""

from __future__ import annotations

import select
import signal
import socket
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

_READ_BYTES = 4096


class Wakeup:
    """Whoever waits is woken from any thread, and, while it is entered, by every signal that has a handler."""

    def __init__(self) -> None:
        """Nobody waits yet."""
        self._writer: socket.socket | None = None

    def __enter__(self) -> Self:
        """From now on; in the main thread."""
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._previous = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Signals as before; nobody may wait any more."""
        signal.set_wakeup_fd(self._previous)
        writer, self._writer = self._writer, None
        for end in (self._reader, writer):
            if end is not None:
                end.close()

    def set(self) -> None:
        """End the wait, or the next one. Takes no lock: a signal handler may call it."""
        writer = self._writer
        try:
            if writer is not None:
                writer.send(b"\0")
        except OSError:  # full: it will end anyway; closed: nobody waits
            return

    def wait(self, timeout_s: float) -> None:
        """Until somebody calls `set`, a signal comes, or the time is over."""
        select.select([self._reader], [], [], timeout_s)
        try:
            while self._reader.recv(_READ_BYTES):
                pass
        except BlockingIOError:
            return

"""A wait that ends at once for a signal too: those of `threading` do not, so they would have to be short."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

_READ_BYTES = 4096


class Wakeup:
    """Whoever waits is woken from any thread, and, while it is entered, by every signal that has a handler.

    By a pipe: a socket, which a system without them would need, is not to be opened by a monitor without a network.
    """

    def __init__(self) -> None:
        """Nobody waits yet."""
        # Open for as long as somebody may call `set`: a number that is closed soon means another file.
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def __del__(self) -> None:
        os.close(self._reader)
        os.close(self._writer)

    def fileno(self) -> int:
        """What is readable once somebody has called `set`: for who waits for something else too."""
        return self._reader

    def __enter__(self) -> Self:
        """From now on; in the main thread."""
        self._previous = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Signals as before."""
        signal.set_wakeup_fd(self._previous)

    def set(self) -> None:
        """End the wait, or the next one. Takes no lock: a signal handler may call it."""
        with suppress(BlockingIOError):  # full: the wait will end anyway
            os.write(self._writer, b"\0")

    def wait(self, timeout_s: float) -> None:
        """Until somebody calls `set`, a signal comes, or the time is over."""
        if not select.select([self._reader], [], [], timeout_s)[0]:
            return
        with suppress(BlockingIOError):
            while os.read(self._reader, _READ_BYTES):
                pass

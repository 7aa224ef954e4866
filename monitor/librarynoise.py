"""What C libraries write to standard error past everybody: caught, and said once instead of at every attempt.

PortAudio and ALSA print up to nine lines each time that a microphone cannot be opened, which is tried for days.
Decoders print what they find in a damaged recording, of which our own error tells already.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from monitor.host import elapsed_s
from monitor.logs import kind_of

if TYPE_CHECKING:
    from types import TracebackType

_SAID_AGAIN_S = 3600.0
_MOST_KINDS = 100
_MOST_LINE = 500
_READ_BYTES = 65_536
_STDERR = 2
_JOIN_S = 0.2
_MOST_LINES_A_MINUTE = 20

_log = logging.getLogger(__name__)


class LibraryNoise:
    """While it is entered, descriptor 2 leads to the log; `sys.stderr` goes on where it went.

    A crash is still told: Python's own account of one goes past the descriptor.
    """

    def __init__(self, level: int = logging.INFO) -> None:
        """Nothing is caught yet; what is news is said at `level`, all else at debug."""
        self._level = level
        self._original: int | None = None
        self._said_s: dict[str, float] = {}
        self._minute_s, self._n_lines = float("-inf"), 0
        self._thread = threading.Thread(target=self._listen, name="library-noise", daemon=True)

    def __enter__(self) -> Self:
        """From now on; where standard error is closed there is nothing to catch."""
        try:
            self._original = os.dup(_STDERR)
        except OSError:
            return self
        self._python = sys.stderr
        # A copy of its own for Python: it may be a terminal, and stays one.
        self._ours = sys.stderr = os.fdopen(os.dup(self._original), "w", buffering=1, errors="backslashreplace")
        self._traced_before = faulthandler.is_enabled()
        if not self._traced_before:
            faulthandler.enable(self._ours)
        self._pipe, inlet = os.pipe()
        # Nobody may wait for us in a write: what does not fit is lost.
        os.set_blocking(inlet, False)
        os.dup2(inlet, _STDERR)
        os.close(inlet)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """As before; what was written until now is said."""
        if self._original is None:
            return
        os.dup2(self._original, _STDERR)
        self._thread.join(_JOIN_S)
        if not self._traced_before:
            faulthandler.disable()
        if not self._thread.is_alive():
            sys.stderr = self._python
            # Whatever could not be written there must not hide why the run ended.
            with suppress(OSError, ValueError):
                self._ours.close()
        # Else some call of a library hangs that leads descriptor 2 elsewhere: Python keeps a way of its own.
        os.close(self._original)

    def _listen(self) -> None:
        rest = b""
        while piece := os.read(self._pipe, _READ_BYTES):
            *lines, rest = (rest + piece).split(b"\n")
            rest = rest[-_MOST_LINE:]
            for line in lines:
                self._take(line)
        self._take(rest)
        os.close(self._pipe)

    def _may_speak(self, now_s: float) -> bool:
        if now_s - self._minute_s >= 60:  # noqa: PLR2004 - a minute
            self._minute_s, self._n_lines = now_s, 0
        self._n_lines += 1
        return self._n_lines <= _MOST_LINES_A_MINUTE

    def _take(self, line: bytes) -> None:
        if text := line[:_MOST_LINE].decode(errors="replace").strip():
            now_s = elapsed_s()
            kind = kind_of(text)
            is_news = now_s - self._said_s.get(kind, float("-inf")) >= _SAID_AGAIN_S and self._may_speak(now_s)
            if is_news:
                if len(self._said_s) >= _MOST_KINDS:
                    self._said_s.clear()
                self._said_s[kind] = now_s
            _log.log(self._level if is_news else logging.DEBUG, "a library says: %s", text)

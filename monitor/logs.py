"""Log lines on stderr; with journal levels in front where systemd reads them."""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import TextIO

_JOURNAL_LEVELS = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


_CHANGING = re.compile(r"0x[0-9a-f]+|\d+")


class _StderrHandler(logging.Handler):
    """Writes to whatever `sys.stderr` is at the moment: the live display puts itself in between while it runs.

    Standard error itself is written past its descriptor: sounddevice leads that nowhere while PortAudio starts, and
    lines of other threads would be lost.
    """

    def __init__(self) -> None:
        super().__init__()
        self._stderr = sys.stderr
        self._descriptor = _duplicate(sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record) + "\n"
        try:
            if self._descriptor is not None and sys.stderr is self._stderr:
                os.write(self._descriptor, line.encode("utf-8", "backslashreplace"))
            else:
                sys.stderr.write(line)
                sys.stderr.flush()
        except (OSError, ValueError):  # nobody reads the log: not a reason to stop listening
            return

    def close(self) -> None:
        with self.lock:  # type: ignore[union-attr] # a thread may be writing
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
        super().close()


def _duplicate(stream: TextIO) -> int | None:
    """Another descriptor of what `stream` writes to; None where it has none."""
    try:
        return os.dup(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return None


class _JournalFormatter(logging.Formatter):
    """`<6>text`: the level is for the journal, the time is the journal's own (sd-daemon(3))."""

    def format(self, record: logging.LogRecord) -> str:
        prefix = journal_prefix(record.levelno)
        return "\n".join(f"{prefix}{line}" for line in super().format(record).splitlines())


def kind_of(complaint: str) -> str:
    """What stays the same when it is said again: addresses of memory and counters do not."""
    return _CHANGING.sub("#", complaint)


def journal_prefix(level: int) -> str:
    """What tells the journal how grave a line is; empty where no journal reads."""
    return f"<{_JOURNAL_LEVELS.get(level, 6)}>" if os.environ.get("JOURNAL_STREAM") else ""


def set_up_logging(level: str) -> None:
    """Send log lines of `level` (`debug`, `info`, `warning`, `error`) and above to stderr."""
    handler = _StderrHandler()
    if os.environ.get("JOURNAL_STREAM"):
        handler.setFormatter(_JournalFormatter("%(message)s"))
    else:
        handler.setFormatter(logging.Formatter("ser-monitor: %(levelname)s: %(message)s"))
    root = logging.getLogger()
    for previous in [previous for previous in root.handlers if isinstance(previous, _StderrHandler)]:
        previous.close()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())

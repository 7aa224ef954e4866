"""Log lines on stderr; with journal levels in front where systemd reads them."""

from __future__ import annotations

import logging
import os
import sys

_JOURNAL_LEVELS = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class _StderrHandler(logging.Handler):
    """Writes to whatever `sys.stderr` is at the moment: the live display puts itself in between while it runs."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # nobody reads the log: not a reason to stop listening
            return


class _JournalFormatter(logging.Formatter):
    """`<6>text`: the level is for the journal, the time is the journal's own (sd-daemon(3))."""

    def format(self, record: logging.LogRecord) -> str:
        level = _JOURNAL_LEVELS.get(record.levelno, 6)
        return "\n".join(f"<{level}>{line}" for line in super().format(record).splitlines())


def set_up_logging(level: str) -> None:
    """Send log lines of `level` (`debug`, `info`, `warning`, `error`) and above to stderr."""
    handler = _StderrHandler()
    if os.environ.get("JOURNAL_STREAM"):
        handler.setFormatter(_JournalFormatter("%(message)s"))
    else:
        handler.setFormatter(logging.Formatter("ser-monitor: %(levelname)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())

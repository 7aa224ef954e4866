"""Talks to systemd by sd_notify(3): READY, STATUS, RELOADING, STOPPING, WATCHDOG. Silent elsewhere."""

from __future__ import annotations

import logging
import os
import socket
import time

log = logging.getLogger(__name__)

_US_PER_S = 1_000_000
_PATIENCE_S = 1.0
"""systemd takes messages at once, save when it is very busy; READY must not be lost."""


class Notifier:
    """Sends datagrams to the socket that systemd names in the environment."""

    def __init__(self) -> None:
        """Take address and watchdog interval from the environment, once: children must not inherit them."""
        self._address = os.environ.pop("NOTIFY_SOCKET", "")
        self.watchdog_s = _watchdog_s()
        """A ping is expected at least so often; None: no watchdog."""

    @property
    def active(self) -> bool:
        """Whether systemd listens."""
        return bool(self._address)

    def ready(self) -> None:
        """The start, or a reload, is over."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """The line that `systemctl status` shows."""
        self._send(f"STATUS={' '.join(text.split())}")

    def reloading(self) -> None:
        """The configuration is read again."""
        # MONOTONIC_USEC is wanted by Type=notify-reload, systemd 253 and newer.
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def watchdog(self) -> None:
        """All is well."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A leading @ stands for the zero byte of the abstract namespace.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
                connection.settimeout(_PATIENCE_S)
                # Connected: a socket that is not, is always writable to poll(), and a full queue would be asked again
                # and again at full load.
                connection.connect(address)
                connection.send(message.encode())
        except OSError as error:
            log.debug("systemd did not take %s: %s", message.partition("=")[0], error)


def _watchdog_s() -> float | None:
    microseconds, process = os.environ.pop("WATCHDOG_USEC", ""), os.environ.pop("WATCHDOG_PID", "")
    if not microseconds.isdigit() or (process and process != str(os.getpid())):
        return None
    return int(microseconds) / _US_PER_S or None

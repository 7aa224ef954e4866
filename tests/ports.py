"""TCP ports for what the tests start."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

_chooser = random.SystemRandom()
"""Of its own: a test that seeds `random` must not make two brokers ask for the same port."""
_given: set[int] = set()


def free_port(host="127.0.0.1"):
    """A port on which nothing listens, and which no one else in this run has been given.

    Below those that the kernel gives to outgoing connections: one of these could connect to itself while the server
    is away.
    """
    while True:
        port = _chooser.randint(12_000, 32_000)
        if port in _given:
            continue
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            _given.add(port)
            return port

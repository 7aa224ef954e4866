"""A Mosquitto of one's own on a free port, and what a subscriber hears there."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.measurement import NotAvailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"
_START_S = 10.0
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Heard:
    """A message at the subscriber."""

    at_s: float
    """On the clock of `time.monotonic`."""
    topic: str
    payload: bytes


def mosquitto() -> str | None:
    """Where the broker's program is; None where it is not installed."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def free_port() -> int:
    """One that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def broker() -> Iterator[int]:
    """The port of a Mosquitto that lets everybody in, all else being as it comes.

    Raises:
        NotAvailableError: it is not installed.
    """
    program = mosquitto()
    if program is None:
        raise NotAvailableError("mosquitto is not installed (Debian: mosquitto)")
    port = free_port()
    with TemporaryDirectory() as folder:
        lines = (f"listener {port} {HOST}", "allow_anonymous true")
        path = Path(folder) / "mosquitto.conf"
        path.write_text("\n".join(lines) + "\n")
        process = subprocess.Popen([program, "-c", str(path)], stderr=subprocess.DEVNULL)
        try:
            yield port
        finally:
            process.terminate()
            process.wait()


class Subscriber:
    """Hears what is published on `topic`, a filter, from the moment it is made; `with` ends it."""

    def __init__(self, port: int, topic: str) -> None:
        """Connect and subscribe, and wait for the answer.

        Raises:
            TimeoutError: nobody answers.
        """
        self.heard: list[Heard] = []
        subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = lambda _client, _data, message: self._hear(message)
        _connect(self._client, port)
        self._client.loop_start()
        if not subscribed.wait(_START_S):
            raise TimeoutError(f"the broker on port {port} takes no subscription")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def of(self, topic: str) -> list[Heard]:
        """What came whose topic ends so, in order."""
        return [heard for heard in list(self.heard) if heard.topic.endswith(topic)]

    def wait_for(self, topic: str, timeout_s: float = 30.0) -> Heard:
        """The first message whose topic ends so.

        Raises:
            TimeoutError: none comes.
        """
        until_s = time.monotonic() + timeout_s
        while not (found := self.of(topic)):
            if time.monotonic() > until_s:
                raise TimeoutError(f"no message on {topic} within {timeout_s:g} s")
            time.sleep(_LOOK_S)
        return found[0]

    def _hear(self, message: paho.MQTTMessage) -> None:
        if not message.retain:  # said before this one subscribed
            self.heard.append(Heard(time.monotonic(), message.topic, bytes(message.payload)))


def _connect(client: paho.Client, port: int) -> None:
    until_s = time.monotonic() + _START_S
    while True:
        try:
            client.connect(HOST, port)
        except OSError:
            if time.monotonic() > until_s:
                raise TimeoutError(f"no broker on port {port} within {_START_S:g} s") from None
            time.sleep(_LOOK_S)
        else:
            return

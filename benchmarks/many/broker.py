"""A private Mosquitto, and a subscriber that takes down when each message of the monitors arrived."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from benchmarks.broker import HOST, free_port
from benchmarks.many.processes import started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_START_S = 20.0
_LOOK_S = 0.05
_NICE = -10


@contextmanager
def broker(program: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Port and process id of a Mosquitto that keeps nothing, ended with the context."""
    port = free_port()
    configuration = folder / "mosquitto.conf"
    # Started by root it would become another user, and by that forget with whom it is to die.
    user = "user root\n" if os.geteuid() == 0 else ""
    configuration.write_text(f"listener {port} {HOST}\nallow_anonymous true\n{user}", encoding="utf-8")
    with started([program, "-c", str(configuration)], stderr=subprocess.DEVNULL) as process:
        _await(port)
        yield port, process.pid


def _await(port: int) -> None:
    until_s = time.monotonic() + _START_S
    while time.monotonic() < until_s:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(_LOOK_S)
    raise TimeoutError(f"found no broker on port {port} after {_START_S:.0f} s, wanted Mosquitto; try it by hand")


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event at the subscriber."""

    at_s: float
    """time.monotonic()"""
    segment: int
    type: str
    emotion: str


class Subscriber:
    """Hears everything that the monitors say; ended with its context."""

    def __init__(self, port: int) -> None:
        """Connect."""
        self._messages: list[tuple[float, str, bytes]] = []
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect(HOST, port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        if not self._subscribed.wait(_START_S):
            raise TimeoutError(f"the broker has not taken the subscription within {_START_S:.0f} s")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def online(self) -> set[str]:
        """Names of the monitors that have said that they are there."""
        return {_node(topic) for _, topic, payload in list(self._messages) if payload == b"online"}

    def n_events(self) -> int:
        """How many events have arrived."""
        return sum(topic.endswith("/event") for _, topic, _ in list(self._messages))

    def events(self) -> dict[str, list[Arrival]]:
        """Of each monitor, in the order of arrival."""
        found: dict[str, list[Arrival]] = {}
        for at_s, topic, payload in list(self._messages):
            if topic.endswith("/event"):
                found.setdefault(_node(topic), []).append(_arrival(at_s, json.loads(payload)))
        return found

    def losses(self) -> tuple[float, int]:
        """Seconds of audio lost, and messages dropped, as the monitors' own status says."""
        last: dict[str, dict[str, Any]] = {}
        for _, topic, payload in list(self._messages):
            if topic.endswith("/status"):
                last[_node(topic)] = json.loads(payload)
        return sum(one["audio_lost_s"] for one in last.values()), sum(one["dropped"] for one in last.values())

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        # This is paho's thread: who takes the time must not wait for those who are timed.
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        client.subscribe([(f"ser-monitor/+/{last}", SubscribeOptions(1)) for last in _TOPICS])

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        self._messages.append((time.monotonic(), message.topic, bytes(message.payload)))


_TOPICS = ("event", "availability", "status")


def _node(topic: str) -> str:
    return topic.split("/")[1]


def _arrival(at_s: float, event: dict[str, Any]) -> Arrival:
    return Arrival(at_s, int(event["id"].rpartition("-")[2]), event["type"], event["emotion"])

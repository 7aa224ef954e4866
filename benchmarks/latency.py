"""How long after the end of an analysis window its message is at a subscriber: the whole program, and a real broker."""

from __future__ import annotations

import json
import math
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

TALK_S = 90
_PIECE_S = 0.01
"""Audio is written in pieces of this length, each when its last sample would have been heard."""
_SAME_MOMENT_S = 0.01
_STAMP_S = 0.1
"""The program learns when audio was heard from its arrival: its stamps may be so late, and are never early."""
_NODE = "bench"


def window_latencies(talk: NDArray[np.int16], rate_hz: int, hop_s: float) -> list[float] | None:
    """Seconds from the end of the window behind each `new` and `update` to its arrival; None without Mosquitto.

    Windows end on a grid of `hop_s` that starts with the stream: a message's window is the first one that ends with,
    or after, the speech that the message covers, its field `end`. An utterance's last window is off the grid: its
    message comes at one moment with the `end`, and does not count.
    """
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        return None
    with TemporaryDirectory() as folder, _broker(program, Path(folder)) as port:
        arrivals: list[tuple[float, dict[str, Any]]] = []
        subscriber = _subscriber(port, arrivals)
        started_s, wall_s = _play(talk, rate_hz, port)
        subscriber.disconnect()
        subscriber.loop_stop()
    ends = [(at_s, event["id"]) for at_s, event in arrivals if event["type"] == "end"]
    return [
        at_s - started_s - _window_end_s(event, wall_s, hop_s)
        for at_s, event in arrivals
        if event["type"] != "end" and not any(event["id"] == of and abs(at - at_s) < _SAME_MOMENT_S for at, of in ends)
    ]


@contextmanager
def _broker(program: str, folder: Path) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    configuration = folder / "mosquitto.conf"
    configuration.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    broker = subprocess.Popen([program, "-c", str(configuration)], stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        broker.terminate()
        broker.wait()


def _subscriber(port: int, arrivals: list[tuple[float, dict[str, Any]]]) -> paho.Client:
    ready = threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.on_connect = lambda one, *_: one.subscribe(f"ser-monitor/{_NODE}/event", qos=1)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _client, _data, message: arrivals.append((time.monotonic(), json.loads(message.payload)))
    for _ in range(100):
        try:
            client.connect("127.0.0.1", port)
            break
        except OSError:
            time.sleep(0.05)
    client.loop_start()
    ready.wait(10)
    return client


def _window_end_s(event: dict[str, Any], wall_s: float, hop_s: float) -> float:
    """Stream time at which the window behind the event ended."""
    covered_s = datetime.fromisoformat(event["end"]).timestamp() - wall_s
    return math.ceil((covered_s - _STAMP_S) / hop_s) * hop_s


def _play(talk: NDArray[np.int16], rate_hz: int, port: int) -> tuple[float, float]:
    """Feed the program in real time; when its sample 0 was heard, on the steady and on the wall clock."""
    variables = {"ENABLED": "true", "HOST": "127.0.0.1", "PORT": str(port)}
    environment = {**os.environ, "SER_MONITOR__NODE": _NODE, "SER_MONITOR__DECISION__MAX_EVENTS_PER_MIN": "0"}
    environment |= {f"SER_MONITOR__MQTT__{name}": value for name, value in variables.items()}
    # Label changes with every window that says something else: many messages in a short time.
    environment |= {"SER_MONITOR__DECISION__MIN_DWELL_S": "0", "SER_MONITOR__DECISION__SMOOTHING_S": "0"}
    command = [sys.executable, "-m", "monitor.cli", "--input", "-", "--log-level", "error"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as program:
        assert program.stdin is not None
        time.sleep(3)  # it has started and is connected
        started_s, wall_s = time.monotonic(), time.time()
        n_piece = round(rate_hz * _PIECE_S)
        for at in range(0, len(talk), n_piece):
            piece = talk[at : at + n_piece]
            time.sleep(max(started_s + (at + len(piece)) / rate_hz - time.monotonic(), 0))
            program.stdin.write(piece.astype("<i2").tobytes())
            program.stdin.flush()
        program.stdin.close()
    return started_s, wall_s

"""One process with a pipeline a microphone: what it would cost to have no process for each of them.

`python -m benchmarks.many.together CONFIG DESCRIPTOR…` reads a pipe a microphone. It is about the least that such a
monitor could do: one thread, one model, one connection to the broker for all, and nothing but events; no state, status,
mute, watchdog, reload, and no protection of one microphone from another.
"""

from __future__ import annotations

import os
import selectors
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.many.configuration import node_of
from monitor.host import share_memory_among_threads

if TYPE_CHECKING:
    from monitor.config import Settings

share_memory_among_threads()

import numpy as np  # noqa: E402 - as the program itself
import paho.mqtt.client as paho  # noqa: E402
from paho.mqtt.enums import CallbackAPIVersion  # noqa: E402

from monitor.assembly import make_pipeline  # noqa: E402
from monitor.clock import LiveClock  # noqa: E402
from monitor.config import load_settings  # noqa: E402
from monitor.model import EmotionModel, shipped_model  # noqa: E402
from monitor.records import AudioBlock, EmotionEvent  # noqa: E402
from monitor.sinks.schema import Identity, event_payload, to_json_line  # noqa: E402

_READ_BYTES = 65_536


class Microphone:
    """A pipe's audio on its way to the broker."""

    def __init__(self, number: int, settings: Settings, model: EmotionModel, client: paho.Client) -> None:
        """Say that it is there."""
        self._rate_hz = model.spec.rate_hz
        self._pipeline = make_pipeline(settings, model)
        self._clock = LiveClock(self._rate_hz)
        node = node_of(number)
        self._identity = Identity(node=node, model_name=model.identity, id_prefix=node, rate_hz=self._rate_hz)
        self._start_s = 0.0
        self._client = client
        client.publish(f"ser-monitor/{node}/availability", "online", qos=1, retain=True)

    def hear(self, data: bytes) -> None:
        """Take what has come: s16le."""
        samples = np.frombuffer(data, dtype="<i2")
        block = AudioBlock(samples, self._pipeline.heard_sample)
        self._clock.observe(block.end_sample)
        for event in self._pipeline.push(block):
            if isinstance(event, EmotionEvent):
                self._tell(event)

    def _tell(self, event: EmotionEvent) -> None:
        if event.type == "new":
            self._start_s = self._clock.wall_s(event.start_sample)
        payload = event_payload(event, self._start_s, self._clock, self._identity)
        self._client.publish(f"ser-monitor/{self._identity.node}/event", to_json_line(payload), qos=1)


def listen(configuration: Path, descriptors: list[int]) -> None:
    """Hear all pipes until each has ended."""
    settings = load_settings(configuration)
    model = EmotionModel.load(shipped_model())
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.connect(settings.mqtt.host, settings.mqtt.port)
    client.loop_start()
    with selectors.DefaultSelector() as selector:
        for number, descriptor in enumerate(descriptors):
            selector.register(descriptor, selectors.EVENT_READ, Microphone(number, settings, model, client))
        while selector.get_map():
            for key, _ in selector.select():
                # The pipe's length is a whole number of samples: so are the pieces that are written into it.
                if data := os.read(key.fd, _READ_BYTES):
                    key.data.hear(data)
                else:
                    selector.unregister(key.fd)
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    listen(Path(sys.argv[1]), [int(argument) for argument in sys.argv[2:]])

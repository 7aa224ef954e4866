"""One process with a pipeline a microphone: what it would cost to have no process for each of them.

`python -m benchmarks.many.together CONFIG DESCRIPTOR…` reads a pipe a microphone. It reads as monitors do, in blocks as
long as nothing in them waits, and does less: one thread, one model, one connection to the broker for all, and nothing
but events; no state, status, mute, watchdog, reload, and no protection of one microphone from another. It is no bound:
microphones read in turn at common ticks, or windows of several classified at once, might cost less still.
"""

from __future__ import annotations

import os
import selectors
import sys
from heapq import heappop, heappush
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.many.configuration import node_of
from monitor.host import elapsed_s, share_memory_among_threads

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
from monitor.sources.blockreading import BlockReading  # noqa: E402

_SAMPLE_BYTES = 2
_SPARE_BYTES = 1 << 13
"""Read beyond a block's end, as a monitor does."""


class Microphone:
    """A pipe's audio on its way to the broker, in blocks as long as those of a monitor of its own."""

    def __init__(
        self, node: str, descriptor: int, settings: Settings, model: EmotionModel, client: paho.Client
    ) -> None:
        """Say that it is there."""
        self.descriptor = descriptor
        os.set_blocking(descriptor, False)
        self._rate_hz = model.spec.rate_hz
        self._reading = BlockReading(self._rate_hz, _SAMPLE_BYTES, self._rate_hz)
        self._begun = b""
        """What has come of the block under way."""
        self._pipeline = make_pipeline(settings, model)
        self._clock = LiveClock(self._rate_hz)
        self._identity = Identity(node=node, model_name=model.identity, id_prefix=node, rate_hz=self._rate_hz)
        self._start_s = 0.0
        self._client = client
        client.publish(f"ser-monitor/{node}/availability", "online", qos=1, retain=True)

    def read(self) -> float | None:
        """Take what has come; returns for how many seconds what comes is not worth waking up for, None at the end.

        Raises:
            BlockingIOError: nothing has come.
        """
        n_bytes = self._reading.wanted_bytes() + _SPARE_BYTES
        data = os.read(self.descriptor, n_bytes)
        if not data:
            return None
        drained = len(data) < n_bytes
        self._reading.came(len(data), drained=drained)
        self._divide(data)
        self._reading.wanted_bytes()  # of the next block, where this one is over
        return self._reading.rest_s if drained else 0.0

    def _divide(self, data: bytes) -> None:
        """Hear each block that is complete."""
        waited = False
        while data:
            wanted_bytes = self._reading.wanted_bytes()
            piece, data = data[:wanted_bytes], data[wanted_bytes:]
            self._begun += piece
            if self._reading.took(len(piece), waited=waited):
                self._hear(self._begun)
                self._begun = b""
                self._reading.rhythm = self._pipeline.rhythm
            waited = True

    def _hear(self, data: bytes) -> None:
        block = AudioBlock(np.frombuffer(data, dtype="<i2"), self._pipeline.heard_sample)
        self._clock.observe(block.end_sample)
        for event in self._pipeline.push(block):
            if isinstance(event, EmotionEvent):
                self._tell(event)

    def _tell(self, event: EmotionEvent) -> None:
        if event.type == "new":
            self._start_s = self._clock.wall_s(event.start_sample)
        payload = event_payload(event, self._start_s, self._clock, self._identity)
        self._client.publish(f"ser-monitor/{self._identity.node}/event", to_json_line(payload), qos=1)


class Listening:
    """Reads each of many microphones when something is due in its own blocks, and none before."""

    def __init__(self, microphones: list[Microphone]) -> None:
        """None has been read yet."""
        self._microphones = microphones
        self._resting = [(0.0, number) for number in range(len(microphones))]
        """When each is to be read, on the clock of `elapsed_s`; a heap."""
        self._selector = selectors.DefaultSelector()
        """Those whose audio is due, and not there."""

    def run(self) -> None:
        """To the end of all pipes."""
        with self._selector:
            while self._resting or self._selector.get_map():
                rest_s = max(self._resting[0][0] - elapsed_s(), 0) if self._resting else None
                for key, _ in self._selector.select(rest_s):
                    self._selector.unregister(key.fd)
                    self._read(key.data)
                # Whom this reads anew rests at least until the next turn.
                now_s = elapsed_s()
                while self._resting and self._resting[0][0] <= now_s:
                    self._read(heappop(self._resting)[1])

    def _read(self, number: int) -> None:
        microphone = self._microphones[number]
        try:
            rest_s = microphone.read()
        except BlockingIOError:
            self._selector.register(microphone.descriptor, selectors.EVENT_READ, number)
            return
        if rest_s is not None:
            heappush(self._resting, (elapsed_s() + rest_s, number))


def listen(configuration: Path, descriptors: list[int]) -> None:
    """Hear all pipes until each has ended."""
    settings = load_settings(configuration)
    model = EmotionModel.load(shipped_model())
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.connect(settings.mqtt.host, settings.mqtt.port)
    client.loop_start()
    Listening([Microphone(node_of(number), fd, settings, model, client) for number, fd in enumerate(descriptors)]).run()
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    listen(Path(sys.argv[1]), [int(argument) for argument in sys.argv[2:]])

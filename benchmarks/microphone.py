"""The whole program with a microphone: PortAudio, ALSA's plug-in and a private PulseAudio, events to a real broker."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from benchmarks.broker import Subscriber, broker
from benchmarks.listening import Feed, listening_rows, stretches, thread_rows, usages_by_stretch
from benchmarks.live import TOPICS, memory_rows
from benchmarks.measurement import NotAvailableError
from benchmarks.process import Memory
from benchmarks.program import broker_settings, program
from benchmarks.soundserver import sound_server

if TYPE_CHECKING:
    from benchmarks.measurement import Measurement
    from benchmarks.recording import Recording

GROUP = "live: microphone to MQTT"
THREADS = "microphone, by thread"
_SHARE = 0.5
"""Of each stretch: as a pipe is heard for longer, it is enough to see what a microphone adds."""
_OPEN_S = 20.0
_LOOK_S = 0.1
_HEARING = ("listening", "speech")


def measure(recording: Recording) -> list[Measurement]:
    """Processor time, wake-ups and memory; the sound server's own are not in them.

    Raises:
        NotAvailableError: there is no broker, no sound server, or the microphone does not open.
    """
    heard = stretches(recording, _SHARE)
    with broker() as port, sound_server() as server, Subscriber(port, TOPICS) as subscriber:
        settings, environment = broker_settings(port), server.environment
        with (
            program((), settings, module="benchmarks.named_threads", environment=environment) as running,
            server.player() as player,
        ):
            _wait_until_open(subscriber)
            assert player.stdin is not None
            found = usages_by_stretch(running.pid, Feed(player.stdin), heard, recording.n_rounds)
            memory = Memory.of(running.pid)
            running.process.terminate()
    return [
        *listening_rows(GROUP, found, f"{_SHARE * recording.stretch_s:.0f} s, PulseAudio's null sink"),
        *memory_rows(GROUP, memory),
        *thread_rows(THREADS, found),
    ]


def _wait_until_open(subscriber: Subscriber) -> None:
    until_s, state = time.monotonic() + _OPEN_S, "nothing said"
    while state not in _HEARING:
        if time.monotonic() > until_s:
            raise NotAvailableError(f"the microphone does not open: {state}")
        time.sleep(_LOOK_S)
        if said := subscriber.of("/status"):
            status = json.loads(said[-1].payload)
            state = str(status["state"]) if status["state"] in _HEARING else f"{status['state']} {status['reason']}"

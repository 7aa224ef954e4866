"""Every bound of what is kept in memory, under the name by which `info` tells it.

What holds more drops its oldest and counts that, waits, or refuses; docs/mqtt.md says which. What is not here has a
size of its own: a window's audio and features, a frame of the gate, the figures of one status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.config import Settings

REPORTS_MAX = 1000
"""Before each sink: about two minutes of everything the pipeline says, or hours of events."""
MOMENTARY_MAX = 100
"""Messages of the present that wait at most; then an older one on the same topic gives way."""
UNACKNOWLEDGED_MAX = 20
"""MQTT messages on their way at once; brokers take 20 or more."""
PACKET_BYTES_MAX = 16_384
"""The broker keeps larger ones from us: commands are small, and a huge one would have to be read into memory."""
REQUEST_BYTES_MAX = 1024
"""Payload of a command."""
HANGING_MAX = 4
"""Threads left behind in a hanging sound server; with so many, none is added until one comes back."""
PIPE_BYTES_MAX = 1 << 20
"""Asked for where the system gives it: what is heard while the worker is busy waits there; then its writer waits."""
METRICS_CLIENTS_MAX = 8
"""Clients of the metrics endpoint at once, a thread each; more are hung up on."""


def limits_of(settings: Settings) -> Mapping[str, float | int]:
    """All of them, those included that are set."""
    return {
        "ring_s": settings.audio.ring_s,
        "queue_max": settings.mqtt.queue_max,
        "reports_max": REPORTS_MAX,
        "momentary_max": MOMENTARY_MAX,
        "unacknowledged_max": UNACKNOWLEDGED_MAX,
        "packet_bytes_max": PACKET_BYTES_MAX,
        "request_bytes_max": REQUEST_BYTES_MAX,
        "hanging_max": HANGING_MAX,
        "pipe_bytes_max": PIPE_BYTES_MAX,
        "metrics_clients_max": METRICS_CLIENTS_MAX,
        "events_per_min": settings.decision.max_events_per_min,
    }

"""Sinks: where reports go. One file a sink; each runs in a thread of its own behind a bounded queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from monitor.records import Report


SINKS = {
    "stdout": "monitor.sinks.stdout:JsonLines",
    "mqtt": "monitor.sinks.mqtt:MqttSink",
    "metrics": "monitor.sinks.metrics:MetricsSink",
}
"""Imported only when used: MQTT and metrics have libraries of their own."""


class Sink(Protocol):
    """Takes reports one at a time, always from the same thread.

    One that has no use for levels may say so by an attribute `wants_levels`, False: they come eight times a second, and
    its thread then sleeps through silence. One that has no use for some other events says so by a method `wants`, which
    is asked on the worker's thread.
    """

    name: str
    events_only: bool
    """Takes reports of emotion events only; others are not even queued."""

    def write(self, report: Report) -> None:
        """Deliver one report, or pass over it where the sink has no use for its kind.

        Raises:
            OutputFailedError: nothing more can be written.
            BrokenPipeError: nobody reads any more; an end without error.
        """
        ...

    def close(self) -> None:
        """Deliver what is held back and let go of the output."""
        ...

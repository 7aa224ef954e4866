"""The daemon: joins source, pipeline and sinks; owns threads and signals, and the order of start and stop.

| thread  | does                                              | if late                                          |
|---------|---------------------------------------------------|--------------------------------------------------|
| capture | in live sources: device to ring                   | the ring overwrites the oldest and counts        |
| worker  | source → pipeline → `offer` to each sink's outbox | -                                                |
| sinks   | outbox → write, one thread a sink                 | bounded, drops the oldest, counts                |
| main    | signals, failures, stop                           | what hangs at the end is left behind             |
"""

from __future__ import annotations

import logging
import signal
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from monitor.errors import MonitorError
from monitor.host import elapsed_s
from monitor.records import EmotionEvent, Estimate, Report
from monitor.sinks.outbox import Outbox
from monitor.sinks.schema import event_payload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from monitor.clock import StreamClock
    from monitor.pipeline import Pipeline
    from monitor.records import AudioBlock, PipelineEvent
    from monitor.sinks import Sink
    from monitor.sinks.schema import Identity
    from monitor.sources import Source

STOP_TIMEOUT_S = 2.0
"""For the worker, and again for each sink: together below the 5 s in which a stop must end."""
_LOOK_S = 0.1
"""How soon a signal is noticed: threading's own waits are not ended by signals."""
_LOSS_LOG_S = 60.0

log = logging.getLogger(__name__)


class Daemon:
    """One run from the first block to the last event."""

    def __init__(
        self, source: Source, pipeline: Pipeline, sinks: Sequence[Sink], clock: StreamClock, identity: Identity
    ) -> None:
        """Join the parts; nothing starts yet."""
        self._source = source
        self._pipeline = pipeline
        self._clock = clock
        self._identity = identity
        self._over = threading.Event()
        self._stop_asked = False
        self._outboxes = [Outbox(sink, self._over.set, lossless=source.waits) for sink in sinks]
        self._worker = threading.Thread(target=self._work, name="worker", daemon=True)
        self._failure: Exception | None = None
        self._segment_start_s = 0.0
        self._unsaid_samples = 0
        self._loss_said_at_s = float("-inf")

    def run(self) -> bool:
        """Run until the source ends, a signal comes, or a part fails. Call it from the main thread.

        Returns:
            True when everything was delivered and every thread has ended; False when a thread hangs and was left.

        Raises:
            MonitorError: the source or a sink failed.
            BrokenPipeError: the reader of stdout is gone.
        """
        previous = {number: signal.signal(number, self._on_signal) for number in _stop_signals()}
        try:
            for outbox in self._outboxes:
                outbox.start()
            self._worker.start()
            while not (self._stop_asked or self._over.wait(_LOOK_S)):
                pass
            clean = self._shut_down()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        self._raise_failure()
        return clean

    def stop(self) -> None:
        """Ask for the end, from any thread; open speech gets its `end` first."""
        # A plain attribute: a signal handler that took a lock could wait for the very thread it interrupts.
        self._stop_asked = True

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stop()

    def _shut_down(self) -> bool:
        self._source.stop()
        delivered = [self._joined(self._worker.join, self._worker.is_alive)]
        for outbox in self._outboxes:
            outbox.finish()
            delivered.append(self._joined(outbox.join, outbox.is_alive))
        return all(delivered)

    def _joined(self, join: Callable[[float], None], is_alive: Callable[[], bool]) -> bool:
        """Wait for a thread to end; False where it hangs and is left behind.

        A recording that ended by itself is delivered to its last event, however slow the reader is. The reader of a
        live stream, or after a stop was asked for, may hang for ever.
        """
        patience_s = STOP_TIMEOUT_S
        while is_alive() and patience_s > 0:
            join(_LOOK_S)
            if self._stop_asked or not self._source.waits:
                patience_s -= _LOOK_S
        return not is_alive()

    def _raise_failure(self) -> None:
        failures = [self._failure, *(outbox.failure for outbox in self._outboxes)]
        for failure in failures:
            if failure is not None:
                raise failure

    def _work(self) -> None:
        try:
            self._listen()
        except Exception as error:  # the main thread raises it again
            self._failure = error
            if not isinstance(error, MonitorError):
                log.debug("the worker failed", exc_info=True)
        finally:
            self._over.set()

    def _listen(self) -> None:
        try:
            for block in self._source.blocks():
                self._hear(block)
        finally:
            # Also when the source broke off: a segment under way gets its `end`.
            self._report(self._pipeline.flush())

    def _hear(self, block: AudioBlock) -> None:
        if block.lost_samples:
            self._log_loss(block.lost_samples, block.gap_cause)
            # What the gap ends is stamped by the time before it.
            self._report(self._pipeline.lose(block.lost_samples, block.gap_cause))
            self._clock.restart()
            block = replace(block, lost_samples=0)
        self._clock.observe(block.end_sample)
        self._report(self._pipeline.push(block))

    def _log_loss(self, n_samples: int, cause: str) -> None:
        """Say that audio was lost, once a minute at most: a slow machine loses some every second."""
        self._unsaid_samples += n_samples
        now_s = elapsed_s()
        if now_s - self._loss_said_at_s >= _LOSS_LOG_S:
            log.warning("%.2f s of audio lost (%s)", self._unsaid_samples / self._identity.rate_hz, cause or "unknown")
            self._unsaid_samples, self._loss_said_at_s = 0, now_s

    def _report(self, events: list[PipelineEvent]) -> None:
        for event in events:
            payload = self._payload(event) if isinstance(event, EmotionEvent) else None
            report = Report(event, self._clock.wall_s(_sample_of(event)), payload)
            for outbox in self._outboxes:
                outbox.offer(report)

    def _payload(self, event: EmotionEvent) -> dict[str, Any]:
        """What users see. The start of a segment is stamped once: the clock may know better by the time of its end."""
        if event.type == "new":
            self._segment_start_s = self._clock.wall_s(event.start_sample)
        return event_payload(event, self._segment_start_s, self._clock, self._identity)


def _stop_signals() -> list[signal.Signals]:
    """SIGHUP too, where it exists: the terminal is gone."""
    return [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)]


def _sample_of(event: PipelineEvent) -> int:
    return event.end_sample if isinstance(event, Estimate | EmotionEvent) else event.at_sample

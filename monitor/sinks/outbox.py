"""A sink's thread and the bounded queue in front of it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING

from monitor.limits import REPORTS_MAX
from monitor.records import EmotionEvent, LevelMeasured

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.records import PipelineEvent, Report, StatusTaken
    from monitor.sinks import Sink

log = logging.getLogger(__name__)


class Outbox:
    """Takes reports from the worker and writes them to one sink in a thread of its own.

    When the queue is full the oldest report is dropped and counted, so
    that a slow reader never holds up the audio; with `lossless=True`, for sources that can wait, `offer` waits.
    """

    def __init__(self, sink: Sink, on_failure: Callable[[], None], *, lossless: bool, bound: int = REPORTS_MAX) -> None:
        """`on_failure` is called from the sink's thread when the sink can not go on; see `failure`."""
        self.sink = sink
        self._on_failure = on_failure
        self._lossless = lossless
        self._bound = bound
        self._queue: deque[Report] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"sink-{sink.name}", daemon=True)
        self.failure: Exception | None = None
        self.n_dropped = 0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def takes(self, event: PipelineEvent | StatusTaken) -> bool:
        """Whether the sink has a use for it: waking its thread for nothing costs more than the work."""
        if isinstance(event, EmotionEvent):
            return True
        if isinstance(event, LevelMeasured):
            return self.wants_levels
        wants = getattr(self.sink, "wants", None)
        return not self.sink.events_only and (wants is None or wants(event))

    @property
    def wants_levels(self) -> bool:
        """Whether the sink has a use for levels."""
        return not self.sink.events_only and bool(getattr(self.sink, "wants_levels", True))

    def offer(self, report: Report, *, wait: bool = True) -> None:
        """Queue one report, if the sink takes its kind; never blocks unless lossless and `wait`."""
        if report.payload is None and not self.takes(report.event):
            return
        with self._changed:
            if self._lossless and wait:
                self._changed.wait_for(lambda: len(self._queue) < self._bound or self.failure is not None)
            if self.failure is not None:
                return
            if len(self._queue) >= self._bound:
                self._make_room()
            self._queue.append(report)
            self._changed.notify_all()

    def finish(self) -> None:
        """Nothing more will be offered: deliver what is queued, then close the sink."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def detach(self) -> None:
        """Nobody needs it any more: what happens to it from now on ends nothing else."""
        self._on_failure = lambda: log.warning("%s ended badly: %s", self.sink.name, self.failure)
        self.finish()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread."""
        self._thread.join(timeout_s)

    def is_alive(self) -> bool:
        """Whether the thread runs, or hangs."""
        return self._thread.is_alive()

    def _make_room(self) -> None:
        # Levels and estimates go first: they are for the eye, events are what people wait for.
        for i, report in enumerate(self._queue):
            if report.payload is None:
                del self._queue[i]
                break
        else:
            self._queue.popleft()
        self._count_drop()

    def _count_drop(self) -> None:
        self.n_dropped += 1
        # Once, and then at every tenfold: a log line a drop would be a second flood.
        if str(self.n_dropped).strip("0") == "1":
            log.warning(
                "%s does not keep up: %d reports dropped so far, the oldest first", self.sink.name, self.n_dropped
            )

    def _run(self) -> None:
        try:
            while (report := self._next()) is not None:
                self.sink.write(report)
            self.sink.close()
        except Exception as error:  # noqa: BLE001 - whatever it is, the main thread decides
            self._fail(error)

    def _next(self) -> Report | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            if not self._queue:
                return None
            report = self._queue.popleft()
            self._changed.notify_all()
            return report

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self.failure = error
            self._queue.clear()
            self._changed.notify_all()
        self._on_failure()

"""The daemon: joins source, pipeline and sinks; owns threads and signals, and the order of start and stop.

| thread  | does                                              | if late                                          |
|---------|---------------------------------------------------|--------------------------------------------------|
| capture | of a microphone: device to ring                   | the ring overwrites the oldest and counts        |
| worker  | source → pipeline → `offer` to each sink's outbox | -                                                |
| sinks   | outbox → write, one thread a sink                 | bounded, drops the oldest, counts                |
| main    | signals, liveness, systemd, reload, stop          | what hangs at the end is left behind             |
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from monitor.errors import MonitorError, StuckError
from monitor.health import Health
from monitor.host import elapsed_s
from monitor.losses import Losses
from monitor.notify import Notifier
from monitor.records import EmotionEvent, Estimate, Report
from monitor.sinks.outbox import Outbox
from monitor.sinks.schema import event_payload
from monitor.sources import MUTED_GAP
from monitor.wakeup import Wakeup
from monitor.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from monitor.clock import StreamClock
    from monitor.health import TimedClassifier
    from monitor.pipeline import Pipeline
    from monitor.records import AudioBlock, PipelineEvent, StatusTaken
    from monitor.sinks import Sink
    from monitor.sinks.schema import Identity
    from monitor.sources import Source

STOP_TIMEOUT_S = 2.0
"""For the worker, and again for each sink: together below the 5 s in which a stop must end."""
_SETTLE_LOOK_S = 0.005
_JOIN_LOOK_S = 0.1
"""How soon a signal is noticed at the end: joining a thread is not ended by one."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What listens, as one configuration wants it."""

    source: Source
    pipeline: Pipeline
    clock: StreamClock
    identity: Identity
    timing: TimedClassifier | None = None
    stall_exit_s: float = float("inf")
    """A sound system that hangs for so long is left to the next process."""


class Daemon:
    """One run from the first block to the last event."""

    def __init__(
        self,
        hearing: Hearing,
        sinks: Sequence[Sink],
        *,
        notifier: Notifier | None = None,
        reload: Callable[[Daemon], None] | None = None,
    ) -> None:
        """Join the parts; nothing starts yet.

        Args:
            hearing: what listens at first.
            sinks: where reports go.
            notifier: how systemd is told; default: as the environment says.
            reload: called on SIGHUP, in the main thread: reads the configuration again and calls `hear` and `report_to`
                for what has changed. None: SIGHUP ends the run, as the terminal is gone.
        """
        self._hearing = hearing
        self._following: Hearing | None = None
        self._health = Health(hearing.identity.rate_hz)
        self._notifier = notifier or Notifier()
        self._reload = reload
        self._over = threading.Event()
        self._wakeup = Wakeup()
        self._stop_asked = False
        self._reload_asked = False
        self._mute_asked = False
        self._losses = Losses(self._health)
        self._passed_samples = 0
        self._outboxes = [self._outbox(sink) for sink in sinks]
        self._worker = threading.Thread(target=self._work, name="worker", daemon=True)
        self._failure: Exception | None = None
        self._segment_start_s = 0.0
        self._watch = Watch(self._health, self._notifier)

    def run(self) -> bool:
        """Run until the source ends, a signal comes, or a part fails. Call it from the main thread.

        Returns:
            True when everything was delivered and every thread has ended; False when a thread hangs and was left.

        Raises:
            MonitorError: the source or a sink failed.
            BrokenPipeError: the reader of stdout is gone.
        """
        previous = {number: signal.signal(number, handler) for number, handler in self._signals().items()}
        try:
            for outbox in self._outboxes:
                outbox.start()
            self._worker.start()
            self._notifier.ready()
            with self._wakeup:
                self._watch_over()
            self._notifier.stopping()
            clean = self._shut_down()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        self._raise_failure()
        return clean

    def _watch_over(self) -> None:
        """Until the source ends, somebody asks for the end, or only an end helps."""
        try:
            while self._goes_on():
                self._wakeup.wait(self._watch.wait_s)
                if not self._goes_on():
                    return
                if self._reload_asked:
                    self._read_again()
                self._look()
        except StuckError as error:
            self._failure = error
            self._stop_asked = True

    def stop(self) -> None:
        """Ask for the end, from any thread; open speech gets its `end` first."""
        # A plain attribute: a signal handler that took a lock could wait for the very thread it interrupts.
        self._stop_asked = True
        self._wakeup.set()

    def mute(self, muted: bool) -> None:
        """Ask to hear nothing, or to hear again; from any thread. Open speech gets its `end`."""
        self._mute_asked = muted
        self._look_soon()  # whoever asks is waiting to be told
        self._losses.mute(muted)
        for hearing in (self._hearing, self._following):
            if hearing is not None:
                hearing.source.mute(muted=muted)

    def hear(self, hearing: Hearing) -> None:
        """Listen with `hearing` from now on; in the main thread.

        Where the source stays the same, no audio is lost: the pipelines change between two blocks.
        """
        self._following = hearing
        if hearing.source is not self._hearing.source:
            self._hearing.source.stop()

    def settle(self) -> None:
        """Wait until the worker has gone over to the last `hear`: what was under way has got its `end`.

        Not for long: a source that brings nothing has nothing under way.
        """
        until_s = elapsed_s() + STOP_TIMEOUT_S
        while self._following is not None and elapsed_s() < until_s and self._worker.is_alive():
            time.sleep(_SETTLE_LOOK_S)

    @property
    def status(self) -> StatusTaken | None:
        """How it is doing; from any thread. None before it was first looked at."""
        return self._watch.status

    @property
    def hearing(self) -> Hearing:
        """What listens, or is about to."""
        return self._following or self._hearing

    @property
    def sinks(self) -> list[Sink]:
        """Where reports go."""
        return [outbox.sink for outbox in self._outboxes]

    def report_to(self, sinks: Sequence[Sink]) -> None:
        """Report to these sinks from now on, in the main thread: those that stay are not disturbed."""
        stay = [outbox for outbox in self._outboxes if outbox.sink in sinks]
        go = [outbox for outbox in self._outboxes if outbox.sink not in sinks]
        come = [self._outbox(sink) for sink in sinks if sink not in self.sinks]
        for outbox in come:
            outbox.start()
        # Replaced as a whole: the worker may be going through the old list.
        self._outboxes = [*stay, *come]
        for outbox in go:
            outbox.detach()
        for outbox in go:
            outbox.join(STOP_TIMEOUT_S)

    def _outbox(self, sink: Sink) -> Outbox:
        return Outbox(sink, self._finish, lossless=self._hearing.source.waits)

    def _signals(self) -> dict[signal.Signals, Callable[[int, FrameType | None], None]]:
        def on_stop(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        def on_reload(_number: int, _frame: FrameType | None) -> None:
            self._reload_asked = True  # the signal itself ends the main thread's wait

        actions = {"SIGTERM": on_stop, "SIGINT": on_stop, "SIGHUP": on_stop if self._reload is None else on_reload}
        return {getattr(signal, name): action for name, action in actions.items() if hasattr(signal, name)}

    def meanwhile(self) -> bool:
        """For whoever keeps the main thread waiting, ten times a second: look as ever; False: the end was asked for.

        Raises:
            StuckError: as at any look.
        """
        self._look()
        return self._goes_on()

    def _goes_on(self) -> bool:
        return not (self._stop_asked or self._over.is_set())

    def _finish(self) -> None:
        """The source has ended, or a part failed; from any thread."""
        self._over.set()
        self._wakeup.set()

    def _look_soon(self) -> None:
        """Let the main thread look at once; from any other."""
        self._watch.look_soon()
        self._wakeup.set()

    def _look(self) -> None:
        """In the main thread, as often as it comes round."""
        if self._watch.begin():
            self._take_status()
        hearing = self._hearing
        self._watch.check_stuck(hearing.source, hearing.stall_exit_s)

    def _take_status(self) -> None:
        """Every few seconds, or when somebody waits for news."""
        hearing = self._hearing
        p95_ms = hearing.timing.p95_ms() if hearing.timing is not None else None
        status = self._watch.look(
            hearing.source, self._outboxes, p95_ms, worker_alive=self._worker.is_alive(), muted=self._mute_asked
        )
        if status is not None:
            for outbox in self._outboxes:
                outbox.offer(Report(status, time.time()), wait=False)

    def _read_again(self) -> None:
        """All signals that came in the meantime are served by one reading."""
        self._reload_asked = False
        self._notifier.reloading()
        try:
            if self._reload is not None:
                self._reload(self)
        except MonitorError as error:
            log.error("%s; the configuration stays as it was", " ".join(str(error).split()))  # noqa: TRY400 - for users
        except Exception:
            log.exception("the configuration cannot be read again and stays as it was")
        self._notifier.ready()
        self._watch.forget()

    def _shut_down(self) -> bool:
        self._following = None
        self._hearing.source.stop()
        delivered = [self._joined(self._worker.join, self._worker.is_alive)]
        for outbox in self._outboxes:
            outbox.finish()
        delivered.append(self._joined(self._join_outboxes, self._any_outbox_alive))
        return all(delivered)

    def _join_outboxes(self, timeout_s: float) -> None:
        for outbox in self._outboxes:
            if outbox.is_alive():
                outbox.join(timeout_s)
                return

    def _any_outbox_alive(self) -> bool:
        return any(outbox.is_alive() for outbox in self._outboxes)

    def _joined(self, join: Callable[[float], None], is_alive: Callable[[], bool]) -> bool:
        """Wait for a thread to end; False where it hangs and is left behind.

        A recording that ended by itself is delivered to its last event, however slow the reader is. The reader of a
        live stream, or after a stop was asked for, may hang for ever.
        """
        patience_s = STOP_TIMEOUT_S
        while is_alive() and patience_s > 0:
            join(_JOIN_LOOK_S)
            if self._stop_asked or not self._hearing.source.waits:
                patience_s -= _JOIN_LOOK_S
        return not is_alive()

    def _raise_failure(self) -> None:
        failures = [self._failure, *(outbox.failure for outbox in self._outboxes)]
        for failure in failures:
            if failure is not None:
                raise failure

    def _work(self) -> None:
        try:
            self._listen()
            while (following := self._following) is not None and following.source is not self._hearing.source:
                if self._stop_asked:
                    break
                self._change_to(following, at_sample=0)
                self._listen()
        except Exception as error:  # the main thread raises it again
            self._failure = self._failure or error
            if not isinstance(error, MonitorError):
                log.debug("the worker failed", exc_info=True)
        finally:
            self._finish()

    def _listen(self) -> None:
        """Hear the source to its end."""
        source = self._hearing.source
        try:
            for block in source.blocks():
                self._health.turned()
                following = self._following
                if following is not None and following.source is source:
                    self._change_to(following, block.start_sample - block.lost_samples)
                self._hear(block)
                # Long blocks where they end with what is due next.
                source.attend(self._hearing.pipeline.rhythm)
        finally:
            # Also when the source broke off: a segment under way gets its `end`.
            self._report(self._hearing.pipeline.flush())

    def _change_to(self, hearing: Hearing, at_sample: int) -> None:
        """Go on with another hearing, whose next sample is `at_sample`."""
        if hearing.source is self._hearing.source:
            self._report(self._hearing.pipeline.flush())
        elif hearing.source.live:
            self._losses.source_ended()
        hearing.pipeline.reset(at_sample)
        self._hearing = hearing
        hearing.source.attend(None)
        self._health.rate_hz = hearing.identity.rate_hz
        # After the change: whoever mutes meanwhile tells the source that is known by then.
        hearing.source.mute(muted=self._mute_asked)
        self._passed_samples = 0
        if self._following is hearing:
            self._following = None

    def _hear(self, block: AudioBlock) -> None:
        muted = self._mute_asked
        self._losses.arrived(len(block.samples))
        self._health.heard(len(block.samples))
        if block.lost_samples:
            self._miss(block.lost_samples, block.gap_cause)
        if self._is_news(block):
            self._look_soon()
        # Also while muted: how samples and time are related is no secret, and known at once when it is heard again.
        self._hearing.clock.observe(block.end_sample + block.queued_samples)
        if muted:
            self._pass_over(len(block.samples))
        else:
            self._go_past_what_was_muted()
            pipeline = self._hearing.pipeline
            # They come eight times a second, and most sinks do not tell them: then none is measured.
            pipeline.tells_levels = any(outbox.wants_levels for outbox in self._outboxes)
            self._report(pipeline.push(replace(block, lost_samples=0) if block.lost_samples else block))

    def _is_news(self, block: AudioBlock) -> bool:
        """A microphone is gone: a gap and nothing else has come. Or it is there: audio comes, behind the gap or later.

        A loss in the flow is none: a machine that is overloaded has one in every block, and a look would add to it.
        """
        if len(block.samples):
            return self._watch.lacks_audio
        return block.lost_samples > 0 and block.gap_cause != MUTED_GAP

    def _miss(self, n_samples: int, cause: str) -> None:
        """Samples are missing: lost, or not meant to be heard."""
        if cause == MUTED_GAP:
            self._pass_over(n_samples)
        else:
            self._go_past_what_was_muted()
            self._losses.gap(n_samples, cause)
            # What the gap ends is stamped by the time before it.
            self._report(self._hearing.pipeline.lose(n_samples, cause))
        self._hearing.clock.restart()

    def _pass_over(self, n_samples: int) -> None:
        """Muted: speech that is under way ends, without a gap, and nothing is heard."""
        if not self._passed_samples:
            self._report(self._hearing.pipeline.flush())
        self._passed_samples += n_samples

    def _go_past_what_was_muted(self) -> None:
        if self._passed_samples:
            self._report(self._hearing.pipeline.lose(self._passed_samples, MUTED_GAP))
            self._passed_samples = 0

    def _report(self, events: list[PipelineEvent]) -> None:
        for event in events:
            self._health.take(event)
            takers = [outbox for outbox in self._outboxes if outbox.takes(event)]
            if takers:
                payload = self._payload(event) if isinstance(event, EmotionEvent) else None
                report = Report(event, self._hearing.clock.wall_s(_sample_of(event)), payload)
                for outbox in takers:
                    outbox.offer(report)

    def _payload(self, event: EmotionEvent) -> dict[str, Any]:
        """What users see. The start of a segment is stamped once: the clock may know better by the time of its end."""
        clock = self._hearing.clock
        if event.type == "new":
            self._segment_start_s = clock.wall_s(event.start_sample)
        return event_payload(event, self._segment_start_s, clock, self._hearing.identity)


def _sample_of(event: PipelineEvent) -> int:
    return event.end_sample if isinstance(event, Estimate | EmotionEvent) else event.at_sample

"""Puts a monitor together from settings, and takes it apart as far as needed when they change."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.clock import LiveClock, RecordingClock
from monitor.daemon import Hearing
from monitor.health import TimedClassifier
from monitor.logs import set_up_logging
from monitor.model import EmotionModel, shipped_model
from monitor.pipeline import GateRule, Pipeline, PipelineRules
from monitor.pipeline.smoother import DecisionRule
from monitor.registry import resolve
from monitor.sinks import SINKS
from monitor.sinks.outbox import QUEUE_REPORTS
from monitor.sinks.schema import Identity
from monitor.sinks.stdout import make_stdout_sink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitor.clock import StreamClock
    from monitor.config import Settings
    from monitor.daemon import Daemon
    from monitor.pipeline import Classifier
    from monitor.records import StatusTaken
    from monitor.sinks import Sink
    from monitor.sinks.stdout import OutputFormat
    from monitor.sources import Source

log = logging.getLogger(__name__)


def model_path(settings: Settings) -> Path:
    """The model file that the settings name, or the shipped one."""
    return Path(settings.model.path).expanduser() if settings.model.path else shipped_model()


def load_model(settings: Settings) -> EmotionModel:
    """Load and verify the model; errors as in `EmotionModel.load`."""
    return EmotionModel.load(model_path(settings), settings.model.threads)


def make_pipeline(settings: Settings, model: Classifier, *, limit_events: bool = True) -> Pipeline:
    """A pipeline over `model`; `limit_events=False` reports every change, as a recording's reader wants it."""
    vad, decision = settings.vad, settings.decision
    rules = PipelineRules(
        gate=GateRule(
            mode=vad.mode,
            floor_dbfs=vad.floor_dbfs,
            onset_ms=vad.onset_ms,
            hangover_ms=vad.hangover_ms,
            preroll_ms=vad.preroll_ms,
        ),
        decision=DecisionRule(
            smoothing_s=decision.smoothing_s,
            min_confidence=decision.min_confidence,
            change_margin=decision.change_margin,
            min_dwell_s=decision.min_dwell_s,
        ),
        max_events_per_min=decision.max_events_per_min if limit_events else 0,
    )
    return Pipeline(model, rules)


class Assembly:
    """A monitor in parts: what hears, and where it reports to."""

    def __init__(
        self,
        settings: Settings,
        make_source: Callable[[Settings, int], Source],
        *,
        stdout: bool,
        output_format: OutputFormat | None = None,
        start_s: float | None = None,
        paced: bool = False,
    ) -> None:
        """Make all parts; errors as in the parts' own constructors.

        Args:
            settings: from file, environment and flags.
            make_source: from settings and sample rate to what is listened to.
            stdout: print events even when they go elsewhere too.
            output_format: of what is printed; None as fits the terminal.
            start_s: when a recording began, seconds since 1970-01-01 UTC; None is now.
            paced: a recording is played at its own pace: it waits for no sink.
        """
        self.settings = settings
        self._stdout, self._output_format = stdout, output_format
        self._given_start_s = start_s
        self.daemon: Daemon | None = None
        """Who is asked to be mute, and how it is doing; to be set once it is there."""
        self._model = load_model(settings)
        self._model_stamp = _stamp(model_path(settings))
        self._make_source = make_source
        source = make_source(settings, self._model.spec.rate_hz)
        self._patient = not source.live and not paced
        self.hearing = self._hear(settings, source, self._clock(source))
        self.sinks = self._make_sinks(settings)

    def reload(self, settings: Settings, daemon: Daemon) -> None:
        """Go on with `settings`; nothing changes before all of it is known to work.

        Raises:
            MonitorError: something of it cannot be used; then all stays as it was.
        """
        before, hearing = self.settings, daemon.hearing
        stamp = _stamp(model_path(settings))
        new_model = settings.model != before.model or stamp != self._model_stamp
        model = load_model(settings) if new_model else self._model
        source = hearing.source
        if settings.audio != before.audio and source.live and not source.waits:
            source = self._make_source(settings, model.spec.rate_hz)
        if settings.mqtt.enabled:
            _check_access(settings)
        # Its port may be taken: another one is tried before anything changes, its own must first be given back.
        moved = _wants_metrics(settings) and settings.metrics.listen != before.metrics.listen
        metrics = self._make_metrics(settings, model) if moved else None
        set_up_logging(settings.log.level)
        self.settings, self._model, self._model_stamp = settings, model, stamp
        pipeline_parts = (settings.vad, settings.decision, settings.node)
        if new_model or source is not hearing.source or pipeline_parts != (before.vad, before.decision, before.node):
            clock = hearing.clock if source is hearing.source else self._clock(source)
            daemon.hear(self._hear(settings, source, clock))
        self._change_sinks(before, daemon, metrics, new_model=new_model)
        log.info("configuration read again%s", "" if settings != before or new_model else ", nothing has changed")

    def _hear(self, settings: Settings, source: Source, clock: StreamClock) -> Hearing:
        timed = TimedClassifier(self._model, time.perf_counter)
        return Hearing(
            source=source,
            pipeline=make_pipeline(settings, timed, limit_events=source.live),
            clock=clock,
            identity=self._identity(settings),
            timing=timed,
            stall_exit_s=settings.audio.stall_exit_s,
        )

    def _clock(self, source: Source) -> StreamClock:
        rate_hz = self._model.spec.rate_hz
        if source.live:
            return LiveClock(rate_hz)
        # The user vouches for a time that was given; a recording played "now" has no time of its own.
        start_s = time.time() if self._given_start_s is None else self._given_start_s
        return RecordingClock(start_s, rate_hz, synced=None if self._given_start_s is None else True)

    def _identity(self, settings: Settings) -> Identity:
        # Ids must differ between runs, so that a restart never repeats one; a run at a given time repeats itself.
        moment = f"{time.time():.6f}|{os.getpid()}" if self._given_start_s is None else f"{self._given_start_s:.6f}|"
        seed = f"{settings.node}|{self._model.identity}|{moment}"
        return Identity(
            node=settings.node,
            model_name=self._model.identity,
            id_prefix=hashlib.blake2s(seed.encode(), digest_size=3).hexdigest(),
            rate_hz=self._model.spec.rate_hz,
            affect=dict(self._model.card.affect),
        )

    def _make_sinks(self, settings: Settings) -> list[Sink]:
        sinks = [self._make_mqtt(settings)] if settings.mqtt.enabled else []
        sinks += [self._make_metrics(settings, self._model)] if _wants_metrics(settings) else []
        if self._stdout or not settings.mqtt.enabled:
            sinks.append(self._make_stdout())
        return sinks

    def _make_stdout(self) -> Sink:
        return make_stdout_sink(self._output_format, sys.stdout, self._model.labels, self._model.spec.rate_hz)

    def _make_mqtt(self, settings: Settings) -> Sink:
        sink: Sink = resolve(SINKS["mqtt"])(
            self._speech(settings), patient=self._patient, on_mute=self._mute, ask_status=self._status
        )
        return sink

    def _mute(self, muted: bool) -> None:
        if self.daemon is not None:
            self.daemon.mute(muted)

    def _status(self) -> StatusTaken | None:
        return None if self.daemon is None else self.daemon.status

    def _make_metrics(self, settings: Settings, model: EmotionModel) -> Sink:
        sink: Sink = resolve(SINKS["metrics"])(settings.metrics, settings.node, model.identity, version("ser-monitor"))
        return sink

    def _speech(self, settings: Settings) -> Any:
        return resolve("monitor.sinks.mqtt:Speech")(
            settings=settings.mqtt,
            node=settings.node,
            model=self._model,
            version=version("ser-monitor"),
            limits=_limits(settings),
        )

    def _change_sinks(self, before: Settings, daemon: Daemon, metrics: Sink | None, *, new_model: bool) -> None:
        """Bring the sinks in line with the settings; those that stay are told, the others replaced."""
        settings = self.settings
        renamed = new_model or settings.node != before.node
        sinks = {sink.name: sink for sink in daemon.sinks}
        gone = set()
        if not settings.mqtt.enabled:
            gone.add("mqtt")
        if renamed or settings.metrics != before.metrics:
            gone.add("metrics")
        if new_model or (settings.mqtt.enabled and not self._stdout):
            gone.add("stdout")
        kept = [sink for name, sink in sinks.items() if name not in gone]
        # The old ones are closed first: the new ones may want their port or their terminal.
        daemon.report_to(kept)
        self._tell_mqtt(sinks.get("mqtt"), before, renamed=renamed)
        names = {sink.name for sink in kept}
        made = [self._make_mqtt(settings)] if settings.mqtt.enabled and "mqtt" not in names else []
        if _wants_metrics(settings) and "metrics" not in names:
            made.append(metrics or self._make_metrics(settings, self._model))
        wants_stdout = self._stdout or not settings.mqtt.enabled
        made += [self._make_stdout()] if wants_stdout and "stdout" not in names else []
        daemon.report_to([*kept, *made])

    def _tell_mqtt(self, sink: Any, before: Settings, *, renamed: bool) -> None:
        settings = self.settings
        if sink is None or not settings.mqtt.enabled:
            return
        # Without a connection it is tried again at once: the password file may have been put right.
        if renamed or settings.mqtt != before.mqtt or sink.failure or _limits(settings) != _limits(before):
            sink.change(self._speech(settings))


def _check_access(settings: Settings) -> None:
    access = "monitor.mqtt.access"
    resolve(f"{access}:read_password")(settings.mqtt)
    resolve(f"{access}:ssl_context")(settings.mqtt)


def _wants_metrics(settings: Settings) -> bool:
    return bool(settings.metrics.listen or settings.metrics.textfile)


def _limits(settings: Settings) -> Mapping[str, float | int]:
    """The bounds of everything that is kept in memory."""
    return {
        "ring_s": settings.audio.ring_s,
        "queue_max": settings.mqtt.queue_max,
        "reports_max": QUEUE_REPORTS,
        "events_per_min": settings.decision.max_events_per_min,
    }


def _stamp(path: Path) -> tuple[int, int, int]:
    """Changes when the file does."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)

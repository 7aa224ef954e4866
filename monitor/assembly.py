"""Puts a monitor together from settings, and takes it apart as far as needed when they change."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from monitor.card import read_content, take_apart
from monitor.clock import LiveClock, RecordingClock
from monitor.daemon import Hearing
from monitor.errors import ConfigError, MonitorError
from monitor.health import TimedClassifier
from monitor.limits import limits_of
from monitor.logs import set_up_logging
from monitor.model import EmotionModel, is_shipped, model_file
from monitor.pipeline import GateRule, Pipeline, PipelineRules
from monitor.pipeline.smoother import DecisionRule
from monitor.registry import resolve
from monitor.shortage import RELOAD_BYTES, demand
from monitor.sinks import SINKS
from monitor.sinks.schema import Identity
from monitor.sinks.stdout import make_stdout_sink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from monitor.clock import StreamClock
    from monitor.config import Settings
    from monitor.daemon import Daemon
    from monitor.pipeline.classifier import Classifier
    from monitor.records import StatusTaken
    from monitor.sinks import Sink
    from monitor.sinks.stdout import OutputFormat
    from monitor.sources import Source

log = logging.getLogger(__name__)


def model_path(settings: Settings) -> Path:
    """The model file that the settings name: a path, a shipped one's name, or nothing for the default."""
    return model_file(settings.model.path)


def load_model(settings: Settings, meanwhile: Callable[[], bool] = lambda: True) -> EmotionModel:
    """Load and verify the model; one that did not come with the program is tried in a process of its own before.

    Args:
        settings: name it.
        meanwhile: called ten times a second while it is tried; False gives up.

    Raises:
        ModelError, NoInputError, PermissionDeniedError: as `EmotionModel.load` and `try_model`.
        ShortageError: as `demand`.
    """
    demand(RELOAD_BYTES)
    path, threads = model_path(settings), settings.model.threads
    content = read_content(path)
    file = take_apart(content, path)
    if not is_shipped(path):
        # Imported here: the shipped model needs no such thing.
        resolve("monitor.modeltrial:try_model")(content, path, threads, meanwhile=meanwhile)
    return EmotionModel(file, threads)


def make_pipeline(settings: Settings, model: Classifier, *, limit_events: bool = True) -> Pipeline:
    """A pipeline over `model`; `limit_events=False` reports every change, as a recording's reader wants it."""
    return Pipeline(model, rules_of(settings, limit_events=limit_events))


def rules_of(settings: Settings, *, limit_events: bool = True) -> PipelineRules:
    """What the configuration says of gate and decision, as the pipeline takes it."""
    vad, decision = settings.vad, settings.decision
    return PipelineRules(
        gate=GateRule(
            mode=vad.mode,
            floor_dbfs=vad.floor_dbfs,
            onset_ms=vad.onset_ms,
            hangover_ms=vad.hangover_ms,
            preroll_ms=vad.preroll_ms,
            min_snr_db=vad.min_snr_db,
            min_speech_posterior=vad.min_speech_posterior,
            activity_hangover_ms=vad.activity_hangover_ms,
            min_activity_posterior=vad.min_activity_posterior,
        ),
        decision=DecisionRule(
            smoothing_s=decision.smoothing_s,
            min_confidence=decision.min_confidence,
            change_margin=decision.change_margin,
            min_dwell_s=decision.min_dwell_s,
        ),
        max_events_per_min=decision.max_events_per_min if limit_events else 0,
    )


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
        self._n_hearings = 0
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
        model = load_model(settings, daemon.meanwhile) if new_model else self._model
        source = self._source_for(settings, model, hearing.source)
        if settings.mqtt.enabled:
            _check_access(settings)
        change = _Change(before, settings, self._model, model)
        outputs = {sink.name for sink in daemon.sinks}
        made = self._made_for(change, outputs)
        set_up_logging(settings.log.level)
        self.settings, self._model, self._model_stamp = settings, model, stamp
        if change.is_heard or made or change.moves_mqtt or source is not hearing.source:
            clock = hearing.clock if source is hearing.source else self._clock(source)
            self.hearing = self._hear(settings, source, clock)
            daemon.hear(self.hearing)
            # Speech under way gets its `end` where it got its `new`.
            daemon.settle()
        self._change_sinks(change, daemon, made)
        switched = _switched(outputs, {sink.name for sink in daemon.sinks})
        changed = settings != before or new_model
        log.info("configuration read again%s", switched if changed else ", nothing has changed")

    def _source_for(self, settings: Settings, model: EmotionModel, source: Source) -> Source:
        """The source to go on with: another microphone where its settings or the sample rate have changed.

        Raises:
            ConfigError: a recording or a pipe cannot go on at another sample rate.
        """
        new_rate = model.spec.rate_hz != self._model.spec.rate_hz
        is_microphone = source.live and not source.waits
        if new_rate and not is_microphone:
            raise ConfigError(f"the new model hears at {model.spec.rate_hz} Hz, '{source.name}' at another; start anew")
        if is_microphone and (new_rate or settings.audio != self.settings.audio):
            return self._make_source(settings, model.spec.rate_hz)
        return source

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
        if self._n_hearings:
            moment += f"|{self._n_hearings}"  # segments are counted anew: ids must differ
        self._n_hearings += 1
        seed = f"{settings.node}|{self._model.identity}|{moment}"
        return Identity(
            node=settings.node,
            model_name=self._model.identity,
            id_prefix=hashlib.blake2s(seed.encode(), digest_size=3).hexdigest(),
            rate_hz=self._model.spec.rate_hz,
            affect=dict(self._model.card.affect),
        )

    def _make_sinks(self, settings: Settings) -> list[Sink]:
        wanted = _wanted(settings, stdout=self._stdout)
        return [self._make(name, settings, self._model) for name in wanted]

    def _make(self, name: str, settings: Settings, model: EmotionModel) -> Sink:
        sink: Sink
        if name == "mqtt":
            sink = resolve(SINKS["mqtt"])(
                self._speech(settings, model), patient=self._patient, on_mute=self._mute, ask_status=self._status
            )
        elif name == "metrics":
            sink = resolve(SINKS["metrics"])(settings.metrics, settings.node, model.identity, version("ser-monitor"))
        else:
            sink = make_stdout_sink(self._output_format, sys.stdout, model.labels, model.spec.rate_hz)
        return sink

    def _mute(self, muted: bool) -> None:
        if self.daemon is not None:
            self.daemon.mute(muted)

    def _status(self) -> StatusTaken | None:
        return None if self.daemon is None else self.daemon.status

    def _speech(self, settings: Settings, model: EmotionModel) -> Any:
        return resolve("monitor.sinks.mqtt:Speech")(
            settings=settings.mqtt,
            node=settings.node,
            model=model,
            version=version("ser-monitor"),
            limits=limits_of(settings),
        )

    def _made_for(self, change: _Change, names: set[str]) -> list[Sink]:
        """The sinks that are new with this change, made while the old ones still work; all of them or none.

        Left out are metrics in the place of their predecessor, which must first give it back.
        """
        made: list[Sink] = []
        wanted = _wanted(change.settings, stdout=self._stdout)
        try:
            for name in wanted:
                in_the_way = name == "metrics" and change.keeps_place
                if name not in names or (change.replaces(name) and not in_the_way):
                    made += [self._make(name, change.settings, change.model)]
        except MonitorError:
            for sink in made:
                sink.close()
            raise
        return made

    def _change_sinks(self, change: _Change, daemon: Daemon, made: Sequence[Sink]) -> None:
        """Bring the sinks in line with the settings; those that stay are told."""
        wanted = _wanted(self.settings, stdout=self._stdout)
        stay = [sink for sink in daemon.sinks if sink.name in wanted and not change.replaces(sink.name)]
        daemon.report_to([*stay, *made])
        if "metrics" in wanted and not any(sink.name == "metrics" for sink in [*stay, *made]):
            try:
                daemon.report_to([*daemon.sinks, self._make("metrics", self.settings, self._model)])
            except MonitorError as error:
                log.error("%s; there are no metrics until the next reload", error)  # noqa: TRY400 - for users
        for sink in stay:
            if sink.name == "mqtt":
                self._tell_mqtt(sink, change)

    def _tell_mqtt(self, sink: Any, change: _Change) -> None:
        # Without a connection it is tried again at once: the password file may have been put right.
        if change.moves_mqtt or sink.failure:
            sink.change(self._speech(self.settings, self._model))


@dataclass(frozen=True, slots=True)
class _Change:
    """From one configuration to another."""

    before: Settings
    settings: Settings
    old_model: EmotionModel
    model: EmotionModel

    @property
    def renames(self) -> bool:
        """Whether what is told to others changes in every message."""
        return self.model is not self.old_model or self.settings.node != self.before.node

    @property
    def is_heard(self) -> bool:
        """Whether the pipeline changes, or what its events say of their maker."""
        before, settings = self.before, self.settings
        return self.renames or (settings.vad, settings.decision) != (before.vad, before.decision)

    @property
    def moves_mqtt(self) -> bool:
        """Whether the connection begins anew."""
        limits = limits_of(self.settings) != limits_of(self.before)
        return self.renames or limits or self.settings.mqtt != self.before.mqtt

    @property
    def keeps_place(self) -> bool:
        """Whether new metrics need the port or the file of the old."""
        old, new = self.before.metrics, self.settings.metrics
        return (new.listen == old.listen != "") or (new.textfile == old.textfile != "")

    def replaces(self, name: str) -> bool:
        """Whether the sink of this name gives way to another; MQTT is told instead."""
        if name == "metrics":
            return self.renames or self.settings.metrics != self.before.metrics
        return name == "stdout" and self.model is not self.old_model


def _wanted(settings: Settings, *, stdout: bool) -> list[str]:
    """Names of the sinks, in the order in which they are made: last the broker's, which others see."""
    wants = {
        "metrics": bool(settings.metrics.listen or settings.metrics.textfile),
        "stdout": stdout or not settings.mqtt.enabled,
        "mqtt": settings.mqtt.enabled,
    }
    return [name for name, wanted in wants.items() if wanted]


def _switched(before: set[str], after: set[str]) -> str:
    """Which outputs have come and gone, for the log; empty where they are the same."""
    ways = (("on", after - before), ("off", before - after))
    return "".join(f"; switched {way}: {', '.join(sorted(names))}" for way, names in ways if names)


def _check_access(settings: Settings) -> None:
    access = "monitor.mqtt.access"
    resolve(f"{access}:read_password")(settings.mqtt)
    resolve(f"{access}:ssl_context")(settings.mqtt)


def _stamp(path: Path) -> tuple[int, int, int]:
    """Changes when the file does."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)

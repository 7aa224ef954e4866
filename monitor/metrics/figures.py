"""The figures that are told about the monitor: what each means, and what it is read from."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from monitor.health import NEW_BORN
from monitor.host import elapsed_s, processor_s
from monitor.records import (
    UNCERTAIN,
    EmotionEvent,
    Estimate,
    EventType,
    Gap,
    LevelMeasured,
    MonitorState,
    SpeechStarted,
    StatusTaken,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitor.records import PipelineEvent

_DEAF: tuple[MonitorState, ...] = ("starting", "muted", "no_audio")


class Tally:
    """What the figures are read from; told by the sink's thread, read by those of the endpoint under `lock`."""

    def __init__(self, build: tuple[str, str], node: str) -> None:
        """Nothing has happened yet; `build` is version and model."""
        self.lock = threading.Lock()
        self.build = build
        self.node = node
        self.status = NEW_BORN
        self.heard_at_s = elapsed_s()
        """When audio last arrived, or the start; on the clock of `elapsed_s`."""
        self.level_dbfs: float | None = None
        self.segments = 0
        self.speech_s = 0.0
        self.windows = 0
        self.events: Counter[tuple[str, str]] = Counter()
        """By type and emotion."""
        self.gaps: Counter[str] = Counter()
        """By cause."""

    def take(self, event: PipelineEvent | StatusTaken, payload: Mapping[str, Any] | None) -> None:
        """Count one report."""
        with self.lock:
            if isinstance(event, LevelMeasured):
                self.level_dbfs, self.heard_at_s = event.rms_dbfs, elapsed_s()
            elif isinstance(event, StatusTaken):
                self._take_status(event)
            elif isinstance(event, EmotionEvent):
                self._take_emotion(event, payload or {})
            elif isinstance(event, Gap):
                self.gaps[event.cause] += 1
            self.segments += isinstance(event, SpeechStarted)
            self.windows += isinstance(event, Estimate)

    def _take_status(self, status: StatusTaken) -> None:
        self.status = status
        if status.audio_age_s is not None:
            self.heard_at_s = max(self.heard_at_s, elapsed_s() - status.audio_age_s)
        if status.state in _DEAF:
            # The last level would stand there for hours as if it were measured now.
            self.level_dbfs = None

    def _take_emotion(self, event: EmotionEvent, payload: Mapping[str, Any]) -> None:
        if not self.events:
            # All at 0: Prometheus sees no increase in a series that begins at 1.
            labels = (*event.scores, UNCERTAIN)
            self.events.update({(kind, label): 0 for kind in get_args(EventType) for label in labels})
        self.events[event.type, event.emotion] += 1
        if event.type == "end":
            self.speech_s += payload.get("speech_s", 0.0)


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric: what stands in TYPE and HELP, and where its values come from."""

    name: str
    kind: Literal["counter", "gauge"]
    meaning: str
    read: Callable[[Tally], float | Mapping[Any, float] | None]
    """The value, or None where it is not known; with labels, tuples of label values to value."""
    labels: tuple[str, ...] = ()

    def samples(self, tally: Tally) -> Mapping[tuple[str, ...], float]:
        """Label values to value."""
        found = self.read(tally)
        if found is None:
            return {}
        return {(): found} if isinstance(found, int | float) else found


def _gauge(name: str, meaning: str, read: Callable[[Tally], Any], *labels: str) -> Figure:
    return Figure("ser_monitor_" + name, "gauge", meaning, read, labels)


def _counter(name: str, meaning: str, read: Callable[[Tally], Any], *labels: str) -> Figure:
    return Figure("ser_monitor_" + name + "_total", "counter", meaning, read, labels)


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _states(tally: Tally) -> dict[tuple[str], float]:
    return {(state,): state == tally.status.state for state in get_args(MonitorState)}


FIGURES = (
    _gauge("build_info", "Always 1; what runs is in the labels.", lambda t: {t.build: 1}, "version", "model"),
    _gauge("state", "1 for the state that the monitor is in, 0 for the others.", _states, "state"),
    _gauge(
        "uptime_seconds",
        "Time from the start to the last status, at most half a minute old.",
        lambda t: t.status.uptime_s,
    ),
    _gauge(
        "audio_age_seconds",
        "Time since audio last arrived; since the start, before any has. Grows while muted.",
        lambda t: max(elapsed_s() - t.heard_at_s, 0.0),
    ),
    _counter("audio_lost_seconds", "Audio lost, muted time apart.", lambda t: t.status.audio_lost_s),
    _counter(
        "gaps",
        "Gaps in the audio; a long one counts when it begins and again when audio is back.",
        lambda t: {(cause,): n for cause, n in t.gaps.items()},
        "cause",
    ),
    _gauge(
        "input_sample_rate_hertz", "Sample rate of the open input; 0 while none is open.", lambda t: t.status.rate_hz
    ),
    _counter("input_reopens", "Attempts to open the input after the first.", lambda t: t.status.reopens),
    _gauge(
        "level_dbfs",
        "RMS of the last tenth of a second in dB relative to full scale; -Inf is digital silence.",
        lambda t: t.level_dbfs,
    ),
    _counter("segments", "Stretches of speech, also those too short for an event.", lambda t: t.segments),
    _counter("speech_seconds", "Voiced time in segments that got their end event.", lambda t: t.speech_s),
    _counter("windows", "Analysis windows classified.", lambda t: t.windows),
    _gauge(
        "inference_p95_seconds",
        "95th percentile of the time that the model took for one of the last windows.",
        lambda t: _scaled(t.status.inference_p95_ms, 1e-3),
    ),
    _counter("events", "Emotion events.", lambda t: t.events, "type", "emotion"),
    _counter(
        "dropped_reports",
        "Events and other reports dropped because an output did not keep up or was away.",
        lambda t: t.status.dropped,
    ),
    _gauge("queued_events", "Events that wait for the broker or its acknowledgement.", lambda t: t.status.queue),
    _counter("broker_reconnects", "Connections to the broker after the first.", lambda t: t.status.reconnects),
    _counter("cpu_seconds", "Processor time that this process has used.", lambda _: processor_s()),
    _gauge("resident_memory_bytes", "Resident memory of this process.", lambda t: _scaled(t.status.memory_mb, 1e6)),
)
"""All that is said; `docs/metrics.md` shows them, in this order."""

"""What is known of the monitor's own state: liveness, counters, and the status that is made of them.

Liveness is judged by what arrives, not by what is open: audio, and turns of every loop.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.host import elapsed_s, memory_bytes, processor_s
from monitor.records import EmotionEvent, SpeechEnded, SpeechStarted, StatusTaken

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from monitor.pipeline.classifier import Answer, Classifier
    from monitor.pipeline.features.spec import FeatureSpec
    from monitor.pipeline.windows import WindowRule
    from monitor.records import MonitorState, PipelineEvent
    from monitor.sources import Source

_FIRST_AUDIO_S = 5.0
"""`starting` for so long at most: PulseAudio needs 2 s for its first block."""
_FRESH_S = 6.0
"""Audio older than that is no audio; sources report a failure of their own earlier."""
_LOSS_REMEMBERED_S = 60.0
"""`degraded` for so long after the last loss."""
_TIMED_WINDOWS = 256
_PROCESSOR_OVER_S = 5.0
NEW_BORN = StatusTaken("starting", "", "", 0, None, 0.0, None, 0.0, None, 0.0, 0, 0, 0, 0, 0)
"""The status before the first look."""
_WORKER_TURN_S = 10.0
"""A worker that has not come round for so long hangs."""


@dataclass(frozen=True, slots=True)
class OutputStatus:
    """How the outputs are doing, all together."""

    dropped: int = 0
    queue: int = 0
    reconnects: int = 0
    failure: str = ""
    """Why an output delivers nothing at the moment; empty while all do."""


class TimedClassifier:
    """A classifier that remembers how long its last windows took."""

    def __init__(self, classifier: Classifier, clock: Callable[[], float]) -> None:
        """Time `classifier` by `clock`, in seconds."""
        self._classifier, self._clock = classifier, clock
        self._took_s: deque[float] = deque(maxlen=_TIMED_WINDOWS)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self._classifier.labels

    @property
    def spec(self) -> FeatureSpec:
        """The features it was trained on."""
        return self._classifier.spec

    @property
    def window(self) -> WindowRule:
        """The windows it was trained on."""
        return self._classifier.window

    def answer(self, values: NDArray[np.float32]) -> Answer:
        """As the classifier's own."""
        started_s = self._clock()
        answer = self._classifier.answer(values)
        self._took_s.append(self._clock() - started_s)
        return answer

    def p95_ms(self) -> float | None:
        """95th percentile over the last windows, in milliseconds; None before the first. From any thread."""
        took_s = sorted(self._took_s.copy())
        # The nearest rank: numpy's percentile takes 67 us, ten times as long, and it is asked for at every look.
        return round(1000 * took_s[math.ceil(0.95 * len(took_s)) - 1], 2) if took_s else None


class Health:
    """Fed by the worker, read by the main thread."""

    def __init__(self, rate_hz: int, clock: Callable[[], float] = elapsed_s) -> None:
        """Start now. `clock` never jumps, in seconds."""
        self._clock = clock
        self.rate_hz = rate_hz
        """What sample counts are divided by; to be set when another model listens at another rate."""
        self._lock = threading.Lock()
        self._started_s = clock()
        self._turn_s = self._started_s
        self.heard_s: float | None = None
        """When audio last arrived; None before any has."""
        self._muted_at_s = float("-inf")
        self._lost_s = 0.0
        self._lost_at_s = float("-inf")
        self._speaking = False
        self._events = 0
        self._dropped = 0
        self._dropped_at_s = float("-inf")
        self._processor = (self._started_s, processor_s())
        self._cpu = 0.0
        self._memory_mb: float | None = None

    def turned(self) -> None:
        """The worker came round."""
        self._turn_s = self._clock()

    def heard(self, n_samples: int) -> None:
        """Audio arrived."""
        if n_samples:
            self.heard_s = self._clock()

    def lost(self, n_samples: int) -> None:
        """Audio was lost; what nobody wanted to hear is not counted."""
        if n_samples:
            with self._lock:
                self._lost_s += n_samples / self.rate_hz
                self._lost_at_s = self._clock()

    def take(self, event: PipelineEvent) -> None:
        """Follow what the pipeline says."""
        if isinstance(event, EmotionEvent):
            self._events += 1
        elif isinstance(event, SpeechStarted):
            self._speaking = True
        elif isinstance(event, SpeechEnded):
            self._speaking = False

    def worker_turns(self, source: Source) -> bool:
        """Whether the worker comes round: by its blocks, or by the source that looks after its input."""
        tended_s = source.status().tended_at_s
        return self._clock() - max(self._turn_s, tended_s or self._turn_s) < _WORKER_TURN_S

    def status(
        self, source: Source, outputs: OutputStatus, inference_p95_ms: float | None, *, muted: bool
    ) -> StatusTaken:
        """The state of things now."""
        now_s = self._clock()
        of_source = source.status()
        self._measure(now_s)
        if muted:
            self._muted_at_s = now_s
        age_s = None if self.heard_s is None else max(now_s - self.heard_s, 0.0)
        state, reason = self._state(now_s, age_s, of_source.failure, outputs, muted=muted, live=source.live)
        return StatusTaken(
            state=state,
            reason=reason,
            device=of_source.device,
            rate_hz=of_source.rate_hz,
            audio_age_s=None if age_s is None else round(age_s, 1),
            uptime_s=round(now_s - self._started_s, 1),
            memory_mb=self._memory_mb,
            cpu_percent=self._cpu,
            inference_p95_ms=inference_p95_ms,
            audio_lost_s=round(self._lost_s, 2),
            reopens=of_source.reopens,
            reconnects=outputs.reconnects,
            events=self._events,
            dropped=outputs.dropped,
            queue=outputs.queue,
        )

    def _state(
        self, now_s: float, age_s: float | None, failure: str, outputs: OutputStatus, *, muted: bool, live: bool
    ) -> tuple[MonitorState, str]:
        if muted:
            return "muted", ""
        if failure:
            return "no_audio", failure
        # Nothing was to come while it was muted, and an input that was closed meanwhile takes a while to be open again.
        muted_age_s = now_s - self._muted_at_s
        if age_s is None and min(now_s - self._started_s, muted_age_s) < _FIRST_AUDIO_S:
            return "starting", ""
        if live and (age_s is None or min(age_s, muted_age_s) > _FRESH_S):
            return "no_audio", "no audio arrives"
        if reason := self._degraded(now_s, outputs):
            return "degraded", reason
        return ("speech" if self._speaking else "listening"), ""

    def _degraded(self, now_s: float, outputs: OutputStatus) -> str:
        if outputs.dropped > self._dropped:
            self._dropped_at_s = now_s
        self._dropped = outputs.dropped  # less than before where an output is new
        if now_s - self._dropped_at_s < _LOSS_REMEMBERED_S:
            return f"an output does not keep up: {outputs.dropped} reports dropped so far"
        if now_s - self._lost_at_s < _LOSS_REMEMBERED_S:
            return f"audio was lost: {self._lost_s:.2f} s so far"
        return ""

    def _measure(self, now_s: float) -> None:
        """Memory and processor time, once in a while: to ask the system is most of what a look costs."""
        then_s, then_cpu_s = self._processor
        if now_s - then_s >= _PROCESSOR_OVER_S or self._memory_mb is None:
            self._memory_mb = _rounded_mb(memory_bytes())
        if now_s - then_s >= _PROCESSOR_OVER_S:
            cpu_s = processor_s()
            self._processor = (now_s, cpu_s)
            self._cpu = round(100 * (cpu_s - then_cpu_s) / (now_s - then_s), 2)


def _rounded_mb(n_bytes: int | None) -> float | None:
    return None if n_bytes is None else round(n_bytes / 1e6, 1)

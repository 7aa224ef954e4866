"""The pure core: audio blocks in, events out.

No I/O, no clock, no threads. Time is a sample number, and blocks are cut anew to VAD frames on a grid that starts
with the stream (and anew after a gap), so the same audio gives the same events for every way of cutting it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from monitor.pipeline.gate import VAD_FRAME_MS, Gate, GateTimes, Level, WebrtcDetector, dbfs
from monitor.pipeline.segments import Segments
from monitor.pipeline.smoother import DecisionRule, Smoother
from monitor.pipeline.windows import WindowRule, Windows
from monitor.records import Estimate, Gap, LevelMeasured, SpeechEnded, SpeechStarted

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from monitor.pipeline.features.spec import FeatureSpec
    from monitor.pipeline.gate import SpeechDetector, Voiced
    from monitor.records import AnalysisWindow, AudioBlock, PipelineEvent

_LEVEL_FRAMES = 4
"""VAD frames behind one level measurement: 0.12 s, smooth to the eye."""
_MS_PER_S = 1000


class Classifier(Protocol):
    """What the pipeline needs of a model; `monitor.model.EmotionModel` is one."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the posteriors."""
        ...

    @property
    def spec(self) -> FeatureSpec:
        """The features it was trained on."""
        ...

    @property
    def window(self) -> WindowRule:
        """The windows it was trained on."""
        ...

    def posteriors(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Features of one window, float32 (frames, coefficients), to probabilities, float64 (labels,).

        Their sum is how likely the window holds speech: 1 where the model cannot tell.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRule:
    """Settings of the gate."""

    mode: int = 2
    floor_dbfs: float = -80.0
    onset_ms: int = 90
    hangover_ms: int = 500
    preroll_ms: int = 200
    min_snr_db: float = 0.0
    """What is less louder than the background is no speech; 0 does not ask."""
    min_speech_posterior: float = 0.9
    """A window that the model finds less likely to hold speech is passed over, as if it had not been due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRules:
    """Everything about the core that can be set."""

    gate: GateRule = field(default_factory=GateRule)
    decision: DecisionRule = field(default_factory=DecisionRule)
    max_events_per_min: int = 0
    """0 is no limit."""


class Pipeline:
    """gate → frames → features → windows → classifier → smoother → segments."""

    def __init__(
        self,
        classifier: Classifier,
        rules: PipelineRules | None = None,
        detector: Callable[[], SpeechDetector] | None = None,
    ) -> None:
        """Start at sample 0.

        Args:
            classifier: the model.
            rules: settings; default: as the dataclasses say.
            detector: makes a fresh speech detector; default: webrtcvad in the mode of `rules`.
        """
        self._classifier = classifier
        self._rules = rules or PipelineRules()
        self._spec = classifier.spec
        self._make_detector = detector or (lambda: WebrtcDetector(self._rules.gate.mode, self._spec.rate_hz))
        self._frame_samples = self._spec.rate_hz * VAD_FRAME_MS // _MS_PER_S
        self._windows = Windows(self._spec, classifier.window)
        self._smoother = Smoother(classifier.labels, self._rules.decision)
        self._segments = Segments(
            classifier.labels,
            self._spec.rate_hz,
            self._rules.decision.min_confidence,
            self._rules.max_events_per_min,
        )
        self._restart(0)

    def reset(self, at_sample: int = 0) -> None:
        """Forget all audio, speech under way included; the next sample is number `at_sample`."""
        self._segments.reset()
        self._restart(at_sample)

    def _restart(self, at_sample: int) -> None:
        """Start all stages afresh; the next sample is number `at_sample`."""
        self._origin = at_sample
        self._now = 0
        self._partial: NDArray[np.int16] = np.empty(0, dtype=np.int16)
        self._gate = self._make_gate()
        self._windows.reset()
        self._smoother.reset()
        self._levels: list[Level] = []

    @property
    def heard_sample(self) -> int:
        """The stream has been heard up to this sample, a partial VAD frame included."""
        return self._origin + self._now + len(self._partial)

    def push(self, block: AudioBlock) -> list[PipelineEvent]:
        """Take one block and return what follows from it, in order.

        Raises:
            ValueError: the block does not follow the last one, lost samples counted.
        """
        events = self.lose(block.lost_samples, block.gap_cause) if block.lost_samples else []
        if block.start_sample != self.heard_sample:
            raise ValueError(f"the block starts at sample {block.start_sample}, the stream is at {self.heard_sample}")
        samples = np.concatenate([self._partial, block.samples]) if len(self._partial) else block.samples
        n_whole = len(samples) - len(samples) % self._frame_samples
        self._partial = samples[n_whole:].copy()
        for start in range(0, n_whole, self._frame_samples):
            events += self._frame(samples[start : start + self._frame_samples])
        return events

    def lose(self, n_samples: int, cause: str) -> list[PipelineEvent]:
        """`n_samples` were lost here: close speech that is under way and start afresh behind the gap."""
        events = self._close(n_samples)
        gap_start = self.heard_sample
        self._restart(gap_start + n_samples)
        return [*events, Gap(gap_start, n_samples, cause or "unknown")]

    def flush(self) -> list[PipelineEvent]:
        """The stream is over: close speech that is under way. Less than a VAD frame of audio is left unheard."""
        return self._close(0)

    def _make_gate(self) -> Gate:
        rule, rate_hz = self._rules.gate, self._spec.rate_hz
        times = GateTimes(
            onset_samples=rule.onset_ms * rate_hz // _MS_PER_S,
            hangover_samples=rule.hangover_ms * rate_hz // _MS_PER_S,
            preroll_samples=rule.preroll_ms * rate_hz // _MS_PER_S,
        )
        return Gate(self._make_detector(), rule.floor_dbfs, times, rule.min_snr_db)

    def _frame(self, samples: NDArray[np.int16]) -> list[PipelineEvent]:
        level = Level.of(samples)
        voiced = self._gate.is_voiced(samples, level)
        start, self._now = self._now, self._now + len(samples)
        change = self._gate.step(start, self._now, voiced=voiced, mean_square=level.mean_square)
        self._windows.push(samples, self._now, voiced=voiced)
        events = self._measure(level)
        if isinstance(change, SpeechStarted):
            events += self._start(change)
        if isinstance(change, SpeechEnded):
            events += self._end(change, 0)
        elif self._gate.is_open:
            events += self._classify(self._windows.due(self._now))
        else:
            self._windows.idle()
        return events

    def _measure(self, level: Level) -> list[PipelineEvent]:
        self._levels.append(level)
        if len(self._levels) < _LEVEL_FRAMES:
            return []
        levels, self._levels = self._levels, []
        mean_square = sum(level.mean_square for level in levels) / len(levels)
        peak = max(level.peak for level in levels)
        return [LevelMeasured(self._origin + self._now, dbfs(mean_square), dbfs(peak**2))]

    def _start(self, started: SpeechStarted) -> list[PipelineEvent]:
        self._windows.start(started.at_sample, self._now)
        self._smoother.reset()
        self._segments.start(self._origin + started.at_sample)
        return [SpeechStarted(self._origin + started.at_sample)]

    def _end(self, ended: SpeechEnded, gap_samples: int) -> list[PipelineEvent]:
        events = self._classify(self._windows.last(self._now))
        at_sample = self._origin + ended.at_sample
        event = self._segments.end(self._origin + self._now, self._voiced(), gap_samples)
        if event is not None:
            events.append(event)
        return [*events, replace(ended, at_sample=at_sample)]

    def _voiced(self) -> Voiced:
        voiced = self._gate.voiced
        return replace(voiced, end_sample=self._origin + voiced.end_sample)

    def _close(self, gap_samples: int) -> list[PipelineEvent]:
        ended = self._gate.close()
        return self._end(ended, gap_samples) if ended is not None else []

    def _classify(self, window: AnalysisWindow | None) -> list[PipelineEvent]:
        if window is None:
            return []
        posteriors = self._classifier.posteriors(window.values)
        speech = float(posteriors.sum())
        if speech < self._rules.gate.min_speech_posterior or not speech:
            return []
        posteriors = posteriors / speech
        smoothed, label, confidence = self._smoother.update(posteriors, window.end_sample / self._spec.rate_hz)
        start, end = self._origin + window.start_sample, self._origin + window.end_sample
        estimate = Estimate(start, end, posteriors, smoothed, label, confidence, window.speech_ratio)
        event = self._segments.estimated(estimate, self._origin + self._now, self._voiced())
        return [estimate] if event is None else [estimate, event]

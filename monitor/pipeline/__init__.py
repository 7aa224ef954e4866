"""The pure core: audio blocks in, events out.

No I/O, no clock, no threads. Time is a sample number, and blocks are cut anew to VAD frames on a grid that starts
with the stream (and anew after a gap), so the same audio gives the same events for every way of cutting it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from monitor.pipeline.activity import SpeechActivity
from monitor.pipeline.gate import VAD_FRAME_MS, Gate, GateState, GateTimes, Level, WebrtcDetector, dbfs, mean_squares
from monitor.pipeline.segments import Segments
from monitor.pipeline.smoother import DecisionRule, Smoother
from monitor.pipeline.windows import Windows
from monitor.records import Estimate, Gap, LevelMeasured, Rhythm, SpeechEnded, SpeechStarted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from monitor.pipeline.classifier import Classifier
    from monitor.pipeline.gate import SpeechDetector
    from monitor.records import AnalysisWindow, AudioBlock, PipelineEvent

_LEVEL_FRAMES = 4
"""VAD frames behind one level measurement: 0.12 s, smooth to the eye."""
_MS_PER_S = 1000


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
    min_speech_posterior: float = 0.7
    """A window that the model finds less likely to hold speech is passed over, as if it had not been due."""
    activity_hangover_ms: int = 550
    """A segment ends when the model has seen no speech for so long, though the gate is open; 0 does not ask."""
    min_activity_posterior: float = 0.5
    """A part of a window in which the model finds speech less likely than this is a pause."""

    @property
    def parting_ms(self) -> int:
        """What parts two segments while the gate is open: a longer hangover of the gate is one of the model's too."""
        return self.activity_hangover_ms and max(self.activity_hangover_ms, self.hangover_ms)


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
        # Without `self`, which would hold itself by it: a model that a reload replaces is let go at once.
        mode, rate_hz = self._rules.gate.mode, self._spec.rate_hz
        self._make_detector = detector or (lambda: WebrtcDetector(mode, rate_hz))
        self._frame_samples = self._spec.rate_hz * VAD_FRAME_MS // _MS_PER_S
        self._windows = Windows(self._spec, classifier.window)
        hangover_samples = self._rules.gate.parting_ms * self._spec.rate_hz // _MS_PER_S
        self._activity = SpeechActivity(
            self._windows.n_samples, hangover_samples, self._rules.gate.min_activity_posterior
        )
        self._smoother = Smoother(classifier.labels, self._rules.decision)
        self._segments = Segments(
            classifier.labels,
            self._spec.rate_hz,
            self._rules.decision.min_confidence,
            self._rules.max_events_per_min,
        )
        self._soonest_samples = self._soonest()
        self.tells_levels = True
        """Whether levels are events too; those that nobody wants are not measured. May be changed between blocks."""
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
        self._heard_end = 0
        self._levels: list[Level] = []

    @property
    def heard_sample(self) -> int:
        """The stream has been heard up to this sample, a partial VAD frame included."""
        return self._origin + self._now + len(self._partial)

    @property
    def rhythm(self) -> Rhythm:
        """Where blocks may end so that nothing that is due waits for the rest of one."""
        turn = self._gate.turn_sample
        return Rhythm(
            origin_sample=self._origin,
            due_sample=self._origin + self._windows.next_due,
            hop_samples=self._windows.hop_samples,
            frame_samples=self._frame_samples,
            speaking=self._gate.is_open,
            turn_sample=None if turn is None else self._origin + turn,
            soonest_samples=self._soonest_samples,
        )

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
        frames = samples[:n_whole].reshape(-1, self._frame_samples)
        if not self.tells_levels:
            self._levels.clear()  # of before, when somebody wanted them
        votes = [self._gate.vote(frame) for frame in frames]
        if self._gate.state is GateState.SILENCE and not (any(votes) or self._gate.asks_power or self.tells_levels):
            # Most of a quiet day: all that is left to do for a frame is its vote.
            self._now += n_whole
            self._windows.push(samples[:n_whole], self._now, voiced=False)
        else:
            events += self._frames(frames, votes)
        if not self._gate.is_open:
            self._windows.idle()
        return events

    def _frames(self, frames: NDArray[np.int16], votes: list[bool]) -> list[PipelineEvent]:
        """VAD frames, int16 (n, frame), and the detector's vote on each."""
        levels: list[Level | None] = [*Level.of_each(frames)] if self.tells_levels else [None] * len(frames)
        events: list[PipelineEvent] = []
        for frame, vote, mean_square, level in zip(frames, votes, mean_squares(frames), levels, strict=True):
            voiced = self._gate.is_loud(mean_square) and vote
            events += self._frame(frame, mean_square, voiced=voiced)
            if level is not None:
                events += self._measure(level)
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
            recall_samples=2 * self._windows.n_samples,
        )
        return Gate(self._make_detector(), rule.floor_dbfs, times, rule.min_snr_db)

    def _soonest(self) -> int:
        """Samples in VAD frames from the beginning of a word until its first window is due, or its last one."""
        rule, window, rate_hz = self._rules.gate, self._classifier.window, self._spec.rate_hz

        def frames(n_samples: float) -> int:
            return max(math.ceil(n_samples / self._frame_samples), 1)

        onset = frames(rule.onset_ms * rate_hz / _MS_PER_S)
        first = max(onset, frames(window.min_speech_s * rate_hz))
        last = max(onset, frames(window.min_final_speech_s * rate_hz))
        last += frames(rule.hangover_ms * rate_hz / _MS_PER_S)
        return min(first, last) * self._frame_samples

    def _frame(self, samples: NDArray[np.int16], mean_square: float, *, voiced: bool) -> Sequence[PipelineEvent]:
        start = self._now
        self._now = now = start + self._frame_samples
        change = self._gate.step(start, now, voiced=voiced, mean_square=mean_square)
        self._windows.push(samples, now, voiced=voiced)
        if isinstance(change, SpeechEnded):
            return self._end(change, 0)
        if change is not None:
            # Windows are due from the next point of the grid on, not in this frame.
            return self._start(change)
        if now >= self._windows.next_due and self._gate.is_open:
            return self._classify(self._windows.due(now))
        return ()

    def _measure(self, level: Level) -> list[PipelineEvent]:
        self._levels.append(level)
        if len(self._levels) < _LEVEL_FRAMES:
            return []
        levels, self._levels = self._levels, []
        mean_square = sum(level.mean_square for level in levels) / len(levels)
        peak = max(level.peak for level in levels)
        return [LevelMeasured(self._origin + self._now, dbfs(mean_square), dbfs(peak**2))]

    def _start(self, started: SpeechStarted) -> list[PipelineEvent]:
        """The gate opened."""
        self._windows.start(started.at_sample, self._now)
        self._activity.open(started.at_sample)
        return self._begin_segment(started)

    def _end(self, ended: SpeechEnded, gap_samples: int) -> list[PipelineEvent]:
        """The gate closed: that ends speech which is under way, whatever the last window shows."""
        if not self._activity.is_speaking:
            return []
        events = self._classify(self._windows.last(self._now), follow=False)
        self._activity.close()
        return events + self._end_segment(ended, gap_samples)

    def _begin_segment(self, started: SpeechStarted) -> list[PipelineEvent]:
        at_sample = self._origin + started.at_sample
        self._smoother.reset()
        self._segments.start(at_sample)
        self._heard_end = 0
        return [SpeechStarted(at_sample)]

    def _end_segment(self, ended: SpeechEnded, gap_samples: int = 0) -> list[PipelineEvent]:
        voiced = replace(self._gate.voiced.until(ended.at_sample), end_sample=self._origin + ended.at_sample)
        event = self._segments.end(self._origin + self._now, voiced, gap_samples)
        told = SpeechEnded(voiced.end_sample, voiced.n_samples)
        return [told] if event is None else [event, told]

    def _close(self, gap_samples: int) -> list[PipelineEvent]:
        ended = self._gate.close()
        return self._end(ended, gap_samples) if ended is not None else []

    def _classify(self, window: AnalysisWindow | None, *, follow: bool = True) -> list[PipelineEvent]:
        """What a window says; with `follow`, segments end and begin where it shows that speech does."""
        if window is None:
            return []
        answer = self._classifier.answer(window.values)
        speech = float(answer.posteriors.sum())
        is_speech = speech >= self._rules.gate.min_speech_posterior and speech > 0
        changes: list[SpeechStarted | SpeechEnded] = []
        if follow:
            voiced_end = self._gate.voiced.end_sample
            changes = self._activity.heard(answer.activity, window.end_sample, voiced_end, is_speech=is_speech)
            if is_speech and self._activity.goes_on:
                self._windows.settle(self._now)
        posteriors = answer.posteriors / speech if is_speech else None
        if not changes:
            return self._estimate(window, posteriors) if self._activity.is_speaking else []
        events: list[PipelineEvent] = []
        for change in changes:
            if isinstance(change, SpeechEnded):
                closes = self._closes(change, parts=len(changes) > 1)
                events += self._estimate(window, posteriors, change.at_sample) if closes else []
                events += self._end_segment(change)
            else:
                # This window still holds what was said before: the next one with enough of the new speech is asked.
                self._windows.start(change.at_sample, self._now)
                self._gate.voiced.begin(change.at_sample)
                events += self._begin_segment(change)
        return events

    def _closes(self, ended: SpeechEnded, *, parts: bool) -> bool:
        """Whether the window that shows the end of a segment is heard too, as its last one.

        It is where no other told of all that was said, a word perhaps that was over before its first window was due;
        one that holds the next sentence too (`parts`) only where there is no other. A bark that nobody saw speech in is
        never heard, nor what is too short for the last window of a segment.
        """
        if not self._activity.was_seen or (parts and not self._segments.is_unheard):
            return False
        least = self._classifier.window.min_final_speech_s * self._spec.rate_hz
        return ended.at_sample > self._heard_end and self._gate.voiced.until(ended.at_sample).n_samples >= least

    def _estimate(
        self, window: AnalysisWindow, posteriors: NDArray[np.float64] | None, until: int | None = None
    ) -> list[PipelineEvent]:
        """Take a window's posteriors; None where the window is no speech. The segment goes to sample `until`, or on."""
        if posteriors is None:
            return []
        self._heard_end = window.end_sample
        smoothed, label, confidence = self._smoother.update(posteriors, window.end_sample / self._spec.rate_hz)
        start, end = self._origin + window.start_sample, self._origin + window.end_sample
        estimate = Estimate(start, end, posteriors, smoothed, label, confidence, window.speech_ratio, window.hops)
        voiced = self._gate.voiced.until(self._now if until is None else until)
        voiced = replace(voiced, end_sample=self._origin + voiced.end_sample)
        event = self._segments.estimated(estimate, self._origin + self._now, voiced)
        return [estimate] if event is None else [estimate, event]

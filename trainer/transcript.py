"""What the daemon's pipeline makes of a stretch of audio, and the events that other decision rules make of the same.

Gate and windows decide what is classified, and cost nearly all the time; what becomes of the estimates is decided by
the smoother and the segments. So one hearing serves for trying many decision rules.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from monitor.pipeline import Pipeline, PipelineRules
from monitor.pipeline.gate import VAD_FRAME_MS
from monitor.pipeline.segments import Segments
from monitor.pipeline.smoother import Smoother
from monitor.pipeline.voiced import Voiced
from monitor.records import AudioBlock, EmotionEvent, Estimate, SpeechEnded, SpeechStarted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from monitor.pipeline.classifier import Answer, Classifier
    from monitor.pipeline.smoother import DecisionRule
    from monitor.pipeline.windows import WindowRule
    from monitor.records import PipelineEvent

_MS_PER_S = 1000
_NO_LIMIT = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that gate or classifier found."""

    now: int
    """How far the stream had been heard then, in samples."""
    found: SpeechStarted | Estimate | SpeechEnded


@dataclass(frozen=True, slots=True)
class Transcript:
    """All that was heard."""

    moments: tuple[Moment, ...]
    events: tuple[EmotionEvent, ...]
    """As the pipeline sent them."""
    n_windows: int
    """That were classified."""


class _Counting:
    """A classifier that counts what it is asked."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self.spec, self.window, self.labels = classifier.spec, classifier.window, classifier.labels
        self.n_windows = 0

    def answer(self, values: NDArray[np.float32]) -> Answer:
        self.n_windows += 1
        return self._classifier.answer(values)


def transcribe(classifier: Classifier, rules: PipelineRules, samples: NDArray[np.int16]) -> Transcript:
    """Run the daemon's pipeline over the audio, int16 (n,), from a fresh start to the flush at its end."""
    counting = _Counting(classifier)
    pipeline = Pipeline(counting, rules)
    n = classifier.spec.rate_hz * VAD_FRAME_MS // _MS_PER_S
    moments: list[Moment] = []
    events: list[EmotionEvent] = []

    def keep(heard: list[PipelineEvent], now: int) -> None:
        moments.extend(Moment(now, e) for e in heard if isinstance(e, SpeechStarted | Estimate | SpeechEnded))
        events.extend(event for event in heard if isinstance(event, EmotionEvent))

    # A VAD frame at a time: cutting changes no event, and tells when each was decided.
    for start in range(0, len(samples) - n + 1, n):
        keep(pipeline.push(AudioBlock(samples[start : start + n], start)), start + n)
    keep(pipeline.flush(), len(samples) // n * n)
    return Transcript(tuple(moments), tuple(events), counting.n_windows)


def redecided(
    transcript: Transcript, labels: tuple[str, ...], rate_hz: int, decision: DecisionRule
) -> tuple[EmotionEvent, ...]:
    """The events that the pipeline would have sent under another decision rule, by its own smoother and segments.

    What was heard stays, so this holds for the same gate and windows. How loud the speech was, how much of it there
    was, and where `new` and `update` end is not known any more: those fields are not to be used.
    """
    smoother = Smoother(labels, decision)
    segments = Segments(labels, rate_hz, decision.min_confidence, _NO_LIMIT)
    events: list[EmotionEvent | None] = []
    for moment in transcript.moments:
        found = moment.found
        if isinstance(found, SpeechStarted):
            smoother.reset()
            segments.start(found.at_sample)
        elif isinstance(found, Estimate):
            smoothed, label, confidence = smoother.update(found.posteriors, found.end_sample / rate_hz)
            estimate = replace(found, smoothed=smoothed, label=label, confidence=confidence)
            events.append(segments.estimated(estimate, moment.now, Voiced(0, 0.0, found.end_sample)))
        else:
            events.append(segments.end(moment.now, Voiced(found.voiced_samples, 0.0, found.at_sample)))
    return tuple(event for event in events if event is not None)


class Remembering:
    """A classifier that classifies no window twice, for hearing the same audio under many rules."""

    def __init__(self, classifier: Classifier, window: WindowRule | None = None) -> None:
        """Ask `classifier`; `window` instead of its own rule may want other windows, but none of another length."""
        self._classifier = classifier
        self._known: dict[bytes, Answer] = {}
        self.spec, self.labels = classifier.spec, classifier.labels
        self.window = window or classifier.window

    def with_window(self, window: WindowRule) -> Remembering:
        """The same, with the same memory, for another rule."""
        other = Remembering(self._classifier, window)
        other._known = self._known
        return other

    def answer(self, values: NDArray[np.float32]) -> Answer:
        """As the classifier's own."""
        key = hashlib.blake2b(values.tobytes(), digest_size=16).digest()
        if key not in self._known:
            self._known[key] = self._classifier.answer(values)
        return self._known[key]

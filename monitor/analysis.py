"""Analysis of a recording: one result a file, by the same pipeline that listens live."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.errors import BadAudioError
from monitor.records import EmotionEvent, Estimate, SpeechEnded

if TYPE_CHECKING:
    from monitor.pipeline import Pipeline
    from monitor.records import PipelineEvent
    from monitor.sources import Source

NO_SPEECH = "no speech"
SPEECH_TOO_SHORT = "speech too short"


@dataclass(frozen=True, slots=True)
class SegmentResult:
    """One stretch of speech."""

    start_s: float
    end_s: float
    emotion: str
    confidence: float
    scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class FileResult:
    """What was heard in a recording."""

    file: str
    emotion: str | None
    """The label with the highest mean posterior over the speech windows, weighed by the speech in them; None without
    any."""
    confidence: float | None
    scores: dict[str, float] | None
    speech_s: float
    duration_s: float
    reason: str = ""
    """Why there is no emotion, or what was wrong with the file."""
    segments: tuple[SegmentResult, ...] = ()
    error: BadAudioError | None = field(default=None, compare=False)
    """The file ended early; what could be read was analysed."""

    def to_dict(self, *, with_segments: bool) -> dict[str, Any]:
        """The JSON object that `analyze --json` prints."""
        result: dict[str, Any] = {
            "file": self.file,
            "emotion": self.emotion,
            "confidence": _rounded(self.confidence),
            "scores": None if self.scores is None else {k: round(v, 3) for k, v in self.scores.items()},
            "speech_s": round(self.speech_s, 2),
            "duration_s": round(self.duration_s, 3),
        }
        if self.reason:
            result["reason"] = self.reason
        if with_segments:
            result["segments"] = [
                {
                    "start_s": round(s.start_s, 2),
                    "end_s": round(s.end_s, 2),
                    "emotion": s.emotion,
                    "confidence": round(s.confidence, 3),
                    "scores": {k: round(v, 3) for k, v in s.scores.items()},
                }
                for s in self.segments
            ]
        return result


def analyse(
    source: Source, pipeline: Pipeline, labels: tuple[str, ...], rate_hz: int, *, file: str | None = None
) -> FileResult:
    """Hear a recording to its end.

    Args:
        source: a recording at `rate_hz`.
        pipeline: fresh, or reset.
        labels: in the order of the posteriors.
        rate_hz: sample rate of the pipeline.
        file: what the result is called; default: the source's name.

    Raises:
        BadAudioError: nothing of it could be read. A file that breaks off is analysed as far as it goes instead, with
            the error in the result.
    """
    tally = _Tally(len(labels), rate_hz)
    pipeline.tells_levels = False
    error: BadAudioError | None = None
    end_sample = 0
    try:
        for block in source.blocks():
            tally.add(pipeline.push(block))
            end_sample = block.end_sample
    except BadAudioError as cut_short:
        if not end_sample:
            raise
        error = cut_short
    tally.add(pipeline.flush())
    scores = tally.scores(labels)
    emotion = max(scores, key=scores.__getitem__) if scores else None
    silent = "" if emotion else (SPEECH_TOO_SHORT if tally.speech_samples else NO_SPEECH)
    return FileResult(
        file=file or source.name,
        emotion=emotion,
        confidence=scores[emotion] if scores and emotion else None,
        scores=scores,
        speech_s=tally.speech_samples / rate_hz,
        duration_s=end_sample / rate_hz,
        reason=str(error) if error else silent,
        segments=tuple(tally.segments),
        error=error,
    )


class _Tally:
    """What the result needs of the events: kept themselves, those of ten hours would take 20 MB."""

    def __init__(self, n_labels: int, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._posteriors = np.zeros(n_labels)
        self._weight = 0.0
        self.speech_samples = 0
        self.segments: list[SegmentResult] = []

    def add(self, events: list[PipelineEvent]) -> None:
        for event in events:
            if isinstance(event, Estimate):
                self._posteriors += event.posteriors * np.float64(event.weight)
                self._weight += event.weight
            elif isinstance(event, SpeechEnded):
                self.speech_samples += event.voiced_samples
            elif isinstance(event, EmotionEvent) and event.type == "end":
                self.segments.append(self._segment(event))

    def scores(self, labels: tuple[str, ...]) -> dict[str, float] | None:
        """Mean posterior of each label over the windows, weighed by the speech in them; None without a window."""
        if not self._weight:
            return None
        return dict(zip(labels, (self._posteriors / self._weight).tolist(), strict=True))

    def _segment(self, event: EmotionEvent) -> SegmentResult:
        start_s, end_s = event.start_sample / self._rate_hz, event.end_sample / self._rate_hz
        return SegmentResult(start_s, end_s, event.emotion, event.confidence, event.scores)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)

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
    events: list[PipelineEvent] = []
    error: BadAudioError | None = None
    end_sample = 0
    try:
        for block in source.blocks():
            events += _of_interest(pipeline.push(block))
            end_sample = block.end_sample
    except BadAudioError as cut_short:
        if not end_sample:
            raise
        error = cut_short
    events += _of_interest(pipeline.flush())
    heard = _Heard(file or source.name, events, end_sample, error)
    return _result(heard, labels, rate_hz)


@dataclass(frozen=True, slots=True)
class _Heard:
    file: str
    events: list[PipelineEvent]
    n_samples: int
    error: BadAudioError | None


def _of_interest(events: list[PipelineEvent]) -> list[PipelineEvent]:
    # Levels come eight times a second: over a night's recording they would fill the memory.
    return [event for event in events if isinstance(event, Estimate | EmotionEvent | SpeechEnded)]


def _result(heard: _Heard, labels: tuple[str, ...], rate_hz: int) -> FileResult:
    events = heard.events
    estimates = [event for event in events if isinstance(event, Estimate)]
    speech = sum(event.voiced_samples for event in events if isinstance(event, SpeechEnded))
    scores = _mean_scores(estimates, labels)
    emotion = max(scores, key=scores.__getitem__) if scores else None
    silent = "" if emotion else (SPEECH_TOO_SHORT if speech else NO_SPEECH)
    return FileResult(
        file=heard.file,
        emotion=emotion,
        confidence=scores[emotion] if scores and emotion else None,
        scores=scores,
        speech_s=speech / rate_hz,
        duration_s=heard.n_samples / rate_hz,
        reason=str(heard.error) if heard.error else silent,
        segments=tuple(
            SegmentResult(e.start_sample / rate_hz, e.end_sample / rate_hz, e.emotion, e.confidence, e.scores)
            for e in events
            if isinstance(e, EmotionEvent) and e.type == "end"
        ),
        error=heard.error,
    )


def _mean_scores(estimates: list[Estimate], labels: tuple[str, ...]) -> dict[str, float] | None:
    if not estimates:
        return None
    mean = np.average([e.posteriors for e in estimates], axis=0, weights=[e.speech_ratio for e in estimates])
    return dict(zip(labels, mean.tolist(), strict=True))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)

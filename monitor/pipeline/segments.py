"""Segments: turns speech and estimates into the events that users subscribe to.

A segment is a stretch of speech. Its `new` comes with its first estimate, an `update` with every change of emotion,
its `end` when the speech ends. Speech too short to be classified makes no event.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from monitor.pipeline.gate import dbfs
from monitor.records import UNCERTAIN, EmotionEvent, Estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.pipeline.voiced import Voiced
    from monitor.records import EventType

_MINUTE_S = 60


@dataclass(slots=True)
class _OpenSegment:
    """What is known of the segment under way."""

    start_sample: int
    posterior_sum: NDArray[np.float64]
    """Weighed by speech: a window at the edge, mostly silence, knows less, and may be there only by a narrow vote."""
    speech_sum: float = 0.0
    windows: int = 0
    emotion: str | None = None
    """What the last event said; None until `new` is out."""


class Segments:
    """Follows one segment at a time."""

    def __init__(self, labels: tuple[str, ...], rate_hz: int, min_confidence: float, max_events_per_min: int) -> None:
        """No segment is open; `max_events_per_min` 0 is no limit."""
        self._labels = labels
        self._rate_hz = rate_hz
        self._min_confidence = min_confidence
        self._max_events = max_events_per_min
        self._sent: deque[int] = deque()
        self._open: _OpenSegment | None = None
        self._number = 0

    @property
    def is_unheard(self) -> bool:
        """Whether a segment is open that no estimate has been made of."""
        return self._open is not None and not self._open.windows

    def reset(self) -> None:
        """Forget an open segment and the events of the past; segments go on being counted."""
        self._open = None
        self._sent.clear()

    def start(self, at_sample: int) -> None:
        """Speech started at sample `at_sample`."""
        self._open = _OpenSegment(at_sample, np.zeros(len(self._labels)))

    def estimated(self, estimate: Estimate, now: int, voiced: Voiced) -> EmotionEvent | None:
        """Take an estimate made when the stream was heard up to `now`; an event if it changes something."""
        segment = self._open
        if segment is None:
            return None
        segment.windows += 1
        segment.posterior_sum += estimate.weight * estimate.posteriors
        segment.speech_sum += estimate.weight
        if estimate.label == segment.emotion:
            return None
        # Room for the `end` that every `new` owes is kept free.
        event_type: EventType = "new" if segment.emotion is None else "update"
        if not self._has_room(now, wanted=2):
            return None
        if event_type == "new":
            self._number += 1
        segment.emotion = estimate.label
        self._sent.append(now)
        event = self._event(segment, estimate.label, estimate.smoothed, now, voiced)
        return replace(event, type=event_type, end_sample=min(estimate.end_sample, voiced.end_sample))

    def end(self, now: int, voiced: Voiced, gap_samples: int = 0) -> EmotionEvent | None:
        """Speech ended with its last voiced frame; the `end` of the segment if it ever got its `new`."""
        segment, self._open = self._open, None
        if segment is None or segment.emotion is None:
            return None
        self._sent.append(now)
        mean = segment.posterior_sum / segment.speech_sum
        best = int(mean.argmax())
        emotion = self._labels[best] if mean[best] >= self._min_confidence else UNCERTAIN
        event = self._event(segment, emotion, mean, now, voiced)
        return replace(event, type="end", end_sample=voiced.end_sample, gap_samples=gap_samples)

    def _has_room(self, now: int, wanted: int) -> bool:
        while self._sent and self._sent[0] <= now - _MINUTE_S * self._rate_hz:
            self._sent.popleft()
        return self._max_events == 0 or len(self._sent) + wanted <= self._max_events

    def _event(
        self, segment: _OpenSegment, emotion: str, scores: NDArray[np.float64], now: int, voiced: Voiced
    ) -> EmotionEvent:
        by_label = dict(zip(self._labels, scores.tolist(), strict=True))
        return EmotionEvent(
            type="update",
            segment=self._number,
            emotion=emotion,
            confidence=by_label.get(emotion, float(scores.max())),
            scores=by_label,
            start_sample=segment.start_sample,
            decided_sample=now,
            speech_samples=voiced.n_samples,
            windows=segment.windows,
            level_dbfs=dbfs(voiced.mean_square),
        )

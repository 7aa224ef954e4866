"""How well a stream was heard: the events of the pipeline against what was said, and when.

Every figure is defined once, here; `Tally` counts one scene, tallies add up, `figures_of` turns counts into figures.
An event belongs to a segment; a segment belongs to the clip whose speech it shares most samples with, its owner. A
segment without any speech is false.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from scipy.stats import beta, chi2

from monitor.records import UNCERTAIN
from trainer.metrics import NO_ANSWER, score, uar_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from monitor.records import EmotionEvent
    from trainer.conversations import Scene, Spoken
    from trainer.metrics import Answered

MIN_INTENSE_AROUSAL = 0.3
"""Labels above it, in the coordinates of the model's card, are intense: anger, fear, surprise, joy, disgust."""
_S_PER_MIN, _S_PER_H = 60, 3600
_LATE_PERCENTILE = 95
_CONFIDENCE = 0.95


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """One segment, or one clip that is the owner of none.

    Attributes:
        speaker: of the owner, unique over corpora.
        truth: label of the owner.
        answer: the label with the highest score in the segment's `end`, also where that says `uncertain`, as the
            daemon's `analyze` answers for a clip; empty for a clip that is the owner of no segment.
        certain: whether the `end` names that label.
    """

    speaker: str
    truth: str
    answer: str
    certain: bool


class Tally(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Counts of one scene, or of several.

    Attributes:
        answers: of each segment with speech, and of each clip without a segment of its own.
        right_after_s: for each clip, seconds from the onset of its speech to the first event that shows its label;
            None where none does.
        first_after_s: the same to the first event of any kind, `uncertain` too.
        speech_s: from the onset of each clip's speech to its end.
        missed_s: of that, what lies in no segment that made an event.
        other_s: all other audio.
        n_changes: changes of the label that is shown, within a clip.
        n_segments: with speech.
        n_intense: of those, with an intense emotion in the `end`.
        n_ever_intense: of those, with an intense emotion in any event.
        n_false: segments without speech.
        n_false_certain: of those, whose `end` is not uncertain.
        n_windows: that were classified.
    """

    answers: tuple[Answer, ...] = ()
    right_after_s: tuple[float | None, ...] = ()
    first_after_s: tuple[float | None, ...] = ()
    speech_s: float = 0.0
    missed_s: float = 0.0
    other_s: float = 0.0
    n_changes: int = 0
    n_segments: int = 0
    n_intense: int = 0
    n_ever_intense: int = 0
    n_false: int = 0
    n_false_certain: int = 0
    n_windows: int = 0


@dataclass(frozen=True, slots=True)
class HeardSegment:
    """The events of one segment, in order, from `new` to `end`."""

    events: tuple[EmotionEvent, ...]

    @property
    def start_sample(self) -> int:
        """Pre-roll included."""
        return self.events[-1].start_sample

    @property
    def end_sample(self) -> int:
        """End of the speech."""
        return self.events[-1].end_sample

    @property
    def answer(self) -> str:
        """The label with the highest score at the end."""
        scores = self.events[-1].scores
        return max(scores, key=scores.__getitem__)

    @property
    def confidence(self) -> float:
        """Of that label, 0-1, whether it is named or not."""
        return max(self.events[-1].scores.values())

    @property
    def is_certain(self) -> bool:
        """Whether the end names a label."""
        return self.events[-1].emotion != UNCERTAIN

    def shared_samples(self, spoken: Spoken) -> int:
        """How much of the clip's speech it covers."""
        return max(0, min(self.end_sample, spoken.end_sample) - max(self.start_sample, spoken.start_sample))


def segments_of(events: Iterable[EmotionEvent]) -> list[HeardSegment]:
    """The segments that made events; the stream was flushed, so each has its `end`."""
    by_number: dict[int, list[EmotionEvent]] = {}
    for event in events:
        by_number.setdefault(event.segment, []).append(event)
    return [HeardSegment(tuple(of_one)) for of_one in by_number.values()]


def owner_of(segment: HeardSegment, spoken: Sequence[Spoken]) -> int | None:
    """Number of the clip that the segment shares most speech with, the first of equals; None where it shares none."""
    shared = [segment.shared_samples(one) for one in spoken]
    best = int(np.argmax(shared)) if shared else 0
    return best if shared and shared[best] else None


def intense_labels(affect: Mapping[str, tuple[float, float]]) -> frozenset[str]:
    """Labels with an arousal above `MIN_INTENSE_AROUSAL`; `affect` is label to (valence, arousal)."""
    return frozenset(label for label, (_, arousal) in affect.items() if arousal > MIN_INTENSE_AROUSAL)


def judge(
    scene: Scene, events: Iterable[EmotionEvent], rate_hz: int, intense: frozenset[str], n_windows: int = 0
) -> Tally:
    """Hold the events of one flushed stream, in which `n_windows` were classified, against what was said in it."""
    segments = segments_of(events)
    owners = [owner_of(segment, scene.spoken) for segment in segments]
    owned = [segment for segment, owner in zip(segments, owners, strict=True) if owner is not None]
    false = [segment for segment, owner in zip(segments, owners, strict=True) if owner is None]
    clips = [_ClipHeard.of(scene, i, owned) for i in range(len(scene.spoken))]
    speech = sum(clip.n_speech for clip in clips)
    return Tally(
        answers=_answers(scene, segments, owners),
        right_after_s=tuple(_seconds(clip.right_after, rate_hz) for clip in clips),
        first_after_s=tuple(_seconds(clip.first_after, rate_hz) for clip in clips),
        speech_s=speech / rate_hz,
        missed_s=sum(clip.n_missed for clip in clips) / rate_hz,
        other_s=(len(scene.samples) - speech) / rate_hz,
        n_changes=sum(clip.n_changes for clip in clips),
        n_segments=len(owned),
        n_intense=sum(segment.events[-1].emotion in intense for segment in owned),
        n_ever_intense=sum(any(event.emotion in intense for event in segment.events) for segment in owned),
        n_false=len(false),
        n_false_certain=sum(segment.is_certain for segment in false),
        n_windows=n_windows,
    )


def total(tallies: Sequence[Tally]) -> Tally:
    """All counts together."""
    sums: dict[str, Any] = {
        name: sum((getattr(tally, name) for tally in tallies), start=type(getattr(Tally(), name))())
        for name in Tally.__struct_fields__
    }
    return Tally(**sums)


def figures_of(tally: Tally, labels: Sequence[str], *, interval: bool = True) -> dict[str, Any]:
    """The figures of conversations, JSON-ready; None where there is nothing to count.

    uar: segment UAR, 0-1: mean over the labels that occur of the share of right answers. A segment that spans two
        clips answers for its owner; the other clip, if no other segment is its own, counts as unanswered, as a clip
        that was not heard at all. A clip in two segments is answered twice. False segments do not count.
    uar_interval: its 95 % interval over speakers; None without `interval`, which takes far longer than all the rest.
    answers, unanswered: how many the UAR is of.
    coverage: share of the segments whose `end` names a label, not `uncertain`.
    selective_accuracy: share of those that are right.
    missed: share of speech in no segment that made an event. Speech lasts from a clip's onset to its end, so a pause
        within it that closes the gate counts as missed.
    right_delay_median_s, right_delay_p95_s: over the clips that ever got their label, from the onset of their speech
        to the moment when the first event of theirs that shows it was sent: time in the stream, so smoothing, dwell and
        `uncertain` are in it, the time of computing is not. Events of theirs are those of segments that share speech
        with them, sent before the next clip's onset; an `end` counts. 0 where the label stood there already.
    never_right: share of the clips that never got it. They have no delay: `right_delay_median_all_s` counts them as
        endless, and is None where they are half of all.
    first_delay_median_s, first_delay_p95_s: to the first event, whatever it says.
    changes_per_min: changes of the label that is shown (updates) while a clip lasts, a minute of speech that was
        heard. In a segment that began before the clip, the first change is free: the truth changed. That an `end`
        sums up otherwise than the last update is no change.
    false_per_h: segments without any speech, an hour of the gaps between the clips.
    windows_per_min: that were classified, a minute of clips and gaps: nearly all that listening costs.
    """
    heard_s = tally.speech_s - tally.missed_s
    right = [after for after in tally.right_after_s if after is not None]
    first = [after for after in tally.first_after_s if after is not None]
    endless = [np.inf if after is None else after for after in tally.right_after_s]
    return {
        **answer_figures(tally.answers, labels, interval=interval),
        **_selective(tally.answers),
        "missed": _share(tally.missed_s, tally.speech_s),
        "right_delay_median_s": _percentile(right, 50),
        "right_delay_p95_s": _percentile(right, _LATE_PERCENTILE),
        "right_delay_median_all_s": _percentile(endless, 50),
        "never_right": _share(len(endless) - len(right), len(endless)),
        "first_delay_median_s": _percentile(first, 50),
        "first_delay_p95_s": _percentile(first, _LATE_PERCENTILE),
        "changes_per_min": _share(_S_PER_MIN * tally.n_changes, heard_s),
        "false_per_h": _share(_S_PER_H * tally.n_false, tally.other_s),
        "windows_per_min": _share(_S_PER_MIN * tally.n_windows, tally.speech_s + tally.other_s),
        "speech_s": tally.speech_s,
        "clips": len(endless),
    }


def noise_figures(tally: Tally) -> dict[str, Any]:
    """The figures of sounds without speech played alone: false segments, and how many an hour that is.

    false_certain: of the false segments, those whose `end` names an emotion.
    false_per_h_at_most: upper 95 % limit, as though segments came by chance (`most_events`).
    """
    return {
        "hours": tally.other_s / _S_PER_H,
        "false_segments": tally.n_false,
        "false_certain": tally.n_false_certain,
        "false_per_h": _share(_S_PER_H * tally.n_false, tally.other_s),
        "false_per_h_at_most": _share(_S_PER_H * most_events(tally.n_false), tally.other_s),
    }


def neutral_figures(tally: Tally) -> dict[str, Any]:
    """The figures of ordinary speech: shares of its segments that are called an intense emotion.

    intense: in the `end`, the segment's summing-up, so with confidence: `uncertain` is not intense.
    intense_at_most: upper 95 % limit of that share (Clopper & Pearson 1934, one-sided).
    ever_intense: in any event of the segment.
    """
    return {
        "segments": tally.n_segments,
        "intense": _share(tally.n_intense, tally.n_segments),
        "intense_at_most": most_of(tally.n_intense, tally.n_segments),
        "ever_intense": _share(tally.n_ever_intense, tally.n_segments),
        "missed": _share(tally.missed_s, tally.speech_s),
    }


def most_events(n: int) -> float:
    """The largest mean of a Poisson distribution that gives `n` events or fewer once in twenty: 3.0 for none.

    From Garwood, F. (1936). Fiducial limits for the Poisson distribution. Biometrika 28, 437-442; one-sided.
    """
    return float(chi2.ppf(_CONFIDENCE, 2 * (n + 1)) / 2)


def most_of(n: int, among: int) -> float | None:
    """The largest share that gives `n` of `among` or fewer once in twenty; None of nothing.

    From Clopper, C. J. & Pearson, E. S. (1934). The use of confidence or fiducial limits illustrated in the case of the
    binomial. Biometrika 26, 404-413; one-sided.
    """
    if not among:
        return None
    return 1.0 if n == among else float(beta.ppf(_CONFIDENCE, n + 1, among - n))


@dataclass(frozen=True, slots=True)
class _ClipHeard:
    """What one clip got, in samples."""

    n_speech: int
    n_missed: int
    right_after: int | None
    first_after: int | None
    n_changes: int

    @staticmethod
    def of(scene: Scene, number: int, segments: Sequence[HeardSegment]) -> _ClipHeard:
        """Clip `number`; `segments` share speech with any clip."""
        clip = scene.spoken[number]
        own = [segment for segment in segments if segment.shared_samples(clip)]
        # The next clip has its own events from its onset on.
        following = scene.spoken[number + 1 :]
        until = following[0].start_sample if following else len(scene.samples) + 1
        n_speech = clip.end_sample - clip.start_sample
        shown = _shown(own, clip.start_sample, until)
        right = [after for after, emotion in shown if emotion == clip.turn.label]
        return _ClipHeard(
            n_speech=n_speech,
            n_missed=n_speech - sum(segment.shared_samples(clip) for segment in own),
            right_after=right[0] if right else None,
            first_after=shown[0][0] if shown else None,
            n_changes=sum(_changes(segment, clip.start_sample, until) for segment in own),
        )


def _shown(segments: Sequence[HeardSegment], onset: int, until: int) -> list[tuple[int, str]]:
    """(samples after the onset, what was shown then), from what stands at the onset to the end of the clip's time."""
    standing, shown = [], []
    for segment in segments:
        before = [event for event in segment.events if event.decided_sample < onset]
        if before and before[-1].type != "end":
            standing.append((0, before[-1].emotion))
        shown += [(e.decided_sample - onset, e.emotion) for e in segment.events if onset <= e.decided_sample < until]
    return standing + shown


def _changes(segment: HeardSegment, onset: int, until: int) -> int:
    updates = [e for e in segment.events if e.type == "update" and onset <= e.decided_sample < until]
    began_before = segment.events[0].decided_sample < onset
    return max(0, len(updates) - began_before)


def _answers(scene: Scene, segments: Sequence[HeardSegment], owners: Sequence[int | None]) -> tuple[Answer, ...]:
    found = [
        Answer(scene.spoken[i].turn.speaker, scene.spoken[i].turn.label, s.answer, s.is_certain)
        for s, i in zip(segments, owners, strict=True)
        if i is not None
    ]
    left = [clip.turn for i, clip in enumerate(scene.spoken) if i not in set(owners)]
    return (*found, *(Answer(turn.speaker, turn.label, "", certain=False) for turn in left))


def answer_figures(answers: Sequence[Answer], labels: Sequence[str], *, interval: bool = True) -> dict[str, Any]:
    """`uar`, `uar_interval`, `answers` and `unanswered` of `figures_of`; the UAR of no answer at all is None."""
    if not answers:
        return {"uar": None, "uar_interval": None, "answers": 0, "unanswered": 0}
    truth, predicted, speakers = answered(answers, labels)
    figures = score(truth, predicted, len(labels))
    return {
        "uar": figures.uar,
        "uar_interval": uar_interval(truth, predicted, speakers) if interval else None,
        "answers": len(answers),
        "unanswered": figures.n_unanswered,
    }


def answered(answers: Sequence[Answer], labels: Sequence[str]) -> Answered:
    """As `trainer.metrics` takes them, in numbers of labels; no answer is `NO_ANSWER`."""
    number = {label: i for i, label in enumerate(labels)}
    truth = [number[answer.truth] for answer in answers]
    predicted = [number.get(answer.answer, NO_ANSWER) for answer in answers]
    return truth, predicted, [answer.speaker for answer in answers]


def _selective(answers: Sequence[Answer]) -> dict[str, Any]:
    segments = [answer for answer in answers if answer.answer]
    certain = [answer for answer in segments if answer.certain]
    return {
        "coverage": _share(len(certain), len(segments)),
        "selective_accuracy": _share(sum(a.answer == a.truth for a in certain), len(certain)),
    }


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _percentile(values: Sequence[float], percent: float) -> float | None:
    """The smallest value that so many per cent do not exceed; None for no value and for an endless one."""
    if not values:
        return None
    found = float(np.percentile(values, percent, method="inverted_cdf"))
    return found if np.isfinite(found) else None


def _seconds(n_samples: int | None, rate_hz: int) -> float | None:
    return None if n_samples is None else n_samples / rate_hz

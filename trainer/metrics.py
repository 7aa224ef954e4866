"""How well labels are recognised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

NO_ANSWER = -1
"""Prediction for a clip in which no speech was classified: always wrong."""
Answered = tuple["Sequence[int] | NDArray[Any]", "Sequence[int] | NDArray[Any]", "Sequence[str]"]
"""Truth, predictions and speakers of clips or segments."""
N_BINS = 15
"""Of equal width, over which confidence is compared with accuracy; as Guo et al. (2017) did."""
N_RESAMPLES = 2000
"""Draws of a bootstrap: the 2.5 and 97.5 percentiles then rest on 50 draws each."""
COVERAGE = 0.95
"""Of the intervals."""


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """Figures over a set of clips."""

    uar: float
    """Unweighted average recall, 0-1: mean over the labels that occur of the share that is recognised."""
    war: float
    """Weighted average recall, 0-1: the share of all clips that is recognised."""
    n_clips: int
    n_unanswered: int
    confusion: NDArray[np.int64]
    """int64, shape (labels, labels + 1): rows truth, columns prediction, the last one no answer."""


def score(truth: Sequence[int] | NDArray[Any], predicted: Sequence[int] | NDArray[Any], n_labels: int) -> Score:
    """Compare numbers of labels; predictions may be `NO_ANSWER`. `truth` holds at least one."""
    # Heavy, and only needed once there is something to score.
    from sklearn.metrics import accuracy_score, recall_score  # noqa: PLC0415

    confusion = np.zeros((n_labels, n_labels + 1), dtype=np.int64)
    np.add.at(confusion, (np.asarray(truth), np.asarray(predicted)), 1)
    return Score(
        uar=float(recall_score(truth, predicted, labels=np.unique(truth), average="macro", zero_division=0)),
        war=float(accuracy_score(truth, predicted)),
        n_clips=len(truth),
        n_unanswered=int(confusion[:, -1].sum()),
        confusion=confusion,
    )


def macro_f1(truth: Sequence[int] | NDArray[Any], predicted: Sequence[int] | NDArray[Any]) -> float:
    """Mean over the labels that occur of F1, 0-1: the harmonic mean of precision and recall.

    Predictions may be `NO_ANSWER`; `truth` holds at least one.
    """
    # Heavy, and only needed once there is something to score.
    from sklearn.metrics import f1_score  # noqa: PLC0415

    return float(f1_score(truth, predicted, labels=np.unique(truth), average="macro", zero_division=0))


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Confidence against accuracy, in bins of equal width over 0 to 1; a bin holds its upper edge."""

    n_clips: NDArray[np.int64]
    """int64, shape (bins,)."""
    confidence: NDArray[np.float64]
    """float64, shape (bins,), 0-1: mean of the highest posterior; not a number in an empty bin."""
    accuracy: NDArray[np.float64]
    """float64, shape (bins,), 0-1: share that is recognised; not a number in an empty bin."""

    @property
    def edges(self) -> NDArray[np.float64]:
        """float64, shape (bins + 1,): where bins begin and end."""
        return np.linspace(0.0, 1.0, len(self.n_clips) + 1)

    @property
    def ece(self) -> float:
        """Expected calibration error, 0-1: mean of |accuracy - confidence| over the bins, weighed by their clips.

        From Guo, C. et al. (2017). On calibration of modern neural networks. ICML, equation 3. 0 for no clip at all.
        """
        filled = self.n_clips > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float(np.average(gaps, weights=self.n_clips[filled])) if filled.any() else 0.0


def reliability(
    truth: Sequence[int] | NDArray[Any], posteriors: NDArray[np.floating[Any]], n_bins: int = N_BINS
) -> Reliability:
    """How far posteriors can be believed.

    Args:
        truth: shape (clips,): numbers of labels.
        posteriors: shape (clips, labels); a row of zeros is no answer, states no confidence, and is left out.
        n_bins: of equal width.
    """
    answered = posteriors.any(axis=1)
    confidence = posteriors[answered].max(axis=1).astype(np.float64)
    right = posteriors[answered].argmax(axis=1) == np.asarray(truth)[answered]
    # A bin holds its upper edge, so certainty, 1, belongs to the last one.
    number = np.digitize(confidence, np.linspace(0.0, 1.0, n_bins + 1)[1:-1], right=True)
    n_clips = np.bincount(number, minlength=n_bins)
    filled = np.where(n_clips > 0, n_clips, np.nan)
    return Reliability(
        n_clips=n_clips.astype(np.int64),
        confidence=np.bincount(number, weights=confidence, minlength=n_bins) / filled,
        accuracy=np.bincount(number, weights=right, minlength=n_bins) / filled,
    )


def uar_interval(
    truth: Sequence[int] | NDArray[Any],
    predicted: Sequence[int] | NDArray[Any],
    speakers: Sequence[str],
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> tuple[float, float] | None:
    """95 % confidence interval of the UAR, 0-1: percentile bootstrap over speakers.

    Speakers are drawn with replacement, each with all their clips. Clips of one speaker are alike, so they are no
    independent draws: resampling clips answers how the figure would change with other sentences of the same people, and
    gives intervals far too narrow. What is asked is how it would change with other people. A handful of speakers still
    understates the width, as any bootstrap of few draws does.

    From Efron, B. & Tibshirani, R. (1993). An introduction to the bootstrap, sections 8.3 (the unit that is drawn is
    the unit of the sample) and 13.3 (percentiles).

    Args:
        truth: shape (clips,): numbers of labels.
        predicted: shape (clips,): may be `NO_ANSWER`.
        speakers: of each clip, unique over all corpora.
        n_resamples: draws.
        seed: of the draws: the same clips give the same interval.

    Returns:
        Lower and upper limit, or None for fewer than two speakers, who say nothing about others.
    """
    if len(set(speakers)) < 2:  # noqa: PLR2004
        return None
    return _middle(_uar_draws(truth, predicted, speakers, n_resamples, seed))


def loss_interval(
    truth: Sequence[int] | NDArray[Any],
    before: Sequence[int] | NDArray[Any],
    after: Sequence[int] | NDArray[Any],
    speakers: Sequence[str],
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> tuple[float, float] | None:
    """95 % confidence interval of UAR before less UAR after, -1 to 1: paired percentile bootstrap over speakers.

    As `difference_interval`; arguments and result as in `uar_interval`.
    """
    pairs = (truth, before, speakers), (truth, after, speakers)
    return difference_interval(*pairs, n_resamples=n_resamples, seed=seed)


def difference_interval(
    first: Answered, second: Answered, *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> tuple[float, float] | None:
    """95 % confidence interval of one UAR less another, -1 to 1: paired percentile bootstrap over speakers.

    Both are asked of the same people in every draw, so what makes a speaker hard in both cancels out: Efron &
    Tibshirani (1993), section 8.3. They may be of other clips, or segments, if those are of the same speakers.

    Args:
        first: truth, predictions and speakers, as in `uar_interval`.
        second: what is taken away, likewise.
        n_resamples: draws.
        seed: of the draws.

    Raises:
        ValueError: they are of other speakers.
    """
    if set(first[2]) != set(second[2]):
        raise ValueError("the two are of other speakers; wanted the same, who are drawn together")
    if len(set(first[2])) < 2:  # noqa: PLR2004
        return None
    draws = [_uar_draws(*answered, n_resamples, seed) for answered in (first, second)]
    return _middle(draws[0] - draws[1])


def speaker_interval(
    statistic: Callable[[NDArray[np.int64]], float],
    speakers: Sequence[str],
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> tuple[float, float] | None:
    """95 % confidence interval of any figure: percentile bootstrap over speakers, as `uar_interval`.

    Args:
        statistic: the figure from how often each clip counts, int64 (clips,); not a number where it has none.
        speakers: of each clip, unique over all corpora.
        n_resamples: draws.
        seed: of the draws.

    Returns:
        Lower and upper limit, or None for fewer than two speakers, or where no draw has the figure.
    """
    names, speaker = np.unique(np.asarray(speakers), return_inverse=True)
    if len(names) < 2:  # noqa: PLR2004
        return None
    draws = np.array([statistic(drawn[speaker]) for drawn in _drawn_speakers(len(names), n_resamples, seed)])
    return _middle(draws) if np.isfinite(draws).any() else None


def _uar_draws(
    truth: Sequence[int] | NDArray[Any],
    predicted: Sequence[int] | NDArray[Any],
    speakers: Sequence[str],
    n_resamples: int,
    seed: int,
) -> NDArray[np.float64]:
    """UAR of each draw of speakers, float64 (draws,); the same speakers and seed give the same draws."""
    names, speaker = np.unique(np.asarray(speakers), return_inverse=True)
    labels, label = np.unique(np.asarray(truth), return_inverse=True)
    n_clips, n_right = (np.zeros((len(names), len(labels))) for _ in range(2))
    np.add.at(n_clips, (speaker, label), 1)
    np.add.at(n_right, (speaker, label), np.asarray(truth) == np.asarray(predicted))
    drawn = _drawn_speakers(len(names), n_resamples, seed)
    clips = drawn @ n_clips
    # A label that no drawn speaker has does not occur in that draw.
    recall = (drawn @ n_right) / np.where(clips > 0, clips, np.nan)
    draws: NDArray[np.float64] = np.nanmean(recall, axis=1)
    return draws


def _drawn_speakers(n: int, n_resamples: int, seed: int) -> NDArray[np.int64]:
    """How often each of `n` speakers is drawn, int64 (draws, n)."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), n_resamples)


def _middle(draws: NDArray[np.float64]) -> tuple[float, float]:
    """The limits between which `COVERAGE` of the draws lie."""
    tail = 50 * (1 - COVERAGE)
    low, high = np.nanpercentile(draws, [tail, 100 - tail])
    return float(low), float(high)


def agreement(first: Sequence[int], second: Sequence[int]) -> float:
    """Share of equal entries, 0-1; 1 for none at all."""
    return float(np.mean(np.asarray(first) == np.asarray(second))) if len(first) else 1.0


def clip_predictions(
    posteriors: NDArray[np.floating[Any]], clip: NDArray[np.int64], weights: NDArray[np.float64], n_clips: int
) -> NDArray[np.int64]:
    """Number of the label with the highest mean posterior of each clip, `NO_ANSWER` for clips without a window.

    Args:
        posteriors: shape (windows, labels).
        clip: int64, shape (windows,): number of the clip.
        weights: float64, shape (windows,), above 0: weight of each window in its clip's mean.
        n_clips: in all.
    """
    averages = clip_averages(posteriors, clip, weights, n_clips)
    return np.where(averages.any(axis=1), averages.argmax(axis=1), NO_ANSWER)


def clip_averages(
    posteriors: NDArray[np.floating[Any]], clip: NDArray[np.int64], weights: NDArray[np.float64], n_clips: int
) -> NDArray[np.float64]:
    """Mean posteriors of each clip, float64 (clips, labels); zeros for clips without a window. Arguments as above."""
    total = np.zeros((n_clips, posteriors.shape[1]))
    np.add.at(total, clip, weights[:, None] * posteriors)
    weight = np.bincount(clip, weights=weights, minlength=n_clips)
    averages: NDArray[np.float64] = total / np.where(weight > 0, weight, 1.0)[:, None]
    return averages

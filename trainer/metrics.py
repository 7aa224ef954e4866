"""How well labels are recognised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NO_ANSWER = -1
"""Prediction for a clip in which no speech was classified: always wrong."""


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
    total = np.zeros((n_clips, posteriors.shape[1]))
    np.add.at(total, clip, weights[:, None] * posteriors)
    answered = np.bincount(clip, minlength=n_clips) > 0
    return np.where(answered, total.argmax(axis=1), NO_ANSWER)

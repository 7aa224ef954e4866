"""Answering only when sure: what confidence a clip's answer needs before it is right often enough.

From Geifman, Y. & El-Yaniv, R. (2017). Selective classification for deep neural networks. NeurIPS: coverage is the
share of clips that are answered, selective accuracy the share of those that is right, risk what is missing of it to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.metrics import speaker_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trainer.figures import Predictions

WANTED_ACCURACY = 0.80
"""What this project asks of the answers that are given."""
THRESHOLDS = np.arange(101) / 100
"""Of confidence; `min_confidence` is written in hundredths."""


@dataclass(frozen=True, slots=True, eq=False)
class RiskCoverage:
    """What each threshold of confidence is worth."""

    thresholds: NDArray[np.float64]
    """float64, shape (n,), rising, 0-1: a clip is answered whose confidence is not below."""
    coverage: NDArray[np.float64]
    """float64, shape (n,), 0-1: share of the clips that is answered; no speech is never answered."""
    accuracy: NDArray[np.float64]
    """float64, shape (n,), 0-1: share of the answers that is right; not a number where there is none."""

    def lowest_threshold(self, accuracy: float = WANTED_ACCURACY) -> float | None:
        """The lowest threshold whose answers are right often enough, or None."""
        # A comparison with what is not a number is false.
        enough = np.flatnonzero(self.accuracy >= accuracy)
        return float(self.thresholds[enough[0]]) if len(enough) else None


def risk_coverage(
    truth: Sequence[int] | NDArray[Any],
    posteriors: NDArray[np.floating[Any]],
    thresholds: NDArray[np.float64] = THRESHOLDS,
) -> RiskCoverage:
    """Coverage and selective accuracy over thresholds.

    Args:
        truth: shape (clips,): numbers of labels; one at least.
        posteriors: shape (clips, labels): means of clips; a row of zeros is no answer.
        thresholds: shape (n,), rising.
    """
    answered = posteriors.any(axis=1)
    given = (posteriors.max(axis=1)[:, None] >= thresholds) & answered[:, None]
    right = given & (posteriors.argmax(axis=1) == np.asarray(truth))[:, None]
    n_given = given.sum(axis=0)
    accuracy = right.sum(axis=0) / np.where(n_given > 0, n_given, np.nan)
    return RiskCoverage(np.asarray(thresholds), n_given / len(posteriors), accuracy)


def at_threshold(predictions: Predictions, threshold: float) -> dict[str, Any]:
    """What one threshold is worth, JSON-ready, with 95 % intervals over speakers; shares are 0-1, or None."""
    curve = risk_coverage(predictions.truth, predictions.posteriors, np.array([threshold]))
    given = (predictions.posteriors.max(axis=1) >= threshold) & predictions.posteriors.any(axis=1)
    right = given & (predictions.posteriors.argmax(axis=1) == predictions.truth)
    return {
        "threshold": threshold,
        "coverage": float(curve.coverage[0]),
        "coverage_interval": _share_interval(given, np.ones_like(given), predictions.speaker_keys),
        "accuracy": None if np.isnan(curve.accuracy[0]) else float(curve.accuracy[0]),
        "accuracy_interval": _share_interval(right, given, predictions.speaker_keys),
    }


def selective_figures(predictions: Predictions, chosen: Predictions | None) -> dict[str, Any]:
    """The curve, the threshold that these clips would choose, what one chosen on others gives here; JSON-ready.

    Args:
        predictions: of the speakers that are judged.
        chosen: of the speakers that the threshold may be chosen by; None where there are none, or where these are they.
    """
    curve = risk_coverage(predictions.truth, predictions.posteriors)
    own = curve.lowest_threshold()
    other = None
    if chosen is not None:
        other = risk_coverage(chosen.truth, chosen.posteriors).lowest_threshold()
    return {
        "wanted_accuracy": WANTED_ACCURACY,
        "curve": {
            "thresholds": curve.thresholds.tolist(),
            "coverage": curve.coverage.tolist(),
            "accuracy": [None if np.isnan(value) else float(value) for value in curve.accuracy],
        },
        "own": None if own is None else at_threshold(predictions, own),
        "chosen_by": None if chosen is None or other is None else at_threshold(chosen, other),
        "chosen": None if other is None else at_threshold(predictions, other),
    }


def _share_interval(
    counted: NDArray[np.bool_], among: NDArray[np.bool_], speakers: Sequence[str]
) -> list[float] | None:
    """Of the share of `counted` in `among`, bool (clips,)."""

    def share(weights: NDArray[np.int64]) -> float:
        total = float(weights @ among)
        return float(weights @ counted) / total if total else float("nan")

    interval = speaker_interval(share, speakers)
    return None if interval is None else list(interval)

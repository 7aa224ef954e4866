"""How far a model's confidence can be believed, with and without the temperature in its graph.

From Guo, C. et al. (2017). On calibration of modern neural networks. ICML: logits are divided by one temperature before
the softmax; the order of the labels stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.metrics import Reliability, reliability, speaker_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainer.figures import Predictions

MAX_ECE = 0.05
"""What this project asks of its models."""
_TINY = 1e-30


def without_temperature(posteriors: NDArray[np.floating[Any]], temperature: float) -> NDArray[np.float64]:
    """What a network would have said before its logits were divided by `temperature`.

    Softmax of logits / T is, but for a factor in each row, the T-th root of the softmax of the logits: its T-th power
    gives them back.

    Args:
        posteriors: of windows, shape (n, labels), rows with sum 1.
        temperature: above 0; 1 changes nothing.

    Returns:
        float64, shape (n, labels), rows with sum 1.
    """
    logits = temperature * np.log(np.maximum(posteriors.astype(np.float64), _TINY))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    restored: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return restored


def ece_interval(predictions: Predictions) -> tuple[float, float] | None:
    """95 % confidence interval of the calibration error, 0-1: bootstrap over speakers.

    A draw of few speakers lies further off than all of them together, so the interval lies rather above the figure.
    """
    bins = reliability(predictions.truth, predictions.posteriors)
    confidence = predictions.posteriors.max(axis=1)
    right = (predictions.posteriors.argmax(axis=1) == predictions.truth).astype(np.float64)
    answered = predictions.posteriors.any(axis=1)
    number = np.digitize(confidence, bins.edges[1:-1], right=True)

    def ece(weights: NDArray[np.int64]) -> float:
        weighed = weights * answered
        gaps = np.bincount(number, weights=weighed * (right - confidence), minlength=len(bins.n_clips))
        total = weighed.sum()
        # |accuracy - confidence| of a bin, weighed by its clips, is |sum of the differences|.
        return float(np.abs(gaps).sum() / total) if total else float("nan")

    return speaker_interval(ece, predictions.speaker_keys)


def calibration_figures(
    predictions: Predictions,
    before: Predictions | None,
    temperature: float | None,
    gender_temperature: float | None = None,
) -> dict[str, Any]:
    """Calibration error and bins, JSON-ready.

    Args:
        predictions: as the model says.
        before: as it would say without its temperature; None where it has none.
        temperature: of the model.
        gender_temperature: of its gender's logits, where it has labels by gender.
    """
    temperatures = {"temperature": temperature, "gender_temperature": gender_temperature}
    figures = {"max_ece": MAX_ECE, **temperatures, "after": _of(predictions)}
    return {**figures, "before": None if before is None else _of(before)}


def _of(predictions: Predictions) -> dict[str, Any]:
    bins = reliability(predictions.truth, predictions.posteriors)
    interval = ece_interval(predictions)
    return {
        "ece": bins.ece,
        "ece_interval": None if interval is None else list(interval),
        "reliability": bins_of(bins),
    }


def bins_of(bins: Reliability) -> dict[str, list[float | None]]:
    """The bins, JSON-ready; None where one is empty."""
    return {
        "edges": bins.edges.tolist(),
        "clips": bins.n_clips.tolist(),
        "confidence": [None if np.isnan(value) else float(value) for value in bins.confidence],
        "accuracy": [None if np.isnan(value) else float(value) for value in bins.accuracy],
    }

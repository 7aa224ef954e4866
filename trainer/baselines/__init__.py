"""Classical models on vectors: one file each, one registry line each. scikit-learn is loaded when one is made.

Each is a struct of its settings with `estimator(seed)`, which returns the classifier of scikit-learn untrained; what
they all need around it is `Baseline`.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from monitor.errors import ConfigError
from trainer.entries import make_entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainer.recipe import Settings

BASELINES = {
    "mlp": "trainer.baselines.mlp:Mlp",
    "svm": "trainer.baselines.svm:Svm",
    "tree": "trainer.baselines.tree:Tree",
    "forest": "trainer.baselines.forest:Forest",
    "logistic": "trainer.baselines.logistic:Logistic",
    "knn": "trainer.baselines.knn:Knn",
    "boosting": "trainer.baselines.boosting:Boosting",
}
_TINY = 1e-12


class BaselineSettings(Protocol):
    """What every file in this folder provides."""

    def estimator(self, seed: int) -> Any:
        """An untrained classifier of scikit-learn with `fit`, and `predict_proba` or `decision_function`."""
        ...


class Baseline:
    """A classifier that knows all labels of the scheme, also those it never saw."""

    def __init__(self, estimator: Any, n_labels: int) -> None:
        """Wrap an untrained classifier of scikit-learn."""
        self.estimator = estimator
        self.n_labels = n_labels

    def fit(self, x: NDArray[np.floating[Any]], y: NDArray[np.int64]) -> Self:
        """Train.

        Args:
            x: vectors, shape (n, coefficients).
            y: numbers of labels, shape (n,).

        Returns:
            Itself.

        Raises:
            ConfigError: there are fewer than two labels to tell apart.
        """
        n_found = len(np.unique(y))
        if n_found <= 1:
            raise ConfigError(f"training clips of {n_found} label, wanted at least 2; use more clips or other labels")
        with warnings.catch_warnings():
            # That few vectors make smaller batches stands in the settings.
            warnings.filterwarnings("ignore", message="Got `batch_size`")
            self.estimator.fit(x, y)
        return self

    def posteriors(self, x: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Vectors, shape (n, coefficients), to float64 (n, labels), rows with sum 1; 0 for labels never seen.

        Classifiers without probabilities give the softmax of their decision values, one against the rest: the order is
        that of their decisions, but the figures are no calibrated probabilities.
        """
        of_known = self._of_known(x).astype(np.float64)
        result = np.zeros((len(of_known), self.n_labels))
        # Some answer in float32, whose sums are 1 within 1e-7 only.
        result[:, self.estimator.classes_] = of_known / np.maximum(of_known.sum(axis=1, keepdims=True), _TINY)
        return result

    def _of_known(self, x: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Posteriors of the labels that the training clips had."""
        if hasattr(self.estimator, "predict_proba"):
            answer: NDArray[np.floating[Any]] = self.estimator.predict_proba(x)
            return answer
        values = np.asarray(self.estimator.decision_function(x), dtype=np.float64)
        if values.ndim == 1:
            # Two labels: one value, positive for the second.
            values = np.stack([-values, values], axis=1) / 2
        likely: NDArray[np.float64] = np.exp(values - values.max(axis=1, keepdims=True))
        return likely


def make_baseline(settings: Settings, seed: int, n_labels: int) -> Baseline:
    """The classifier that `settings` describe, untrained; `name` says which.

    Args:
        settings: of one entry of `BASELINES`.
        seed: of all that is random in it.
        n_labels: of the scheme.

    Raises:
        ConfigError: it is unknown, or a setting is unknown, of the wrong type or out of range.
    """
    own: BaselineSettings = make_entry(settings, BASELINES, "baseline")
    return Baseline(own.estimator(seed), n_labels)

"""A multi-layer perceptron of scikit-learn."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from trainer.recipe import Count, NotNegative, Positive


class Mlp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings; those that are common for emotion in speech are the defaults.

    Attributes:
        hidden: units of each hidden layer.
        activation: of the hidden layers.
        alpha: weight of the L2 penalty.
        batch_size: of adam and sgd; never more than there are vectors.
        learning_rate: how it goes on from `first_rate`; only sgd looks at it.
        first_rate: at the first step.
        solver: how it is trained.
        max_iter: epochs at most.
        early_stopping: a tenth of the training vectors, speakers mixed, decides when it stops.
    """

    hidden: tuple[Count, ...] = (300,)
    activation: Literal["relu", "tanh", "logistic"] = "relu"
    alpha: NotNegative = 0.01
    batch_size: Count = 256
    learning_rate: Literal["constant", "invscaling", "adaptive"] = "adaptive"
    first_rate: Positive = 1e-3
    solver: Literal["adam", "sgd", "lbfgs"] = "adam"
    max_iter: Count = 500
    early_stopping: bool = False

    def estimator(self, seed: int) -> Any:
        """See `trainer.baselines.BaselineSettings`."""
        from sklearn.neural_network import MLPClassifier  # noqa: PLC0415

        return MLPClassifier(
            hidden_layer_sizes=self.hidden,
            activation=self.activation,
            alpha=self.alpha,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            learning_rate_init=self.first_rate,
            solver=self.solver,
            max_iter=self.max_iter,
            early_stopping=self.early_stopping,
            random_state=seed,
        )

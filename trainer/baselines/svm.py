"""A support vector machine."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from trainer.recipe import Positive


class Svm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings.

    Attributes:
        kernel: what similar vectors are.
        c: how much errors in training cost.
        gamma: of the kernel; scale is 1 / (coefficients * variance), auto is 1 / coefficients.
        degree: of the kernel poly.
        balanced: errors on rare labels cost more.
    """

    kernel: Literal["linear", "poly", "rbf", "sigmoid"] = "rbf"
    c: Positive = 1.0
    gamma: Positive | Literal["scale", "auto"] = "scale"
    degree: int = 3
    balanced: bool = False

    def estimator(self, seed: int) -> Any:
        """See `trainer.baselines.BaselineSettings`."""
        from sklearn.svm import SVC  # noqa: PLC0415

        weights = "balanced" if self.balanced else None
        return SVC(
            C=self.c,
            kernel=self.kernel,
            gamma=self.gamma,
            degree=self.degree,
            class_weight=weights,
            decision_function_shape="ovr",
            random_state=seed,
        )

"""Multinomial logistic regression."""

from __future__ import annotations

from typing import Any

import msgspec

from trainer.recipe import Count, Positive


class Logistic(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings.

    Attributes:
        c: inverse weight of the L2 penalty.
        max_iter: iterations at most.
        balanced: errors on rare labels count more.
    """

    c: Positive = 1.0
    max_iter: Count = 1000
    balanced: bool = False

    def estimator(self, seed: int) -> Any:
        """See `trainer.baselines.BaselineSettings`."""
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

        weights = "balanced" if self.balanced else None
        return LogisticRegression(C=self.c, max_iter=self.max_iter, class_weight=weights, random_state=seed)

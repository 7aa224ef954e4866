"""Gradient boosting on histograms of the coefficients (as LightGBM, Ke et al. 2017)."""

from __future__ import annotations

from typing import Any

import msgspec

from trainer.recipe import Count, NotNegative, Positive


class Boosting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings.

    Attributes:
        learning_rate: what each tree adds.
        max_iter: trees for each label.
        max_leaves: of one tree.
        min_leaf: vectors that each leaf holds at least.
        l2: weight of the L2 penalty.
        balanced: errors on rare labels count more.
    """

    learning_rate: Positive = 0.1
    max_iter: Count = 100
    max_leaves: Count = 31
    min_leaf: Count = 20
    l2: NotNegative = 0.0
    balanced: bool = False

    def estimator(self, seed: int) -> Any:
        """See `trainer.baselines.BaselineSettings`."""
        from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415

        return HistGradientBoostingClassifier(
            learning_rate=self.learning_rate,
            max_iter=self.max_iter,
            max_leaf_nodes=self.max_leaves,
            min_samples_leaf=self.min_leaf,
            l2_regularization=self.l2,
            class_weight="balanced" if self.balanced else None,
            # Its own early stopping would draw clips at random, speakers mixed.
            early_stopping=False,
            random_state=seed,
        )

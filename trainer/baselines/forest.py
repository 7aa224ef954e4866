"""A random forest (Breiman 2001)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from trainer.recipe import Count, Share


class Forest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings.

    Attributes:
        n_trees: whose answers are averaged.
        criterion: what a good question is.
        max_depth: questions one after the other at most; none: until all leaves are pure.
        min_leaf: vectors that each leaf holds at least.
        max_features: coefficients that each question chooses from: a rule or a share.
        balanced: rare labels count more.
    """

    n_trees: Count = 300
    criterion: Literal["gini", "entropy", "log_loss"] = "gini"
    max_depth: Count | None = None
    min_leaf: Count = 1
    max_features: Share | Literal["sqrt", "log2"] = "sqrt"
    balanced: bool = False

    def estimator(self, seed: int) -> Any:
        """See `trainer.baselines.BaselineSettings`."""
        from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415

        return RandomForestClassifier(
            n_estimators=self.n_trees,
            criterion=self.criterion,
            max_depth=self.max_depth,
            min_samples_leaf=self.min_leaf,
            max_features=self.max_features,
            class_weight="balanced" if self.balanced else None,
            random_state=seed,
        )

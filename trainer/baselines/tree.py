"""A decision tree."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from trainer.recipe import Count


class Tree(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings.

    Attributes:
        criterion: what a good question is.
        max_depth: questions one after the other at most; none: until all leaves are pure.
        min_leaf: vectors that each leaf holds at least.
        balanced: rare labels count more.
    """

    criterion: Literal["gini", "entropy", "log_loss"] = "gini"
    max_depth: Count | None = None
    min_leaf: Count = 1
    balanced: bool = False

    def estimator(self, seed: int) -> Any:
        """See `trainer.baselines.BaselineSettings`."""
        from sklearn.tree import DecisionTreeClassifier  # noqa: PLC0415

        return DecisionTreeClassifier(
            criterion=self.criterion,
            max_depth=self.max_depth,
            min_samples_leaf=self.min_leaf,
            class_weight="balanced" if self.balanced else None,
            random_state=seed,
        )

"""The nearest neighbours' vote."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from trainer.recipe import Count


class Knn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings.

    Attributes:
        n_neighbours: that vote.
        weights: all alike, or near ones more.
        metric: what near means.
    """

    n_neighbours: Count = 5
    weights: Literal["uniform", "distance"] = "uniform"
    metric: Literal["euclidean", "manhattan", "cosine"] = "euclidean"

    def estimator(self, seed: int) -> Any:
        """See `trainer.baselines.BaselineSettings`; nothing in it is random."""
        from sklearn.neighbors import KNeighborsClassifier  # noqa: PLC0415

        del seed
        return KNeighborsClassifier(self.n_neighbours, weights=self.weights, metric=self.metric)

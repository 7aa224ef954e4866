"""What the pipeline needs of a model, and what a model answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.pipeline.features.spec import FeatureSpec
    from monitor.pipeline.windows import WindowRule


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a model says of one window."""

    posteriors: NDArray[np.float64]
    """float64, shape (labels,). Their sum is how likely the window holds speech: 1 where the model cannot tell."""
    activity: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    """float64, shape (time steps,): how likely somebody speaks, in equal parts of the window from its start on; empty
    where the model cannot tell."""


class Classifier(Protocol):
    """`monitor.model.EmotionModel` is one."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the posteriors."""
        ...

    @property
    def spec(self) -> FeatureSpec:
        """The features it was trained on."""
        ...

    @property
    def window(self) -> WindowRule:
        """The windows it was trained on."""
        ...

    def answer(self, values: NDArray[np.float32]) -> Answer:
        """Classify the features of one window, float32 (frames, coefficients)."""
        ...

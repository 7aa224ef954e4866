"""The shipped model with a window at every hop: what alternatives and the arithmetic limit are held against.

The program leaves windows out of long speech; those that it is compared with would classify them all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from monitor.model import EmotionModel, shipped_model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from monitor.pipeline.classifier import Answer
    from monitor.pipeline.features.spec import FeatureSpec
    from monitor.pipeline.windows import WindowRule

EVERY_HOP = "a window every hop"
"""What tables say of figures that were taken so."""


@dataclass(frozen=True, slots=True)
class EveryHop:
    """A classifier, see `monitor.pipeline.classifier.Classifier`."""

    model: EmotionModel

    @staticmethod
    def shipped() -> EveryHop:
        """The model that is used by default."""
        return EveryHop(EmotionModel.load(shipped_model()))

    @property
    def labels(self) -> tuple[str, ...]:
        """As the model's own."""
        return self.model.labels

    @property
    def spec(self) -> FeatureSpec:
        """As the model's own."""
        return self.model.spec

    @property
    def window(self) -> WindowRule:
        """As the model's own, but for what is left out."""
        return replace(self.model.window, settled_hops=1)

    def answer(self, values: NDArray[np.float32]) -> Answer:
        """As the model's own."""
        return self.model.answer(values)

"""Features: what the model sees of a frame. One file a feature, one line in the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from monitor.registry import resolve

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from monitor.pipeline.features.spec import FeatureSpec

FEATURES = {
    "mfcc": "monitor.pipeline.features.mfcc:Mfcc",
    "logfbank": "monitor.pipeline.features.logfbank:LogFilterbank",
}


class Feature(Protocol):
    """Turns frames into coefficients; keeps no state between frames."""

    def extract(self, frames: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pre-emphasised frames, float64 (n, frame_samples), to float64 (n, n_coefficients)."""
        ...


def make_feature(spec: FeatureSpec) -> Feature:
    """The feature that `spec` names, ready to use."""
    feature: Feature = resolve(FEATURES[spec.name])(spec)
    return feature

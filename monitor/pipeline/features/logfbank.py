"""Log mel filterbank energies, as `python_speech_features.fbank` and a logarithm compute them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.pipeline.features.filterbank import Filterbank

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from monitor.pipeline.features.spec import FeatureSpec


class LogFilterbank:
    """Log filterbank energies of frames."""

    def __init__(self, spec: FeatureSpec) -> None:
        """Prepare the filters of `spec`."""
        self._filterbank = Filterbank(spec)

    def extract(self, frames: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pre-emphasised frames, float64 (n, frame_samples), to float64 (n, n_filters)."""
        return self._filterbank.log_energies(frames)

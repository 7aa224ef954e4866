"""The other way of doing it: keep the samples, and compute each window anew with python_speech_features.

It is what most emotion-recognition scripts do. Gate, schedule of windows, model and smoothing are the same objects,
so the difference is the features alone.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np
import python_speech_features as psf

from monitor.pipeline import Pipeline
from monitor.pipeline.windows import Windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.model import EmotionModel
    from monitor.pipeline.features.spec import FeatureSpec
    from monitor.pipeline.windows import WindowRule


_SPARE_SAMPLES = 1024
"""A window ends up to a VAD frame before the newest sample."""


class RecomputedWindows(Windows):
    """Windows whose features are computed from the samples of the whole window each time."""

    def __init__(self, spec: FeatureSpec, rule: WindowRule) -> None:
        """As the original, plus a window of samples."""
        super().__init__(spec, rule)
        self._blocks: deque[NDArray[np.int16]] = deque()
        self._end = 0

    def push(self, samples: NDArray[np.int16], end: int, *, voiced: bool) -> None:
        """Keep the last window of samples, some VAD frames more than needed."""
        super().push(samples, end, voiced=voiced)
        self._blocks.append(samples)
        if len(self._blocks) * len(samples) > self.n_samples + _SPARE_SAMPLES:
            self._blocks.popleft()
        self._end = end

    def _roll(self, last_frame: int) -> None:
        spec = self._spec
        self._stream.skip(last_frame + 1 - self._stream.next_frame)
        window_end = last_frame * spec.hop_samples + spec.frame_samples
        kept = np.concatenate([np.zeros(self.n_samples, dtype=np.int16), *self._blocks])
        end = len(kept) - (self._end - window_end)
        self._values = psf.mfcc(
            kept[end - self.n_samples : end],
            spec.rate_hz,
            spec.frame_samples / spec.rate_hz,
            spec.hop_samples / spec.rate_hz,
            spec.n_cepstra,
            spec.n_filters,
            spec.n_fft,
            spec.low_hz,
            spec.high_hz,
            spec.preemphasis,
            spec.lifter,
            False,
            np.hamming,
        ).astype(np.float32)


def recomputing_pipeline(model: EmotionModel) -> Pipeline:
    """A pipeline over `model` that recomputes every window."""
    pipeline = Pipeline(model)
    pipeline._windows = RecomputedWindows(model.spec, model.window)  # noqa: SLF001 - the one part that differs
    return pipeline

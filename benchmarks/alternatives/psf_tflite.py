"""python_speech_features of the whole window, computed anew for each, and the TFLite model that we ship.

Only the features differ from ours: what carrying frames from window to window is worth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import python_speech_features as psf

from monitor.model import EmotionModel, shipped_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from monitor.pipeline.features.spec import FeatureSpec


def prepare(_: Path) -> None:
    """Nothing: the model comes with the program."""


def classifier(_: Path) -> Callable[[NDArray[np.int16]], NDArray[np.float64]]:
    """See `benchmarks.alternatives.Way`."""
    model = EmotionModel.load(shipped_model())
    return lambda window: model.answer(cepstra(window, model.spec)).posteriors


def cepstra(window: NDArray[np.int16], spec: FeatureSpec) -> NDArray[np.float32]:
    """int16 (n,) to float32 (frames, n_cepstra): what the model was trained on."""
    coefficients: NDArray[np.float64] = psf.mfcc(
        window,
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
    )
    return coefficients.astype(np.float32)

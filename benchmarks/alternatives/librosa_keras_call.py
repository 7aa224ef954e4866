"""As `librosa_keras`, but the network is called instead of `predict`: what those who measure would change first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.alternatives import librosa_keras

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray


def prepare(folder: Path) -> None:
    """The network, with random weights."""
    librosa_keras.prepare(folder)


def classifier(folder: Path) -> Callable[[NDArray[np.int16]], NDArray[np.float64]]:
    """See `benchmarks.alternatives.Way`."""
    network = librosa_keras.loaded(folder)
    mean_cepstra = librosa_keras.mean_cepstra
    return lambda window: np.asarray(network(mean_cepstra(window), training=False)[0], dtype=np.float64)

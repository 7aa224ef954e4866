"""librosa's MFCC of the window, their mean over time, and `keras` predict: as many of the earlier projects do it.

40 cepstra with librosa's own settings (2048 samples every 512, 128 mel filters), and the smallest of their CNNs that
`ser-train compare` repeats: `classical-cnn1d`. At 16 kHz, though most of them take 22.05 kHz, which costs more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import librosa
import numpy as np

from benchmarks.recording import RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

_N_MFCC = 40
_N_LABELS = 8
_FULL_SCALE = np.float32(32768)
_FILE = "network.keras"


def prepare(folder: Path) -> None:
    """The network, with random weights."""
    from trainer.architectures import build_architecture  # noqa: PLC0415 - not needed to run it
    from trainer.cliprecipe import ClipRecipe  # noqa: PLC0415
    from trainer.recipefile import find_recipes  # noqa: PLC0415

    (recipe,) = find_recipes(["classical-cnn1d"])
    if not isinstance(recipe, ClipRecipe) or recipe.architecture is None:
        raise TypeError("classical-cnn1d is no network for clips")
    body = build_architecture(recipe.architecture, (_N_MFCC, 1), _N_LABELS)
    posteriors = keras.layers.Softmax()(body.output)
    keras.Model(body.input, posteriors).save(folder / _FILE)


def classifier(folder: Path) -> Callable[[NDArray[np.int16]], NDArray[np.float64]]:
    """See `benchmarks.alternatives.Way`."""
    network = loaded(folder)
    return lambda window: np.asarray(network.predict(mean_cepstra(window), verbose=0)[0], dtype=np.float64)


def loaded(folder: Path) -> Any:
    """The network that `prepare` has written."""
    return keras.models.load_model(folder / _FILE, compile=False)


def mean_cepstra(window: NDArray[np.int16]) -> NDArray[np.float32]:
    """int16 (n,) to float32 (1, cepstra, 1)."""
    samples = window.astype(np.float32) / _FULL_SCALE
    cepstra: NDArray[np.float32] = librosa.feature.mfcc(y=samples, sr=RATE_HZ, n_mfcc=_N_MFCC)
    mean: NDArray[np.float32] = cepstra.mean(axis=1)[np.newaxis, :, np.newaxis]
    return mean

"""openSMILE's eGeMAPSv02, 88 functionals of the window, and a support vector machine.

The machine is fitted to random vectors around the functionals of the bundled clip, with labels that tell nothing of
them: nearly all become support vectors. They are as many as that of the system `egemaps-svm` in `docs/earlier.md` has:
its 612 kB are about 850 vectors of 88 numbers.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.recording import RATE_HZ, unbroken_speech
from trainer.baselines.svm import Svm
from trainer.features.egemaps import Egemaps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

_N_VECTORS = 850
_N_LABELS = 8
_FULL_SCALE = np.float32(32768)
_SPREAD = 0.3
_FILE = "machine.pickle"
_EXTRACT = Egemaps()


def prepare(folder: Path) -> None:
    """The scaler and the machine, fitted."""
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415 - not needed to run it
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    random = np.random.default_rng(0)
    centre = _functionals(unbroken_speech())
    vectors = centre * (1 + _SPREAD * random.standard_normal((_N_VECTORS, centre.shape[1])))
    machine = make_pipeline(StandardScaler(), Svm().estimator(seed=0))
    machine.fit(vectors, np.arange(_N_VECTORS) % _N_LABELS)
    (folder / _FILE).write_bytes(pickle.dumps(machine))


def classifier(folder: Path) -> Callable[[NDArray[np.int16]], NDArray[np.float64]]:
    """See `benchmarks.alternatives.Way`; scores are those of one label against the others."""
    machine = pickle.loads((folder / _FILE).read_bytes())  # noqa: S301 - `prepare` has written it
    return lambda window: np.asarray(machine.decision_function(_functionals(window))[0], dtype=np.float64)


def _functionals(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """int16 (n,) to float32 (1, 88)."""
    return _EXTRACT(samples.astype(np.float32) / _FULL_SCALE, RATE_HZ)

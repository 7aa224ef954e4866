"""What people would use instead, and ours beside it, each on the same windows of the same recording.

Every way is a process of its own, on one thread: neither imports nor threads mix. The processes take turns, a round
each, ours among them (`benchmarks.alternatives.ours`). Of the others features and answer are measured, nothing around
them: no capture, no speech detection, no messages; the windows are cut out of the recording beforehand. Where a
network's weights do not come with a program, they are random: what an answer costs does not depend on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from benchmarks.measurement import OURS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way, and what it needs."""

    title: str
    packages: tuple[str, ...] = ()
    """That have to be importable."""
    versions: tuple[str, ...] = ()
    """Distributions that its cost depends on."""
    extra: str = ""
    """Of this project, which brings them."""
    times_ours: float | None = None
    """It is to take so many times what ours does."""
    note: str = ""
    is_program: bool = True
    """It could be used as it is: its start and its memory are told."""


OUR_WAYS: dict[str, Alternative] = {
    "ours": Alternative(OURS, note="a window every hop, gate and all"),
    "ours_bare": Alternative(f"{OURS}, features and model only", note="a window every hop", is_program=False),
}
"""Of `benchmarks.alternatives.ours`; they take their turns like the others."""
ALTERNATIVES: dict[str, Alternative] = {
    "librosa_keras": Alternative(
        "librosa MFCC, keras predict",
        ("librosa", "keras", "tensorflow"),
        ("librosa", "keras", "tensorflow"),
        "train",
        50.0,
    ),
    "librosa_keras_call": Alternative(
        "librosa MFCC, keras called directly",
        ("librosa", "keras", "tensorflow"),
        ("librosa", "keras", "tensorflow"),
        "train",
    ),
    "psf_tflite": Alternative(
        "features recomputed, our network",
        ("python_speech_features",),
        ("python_speech_features",),
        "train",
        5.0,
    ),
    "egemaps_svm": Alternative(
        "openSMILE eGeMAPS, SVM",
        ("opensmile", "sklearn"),
        ("opensmile", "scikit-learn"),
        "train,egemaps",
        50.0,
    ),
    "lightsernet": Alternative(
        "Light-SERNet, front end in TFLite",
        ("tensorflow", "keras"),
        (),
        "train",
    ),
}
"""The key is the name of the module in this folder."""


class Way(Protocol):
    """What every module in `ALTERNATIVES` provides."""

    def prepare(self, folder: Path) -> None:
        """Write into `folder` what a project would bring along, e.g. its model. In a process that is not measured."""
        ...

    def classifier(self, folder: Path) -> Callable[[NDArray[np.int16]], NDArray[np.float64]]:
        """Load all that is needed; the result turns a window, int16 (n,) at 16 kHz, into scores, float64 (labels,)."""
        ...


def way(name: str) -> Way:
    """The module of one alternative; imports what it uses."""
    found: Way = import_module(f"benchmarks.alternatives.{name}")
    return found

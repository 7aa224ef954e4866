"""What people would use instead, each on the same windows of the same recording.

Every way is a process of its own, on one thread: neither imports nor threads mix. The processes take turns, a round
each. Features and answer are measured, nothing around them: no capture, no speech detection, no messages; the windows
are cut out of the recording beforehand. Where a network's weights do not come with a program, they are random: what an
answer costs does not depend on them.
"""

from __future__ import annotations

import importlib.util
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

import numpy as np

from benchmarks.alternatives.worker import Worker, run_prepare
from benchmarks.measurement import PER_WINDOW, Measurement, NotAvailableError
from benchmarks.stages import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from benchmarks.recording import Recording

GROUP = "alternatives, as a program"
N_WINDOWS = 40
"""So many, evenly spread over the recording: the slowest way takes a tenth of a second for each."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way, and what it needs."""

    title: str
    packages: tuple[str, ...]
    """That have to be importable."""
    versions: tuple[str, ...]
    """Distributions that its cost depends on."""
    extra: str
    """Of this project, which brings them."""
    times_ours: float | None = None
    """It is to take so many times what ours does."""


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


def measure(recording: Recording, alternatives: Mapping[str, Alternative] = ALTERNATIVES) -> list[Measurement]:
    """CPU time of a window, time from start to the first answer, and peak memory, of each that can be run here."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        windows = Path(folder) / "windows.npy"
        np.save(windows, chosen_windows(recording), allow_pickle=False)
        contest = _Contest(alternatives)
        contest.each(lambda name: contest.enter(name, stack.enter_context(_started(name, alternatives[name], windows))))
        for _ in range(recording.n_rounds):
            contest.each(lambda name: contest.workers[name].run_round())
        return contest.measurements()


class _Contest:
    """Who is measured; who fails is out of it, with the reason."""

    def __init__(self, alternatives: Mapping[str, Alternative]) -> None:
        self._alternatives = alternatives
        self._failures: dict[str, str] = {}
        self.workers: dict[str, Worker] = {}

    def enter(self, name: str, worker: Worker) -> None:
        self.workers[name] = worker

    def each(self, turn: Callable[[str], None]) -> None:
        """Give everyone who has not failed a turn."""
        for name in self._alternatives:
            if name not in self._failures:
                try:
                    turn(name)
                except NotAvailableError as error:
                    self._failures[name] = str(error)

    def measurements(self) -> list[Measurement]:
        found = []
        for name, alternative in self._alternatives.items():
            if name in self._failures:
                found.append(Measurement.missing(alternative.title, WINDOWS, self._failures[name], PER_WINDOW))
            else:
                found += _measurements(alternative, self.workers[name])
        return found


def chosen_windows(recording: Recording, n: int = N_WINDOWS) -> NDArray[np.int16]:
    """Up to `n` of the windows that our pipeline classifies, evenly spread, int16 (windows, samples)."""
    at = np.unique(np.linspace(0, len(recording.window_ends) - 1, n).round().astype(int))
    return np.stack([recording.window(int(end)) for end in recording.window_ends[at]])


def _started(name: str, alternative: Alternative, windows: Path) -> Worker:
    absent = [package for package in alternative.packages if importlib.util.find_spec(package) is None]
    if absent:
        raise NotAvailableError(f"{', '.join(absent)} not installed; pip install 'ser-monitor[{alternative.extra}]'")
    folder = windows.parent / name
    folder.mkdir()
    run_prepare(name, folder)
    return Worker(name, folder, windows)


def _measurements(alternative: Alternative, worker: Worker) -> list[Measurement]:
    title, times_ours = alternative.title, alternative.times_ours
    versions = ", ".join(f"{package} {version(package)}" for package in alternative.versions)
    milliseconds = tuple(worker.ms_a_window)
    return [
        Measurement(
            name=title, group=WINDOWS, unit=PER_WINDOW, values=milliseconds, times_ours=times_ours, note=versions
        ),
        Measurement(name=f"{title}: start to an answer", group=GROUP, unit="s", values=(worker.start_s,)),
        Measurement(name=f"{title}: memory, peak", group=GROUP, unit="MB", values=(worker.peak_mb,), note="resident"),
    ]

"""EmotionModel: opens a `.tflite` with its card, verifies it, runs it. The one place that imports an interpreter."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.card import probe_signal, read_model_file
from monitor.errors import MissingDependencyError, ModelError, quoted
from monitor.host import floating_point_as_it_was
from monitor.pipeline.classifier import Answer
from monitor.pipeline.frames import features_of
from monitor.pipeline.windows import WindowRule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from monitor.card import ModelCard, ModelFile
    from monitor.pipeline.features.spec import FeatureSpec

INTERPRETERS = ("tflite_runtime.interpreter", "ai_edge_litert.interpreter")
"""Modules with the same `Interpreter` class; the first that can be imported is used."""
FEATURE_TOLERANCE = 1e-3
"""How far the probe's features may lie off: rounding to float32 stays below 1e-4, another spec is units off."""

log = logging.getLogger(__name__)


SHIPPED_MODELS = ("emotion", "gender-emotion")
"""Come with the program; the first is the default."""


def shipped_model(name: str = SHIPPED_MODELS[0]) -> Path:
    """One of `SHIPPED_MODELS`: inside the package when installed, in `models/` in a checkout."""
    file = Path("models") / f"{name}.tflite"
    installed = Path(str(files("monitor"))) / file
    return installed if installed.exists() else Path(__file__).resolve().parent.parent / file


def model_file(name: str) -> Path:
    """What `[model] path` names: one of `SHIPPED_MODELS`, the first if empty, else a path, with `~` as in a shell."""
    if name in ("", *SHIPPED_MODELS):
        return shipped_model(name or SHIPPED_MODELS[0])
    try:
        return Path(name).expanduser()
    except RuntimeError:
        # `~nobody`: there is no such user, so it is a name like any other.
        return Path(name)


def is_shipped(path: Path) -> bool:
    """Whether `path` leads to the file of one of `SHIPPED_MODELS`; a copy of it does not."""
    try:
        return any(path.samefile(shipped_model(name)) for name in SHIPPED_MODELS)
    except OSError:
        return False


class EmotionModel:
    """A verified model, ready to run: a `Classifier` for the pipeline."""

    def __init__(self, file: ModelFile, threads: int = 1, interpreter: str | None = None) -> None:
        """Build the network and hold it against its card: shapes, then the probe.

        Args:
            file: a whole model file.
            threads: of the interpreter.
            interpreter: one of `INTERPRETERS`; default: the first that is installed.

        Raises:
            ModelError: network and card do not fit, or the features computed here are not those of the training.
            MissingDependencyError: no interpreter is installed.
        """
        self.card: ModelCard = file.card
        self.identity = file.identity
        self._interpreter = _build(file, threads, interpreter)
        self._check_tensors()
        self._check_probe(file)

    @classmethod
    def load(cls, path: Path, threads: int = 1, interpreter: str | None = None) -> EmotionModel:
        """Read, verify and build the model at `path`; errors as in `read_model_file` and `__init__`."""
        return cls(read_model_file(path), threads, interpreter)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the posteriors."""
        return self.card.labels

    @property
    def spec(self) -> FeatureSpec:
        """The features it was trained on."""
        return self.card.features

    @property
    def window(self) -> WindowRule:
        """The windows it was trained on."""
        card = self.card
        return WindowRule(card.window_frames, card.hop_frames, card.min_speech_s, card.min_final_speech_s)

    def answer(self, values: NDArray[np.float32]) -> Answer:
        """Classify the features of one window, float32 (frames, coefficients)."""
        self._interpreter.set_tensor(self._input, values[np.newaxis])
        self._interpreter.invoke()
        raw = self._interpreter.get_tensor(self._output)[0].astype(np.float64)
        outputs = raw[: self.card.n_outputs]
        # Rounding in float32 or int8 leaves the sum a little off 1.
        return Answer((outputs / outputs.sum())[: len(self.card.labels)], raw[self.card.n_outputs :])

    def _check_tensors(self) -> None:
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        wanted_in = (1, self.card.window_frames, self.card.features.n_coefficients)
        wanted_out = (1, self.card.n_outputs + self.card.activity_steps)
        for side, details, wanted in (("input", inputs, wanted_in), ("output", outputs, wanted_out)):
            found = [(tuple(int(n) for n in d["shape"]), np.dtype(d["dtype"]).name) for d in details]
            if found != [(wanted, "float32")]:
                raise ModelError(f"model {self.identity}: {side} is {found}, its card wants {[(wanted, 'float32')]}")
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]

    def _check_probe(self, file: ModelFile) -> None:
        features = probe_features(self.card.features, self.card.window_frames)
        if features.shape != file.probe.features.shape:
            raise ModelError(
                f"model {self.identity}: probe features are {file.probe.features.shape}, "
                f"this program computes {features.shape}"
            )
        self._compare("features", features, file.probe.features, FEATURE_TOLERANCE)
        try:
            posteriors = self.answer(features).posteriors
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"model {self.identity}: the network does not run: {_first_line(error)}") from None
        if posteriors.shape != file.probe.posteriors.shape:
            raise ModelError(
                f"model {self.identity}: probe posteriors are {file.probe.posteriors.shape}, "
                f"the network gives {posteriors.shape}"
            )
        tolerance, wanted = self.card.posterior_tolerance, file.probe.posteriors
        self._compare("posteriors", posteriors, wanted, tolerance)
        # To a model that can tell, the probe is hardly speech: all of its posteriors may be smaller than the tolerance.
        found, wanted = (values / max(float(values.sum()), tolerance) for values in (posteriors, wanted))
        self._compare("posteriors given speech", found, wanted, tolerance)

    def _compare(self, what: str, found: NDArray[Any], wanted: NDArray[Any], tolerance: float) -> None:
        distance = np.abs(found.astype(np.float64) - wanted)
        at = np.unravel_index(int(np.argmax(distance)), distance.shape)
        if not float(distance.max()) <= tolerance:  # also where the difference is NaN
            raise ModelError(
                f"model {self.identity}: probe {what} differ: computed {found[at]:.6g}, recorded {wanted[at]:.6g} "
                f"(tolerance {tolerance:g}); the model was made for other features than this program computes"
            )


def probe_features(spec: FeatureSpec, window_frames: int) -> NDArray[np.float32]:
    """Features of the probe signal, float32 (window_frames, n_coefficients)."""
    return features_of(probe_signal(spec, window_frames), spec).astype(np.float32)


def _build(file: ModelFile, threads: int, name: str | None) -> Any:
    interpreter_class = _interpreter_class(name)
    try:
        with _quiet_native_stderr():
            interpreter = interpreter_class(model_content=file.flatbuffer, num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = f"the interpreter refuses the network: {_first_line(error)}"
        raise ModelError(f"model {file.identity}: {reason}; export the model again") from None
    return interpreter


def _first_line(error: Exception) -> str:
    return quoted(next(iter(str(error).strip().splitlines()), type(error).__name__))


def _interpreter_class(name: str | None) -> Any:
    failure: ImportError | None = None
    for module in (name,) if name else INTERPRETERS:
        try:
            # tflite-runtime's wheel for arm64 has subnormal numbers flushed to zero.
            with floating_point_as_it_was():
                return import_module(module).Interpreter
        except ImportError as error:
            failure = failure or error
    package = "tflite-runtime" if sys.platform == "linux" and sys.version_info < (3, 12) else "ai-edge-litert"
    raise MissingDependencyError(package, failure or ImportError("none found"))


@contextmanager
def _quiet_native_stderr() -> Iterator[None]:
    """Silence what the interpreter's C++ side writes to stderr: it would tear the live display; errors are raised."""
    if log.isEnabledFor(logging.DEBUG):
        yield
        return
    try:
        saved = os.dup(2)
    except OSError:  # stderr is closed: nothing to tear
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)

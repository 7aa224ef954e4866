"""A model of whole clips, network or classical, in its folder: fitted, read again, asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from monitor.errors import ModelError, NoInputError
from trainer.baselines import Baseline, make_baseline
from trainer.examples import Examples, Scaler
from trainer.labels import label_scheme
from trainer.quiet import load_tensorflow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trainer.cliprecipe import ClipRecipe

_BASELINE = "baseline.joblib"
_NETWORK = "model.keras"
_SCALER = "scaler.npz"


class ClipModel(Protocol):
    """What answers to clips."""

    @property
    def scaler(self) -> Scaler:
        """Of the training clips."""
        ...

    @property
    def n_frames(self) -> int:
        """Frames of a window."""
        ...

    def posteriors(self, examples: Examples) -> NDArray[np.float64]:
        """Of clips laid out as the training clips: float64 (clips, labels), rows with sum 1."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class FittedBaseline:
    """A classical model."""

    baseline: Baseline
    scaler: Scaler
    n_frames: int

    def posteriors(self, examples: Examples) -> NDArray[np.float64]:
        """See `ClipModel`."""
        windows = examples.every()
        parts = [self.baseline.posteriors(examples.vectors(part)) for part in examples.in_parts(windows)]
        return examples.averaged(np.concatenate(parts))


def fit_model(
    recipe: ClipRecipe,
    train: Examples,
    validation: Examples | None,
    out: Path,
    should_stop: Callable[[int], bool] | None = None,
) -> ClipModel:
    """Train what `recipe` describes into the folder `out`, or go on there; if it is finished there, read it.

    Args:
        recipe: of the model.
        train: training clips.
        validation: clips that a network is chosen by; classical models have no use for them.
        out: folder of this model alone.
        should_stop: asked after each step of a network; default: never.

    Raises:
        MonitorError: a setting is not valid, or `out` holds something else.
        KeyboardInterrupt: stopped before the end; the state is in `out`.
    """
    n_labels = len(label_scheme(recipe.labels).labels)
    if recipe.baseline is None:
        load_tensorflow()
        # Only where a network is trained.
        from trainer.fitting import fit_network  # noqa: PLC0415

        return fit_network(recipe, train, validation, n_labels, out, should_stop)
    import joblib  # noqa: PLC0415 - comes with scikit-learn

    windows = train.every(augmented=True)
    baseline = make_baseline(recipe.baseline, recipe.seed, n_labels)
    baseline.fit(train.vectors(windows), train.labels_of(windows))
    out.mkdir(parents=True, exist_ok=True)
    train.scaler.write(out / _SCALER)
    unfinished = out / f"{_BASELINE}.part"
    joblib.dump((baseline, train.n_frames), unfinished)
    unfinished.replace(out / _BASELINE)
    return FittedBaseline(baseline, train.scaler, train.n_frames)


def read_model(recipe: ClipRecipe, out: Path) -> ClipModel:
    """The model that was trained into the folder `out`, which must be one's own: classical models are pickled.

    Raises:
        NoInputError: there is none.
        ModelError: a file is damaged.
    """
    if recipe.baseline is None:
        load_tensorflow()
        from trainer.fitting import read_fitted  # noqa: PLC0415 - TensorFlow

        return read_fitted(out)
    import joblib  # noqa: PLC0415

    path = out / _BASELINE
    if not path.is_file():
        raise NoInputError(f"{out}: no finished training here (no {path.name}); train it with ser-train train")
    try:
        baseline, n_frames = joblib.load(path)
    except Exception as error:  # noqa: BLE001 - a damaged pickle can raise anything
        raise ModelError(f"{path}: cannot be read ({error}); remove the folder and train again") from None
    return FittedBaseline(baseline, Scaler.read(out / _SCALER), n_frames)


def model_bytes(out: Path) -> int:
    """Size of the model that was trained into the folder `out`, as it is stored there."""
    return sum((out / name).stat().st_size for name in (_BASELINE, _NETWORK) if (out / name).is_file())


def laid_out(features: Sequence[NDArray[np.float32]], recipe: ClipRecipe, model: ClipModel) -> Examples:
    """Clips without labels, as `model` saw its training clips; features float32 (frames, coefficients) each."""
    numbers = np.arange(len(features))
    unknown = np.zeros(len(features), dtype=np.int64)
    return Examples(features, numbers, unknown, recipe.layout, scaler=model.scaler, n_frames=model.n_frames)

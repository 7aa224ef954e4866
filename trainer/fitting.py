"""Training a network on clips, from the first epoch to its folder; can be interrupted and resumed.

The state on disk holds all variables and the step. Batches are a pure function of the step and dropout's generators
are variables of the model, so a resumed training sees what the unbroken one would have seen.

`log.jsonl`, one line an epoch · while training `state.npz` · when done `scaler.npz`, `model.keras` (scaled features to
posteriors) and, written last, `fit.json`.
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import msgspec
import numpy as np
from tqdm import tqdm

from monitor.errors import ConfigError, ModelError, NoInputError
from trainer import network
from trainer.clipbatches import ClipBatches
from trainer.examples import Scaler
from trainer.metrics import score
from trainer.runs import write_arrays, write_json
from trainer.schedules import momentum_at, rate_at
from trainer.stepping import Stepper, clip_posteriors
from trainer.training import prefetched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trainer.cliprecipe import ClipRecipe, FitTable
    from trainer.examples import Examples

_AT_ONCE = 256


class FitFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What came of a training.

    Attributes:
        fingerprint: of recipe and clips.
        n_epochs: that were trained.
        kept_epoch: whose weights are kept, from 1.
        validation_uar: of the kept weights, 0-1; none without validation clips.
        n_parameters: of the network.
        training_s: time in steps, over all interruptions.
    """

    fingerprint: str
    n_epochs: int
    kept_epoch: int
    validation_uar: float | None
    n_parameters: int
    training_s: float


@dataclass(frozen=True, slots=True, eq=False)
class FittedNetwork:
    """A trained network.

    Attributes:
        network: Keras model, scaled features to posteriors.
        scaler: of the training clips.
        figures: of the training.
    """

    network: Any
    scaler: Scaler
    figures: FitFigures

    @property
    def n_frames(self) -> int:
        """Frames of a window, as `Examples` takes them; of pooled vectors it is not asked."""
        return int(self.network.input_shape[1])

    def posteriors(self, examples: Examples) -> NDArray[np.float64]:
        """Of clips, laid out `alike` the training clips: float64 (clips, labels), rows with sum 1."""
        return clip_posteriors(lambda maps: self.network(maps, training=False), examples, _AT_ONCE)


def fit_network(  # noqa: PLR0917 - in the order of their use
    recipe: ClipRecipe,
    train: Examples,
    validation: Examples | None,
    n_labels: int,
    out: Path,
    should_stop: Callable[[int], bool] | None = None,
) -> FittedNetwork:
    """Train the network of `recipe` into the folder `out`, or go on there; if it is finished there, read it.

    Args:
        recipe: with the tables `architecture` and `fit`.
        train: training clips.
        validation: clips of other speakers, laid out `alike`; None: nothing is chosen by them.
        n_labels: of the scheme.
        out: folder of this training alone.
        should_stop: asked after each step with its number; default: never.

    Raises:
        ConfigError: settings are not valid or need validation clips, or `out` holds another training.
        ModelError: the loss is no longer finite.
        KeyboardInterrupt: stopped before the end; the state is in `out`.
    """
    fit = _checked(recipe, validation)
    fingerprint = fingerprint_of(recipe, train, validation, n_labels)
    if (out / "fit.json").is_file():
        found = read_fitted(out)
        _refuse_other(out, found.figures.fingerprint, fingerprint)
        return found
    out.mkdir(parents=True, exist_ok=True)
    fitting = _Fitting(recipe, fit, train, validation, n_labels=n_labels, out=out, fingerprint=fingerprint)
    fitting.run(should_stop or (lambda _: False))
    return fitting.finish()


def read_fitted(out: Path) -> FittedNetwork:
    """A finished training.

    Raises:
        NoInputError: there is none in `out`, or a file is missing.
        ModelError: a file is damaged.
    """
    path = out / "fit.json"
    if not path.is_file():
        raise NoInputError(f"{out}: no finished training here (no {path.name}); train it with ser-train train")
    try:
        figures = msgspec.json.decode(path.read_bytes(), type=FitFigures)
    except msgspec.DecodeError as error:
        raise ModelError(f"{path}: {error}; remove the folder and train again") from None
    return FittedNetwork(network.read_network(out / "model.keras"), Scaler.read(out / "scaler.npz"), figures)


def fingerprint_of(recipe: ClipRecipe, train: Examples, validation: Examples | None, n_labels: int) -> str:
    """First digits of a hash over the recipe, the labels of the clips and the measured scaling.

    Two trainings with the same one are the same, as long as features are a function of recipe and clips.
    """
    digest = hashlib.sha256(f"{recipe.digest()} {n_labels} {train.input_shape}".encode())
    arrays = (train.scaler.shift, train.scaler.spread, train.labels, validation.labels if validation else np.empty(0))
    for array in arrays:
        digest.update(f" {len(array)} ".encode() + array.tobytes())
    return digest.hexdigest()[:16]


class _Fitting:
    """One training under way."""

    def __init__(
        self,
        recipe: ClipRecipe,
        fit: FitTable,
        train: Examples,
        validation: Examples | None,
        *,
        n_labels: int,
        out: Path,
        fingerprint: str,
    ) -> None:
        """Build network and optimiser; take up the state in `out`, where there is one."""
        self._fit, self._train, self._validation, self._n_labels = fit, train, validation, n_labels
        self._out, self._fingerprint, self._name = out, fingerprint, recipe.name
        self._batches = ClipBatches(train, fit, recipe.seed, n_labels)
        self._stepper = Stepper(recipe, fit, train.input_shape, n_labels)
        self._n_steps = fit.epochs * self._batches.per_epoch
        self._step = 0
        self._best, self._best_epoch = -1.0, 0
        self._best_variables: list[NDArray[Any]] = []
        self._loss_sum, self._n_right = 0.0, 0
        self._seconds = 0.0
        if (out / "state.npz").exists():
            self._restore()

    @property
    def _epoch(self) -> int:
        """Epochs that are complete."""
        return self._step // self._batches.per_epoch

    @property
    def _is_over(self) -> bool:
        patience = self._fit.patience
        return self._step >= self._n_steps or (0 < patience <= self._epoch - self._best_epoch)

    def run(self, should_stop: Callable[[int], bool]) -> None:
        """Train to the end; errors as in `fit_network`."""
        if self._is_over:
            return
        with tqdm(total=self._n_steps, initial=self._step, desc=self._name, unit="batch") as bar:
            for batch in prefetched(self._batches.batch, self._step, self._n_steps):
                self._one_step(batch)
                bar.update()
                n_in_epoch = (self._step - 1) % self._batches.per_epoch + 1
                bar.set_postfix(loss=f"{self._loss_sum / n_in_epoch:.3f}", **self._best_shown(), refresh=False)
                ended = n_in_epoch == self._batches.per_epoch
                if ended:
                    self._end_epoch()
                stopped = should_stop(self._step)
                if ended or stopped:
                    self._save()
                if self._is_over:
                    return
                if stopped:
                    raise KeyboardInterrupt

    def finish(self) -> FittedNetwork:
        """Write what is kept; the state is no longer needed."""
        body = self._stepper.body
        kept = self._epoch
        if self._fit.keep == "best":
            _assign(body.variables, self._best_variables)
            kept = self._best_epoch
        self._train.scaler.write(self._out / "scaler.npz")
        deployed = keras.Model(body.input, keras.layers.Softmax()(body.output), name=self._name.replace("-", "_"))
        unfinished = self._out / "unfinished.keras"
        deployed.save(unfinished)
        unfinished.replace(self._out / "model.keras")
        figures = FitFigures(
            fingerprint=self._fingerprint,
            n_epochs=self._epoch,
            kept_epoch=kept,
            validation_uar=self._validation_uar(),
            n_parameters=body.count_params(),
            training_s=round(self._seconds, 1),
        )
        write_json(self._out / "fit.json", figures)
        (self._out / "state.npz").unlink(missing_ok=True)
        return FittedNetwork(deployed, self._train.scaler, figures)

    def _one_step(self, batch: Any) -> None:
        started = time.monotonic()
        table, n = self._fit.schedule, self._n_steps
        rate = rate_at(table, self._fit.learning_rate, self._step, n)
        loss, n_right = self._stepper.step(batch, rate, momentum_at(table, self._fit.momentum, self._step, n))
        self._step += 1
        self._seconds += time.monotonic() - started
        if not math.isfinite(loss):
            raise ModelError(f"the loss is {loss} after {self._step} steps, wanted a number; lower fit.learning_rate")
        self._loss_sum += loss
        self._n_right += n_right

    def _best_shown(self) -> dict[str, str]:
        return {"uar": f"{self._best:.3f}"} if self._best >= 0 else {}

    def _end_epoch(self) -> None:
        """Look at the validation clips, keep the weights if they are the best, log."""
        uar = self._validation_uar()
        if uar is not None and uar > self._best:
            self._best, self._best_epoch = uar, self._epoch
            if self._fit.keep == "best":
                self._best_variables = [np.array(variable) for variable in self._stepper.body.variables]
        n = self._batches.per_epoch
        record = {
            "epoch": self._epoch,
            "loss": round(self._loss_sum / n, 5),
            "train_accuracy": round(self._n_right / (n * self._batches.size), 5),
            "validation_uar": uar,
            "rate": rate_at(self._fit.schedule, self._fit.learning_rate, self._step - 1, self._n_steps),
            "seconds": round(self._seconds, 2),
        }
        with (self._out / "log.jsonl").open("ab") as log:
            log.write(msgspec.json.encode(record) + b"\n")
        self._loss_sum, self._n_right = 0.0, 0

    def _validation_uar(self) -> float | None:
        if self._validation is None:
            return None
        predicted = self._stepper.posteriors(self._validation, _AT_ONCE).argmax(axis=1)
        return score(self._validation.labels, predicted, self._n_labels).uar

    def _save(self) -> None:
        arrays = {f"variable_{i:04d}": np.asarray(variable) for i, variable in enumerate(self._stepper.variables)}
        best = {f"best_{i:04d}": value for i, value in enumerate(self._best_variables)}
        scalars = {
            "fingerprint": np.array(self._fingerprint),
            "step": np.int64(self._step),
            "best": np.float64(self._best),
            "best_epoch": np.int64(self._best_epoch),
            "loss_sum": np.float64(self._loss_sum),
            "n_right": np.int64(self._n_right),
            "seconds": np.float64(self._seconds),
        }
        write_arrays(self._out / "state.npz", {**arrays, **best, **scalars})

    def _restore(self) -> None:
        with np.load(self._out / "state.npz") as state:
            _refuse_other(self._out, str(state["fingerprint"]), self._fingerprint)
            names = sorted(state.files)
            _assign(self._stepper.variables, [state[name] for name in names if name.startswith("variable_")])
            self._best_variables = [state[name] for name in names if name[:5] == "best_" and name[5:].isdigit()]
            self._step, self._best_epoch = int(state["step"]), int(state["best_epoch"])
            self._best, self._seconds = float(state["best"]), float(state["seconds"])
            self._loss_sum, self._n_right = float(state["loss_sum"]), int(state["n_right"])
        _forget_later(self._out / "log.jsonl", self._epoch)


def _checked(recipe: ClipRecipe, validation: Examples | None) -> FitTable:
    """The table `fit`, which must not ask for validation clips where there are none.

    Raises:
        ConfigError: it does, or there is no such table.
    """
    fit = recipe.fit
    if fit is None:
        raise ConfigError(f"recipe '{recipe.name}' trains no network, wanted the tables architecture and fit")
    if validation is None and (fit.keep == "best" or fit.patience):
        raise ConfigError(
            f"recipe '{recipe.name}': fit.keep = '{fit.keep}', fit.patience = {fit.patience}, but there are no "
            "validation clips; name validation speakers, or set keep = 'last' and patience = 0"
        )
    return fit


def _refuse_other(out: Path, found: str, wanted: str) -> None:
    if found != wanted:
        raise ConfigError(
            f"{out}: holds a training of another recipe or of other clips ({found}), wanted {wanted}; "
            "name another folder with --out, or remove this one"
        )


def _forget_later(log: Path, n_epochs: int) -> None:
    """Drop log lines from behind the state that is gone back to, and one that was cut short."""
    if not log.exists():
        return
    kept = []
    for line in log.read_bytes().splitlines(keepends=True):
        try:
            if msgspec.json.decode(line)["epoch"] <= n_epochs:
                kept.append(line)
        except msgspec.DecodeError:
            continue
    log.write_bytes(b"".join(kept))


def _assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)

"""Trials: one recipe trained on one division of the clips, and its answers to the clips it is judged on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Protocol

from monitor.errors import NoInputError
from trainer.architectures import check_architecture
from trainer.augment import clip_chain
from trainer.baselines import make_baseline
from trainer.clipcache import clip_features
from trainer.clipmodel import fit_model, laid_out, model_bytes, read_model
from trainer.cliprecipe import ClipRecipe
from trainer.examples import Examples
from trainer.experiment import check_chains, interruptible, train_on
from trainer.features import make_feature
from trainer.figures import figures_of, predictions_of
from trainer.labels import label_scheme
from trainer.material import heard, labels_of
from trainer.metrics import clip_averages
from trainer.nonspeech import heard_as_speech
from trainer.quiet import load_tensorflow
from trainer.runs import RunFolder, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from trainer.clipcache import ClipFeatures
    from trainer.corpora import Utterance
    from trainer.figures import Predictions
    from trainer.material import Material
    from trainer.recipe import Recipe
    from trainer.recipefile import AnyRecipe


PREDICTIONS = "predictions.npz"
_TIMED = 30
"""Clips that are timed."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a model costs."""

    model_bytes: int
    """Of the file as it was trained; what is exported is smaller."""
    answer_ms: float
    """Median time of one answer, features not counted: to a clip, or to a window of a recipe for the daemon."""
    n_parameters: int | None = None
    """None where the daemon could not run it; the same below."""
    multiply_adds: int | None = None
    """Of a window."""


class Trials(Protocol):
    """Trains a recipe again and again."""

    def predict(self, material: Material, folder: Path) -> Predictions:
        """Train on the training clips of `material`, choose by the validation clips, and answer to the test clips.

        Args:
            material: the clips and their division.
            folder: of the run; an interrupted one goes on. `PREDICTIONS` is written there.

        Raises:
            MonitorError: the recipe is refused, or clips are missing.
            KeyboardInterrupt: stopped; the state is in `folder`.
        """
        ...

    def cost(self, material: Material, folder: Path) -> Cost:
        """What the model of the finished run `folder` costs, measured with test clips of `material`."""
        ...


def make_trials(recipe: AnyRecipe, seed: int, root: Path, cache: Path) -> Trials:
    """Trials of `recipe` with the seed `seed`; features and augmentations are those of the recipe's own seed."""
    if isinstance(recipe, ClipRecipe):
        return ClipTrials(recipe, seed, root, cache)
    return StreamTrials(recipe, seed, root, cache)


def check_recipe(recipe: AnyRecipe) -> None:
    """Refuse a recipe whose registry entries are not valid before anything is computed.

    Raises:
        ConfigError: naming the entry.
    """
    scheme = label_scheme(recipe.labels)
    if not isinstance(recipe, ClipRecipe):
        check_chains(recipe)
        return
    for settings in recipe.features:
        make_feature(settings)
    for chain in recipe.augment:
        clip_chain(chain, None)
    if recipe.baseline is not None:
        make_baseline(recipe.baseline, recipe.seed, len(scheme.labels))
    elif recipe.architecture is not None:
        check_architecture(recipe.architecture)


class ClipTrials:
    """Of a recipe for whole clips."""

    def __init__(self, recipe: ClipRecipe, seed: int, root: Path, cache: Path) -> None:
        """Nothing is computed yet."""
        self._recipe, self._root, self._cache = recipe, root, cache
        self._seeded = recipe.replaced(seed=seed)

    def predict(self, material: Material, folder: Path) -> Predictions:
        """See `Trials`."""
        run, splits = RunFolder(folder), material.splits
        run.open(self._seeded, material)
        # All at once, so that processes are started once; below they are read again.
        self._features(list(dict.fromkeys([*splits.train, *splits.validation, *splits.test])))
        train = self.training_examples(material)
        of_validation = self._features(splits.validation)
        validation = train.alike(*self._parts(of_validation)) if of_validation.utterances else None
        with interruptible() as interrupted:
            model = fit_model(self._seeded, train, validation, folder, lambda _: interrupted.is_set())
        if interrupted.is_set():
            # Classical models are not asked while they train.
            raise KeyboardInterrupt
        of_test = self._features(splits.test)
        if not of_test.utterances:
            raise NoInputError(f"{folder.name}: none of {len(splits.test)} test clips can be decoded; see above")
        test = train.alike(*self._parts(of_test))
        predictions = predictions_of(of_test.utterances, label_scheme(self._recipe.labels), model.posteriors(test))
        predictions.save(folder / PREDICTIONS)
        write_json(run.metrics, {"test": figures_of(predictions)})
        return predictions

    def cost(self, material: Material, folder: Path) -> Cost:
        """See `Trials`."""
        model = read_model(self._seeded, folder)
        clips = self._features(material.splits.test[:_TIMED])
        examples = [laid_out([versions[0]], self._recipe, model) for versions in clips.versions]
        return Cost(model_bytes(folder), _median_ms([partial(model.posteriors, one) for one in examples]))

    def training_examples(self, material: Material) -> Examples:
        """The training clips of `material` in all versions, as the model sees them."""
        features = self._features(material.splits.train, augmented=True)
        if not features.utterances:
            raise NoInputError(f"{self._recipe.name}: no training clip can be decoded; see above")
        return Examples(*self._parts(features), self._recipe.layout)

    def _features(self, utterances: Sequence[Utterance], *, augmented: bool = False) -> ClipFeatures:
        return clip_features(utterances, self._recipe, self._cache, augmented=augmented, root=self._root)

    def _parts(self, features: ClipFeatures) -> tuple[list[NDArray[np.float32]], list[int], list[int]]:
        """Features, number of the clip of each, label of each clip."""
        numbered = [(values, i) for i, versions in enumerate(features.versions) for values in versions]
        values, clips = zip(*numbered, strict=True)
        return list(values), list(clips), labels_of(features.utterances, self._recipe)


class StreamTrials:
    """Of a recipe for the daemon's windows: clips are heard as the daemon would."""

    def __init__(self, recipe: Recipe, seed: int, root: Path, cache: Path) -> None:
        """Nothing is computed yet."""
        self._recipe, self._root, self._cache = recipe, root, cache
        self._seeded = recipe.replaced(seed=seed)

    def predict(self, material: Material, folder: Path) -> Predictions:
        """See `Trials`."""
        run = RunFolder(folder)
        if not run.metrics.exists():
            train_on(material, self._seeded, self._root, run, cache=self._cache, copies_seed=self._recipe.seed)
        load_tensorflow()
        from trainer import network  # noqa: PLC0415

        utterances = material.splits.test
        windows = heard(utterances, self._recipe, "test")
        posteriors = network.posteriors_of(network.read_network(run.network), windows.windows)
        scheme = label_scheme(self._recipe.labels)
        of_labels, weights = heard_as_speech(posteriors, windows.speech_ratios, len(scheme.labels))
        averages = clip_averages(of_labels, windows.clip, weights, len(utterances))
        predictions = predictions_of(utterances, scheme, averages)
        predictions.save(folder / PREDICTIONS)
        return predictions

    def cost(self, material: Material, folder: Path) -> Cost:
        """See `Trials`."""
        load_tensorflow()
        from trainer import network  # noqa: PLC0415

        run = RunFolder(folder)
        windows = heard(material.splits.test[:_TIMED], self._recipe, "test").windows
        model = network.read_network(run.network)
        calls = [partial(network.posteriors_of, model, windows[i : i + 1]) for i in range(len(windows))]
        return Cost(
            run.network.stat().st_size, _median_ms(calls), int(model.count_params()), network.multiply_adds(model)
        )


def _median_ms(answers_of: Sequence[Callable[[], object]]) -> float:
    """The first one warms up."""
    times = []
    for answer in [answers_of[0], *answers_of]:
        started_s = time.perf_counter()
        answer()
        times.append(1000 * (time.perf_counter() - started_s))
    return median(times[1:])

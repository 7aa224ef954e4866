"""Cross-validation: a recipe on every fold of a protocol, with one or more seeds; each trial can be resumed.

`OUT/seed-0/fold-1/`: one trial, a run folder with `predictions.npz` of its test clips. `OUT/crossval.json`: the figures
of all, `OUT/predictions-seed-0.npz`: every test clip's answer; pictures of the first seed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from monitor.errors import ConfigError, NoInputError
from trainer.cliprecipe import ClipRecipe
from trainer.experiment import CACHE
from trainer.figures import collapsed, figures_of, joined, read_predictions
from trainer.labels import label_scheme
from trainer.material import Material, labelled
from trainer.protocols import Clips, divide, refitted
from trainer.recipe import Recipe
from trainer.runpictures import draw_answers
from trainer.runs import RunFolder, versions, write_json
from trainer.tables import percent, table
from trainer.trials import PREDICTIONS, check_recipe, make_trials
from trainer.workers import mapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from trainer.figures import Predictions
    from trainer.protocols import Fold, Protocol
    from trainer.recipefile import AnyRecipe
    from trainer.trials import Cost

RESULT = "crossval.json"


@dataclass(frozen=True, slots=True)
class Places:
    """Folders of an experiment."""

    root: Path
    """Data directory."""
    out: Path
    """Results."""
    cache: Path = CACHE
    """Features, shared by all experiments."""


def crossval(
    recipe: AnyRecipe, protocol_name: str, seeds: Sequence[int], places: Places, n_jobs: int = 1
) -> dict[str, Any]:
    """Run what is not there yet, and compute the figures of all; they are in `crossval.json` too.

    Args:
        recipe: its own `seed` is replaced by each of `seeds`.
        protocol_name: see `trainer.protocols`.
        seeds: at least one; each trains every fold anew.
        places: where things are.
        n_jobs: trials at a time, each in a process with one thread; 1: one after the other, with all threads.

    Returns:
        `recipe`, `protocol`, `leak`, `notes`, `corpora`; `seeds`: one figure set of `trainer.figures` a seed; `cost`:
        size and time of the first fold's model; `uar`: the mean over seeds of the mean over folds, as protocols publish
        it, with `uar_deviation` over the seeds.

    Raises:
        MonitorError: corpora are missing, or the recipe is refused.
        KeyboardInterrupt: stopped; the same call goes on.
    """
    check_recipe(recipe)
    recipe, stand_in = present(recipe, places.root)
    experiment = _Experiment.opened(recipe, protocol_name, places)
    protocol = experiment.protocol
    print(f"{recipe.name}: {protocol.caption}, {len(protocol.folds)} folds, seeds {' '.join(map(str, seeds))}")
    for note in [*protocol.notes, *([stand_in] if stand_in else [])]:
        print(f"  {note}")
    if n_jobs > 1:
        _side_by_side(experiment, seeds, n_jobs)
    pooled = {seed: experiment.pooled(seed) for seed in seeds}
    result = _result(experiment, pooled, stand_in)
    result["cost"] = asdict(experiment.cost(seeds[0]))
    draw_answers(next(iter(pooled.values())), places.out, protocol.leak and protocol.caption)
    write_json(places.out / RESULT, result)
    print(summary(result))
    return result


def present(recipe: AnyRecipe, root: Path) -> tuple[AnyRecipe, str]:
    """As `on_stand_in`; recipes for the daemon have none."""
    return on_stand_in(recipe, root) if isinstance(recipe, ClipRecipe) else (recipe, "")


def on_stand_in(recipe: ClipRecipe, root: Path) -> tuple[ClipRecipe, str]:
    """The recipe on its stand-in, where none of its corpora is here, and a sentence about that; else as it is.

    Raises:
        NoInputError: neither is here.
    """
    stand_in = recipe.stand_in
    if not stand_in or any((root / corpus).is_dir() and _audible(root / corpus) for corpus in recipe.corpora):
        return recipe, ""
    if not (root / stand_in).is_dir():
        raise NoInputError(f"{root}: neither {', '.join(recipe.corpora)} nor {stand_in}; see ser-train corpora")
    use = next(iter(recipe.corpora.values()))
    note = f"on {stand_in}: the audio of {', '.join(recipe.corpora)} is not here"
    return recipe.replaced(corpora={stand_in: use}), note


def summary(result: dict[str, Any]) -> str:
    """The figures for people."""
    head = [
        "seed",
        "folds",
        "clips",
        "speakers",
        "UAR mean of folds %",
        "UAR pooled % [95 % CI]",
        "WAR %",
        "F1 %",
        "ECE",
    ]
    rows = []
    for seed, figures in result["seeds"].items():
        interval = "-".join(percent(limit) for limit in figures["uar_interval"] or ()) or "one speaker"
        rows.append(
            [
                seed,
                str(len(figures["per_fold"])),
                str(figures["clips"]),
                str(figures["speakers"]),
                percent(figures["uar_fold_mean"]),
                f"{percent(figures['uar'])} [{interval}]",
                percent(figures["war"]),
                percent(figures["macro_f1"]),
                f"{figures['ece']:.3f}",
            ]
        )
    spread = f" +- {percent(result['uar_deviation'])}" if len(rows) > 1 else ""
    title = f"{result['recipe']}, {result['caption']}: UAR {percent(result['uar'])}{spread} %"
    cost = result["cost"]
    size = f"model of {cost['model_bytes'] / 1000:.0f} kB, an answer in {cost['answer_ms']:.1f} ms without features"
    if cost["n_parameters"] is not None:
        size += f", {cost['n_parameters']:,} parameters"
    if cost["multiply_adds"] is not None:
        size += f", {cost['multiply_adds'] / 1e6:.1f} M multiply-adds a window"
    return f"{title}; {size}\n\n{table(head, rows)}"


def _audible(folder: Path) -> bool:
    """Whether there is audio, and not only a corpus' tables."""
    from trainer.corpora import audio_files  # noqa: PLC0415

    return any(True for _ in audio_files(folder))


def divided(recipe: AnyRecipe, name: str, root: Path) -> tuple[Material, Protocol]:
    """The clips of `recipe` and their folds by protocol `name`; the division of the material is that of the first fold.

    Raises:
        NoInputError, ConfigError: as in `trainer.protocols.divide`.
    """
    holdings, utterances = labelled(recipe, root)
    scheme = label_scheme(recipe.labels)
    labels = [scheme.label_of(utterance.emotion, utterance.gender) or "" for utterance in utterances]
    protocol = divide(name, Clips(utterances, labels, recipe.corpora, recipe.seed))
    if isinstance(recipe, Recipe) and recipe.training.refit:
        protocol = refitted(protocol)
    return Material(holdings, protocol.folds[0].splits), protocol


@dataclass(frozen=True, slots=True)
class _Experiment:
    """One recipe under one protocol."""

    recipe: AnyRecipe
    material: Material
    protocol: Protocol
    places: Places

    @staticmethod
    def opened(recipe: AnyRecipe, protocol_name: str, places: Places) -> _Experiment:
        """With the clips that are here; errors as in `divided`."""
        return _Experiment(recipe, *divided(recipe, protocol_name, places.root), places)

    def run(self, seed: int, fold: Fold) -> RunFolder:
        """Folder of a trial."""
        return RunFolder(self.places.out / f"seed-{seed}" / fold.folder)

    def finished(self, seed: int, fold: Fold) -> Predictions | None:
        """The answers of a trial that is done; errors as in `_finished`."""
        return _finished(self.run(seed, fold), self.recipe.replaced(seed=seed), fold)

    def answers(self, seed: int, fold: Fold) -> Predictions:
        """The answers of a trial, which is run where it has to be."""
        run, found = self.run(seed, fold), self.finished(seed, fold)
        if found is None:
            print(f"{self.recipe.name}, seed {seed}, {fold.name}")
            trials = make_trials(self.recipe, seed, self.places.root, self.places.cache)
            found = trials.predict(Material(self.material.holdings, fold.splits), run.root)
            _say_protocol(run, self.protocol)
        return found

    def pooled(self, seed: int) -> Predictions:
        """The answers of all folds."""
        predictions = joined([self.answers(seed, fold) for fold in self.protocol.folds])
        predictions.save(self.places.out / f"predictions-seed-{seed}.npz")
        return predictions

    def cost(self, seed: int) -> Cost:
        """Of the model of the first fold."""
        fold = self.protocol.folds[0]
        trials = make_trials(self.recipe, seed, self.places.root, self.places.cache)
        return trials.cost(Material(self.material.holdings, fold.splits), self.run(seed, fold).root)

    def revisions(self, seeds: Iterable[int]) -> list[str]:
        """Of the code, with which the trials were run."""
        runs = [self.run(seed, fold) for seed in seeds for fold in self.protocol.folds]
        return sorted({msgspec.json.decode(run.provenance.read_bytes())["revision"] for run in runs})


_opened: list[_Experiment] = []
"""The worker process' own; set once by `_open_worker`."""


def _open_worker(recipe: AnyRecipe, protocol_name: str, places: Places) -> None:
    _opened[:] = [_Experiment.opened(recipe, protocol_name, places)]


def _run_trial(task: tuple[int, int]) -> None:
    seed, number = task
    _opened[0].answers(seed, _opened[0].protocol.folds[number])


def _side_by_side(experiment: _Experiment, seeds: Sequence[int], n_jobs: int) -> None:
    """Run the trials that are missing, so many at a time."""
    folds = experiment.protocol.folds
    tasks = [(seed, number) for seed in seeds for number in range(len(folds))]
    missing = [(seed, number) for seed, number in tasks if experiment.finished(seed, folds[number]) is None]
    setup = experiment.recipe, experiment.protocol.name, experiment.places
    for _ in mapped(_run_trial, missing, "trials", setup=_open_worker, setup_args=setup, n_workers=n_jobs):
        pass


def _finished(run: RunFolder, recipe: AnyRecipe, fold: Fold) -> Predictions | None:
    """The answers of a trial that is done; None where it has to be run.

    Raises:
        ConfigError: the folder holds a trial of another recipe, or on other clips.
    """
    path = run.root / PREDICTIONS
    if not path.is_file() or not run.metrics.is_file():
        return None
    if run.read_recipe().digest() != recipe.digest():
        raise ConfigError(
            f"{run.root}: holds a trial of another recipe; name another folder with --out, or remove this one"
        )
    run.check_clips(fold.splits)
    predictions = read_predictions(path)
    if not set(predictions.names) <= {utterance.name for utterance in fold.splits.test}:
        raise ConfigError(
            f"{run.root}: holds a trial on other clips; name another folder with --out, or remove this one"
        )
    return predictions


def _say_protocol(run: RunFolder, protocol: Protocol) -> None:
    """Figures must never be seen without the protocol that they are by."""
    write_json(run.metrics, {"protocol": protocol.caption, **msgspec.json.decode(run.metrics.read_bytes())})


def _result(experiment: _Experiment, pooled: dict[int, Predictions], stand_in: str) -> dict[str, Any]:
    recipe, protocol = experiment.recipe, experiment.protocol
    figures = {str(seed): _figures(predictions) for seed, predictions in pooled.items()}
    means = [one["uar_fold_mean"] for one in figures.values()]
    result: dict[str, Any] = {
        "recipe": recipe.name,
        "recipe_digest": recipe.digest(),
        "protocol": protocol.name,
        "caption": protocol.caption,
        "leak": protocol.leak,
        "notes": [*protocol.notes, *([stand_in] if stand_in else [])],
        "corpora": list(recipe.corpora),
        "folds": [fold.name for fold in protocol.folds],
        "uar": float(np.mean(means)),
        "uar_deviation": float(np.std(means, ddof=1)) if len(means) > 1 else None,
        "war": float(np.mean([one["war"] for one in figures.values()])),
        "revisions": experiment.revisions(pooled),
        "versions": versions(),
        "seeds": figures,
    }
    if all("_" in label for label in label_scheme(recipe.labels).labels):
        result["emotion_alone"] = [_figures(collapsed(one, "emotion")) for one in pooled.values()]
    return result


def _figures(predictions: Predictions) -> dict[str, Any]:
    figures = figures_of(predictions)
    of_folds = [fold["uar"] for fold in figures["per_fold"].values()]
    return {**figures, "uar_fold_mean": float(np.mean(of_folds))}

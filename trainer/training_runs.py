"""One training of a recipe of any kind, by the speakers that the recipe holds out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import ConfigError
from trainer.beginning import read_beginning
from trainer.crossval import divided, on_stand_in
from trainer.everyone import train_everyone
from trainer.experiment import CACHE, train_recipe
from trainer.figures import figures_of
from trainer.material import Material
from trainer.quiet import load_tensorflow
from trainer.recipe import Recipe
from trainer.runpictures import draw_answers, draw_training
from trainer.runs import RunFolder
from trainer.trials import ClipTrials, check_recipe, make_trials

if TYPE_CHECKING:
    from pathlib import Path

    from trainer.cliprecipe import ClipRecipe
    from trainer.recipefile import AnyRecipe


def train(recipe: AnyRecipe, root: Path, out: Path, begin_with: Path | None = None) -> None:
    """Train into the run folder `out`, or go on there; whole clips are judged at once, models for the daemon later.

    Raises:
        MonitorError: corpora are missing, settings are not valid, or `out` holds another run.
        KeyboardInterrupt: stopped before the end; the state is in `out`.
    """
    if isinstance(recipe, Recipe):
        train_recipe(recipe, root, out, beginning=read_beginning(begin_with) if begin_with else None)
        draw_training(out)
        return
    if begin_with:
        raise ConfigError(
            f"recipe '{recipe.name}' is for whole clips, which begin with chance; leave --begin-with away"
        )
    check_recipe(recipe)
    run = RunFolder(out)
    recipe, stand_in = on_stand_in(recipe, root)
    if stand_in:
        print(stand_in)
    if run.metrics.exists() and run.read_recipe().digest() == recipe.digest():
        print(f"{out}: is finished; ask it with ser-train evaluate {out} FILES, or name another folder with --out")
        return
    material = _held_out(recipe, root)
    predictions = make_trials(recipe, recipe.seed, root, CACHE).predict(material, out)
    draw_answers(predictions, out)
    draw_training(out)
    figures = figures_of(predictions)
    print(f"{recipe.name}: UAR {100 * figures['uar']:.1f} %, WAR {100 * figures['war']:.1f} % on", end=" ")
    print(f"{figures['clips']} clips of {figures['speakers']} speakers never heard before; {out}: written")


def everyone(recipe: AnyRecipe, root: Path, out: Path, judged: Path, begin_with: Path | None = None) -> None:
    """Train on all speakers, as `trainer.everyone.train_everyone`.

    Raises:
        ConfigError: the recipe is not one for the daemon.
        MonitorError: as there.
        KeyboardInterrupt: stopped before the end; the state is in `out`.
    """
    if not isinstance(recipe, Recipe):
        raise ConfigError(f"recipe '{recipe.name}' is for whole clips; wanted one of windows, which the daemon runs")
    train_everyone(recipe, root, out, judged, beginning=read_beginning(begin_with) if begin_with else None)


def find_rate(recipe: AnyRecipe, root: Path, out: Path) -> None:
    """Train a network shortly at rising learning rates; print the one to take, and draw `rates.png` into `out`.

    Raises:
        ConfigError: the recipe has no network for clips.
        MonitorError: corpora are missing, or settings are not valid.
    """
    if isinstance(recipe, Recipe) or recipe.architecture is None:
        raise ConfigError(
            f"recipe '{recipe.name}' has no network for whole clips; wanted the tables architecture and fit"
        )
    check_recipe(recipe)
    from trainer.labels import label_scheme  # noqa: PLC0415
    from trainer.plots import drawn  # noqa: PLC0415
    from trainer.plots.style import save  # noqa: PLC0415

    load_tensorflow()
    from trainer.ratefinder import range_finder  # noqa: PLC0415 - TensorFlow

    recipe, _ = on_stand_in(recipe, root)
    trials = ClipTrials(recipe, recipe.seed, root, CACHE)
    examples = trials.training_examples(_held_out(recipe, root))
    test = range_finder(recipe, examples, len(label_scheme(recipe.labels).labels))
    out.mkdir(parents=True, exist_ok=True)
    save(drawn("rates", rates=test.rates, losses=test.losses, suggestion=test.suggestion), out / "rates.png")
    print(f"{recipe.name}: the loss falls fastest at a rate of {test.suggestion:.1e}; {out / 'rates.png'}: written")


def _held_out(recipe: ClipRecipe, root: Path) -> Material:
    material, protocol = divided(recipe, "holdout", root)
    for note in protocol.notes:
        print(note)
    return Material(material.holdings, protocol.folds[0].splits)

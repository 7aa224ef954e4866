"""The model that people get: trained on every speaker at hand, after one that had to do without some has been judged.

Whoever a model is judged by must not be trained on, and a model that never heard them has learnt from fewer. So a
recipe is trained twice: once with speakers held out, for all figures and choices, and once with nobody held out, for
use. Temperatures and form are those of the first one; there is nobody left to choose them by.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from monitor.card import read_model_file, write_model_file
from monitor.errors import ConfigError, ModelError, NoInputError
from monitor.model import EmotionModel
from trainer.evaluation import HELD_OUT, JUDGED_SIBLING, RESULT
from trainer.experiment import CACHE, check_chains, describe, train_on
from trainer.export import FORMS_FILE, export_folder, product_of
from trainer.forms import Workshop, forms_table, read_forms
from trainer.material import Material, gather, labelled
from trainer.modelcard import card_path, markdown, pictures_path
from trainer.runs import RunFolder, write_json
from trainer.splits import split
from trainer.temperature import Temperatures

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.card import ModelFile
    from trainer.beginning import Beginning
    from trainer.recipe import Recipe

JUDGED = "judged.json"
"""In the run folder: which run was judged in its stead."""
MIN_AGREEMENT = 0.995
"""Of the labels of Keras and TFLite; below, the form that was chosen for the sibling does not suit."""


class Judged(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where temperatures and form come from.

    Attributes:
        run: folder of the run with speakers held out.
    """

    run: str


def train_everyone(  # noqa: PLR0917 - as train_recipe, and the run that was judged
    recipe: Recipe,
    root: Path,
    out: Path,
    judged: Path,
    should_stop: Callable[[int], bool] | None = None,
    cache: Path = CACHE,
    *,
    beginning: Beginning | None = None,
) -> int:
    """Train `recipe` on all speakers into the run folder `out`, or go on there.

    May go on side by side with the training of `judged`, which has to be finished when this one ends.

    Args:
        recipe: what to train; its `test` and `validation` speakers are trained on.
        root: data directory.
        out: run folder.
        judged: folder of a run of the same recipe with these speakers held out.
        should_stop: asked after each step; default: whether Ctrl-C was pressed.
        cache: folder of cached features.
        beginning: what to go on with, where the recipe wants that: a network that was trained on everybody, too.

    Raises:
        NoInputError: `judged` is no run, or not finished when this one has ended; or a corpus is missing.
        ConfigError: it is one of another recipe, or the recipe keeps the weights that validation speakers like best.
        KeyboardInterrupt: stopped before the end; the state is in `out`.
    """
    check_chains(recipe)
    _check_same(recipe, judged)
    run, everyone = RunFolder(out), recipe.for_everyone()
    if run.metrics.exists() and run.read_recipe().digest() == everyone.digest():
        print(f"{out}: is finished; export it, or name another folder with --out")
        return 0
    holdings, utterances = labelled(everyone, root)
    material = Material(holdings, split(utterances, everyone.corpora))
    describe(material)
    # First: it refuses the folder of another run, which must not be marked as this one's.
    run.open(everyone, material)
    write_json(out / JUDGED, Judged(run=str(judged)))
    train_on(
        material,
        everyone,
        root,
        run,
        cache=cache,
        temperatures=lambda: _temperatures(judged),
        should_stop=should_stop,
        beginning=beginning,
    )
    print(f"{run.network}: written; next: ser-train export {judged}, then ser-train export {out}")
    return 0


def is_everyones(folder: Path) -> bool:
    """Whether nobody was held out in the run in `folder`."""
    return (folder / JUDGED).is_file()


def export_everyone(folder: Path, root: Path, out: Path, models: Path, *, by_gender: bool = False) -> int:
    """Write the model of a run on all speakers, with the figures of its sibling, into `models`.

    Args:
        folder: of the run.
        root: data directory.
        out: gets the form.
        models: gets `NAME.tflite`, `NAME.keras`, its card and pictures; in `HELD_OUT` there is the sibling.
        by_gender: the model with labels by gender.

    Raises:
        NoInputError: the run is not finished, or the sibling has not been exported.
        ConfigError: the sibling in `models` is of another run than the one that was judged.
        ModelError: Keras and TFLite do not agree.
    """
    run = RunFolder(folder)
    product = product_of(run, by_gender=by_gender)
    sibling = _sibling(folder, models, by_gender=by_gender)
    out.mkdir(parents=True, exist_ok=True)
    # The validation clips only show that Keras and TFLite agree: here they were trained on.
    judged_recipe = product_of(sibling.run, by_gender=by_gender).recipe
    workshop = Workshop(run, product, gather(judged_recipe, root), out)
    form = sibling.file.card.quantisation
    workshop.convert([form])
    (measured,) = workshop.measure([form])
    print(f"{measured.form}, as its sibling: {measured.agreement:.2%} of the windows as Keras")
    if measured.agreement < MIN_AGREEMENT:
        raise ModelError(
            f"{folder}: {measured.form} gives the label of Keras for {measured.agreement:.2%} of the windows, wanted "
            f"{MIN_AGREEMENT:.1%}; train with another seed"
        )
    _ship(workshop.path(measured.form), models, sibling)
    shutil.copyfile(product.network, models / f"{product.recipe.name}.keras")
    return 0


@dataclass(frozen=True, slots=True)
class _Sibling:
    """The judged run and what was exported of it."""

    run: RunFolder
    path: Path
    file: ModelFile
    result: dict[str, Any]
    forms: str


def _sibling(folder: Path, models: Path, *, by_gender: bool) -> _Sibling:
    judged = msgspec.json.decode((folder / JUDGED).read_bytes(), type=Judged)
    run = RunFolder(Path(judged.run))
    path = models / HELD_OUT / f"{product_of(run, by_gender=by_gender).recipe.name}.tflite"
    exported = export_folder(run.root, by_gender=by_gender)
    result, forms = exported / RESULT, exported / FORMS_FILE
    if missing := next((file for file in (path, result, forms) if not file.is_file()), None):
        option = " --by-gender" if by_gender else ""
        raise NoInputError(f"{missing}: no such file; first ser-train export {run.root}{option} --models {path.parent}")
    file = read_model_file(path)
    figures = msgspec.json.decode(result.read_bytes())
    if figures["tflite_sha256"] != file.card.tflite_sha256:
        raise ConfigError(f"{path}: is not what {result} judges; ser-train export {run.root} --models {path.parent}")
    return _Sibling(run, path, file, figures, forms_table(read_forms(forms)))


def _ship(made: Path, models: Path, sibling: _Sibling) -> None:
    """Write the model with the sibling's figures in its card, and the card for people beside it."""
    file, of = read_model_file(made), sibling.file.card
    on = f"speakers that its sibling {sibling.file.identity} never heard"
    card = msgspec.structs.replace(
        file.card,
        metrics=tuple(msgspec.structs.replace(metric, on=f"{metric.on}; {on}") for metric in of.metrics),
        provenance={**file.card.provenance, JUDGED_SIBLING: sibling.file.identity},
    )
    shipped = models / sibling.path.name
    write_model_file(shipped, file.flatbuffer, card, file.probe)
    identity = EmotionModel.load(shipped).identity
    card_path(shipped).write_text(markdown(card, identity, sibling.result, sibling.forms), encoding="utf-8")
    shutil.copytree(pictures_path(sibling.path), pictures_path(shipped), dirs_exist_ok=True)
    print(f"{shipped}: {identity} written, with its network, card and pictures")


def _check_same(recipe: Recipe, judged: Path) -> None:
    """Refuse a run that cannot lend anything; errors as in `train_everyone`."""
    if RunFolder(judged).read_recipe().digest() != recipe.digest():
        raise ConfigError(f"{judged}: holds a run of another recipe than this '{recipe.name}'; wanted one of the same")
    if recipe.training.keep != "last":
        raise ConfigError(
            f"recipe '{recipe.name}': training.keep = '{recipe.training.keep}' needs validation speakers; "
            "wanted keep = 'last', so that nobody has to be held out"
        )


def _temperatures(judged: Path) -> Temperatures:
    """What was fitted to the validation speakers of the judged run."""
    run = RunFolder(judged)
    if not run.metrics.is_file():
        raise NoInputError(f"{judged}: is not finished; finish it, then give this command again")
    found = msgspec.json.decode(run.metrics.read_bytes())
    return Temperatures(found["temperature"], found.get("gender_temperature", 1.0))

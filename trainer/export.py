"""From a run to the shipped model: all forms are made and measured, one is chosen, judged and written.

What counts is speed and the validation speakers: among the forms that say what Keras says, and whose UAR lies within
half a point of float32's, the fastest here. The test speakers are looked at once, afterwards, for the card.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from monitor.card import Metric, read_model_file, write_model_file
from monitor.errors import ConfigError, NoInputError
from monitor.model import EmotionModel
from trainer.conditions import LEVELS, ORIGINAL
from trainer.evaluation import RESULT, evaluation_of
from trainer.evaluationpictures import draw_evaluation
from trainer.evaluationtables import tables_of
from trainer.forms import Measured, Product, Workshop, forms_table, machine
from trainer.labels import name_by_gender
from trainer.material import gather
from trainer.modelcard import card_path, markdown, pictures_path
from trainer.recipe import Recipe
from trainer.runs import RunFolder, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.card import ModelCard

FORMS_FILE = "forms.json"
GENDER_PREFIX = "gender-"
"""Of the name of a model with labels by gender."""
MAX_LOSS_POINTS = 0.5
MIN_AGREEMENT = 0.995
"""Share of the windows that a form has to give the same label as Keras."""
_TIE = 1.1
"""Times closer than a tenth are the same: the clock of a busy machine tells no more."""


def export_run(folder: Path, root: Path, out: Path, models: Path, *, by_gender: bool = False) -> int:
    """Make, measure, choose, judge and write the model of a finished run.

    Args:
        folder: of the run.
        root: data directory.
        out: gets all forms and the figures.
        models: gets `NAME.tflite`, `NAME.keras`, its card and pictures.
        by_gender: the model with labels by gender.

    Raises:
        MonitorError: the run is not finished, corpora are missing, or a step failed.
    """
    run = RunFolder(folder)
    product = product_of(run, by_gender=by_gender)
    recipe, network = product.recipe, product.network
    out.mkdir(parents=True, exist_ok=True)
    models.mkdir(parents=True, exist_ok=True)
    workshop = Workshop(run, product, gather(recipe, root), out)
    workshop.convert()
    measured = workshop.measure()
    chosen = choose(measured)
    print(forms_table(measured), f"chosen: {chosen.form}", sep="\n")
    write_json(out / FORMS_FILE, {"chosen": chosen.form, "machine": machine(), "forms": measured})
    result = evaluation_of(workshop.path(chosen.form), network, root)
    write_json(out / RESULT, result)
    print(tables_of(result))
    _ship(workshop.path(chosen.form), models / f"{recipe.name}.tflite", result, measured, chosen)
    shutil.copyfile(network, models / f"{recipe.name}.keras")
    return 0


def export_folder(folder: Path, *, by_gender: bool) -> Path:
    """Where forms and figures of the run in `folder` go unless another folder is named."""
    return folder / ("export-by-gender" if by_gender else "export")


def product_of(run: RunFolder, *, by_gender: bool) -> Product:
    """The network of a finished run that is to be exported, and the recipe as if it had been made for it alone.

    Raises:
        NoInputError: the run is not finished.
        ConfigError: its recipe is one on whole clips, or has taught no gender.
    """
    recipe = recipe_of(run)
    if not run.network.exists() or not run.metrics.exists():
        raise NoInputError(f"{run.root}: the run is not finished; go on with the same ser-train train command")
    shipped = recipe.replaced(name=recipe.model or recipe.name)
    if not by_gender:
        return Product(shipped, run.network)
    if not run.network_by_gender.exists():
        raise ConfigError(
            f"{run.root}: recipe '{recipe.name}' teaches no gender; wanted tasks.gender above 0, and a run of it"
        )
    name = f"{GENDER_PREFIX}{shipped.name}"
    description = f"Labels by the speaker's gender. {recipe.description}".strip()
    changed = recipe.replaced(name=name, labels=name_by_gender(recipe.labels), description=description)
    return Product(changed, run.network_by_gender, ("temperature", "gender_temperature"))


def recipe_of(run: RunFolder) -> Recipe:
    """The recipe of a run for the daemon.

    Raises:
        ConfigError: it is one on whole clips.
    """
    recipe = run.read_recipe()
    if not isinstance(recipe, Recipe):
        raise ConfigError(
            f"{run.root}: recipe '{recipe.name}' is for whole clips, which the daemon never hears; "
            "wanted a run of a recipe with windows"
        )
    return recipe


def choose(measured: Sequence[Measured]) -> Measured:
    """The fastest of the forms that answer as Keras and the first, float32, do; the smallest on a tie."""
    enough = measured[0].validation_uar - MAX_LOSS_POINTS / 100
    candidates = [one for one in measured if one.validation_uar >= enough and one.agreement >= MIN_AGREEMENT]
    slowest_ms = _TIE * min(one.window_ms for one in candidates)
    return min((one for one in candidates if one.window_ms <= slowest_ms), key=lambda one: one.size_bytes)


def _ship(made: Path, shipped: Path, result: dict[str, Any], measured: Sequence[Measured], chosen: Measured) -> None:
    """Write the chosen form with its figures in the card, and the card for people beside it."""
    file = read_model_file(made)
    card = msgspec.structs.replace(file.card, metrics=_metrics(file.card, result, chosen, shipped))
    write_model_file(shipped, file.flatbuffer, card, file.probe)
    identity = EmotionModel.load(shipped).identity
    card_path(shipped).write_text(markdown(card, identity, result, forms_table(measured)), encoding="utf-8")
    pictures = pictures_path(shipped)
    pictures.mkdir(parents=True, exist_ok=True)
    draw_evaluation(result, pictures)
    print(f"{shipped}: {identity} written, with its network, card and pictures")


def _commands(card: ModelCard, shipped: Path) -> tuple[str, str]:
    """That judge the model file and make it again, for someone in the repository."""
    folder = Path("models") if shipped.is_absolute() else shipped.parent
    recipe = card.provenance["recipe"]
    export = f"ser-train export runs/{recipe}"
    if card.name.startswith(GENDER_PREFIX):
        export += " --by-gender"
    if folder != Path("models"):
        export += f" --models {folder}"
    return f"ser-train evaluate {folder / shipped.name}", export


def _metrics(card: ModelCard, result: dict[str, Any], chosen: Measured, shipped: Path) -> tuple[Metric, ...]:
    """The figures that travel inside the model file."""
    evaluate, export = _commands(card, shipped)
    metrics = [metric for corpus in result["corpora"] for metric in _corpus_metrics(corpus, result, evaluate)]
    metrics += _confidence_metrics(result, evaluate)
    if result["parity"]:
        parity = result["parity"]
        same, clips = round(parity["keras_tflite_clips"], 4), f"{parity['clips']} test clips"
        metrics.append(Metric(name="keras_tflite_agreement", value=same, on=clips, command=evaluate))
    return (
        *metrics,
        Metric(name="validation_uar", value=round(chosen.validation_uar, 4), on="validation speakers", command=export),
        Metric(name="window_ms", value=round(chosen.window_ms, 3), on=f"{machine()}, 1 thread", command=export),
    )


def _corpus_metrics(corpus: str, result: dict[str, Any], command: str) -> list[Metric]:
    figures = result["corpora"][corpus]
    levels = figures["levels"]
    on = f"{corpus}, speakers {' '.join(figures['speakers'])}, {levels[ORIGINAL]['clips']} clips"
    where = {name: on if name == ORIGINAL else f"{on}, speech at {name} dBFS" for name in LEVELS}
    uar = [Metric(name="uar", value=round(levels[name]["uar"], 4), on=where[name], command=command) for name in LEVELS]
    world = [
        Metric(name="uar_changed", value=round(one["uar"], 4), on=f"{on}, {name}", command=command)
        for name, one in figures["world"].items()
    ]
    return [*uar, *world, Metric(name="war", value=round(levels[ORIGINAL]["war"], 4), on=on, command=command)]


def _confidence_metrics(result: dict[str, Any], command: str) -> list[Metric]:
    """Calibration, and the threshold above which answers are right often enough."""
    on = f"{result['all']['levels'][ORIGINAL]['clips']} test clips"
    after, chosen = result["calibration"]["after"], result["selective"]["chosen"]
    metrics = [Metric(name="ece", value=round(after["ece"], 4), on=on, command=command)]
    if chosen is not None:
        above = f"{on}, confidence {chosen['threshold']:.2f} or more, chosen on the validation speakers"
        metrics += [
            Metric(name=f"selective_{name}", value=round(chosen[name], 4), on=above, command=command)
            for name in ("coverage", "accuracy")
            if chosen[name] is not None
        ]
    return metrics

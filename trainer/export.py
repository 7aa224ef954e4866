"""From a run to the shipped model: all forms are made and measured, one is chosen, judged and written.

What counts is speed and the validation speakers: among the forms whose UAR lies within half a point of float32's, the
fastest here. The test speakers are looked at once, afterwards, for the card.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import msgspec

from monitor.card import Metric, read_model_file, write_model_file
from monitor.errors import NoInputError, UsageError
from monitor.model import EmotionModel
from trainer.evaluation import CONDITIONS, ORIGINAL, RESULT, evaluation_of, tables_of
from trainer.forms import FORMS, Measured, Workshop, forms_table, machine
from trainer.material import gather
from trainer.modelcard import markdown
from trainer.runs import RunFolder, write_json
from trainer.subprocesses import run_module

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAX_LOSS_POINTS = 0.5
_TIE = 1.1
"""Times closer than a tenth are the same: the clock of a busy machine tells no more."""


def export_run(folder: Path, root: Path, out: Path, models: Path, floor: float | None = None) -> int:
    """Make, measure, choose, judge and write the model of a finished run.

    Args:
        folder: of the run.
        root: data directory.
        out: gets all forms and the figures.
        models: gets `NAME.tflite`, `NAME.keras` and `MODEL_CARD.md`.
        floor: of the front-end as it is deployed, in nepers of power relative to the window's level; None keeps that
            of the training.

    Raises:
        MonitorError: the run is not finished, corpora are missing, or a step failed.
    """
    run = RunFolder(folder)
    recipe = run.read_recipe()
    if not run.network.exists() or not run.metrics.exists():
        raise NoInputError(f"{folder}: the run is not finished; go on with the same ser-train train command")
    out.mkdir(parents=True, exist_ok=True)
    models.mkdir(parents=True, exist_ok=True)
    network = run.network if floor is None else _refloored(run.network, out / "network.keras", floor)
    workshop = Workshop(run, recipe, gather(recipe, root), out, network=network, command=_command(folder, floor))
    workshop.convert()
    measured = [workshop.measure(form) for form in FORMS]
    chosen = choose(measured)
    print(forms_table(measured), f"chosen: {chosen.form}", sep="\n")
    write_json(out / "forms.json", {"chosen": chosen.form, "machine": machine(), "forms": measured})
    result = evaluation_of(workshop.path(chosen.form), network, root)
    write_json(out / RESULT, result)
    print(tables_of(result))
    _ship(workshop.path(chosen.form), models / f"{recipe.name}.tflite", result, measured, chosen)
    shutil.copyfile(network, models / f"{recipe.name}.keras")
    return 0


def _command(folder: Path, floor: float | None) -> str:
    """What makes the model again, for its card."""
    return f"ser-train export runs/{folder.name}" + ("" if floor is None else f" --floor {floor:g}")


def _refloored(network: Path, result: Path, floor: float) -> Path:
    """The network with another floor.

    Raises:
        UsageError: the floor is not below the level.
    """
    if not floor < 0:
        raise UsageError(f"--floor is {floor:g}, wanted a negative number of nepers, e.g. -13")
    run_module("trainer.refloor", network, result, floor)
    return result


def choose(measured: Sequence[Measured]) -> Measured:
    """The fastest of the forms that lose at most half a point against the first, float32; the earlier on a tie."""
    enough = measured[0].validation_uar - MAX_LOSS_POINTS / 100
    candidates = [one for one in measured if one.validation_uar >= enough]
    tied = _TIE * min(one.window_ms for one in candidates)
    return next(one for one in candidates if one.window_ms <= tied)


def _ship(made: Path, shipped: Path, result: dict[str, Any], measured: Sequence[Measured], chosen: Measured) -> None:
    """Write the chosen form with its figures in the card, and the card for people beside it."""
    file = read_model_file(made)
    card = msgspec.structs.replace(file.card, metrics=_metrics(result, chosen, shipped))
    write_model_file(shipped, file.flatbuffer, card, file.probe)
    identity = EmotionModel.load(shipped).identity
    (shipped.parent / "MODEL_CARD.md").write_text(
        markdown(card, identity, result, forms_table(measured)), encoding="utf-8"
    )
    print(f"{shipped}: {identity} written, with its network and MODEL_CARD.md")


def _metrics(result: dict[str, Any], chosen: Measured, shipped: Path) -> tuple[Metric, ...]:
    """The figures that travel inside the model file."""
    evaluate, export = f"ser-train evaluate models/{shipped.name}", f"ser-train export runs/{shipped.stem}"
    metrics = [metric for corpus in result["corpora"] for metric in _corpus_metrics(corpus, result, evaluate)]
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
    where = {name: on if name == ORIGINAL else f"{on}, speech at {name} dBFS" for name in CONDITIONS}
    uar = [
        Metric(name="uar", value=round(levels[name]["uar"], 4), on=where[name], command=command) for name in CONDITIONS
    ]
    return [*uar, Metric(name="war", value=round(levels[ORIGINAL]["war"], 4), on=on, command=command)]

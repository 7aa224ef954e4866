"""The pictures that every run and experiment leaves beside its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.figures import figures_of
from trainer.metrics import reliability
from trainer.plots import drawn

if TYPE_CHECKING:
    from pathlib import Path

    from trainer.figures import Predictions

LOG = "log.jsonl"


def draw_answers(predictions: Predictions, folder: Path, warning: str = "") -> None:
    """`confusion.png`, `reliability.png` and `speakers.png` of the test clips; `warning` stands in each of them."""
    for name in ("confusion", "reliability", "speakers"):
        _save(name, inputs_of(name, predictions), folder, warning)


def draw_training(folder: Path) -> None:
    """`training.png` of the run in `folder`; classical models have no course to draw."""
    from trainer.plots.training import read_log  # noqa: PLC0415 - matplotlib

    if (folder / LOG).is_file():
        _save("training", {"records": read_log(folder / LOG)}, folder)


def inputs_of(name: str, predictions: Predictions) -> dict[str, Any]:
    """What the plot `name` shows of answers: confusion, reliability or speakers."""
    if name == "reliability":
        return {"bins": reliability(predictions.truth, predictions.posteriors)}
    figures = figures_of(predictions)
    if name == "confusion":
        return {"confusion": figures["confusion"], "labels": predictions.labels}
    return {
        "speakers": figures["per_speaker"],
        "uar": figures["uar"],
        "interval": figures["uar_interval"],
        "chance": 1 / len(predictions.labels),
    }


def _save(name: str, inputs: dict[str, Any], folder: Path, warning: str = "") -> None:
    from trainer.plots.style import save, warned  # noqa: PLC0415 - matplotlib

    save(warned(drawn(name, **inputs), warning), folder / f"{name}.png")

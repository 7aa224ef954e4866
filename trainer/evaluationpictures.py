"""The pictures of a model file's evaluation, drawn from what `evaluation.json` holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.metrics import Reliability
from trainer.plots import drawn
from trainer.shortcomings import bound_of, condition_name, parts_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PICTURES = {
    "confusion": "what the clips were taken for",
    "reliability": "confidence against accuracy",
    "coverage": "which share of the clips is answered above a threshold of confidence, and how much of that is right",
    "conditions": "recall under each condition, with 95 % intervals over speakers",
    "speakers": "recall of each speaker",
}
"""Plot to what it shows, for people."""


def draw_evaluation(result: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw all of `PICTURES` as PNG, a confusion matrix of each corpus, and reliability without the temperature.

    Args:
        result: of `trainer.evaluation.evaluation_of`.
        folder: is there.
    """
    from trainer.plots.style import save  # noqa: PLC0415 - matplotlib

    pictures = {name: drawn(name, **inputs_of(name, result)) for name in PICTURES}
    if len(result["corpora"]) > 1:
        pictures |= {
            f"confusion-{corpus}": drawn("confusion", **_confusion(figures, result, corpus))
            for corpus, figures in result["corpora"].items()
        }
    if result["calibration"]["before"]:
        before = _reliability(result["calibration"]["before"])
        pictures["reliability-without-temperature"] = drawn("reliability", **before)
    paths = {folder / f"{name}.png": figure for name, figure in pictures.items()}
    for path, figure in paths.items():
        save(figure, path)
    return list(paths)


def inputs_of(name: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """What the plot `name`, one of `PICTURES`, shows of an evaluation."""
    together = result["all"]
    original = together["levels"]["original"]
    if name == "confusion":
        return _confusion(together, result, ", ".join(result["corpora"]))
    if name == "reliability":
        return _reliability(result["calibration"]["after"])
    if name == "coverage":
        return _coverage(result)
    if name == "conditions":
        return _conditions(result)
    return {
        "speakers": together["per_speaker"],
        "uar": original["uar"],
        "interval": original["uar_interval"],
        "chance": 1 / len(result["labels"]),
    }


def _confusion(figures: Mapping[str, Any], result: Mapping[str, Any], where: str) -> dict[str, Any]:
    n_clips = sum(map(sum, figures["confusion"]))
    return {
        "confusion": figures["confusion"],
        "labels": result["labels"],
        "title": f"What {n_clips} clips of {where} were taken for",
    }


def _reliability(calibration: Mapping[str, Any]) -> dict[str, Any]:
    bins = calibration["reliability"]

    def column(key: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([np.nan if value is None else value for value in bins[key]], np.float64)

    return {"bins": Reliability(np.array(bins["clips"], np.int64), column("confidence"), column("accuracy"))}


def _coverage(result: Mapping[str, Any]) -> dict[str, Any]:
    selective = result["selective"]
    marks = {f"lowest threshold on the {result['speakers']} speakers": selective["own"]}
    marks["threshold chosen on the validation speakers"] = selective["chosen"]
    return {
        "curve": selective["curve"],
        "wanted_accuracy": selective["wanted_accuracy"],
        "marks": {name: mark for name, mark in marks.items() if mark is not None and mark["accuracy"] is not None},
    }


def _conditions(result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "corpora": {
            corpus: {
                condition_name(name): {
                    "uar": one["uar"],
                    "interval": one["uar_interval"],
                    "bound_points": bound_of(result, name),
                }
                for name, one in {**figures["levels"], **figures["world"]}.items()
            }
            for corpus, figures in parts_of(result).items()
        }
    }

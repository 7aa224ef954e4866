"""Asks a trained run on clips about recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import ConfigError, NoInputError
from trainer.clipcache import features_of_file
from trainer.clipmodel import laid_out, read_model
from trainer.cliprecipe import ClipRecipe
from trainer.labels import label_scheme
from trainer.runs import RunFolder
from trainer.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def ask(folder: Path, files: Sequence[Path]) -> int:
    """Print what the model of the run `folder` says of recordings: the label, and the posterior of each, in %.

    Raises:
        NoInputError: there is no finished run, or no recording was named.
        ConfigError: the run is for the daemon's windows.
        BadAudioError: a recording cannot be decoded.
    """
    if not files:
        raise NoInputError(f"{folder}: no recording was named; wanted one or more: ser-train evaluate {folder} FILES")
    if missing := [path for path in files if not path.is_file()]:
        raise NoInputError(f"{missing[0]}: no such file; wanted a recording")
    recipe = RunFolder(folder).read_recipe()
    if not isinstance(recipe, ClipRecipe):
        raise ConfigError(f"{folder}: a run for the daemon; export it and ask ser-monitor analyze")
    features = [features_of_file(path, recipe) for path in files]
    model = read_model(recipe, folder)
    labels = label_scheme(recipe.labels).labels
    posteriors = model.posteriors(laid_out(features, recipe, model))
    rows = [
        [path.name, labels[int(of_file.argmax())], *(f"{100 * share:.1f}" for share in of_file)]
        for path, of_file in zip(files, posteriors, strict=True)
    ]
    print(table(["file", "label", *labels], rows))
    return 0

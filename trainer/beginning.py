"""What a training goes on with: an earlier one's network, which must not have heard whom the new one is judged by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from monitor.card import read_model_file
from monitor.errors import ConfigError
from trainer.runs import RunFolder, write_json

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from trainer.recipe import Recipe
    from trainer.splits import Splits

_FILE = "beginning.json"
"""In the run folder: what it began with."""
_KEY = "began_with"
"""In a card's provenance, and in what is told of a beginning that had one itself."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """A network to go on with, and who it was trained on."""

    network: Path
    """The `.keras` file."""
    recipe: str
    speakers: dict[str, dict[str, list[str]]]
    """Corpus to part (`train`, …) to speakers."""
    began_with: dict[str, Any]
    """What it began with itself, as `told_beginning` tells; empty for chance."""

    @property
    def sha256(self) -> str:
        """Of the network's file, in hexadecimal."""
        return hashlib.sha256(self.network.read_bytes()).hexdigest()

    def weights(self) -> list[NDArray[Any]]:
        """All weights of the network, in its own order; loads Keras.

        Raises:
            NoInputError: the file is not there.
            ModelError: it is no network of this trainer.
        """
        from trainer.network import read_network  # noqa: PLC0415 - TensorFlow

        weights: list[NDArray[Any]] = read_network(self.network).get_weights()
        return weights


def read_beginning(path: Path) -> Beginning:
    """A finished run's folder, or a model file with its `.keras` beside it.

    Raises:
        NoInputError: neither is there.
        ModelError: the model file is refused.
        ConfigError: nothing tells which speakers it was trained on.
    """
    if path.is_dir():
        run = RunFolder(path)
        network = run.network
        facts = msgspec.json.decode(run.provenance.read_bytes()) if run.provenance.is_file() else {}
        facts |= told_beginning(path)
    else:
        network = path.with_suffix(".keras")
        facts = read_model_file(path).card.provenance
    if "recipe" not in facts or "speakers" not in facts:
        raise ConfigError(f"{path}: does not tell its recipe and speakers; wanted a finished run or a model's .tflite")
    return Beginning(network, facts["recipe"], facts["speakers"], facts.get(_KEY, {}))


def check_beginning(recipe: Recipe, beginning: Beginning | None, splits: Splits) -> None:
    """Refuse to begin with another recipe's network, or with one that knows who is to judge.

    Raises:
        ConfigError: saying what was found and wanted.
    """
    wanted, found = recipe.training.begins_with, beginning.recipe if beginning else ""
    if wanted != found:
        raise ConfigError(
            f"recipe '{recipe.name}' begins with {_of(wanted)}, found {_of(found)}; name a run or a model of the "
            "recipe that is wanted with --begin-with, or leave it away"
        )
    if beginning is None:
        return
    for corpus, parts in splits.speakers().items():
        known = set(beginning.speakers.get(corpus, {}).get("train", ()))
        judges = {speaker for part, speakers in parts.items() if part != "train" for speaker in speakers}
        if heard := sorted(known & judges):
            raise ConfigError(
                f"{beginning.network}: was trained on {corpus} {' '.join(heard)}, by whom '{recipe.name}' is judged; "
                "wanted a network that never heard them"
            )


def keep_beginning(beginning: Beginning, folder: Path) -> None:
    """Write down in the run folder what it begins with.

    Raises:
        ConfigError: it began with another network.
    """
    path = folder / _FILE
    told: dict[str, Any] = {"network": beginning.network.name, "recipe": beginning.recipe, "sha256": beginning.sha256}
    if beginning.began_with:
        told[_KEY] = beginning.began_with
    if not path.is_file():
        write_json(path, told)
    elif (found := msgspec.json.decode(path.read_bytes()))["sha256"] != told["sha256"]:
        raise ConfigError(
            f"{folder}: began with {found['network']} ({found['sha256'][:8]}), not with {beginning.network} "
            f"({beginning.sha256[:8]}); name another folder with --out"
        )


def told_beginning(folder: Path) -> dict[str, Any]:
    """What the run in `folder` began with, for its model's card; empty where it began with chance."""
    path = folder / _FILE
    return {_KEY: msgspec.json.decode(path.read_bytes())} if path.is_file() else {}


def _of(recipe: str) -> str:
    return f"the network of '{recipe}'" if recipe else "chance"

"""A run folder: the recipe, where it came from, its log, its state and its result.

`recipe.json` · `provenance.json` · `log.jsonl` · while training `state.npz` · when done `model.keras`, `metrics.json`.
"""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from monitor.errors import ConfigError, NoInputError
from trainer.recipefile import read_recipe

if TYPE_CHECKING:
    from trainer.material import Material
    from trainer.recipefile import AnyRecipe
    from trainer.splits import Splits

_PACKAGES = (
    "ser-monitor", "numpy", "scipy", "tensorflow", "tensorflow-cpu", "keras", "jax", "python_speech_features", "soxr",
    "scikit-learn", "librosa", "audiomentations", "opensmile", "soundfile",
)  # fmt: skip
RECORDINGS_HELD_OUT = "recordings_held_out"
"""Key of the provenance: no augmentation played the noise and the rooms that models are judged by."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths within a run folder."""

    root: Path

    @property
    def recipe(self) -> Path:
        """The recipe as it was trained, every default written out."""
        return self.root / "recipe.json"

    @property
    def provenance(self) -> Path:
        """Versions, revision, seed, speakers."""
        return self.root / "provenance.json"

    @property
    def log(self) -> Path:
        """One JSON object a look at the validation speakers."""
        return self.root / "log.jsonl"

    @property
    def state(self) -> Path:
        """Where an interrupted training goes on."""
        return self.root / "state.npz"

    @property
    def network_by_gender(self) -> Path:
        """The same with labels by gender; only of recipes that teach gender."""
        return self.root / "model-by-gender.keras"

    @property
    def network(self) -> Path:
        """The trained network as it is deployed."""
        return self.root / "model.keras"

    @property
    def metrics(self) -> Path:
        """The figures of the trained network on the validation speakers; written last."""
        return self.root / "metrics.json"

    def open(self, recipe: AnyRecipe, material: Material) -> None:
        """Make the folder, or go on in it.

        Raises:
            ConfigError: it holds a run of another recipe, or on other clips.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        if self.recipe.exists():
            found = read_recipe(self.recipe)
            if found.digest() != recipe.digest():
                raise ConfigError(
                    f"{self.root}: holds a run of another recipe ({found.name}-{found.digest()}), wanted "
                    f"{recipe.name}-{recipe.digest()}; name another folder with --out, or remove this one"
                )
            self.check_clips(material.splits)
            return
        write_json(self.recipe, recipe)
        write_json(self.provenance, provenance(recipe, material))

    def check_clips(self, splits: Splits) -> None:
        """Refuse to go on with other clips, or with another division of them.

        Raises:
            ConfigError: saying what differs.
        """
        found = msgspec.json.decode(self.provenance.read_bytes()) if self.provenance.is_file() else {}
        for what, wanted in (("speakers", splits.speakers()), ("clips", counts_of(splits))):
            if found.get(what) != wanted:
                raise ConfigError(
                    f"{self.root}: holds a run on other {what} than are here now; "
                    "name another folder with --out, or remove this one"
                )

    def read_recipe(self) -> AnyRecipe:
        """The recipe as it was trained.

        Raises:
            NoInputError: this is no run folder.
        """
        if not self.recipe.is_file():
            raise NoInputError(f"{self.root}: no run here (no {self.recipe.name}); train one with ser-train train")
        return read_recipe(self.recipe)


def provenance(recipe: AnyRecipe, material: Material) -> dict[str, Any]:
    """All that a result hangs on, JSON-ready."""
    splits = material.splits
    return {
        "recipe": recipe.name,
        "recipe_digest": recipe.digest(),
        "seed": recipe.seed,
        "revision": git_revision(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": versions(),
        "keras_backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
        "speakers": splits.speakers(),
        "clips": counts_of(splits),
        RECORDINGS_HELD_OUT: True,
        "duplicates_left_out": [left_out.stem for holding in material.holdings for left_out, _ in holding.duplicates],
    }


def counts_of(splits: Splits) -> dict[str, int]:
    """Clips of each part."""
    return {"train": len(splits.train), "validation": len(splits.validation), "test": len(splits.test)}


def versions() -> dict[str, str]:
    """Package to version, for those that are installed."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_revision() -> str:
    """Commit of the working tree, `-dirty` where it was changed; empty outside a repository."""
    # Of this package, whatever folder one stands in.
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found.stdout.strip()


def write_json(path: Path, content: Any) -> None:
    """Write `content`, indented, in one go."""
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
    unfinished.replace(path)


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write arrays as `.npz` in one go: an interruption leaves the old file."""
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("wb") as file:
        np.savez(file, **arrays)
    unfinished.replace(path)

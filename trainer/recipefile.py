"""Recipe files: one recipe for the daemon's windows, one for whole clips, or a suite of variants of one."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from monitor.errors import ConfigError, NoInputError
from trainer.cliprecipe import ClipRecipe
from trainer.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

AnyRecipe = Recipe | ClipRecipe
_MERGED = ("augment", "sampling", "training")
"""Tables in which a variant names only what it changes; all others it gives whole."""
_KINDS: dict[str, type[AnyRecipe]] = {"stream": Recipe, "clip": ClipRecipe}


def packaged_recipes() -> dict[str, Path]:
    """Name to file of every recipe that comes with the trainer."""
    folder = Path(str(files("trainer"))) / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def recipe_path(name: str) -> Path:
    """The file of a recipe: a path, or the name of one that comes with the trainer.

    Raises:
        NoInputError: neither is there.
    """
    if Path(name).suffix == ".toml" and Path(name).is_file():
        return Path(name)
    packaged = packaged_recipes()
    if name not in packaged:
        raise NoInputError(f"no recipe '{name}': wanted a .toml file or one of: {', '.join(packaged)}")
    return packaged[name]


def read_recipes(path: Path) -> tuple[AnyRecipe, ...]:
    """Read and check the recipe or all recipes of a file: TOML as people write it, or JSON as run folders keep it.

    A table `variants` makes a suite: each of its entries is a recipe of its own, called `NAME-ENTRY`, in which the
    entry's keys replace those of the file. With `like = "RECIPE"`, the file's keys replace those of a recipe that comes
    with the trainer. Of the tables in `_MERGED`, single keys are replaced.

    Raises:
        NoInputError: it cannot be read, or there is no recipe that it is like.
        ConfigError: it is neither, or a key is unknown, of the wrong type or out of range.
    """
    try:
        decode = msgspec.json.decode if path.suffix == ".json" else msgspec.toml.decode
        tables: dict[str, Any] = decode(path.read_bytes(), type=dict[str, Any])
        tables = _like(tables)
        variants: dict[str, dict[str, Any]] = msgspec.convert(tables.pop("variants", {}), dict[str, dict[str, Any]])
        if not variants:
            return (_typed(tables),)
        return tuple(
            _typed({**_changed(tables, changes), "name": f"{tables.get('name')}-{name}"})
            for name, changes in variants.items()
        )
    except OSError as error:
        raise NoInputError(f"{path}: cannot be read: {error.strerror}; wanted a recipe") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}; correct the recipe") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def read_recipe(path: Path) -> AnyRecipe:
    """The only recipe of a file; errors as in `read_recipes`.

    Raises:
        ConfigError: it holds several.
    """
    recipes = read_recipes(path)
    if len(recipes) > 1:
        raise ConfigError(f"{path}: holds {', '.join(recipe.name for recipe in recipes)}; wanted one recipe")
    return recipes[0]


def find_recipes(names: Sequence[str]) -> tuple[AnyRecipe, ...]:
    """All recipes of files or names; `SUITE-VARIANT` is one of a suite that comes with the trainer.

    Raises:
        NoInputError, ConfigError: as in `recipe_path` and `read_recipes`.
    """
    return tuple(recipe for name in names for recipe in _found(name))


def _found(name: str) -> tuple[AnyRecipe, ...]:
    packaged = packaged_recipes()
    if name not in packaged and Path(name).suffix != ".toml":
        for suite in (suite for suite in packaged if name.startswith(f"{suite}-")):
            chosen = tuple(recipe for recipe in read_recipes(packaged[suite]) if recipe.name == name)
            if chosen:
                return chosen
    return read_recipes(recipe_path(name))


def _like(tables: dict[str, Any]) -> dict[str, Any]:
    """The tables with those that they are like behind them."""
    if "like" not in tables:
        return tables
    own = dict(tables)
    like = msgspec.convert(own.pop("like"), str)
    if like not in packaged_recipes():
        raise ConfigError(f"like: no recipe '{like}'; wanted one of: {', '.join(packaged_recipes())}")
    behind = msgspec.toml.decode(packaged_recipes()[like].read_bytes(), type=dict[str, Any])
    behind.pop("variants", None)
    return _changed(_like(behind), own)


def _changed(tables: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`tables` with `changes` in front."""
    merged = {
        name: {**tables[name], **changes[name]}
        for name in _MERGED
        # The augmentations of whole clips are a list.
        if isinstance(tables.get(name), dict) and isinstance(changes.get(name), dict)
    }
    return {**tables, **changes, **merged}


def _typed(tables: dict[str, Any]) -> AnyRecipe:
    kind = tables.get("kind", "stream")
    if kind not in _KINDS:
        raise ConfigError(f"kind: found {kind!r}, wanted one of: {', '.join(_KINDS)}")
    return msgspec.convert(tables, _KINDS[kind])

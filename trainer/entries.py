"""Entries of the trainer's registries: a table of a recipe becomes the object that its `name` says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from monitor.errors import ConfigError
from monitor.registry import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainer.recipe import Settings


def make_entry(settings: Settings, registry: Mapping[str, str], kind: str, where: str = "") -> Any:
    """The struct that `settings` describe; `name` says which, the rest is typed by the entry itself.

    Args:
        settings: a table of a recipe.
        registry: name to `module:Class`, of msgspec structs.
        kind: what is registered, for errors: `feature`.
        where: of an unknown name, for errors: ` at this stage`.

    Raises:
        ConfigError: it is unknown, or a setting is unknown, of the wrong type or out of range.
    """
    name = str(settings.get("name"))
    if name not in registry:
        raise ConfigError(f"{kind} '{name}' is unknown{where}; known: {', '.join(registry)}")
    rest = {key: value for key, value in settings.items() if key != "name"}
    try:
        return msgspec.convert(rest, resolve(registry[name]))
    except msgspec.ValidationError as error:
        raise ConfigError(f"{kind} '{name}': {error}; correct the recipe") from None

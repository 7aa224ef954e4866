"""Architectures: one file each, one registry line each.

`build` returns the network behind the front-end: maps, float32 (batch, frames, filters), to logits (batch, labels).
Front-end and softmax are put around it by `trainer.network.deployed`. Under a recipe for whole clips it sees scaled
features instead, see `trainer.examples`; pooled vectors as (batch, coefficients, 1).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from monitor.errors import ConfigError

if TYPE_CHECKING:
    from trainer.recipe import Settings

ARCHITECTURES = {
    "timeconv": "trainer.architectures.timeconv",
    "residual": "trainer.architectures.residual",
    "mlp": "trainer.architectures.mlp",
    "conv1d": "trainer.architectures.conv1d",
    "conv2d": "trainer.architectures.conv2d",
    "resnet18": "trainer.architectures.resnet18",
    "lightsernet": "trainer.architectures.lightsernet",
}
_T = TypeVar("_T")


class Build(Protocol):
    """What every file in this folder provides."""

    def __call__(self, input_shape: tuple[int, int], n_classes: int, params: Settings) -> Any:
        """(frames, filters), labels and the architecture's own settings to a `keras.Model` that ends in logits.

        Raises:
            ConfigError: a setting is unknown, of the wrong type or out of range.
        """
        ...


def build_architecture(settings: Settings, input_shape: tuple[int, int], n_classes: int) -> Any:
    """The `keras.Model` that `settings` describe; `name` says which architecture.

    Raises:
        ConfigError: it is unknown, or a setting is not valid.
    """
    check_architecture(settings)
    name = str(settings.get("name"))
    build: Build = import_module(ARCHITECTURES[name]).build
    return build(input_shape, n_classes, {key: value for key, value in settings.items() if key != "name"})


def check_architecture(settings: Settings) -> None:
    """Refuse a name that is not registered, without TensorFlow; the rest is refused when the network is built.

    Raises:
        ConfigError: it is unknown.
    """
    name = str(settings.get("name"))
    if name not in ARCHITECTURES:
        raise ConfigError(f"architecture '{name}' is unknown; known: {', '.join(ARCHITECTURES)}")


def typed_params(params: Settings, kind: type[_T]) -> _T:
    """The settings of an architecture as its own struct.

    Raises:
        ConfigError: a setting is unknown, of the wrong type or out of range.
    """
    try:
        return msgspec.convert(params, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"architecture: {error}; correct the recipe") from None

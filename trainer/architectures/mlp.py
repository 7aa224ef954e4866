"""A multi-layer perceptron: everything at once, through fully connected layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import msgspec
from keras import layers

from trainer.architectures import typed_params
from trainer.architectures.layers import dense
from trainer.recipe import Count, Share

if TYPE_CHECKING:
    from trainer.recipe import Settings


class Mlp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings.

    Attributes:
        hidden: units of each hidden layer.
        dropout: after each of them.
        batch_norm: before each ReLU.
    """

    hidden: tuple[Count, ...] = (256, 128)
    dropout: Share = 0.2
    batch_norm: bool = False


def build(input_shape: tuple[int, int], n_classes: int, params: Settings) -> Any:
    """Maps, float32 (batch, frames, coefficients), to logits; see `trainer.architectures.Build`."""
    own = typed_params(params, Mlp)
    maps = keras.Input(input_shape)
    x = dense(layers.Flatten()(maps), own.hidden, own.dropout, batch_norm=own.batch_norm)
    return keras.Model(maps, layers.Dense(n_classes)(x))

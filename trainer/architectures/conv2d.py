"""2-D convolutions over time and coefficients as over a picture, then fully connected layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import keras
import msgspec
from keras import layers

from trainer.architectures import typed_params
from trainer.architectures.layers import as_image, dense, normalised
from trainer.recipe import Count, Share

if TYPE_CHECKING:
    from trainer.recipe import Settings


class Convolution(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One convolution with ReLU.

    Attributes:
        filters: output channels.
        kernel: its frames and coefficients.
        strides: what it divides time and coefficients by.
        pool: what a max pool behind it divides them by.
        dropout: behind the pool.
    """

    filters: Count
    kernel: tuple[Count, Count] = (3, 3)
    strides: tuple[Count, Count] = (1, 1)
    pool: tuple[Count, Count] = (1, 1)
    dropout: Share = 0.0


class Conv2D(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings.

    Attributes:
        convolutions: in their order.
        batch_norm: before each ReLU of a convolution.
        head: what the dense layers see: everything, or the mean or the maximum over the picture.
        dense: units of the hidden layers.
        dropout: after each of these.
    """

    convolutions: tuple[Convolution, ...] = (
        Convolution(filters=16, pool=(2, 2)),
        Convolution(filters=32, pool=(2, 2)),
        Convolution(filters=64, pool=(2, 2)),
        Convolution(filters=128, pool=(2, 2)),
    )
    batch_norm: bool = False
    head: Literal["flatten", "mean", "max"] = "flatten"
    dense: tuple[Count, ...] = (128, 64)
    dropout: Share = 0.3


def build(input_shape: tuple[int, int], n_classes: int, params: Settings) -> Any:
    """Maps, float32 (batch, frames, coefficients), to logits; see `trainer.architectures.Build`."""
    own = typed_params(params, Conv2D)
    maps = keras.Input(input_shape)
    x = as_image(maps, mean_removed=False)
    for convolution in own.convolutions:
        x = _convolved(x, convolution, batch_norm=own.batch_norm)
    x = dense(_head(x, own.head), own.dense, own.dropout, batch_norm=False)
    return keras.Model(maps, layers.Dense(n_classes)(x))


def _convolved(x: Any, own: Convolution, *, batch_norm: bool) -> Any:
    x = layers.Conv2D(own.filters, own.kernel, own.strides, padding="same", use_bias=not batch_norm)(x)
    x = layers.ReLU()(normalised(x) if batch_norm else x)
    if own.pool != (1, 1):
        x = layers.MaxPooling2D(own.pool, padding="same")(x)
    return layers.Dropout(own.dropout)(x) if own.dropout else x


def _head(x: Any, name: str) -> Any:
    kinds = {"flatten": layers.Flatten, "mean": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}
    return kinds[name]()(x)

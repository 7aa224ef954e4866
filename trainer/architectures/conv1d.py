"""1-D convolutions over time, all coefficients as channels; over the coefficients where the clip is one vector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import keras
import msgspec
from keras import layers

from trainer.architectures import typed_params
from trainer.architectures.layers import dense, normalised
from trainer.recipe import Count, Share

if TYPE_CHECKING:
    from trainer.recipe import Settings


class Convolution(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One convolution with ReLU.

    Attributes:
        filters: output channels.
        kernel: its length.
        pool: what a max pool behind it divides the length by; 1 is none.
        dropout: behind the pool.
    """

    filters: Count
    kernel: Count = 5
    pool: Count = 1
    dropout: Share = 0.0


class Conv1D(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings.

    Attributes:
        convolutions: in their order.
        batch_norm: before each ReLU of a convolution.
        head: how the length goes: kept and flattened, or its mean, or its maximum.
        dense: units of the hidden layers behind it.
        dropout: after each of these.
    """

    convolutions: tuple[Convolution, ...] = (
        Convolution(filters=64, pool=2),
        Convolution(filters=128, pool=2),
        Convolution(filters=128),
    )
    batch_norm: bool = False
    head: Literal["flatten", "mean", "max"] = "flatten"
    dense: tuple[Count, ...] = ()
    dropout: Share = 0.2


def build(input_shape: tuple[int, int], n_classes: int, params: Settings) -> Any:
    """Maps, float32 (batch, length, channels), to logits; see `trainer.architectures.Build`.

    A pooled vector comes as (batch, coefficients, 1).
    """
    own = typed_params(params, Conv1D)
    x = maps = keras.Input(input_shape)
    for convolution in own.convolutions:
        x = _convolved(x, convolution, batch_norm=own.batch_norm)
    x = dense(_head(x, own.head), own.dense, own.dropout, batch_norm=False)
    return keras.Model(maps, layers.Dense(n_classes)(x))


def _convolved(x: Any, convolution: Convolution, *, batch_norm: bool) -> Any:
    x = layers.Conv1D(convolution.filters, convolution.kernel, padding="same", use_bias=not batch_norm)(x)
    x = layers.ReLU()(normalised(x) if batch_norm else x)
    if convolution.pool > 1:
        x = layers.MaxPooling1D(convolution.pool, padding="same")(x)
    return layers.Dropout(convolution.dropout)(x) if convolution.dropout else x


def _head(x: Any, name: str) -> Any:
    kinds = {"flatten": layers.Flatten, "mean": layers.GlobalAveragePooling1D, "max": layers.GlobalMaxPooling1D}
    return kinds[name]()(x)

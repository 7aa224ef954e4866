"""Light-SERNet, for reference; its authors classify 40 cepstra of 3 s or 7 s.

Aftab et al. 2022, "Light-SERNet: a lightweight fully convolutional neural network for speech emotion recognition",
ICASSP; arXiv 2110.03435.

Three convolutions side by side look along time, along the coefficients and at both; five more follow, and the mean of
what is left. Not taken over: the L2 penalty of 1e-6 on the weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import msgspec
from keras import layers

from trainer.architectures import typed_params
from trainer.architectures.layers import as_image, convolved
from trainer.recipe import Count, Share

if TYPE_CHECKING:
    from trainer.recipe import Settings

_PATHS = ((11, 1), (1, 9), (3, 3))
_BODY = ((64, (2, 2)), (96, (2, 2)), (128, (2, 1)), (160, (2, 1)))
"""Channels of a 3 x 3 convolution, and what the mean pool behind it divides time and coefficients by."""


class LightSerNet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings.

    Attributes:
        path_filters: of each of the three paths.
        width: channels that are averaged.
        dropout: before the classifier.
    """

    path_filters: Count = 32
    width: Count = 320
    dropout: Share = 0.3


def build(input_shape: tuple[int, int], n_classes: int, params: Settings) -> Any:
    """Maps, float32 (batch, frames, coefficients), to logits; see `trainer.architectures.Build`."""
    own = typed_params(params, LightSerNet)
    maps = keras.Input(input_shape)
    image = as_image(maps, mean_removed=False)
    x = layers.Concatenate()([_pooled(convolved(image, own.path_filters, kernel), (2, 2)) for kernel in _PATHS])
    for channels, pool in _BODY:
        x = _pooled(convolved(x, channels, (3, 3)), pool)
    x = layers.GlobalAveragePooling2D()(convolved(x, own.width, (1, 1)))
    return keras.Model(maps, layers.Dense(n_classes)(layers.Dropout(own.dropout)(x)))


def _pooled(x: Any, size: tuple[int, int]) -> Any:
    return layers.AveragePooling2D(size, padding="same")(x)

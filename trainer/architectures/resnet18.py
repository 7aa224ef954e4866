"""ResNet18 (He et al. 2016, table 1) on maps with one channel.

A 7 x 7 convolution and a max pool, each of stride 2; four stages of two basic blocks, channels doubled and both axes
halved from stage to stage; shortcuts projected where the shape changes (option B); the mean over all that is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import keras
import msgspec
from keras import layers, ops
from msgspec import Meta

from trainer.architectures import typed_params
from trainer.architectures.layers import as_image, normalised
from trainer.recipe import Count, Share

if TYPE_CHECKING:
    from trainer.recipe import Settings

_STAGES = 4
_BLOCKS = 2


class ResNet18(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings.

    Attributes:
        width: channels of the first stage, 64 in the paper.
        side: maps are stretched to so many frames and coefficients first, as pictures often are; 0 leaves them.
        dropout: before the classifier.
    """

    width: Count = 64
    side: Annotated[int, Meta(ge=0)] = 0
    dropout: Share = 0.0


def build(input_shape: tuple[int, int], n_classes: int, params: Settings) -> Any:
    """Maps, float32 (batch, frames, coefficients), to logits; see `trainer.architectures.Build`."""
    own = typed_params(params, ResNet18)
    maps = keras.Input(input_shape)
    x = as_image(maps, mean_removed=False)
    if own.side:
        # Not layers.Resizing: where nobody says, it puts all layers behind it into training.
        x = ops.image.resize(x, (own.side, own.side))
    x = layers.ReLU()(_convolved(x, own.width, 7, 2))
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    for stage in range(_STAGES):
        for block in range(_BLOCKS):
            x = _block(x, own.width << stage, 2 if stage and not block else 1)
    x = layers.Dropout(own.dropout)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(maps, layers.Dense(n_classes)(x))


def _block(x: Any, channels: int, stride: int) -> Any:
    """The basic block: two 3 x 3 convolutions, around which the input is carried."""
    y = layers.ReLU()(_convolved(x, channels, 3, stride))
    y = _convolved(y, channels, 3, 1)
    if stride != 1 or x.shape[-1] != channels:
        x = _convolved(x, channels, 1, stride)
    return layers.ReLU()(layers.Add()([x, y]))


def _convolved(x: Any, channels: int, kernel: int, stride: int) -> Any:
    """Convolution and batch normalisation; weights start as in He et al. 2015."""
    start = keras.initializers.HeNormal()
    options = {"padding": "same", "use_bias": False, "kernel_initializer": start}
    return normalised(layers.Conv2D(channels, kernel, stride, **options)(x))

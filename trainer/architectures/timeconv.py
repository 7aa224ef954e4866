"""A stem of 2-D convolutions that narrows the frequency axis, then residual convolutions over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import msgspec
from keras import layers

from trainer.architectures import typed_params
from trainer.architectures.layers import as_image, as_sequence, convolved, convolved_in_time, logits
from trainer.recipe import Count, Share

if TYPE_CHECKING:
    from trainer.recipe import Settings


class TimeConv(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings.

    Attributes:
        stem_channels: of the 2-D convolutions; all halve frequency, the first divides time by 4.
        width: channels of the convolutions over time.
        blocks: residual convolutions over time.
        dropout: before the classifier; half of it before and in the convolutions over time.
        mean_removed: give the network a second channel without the window's mean spectrum.
    """

    stem_channels: tuple[Count, ...] = (16, 32, 48)
    width: Count = 96
    blocks: int = 2
    dropout: Share = 0.2
    mean_removed: bool = False


def build(input_shape: tuple[int, int], n_classes: int, params: Settings) -> Any:
    """Maps, float32 (batch, frames, filters), to logits; see `trainer.architectures.Build`."""
    own = typed_params(params, TimeConv)
    maps = keras.Input(input_shape)
    x = as_image(maps, mean_removed=own.mean_removed)
    first, *others = own.stem_channels
    x = convolved(x, first, (7, 5), (4, 2))
    for channels in others:
        x = convolved(x, channels, (3, 3), (1, 2))
    x = layers.Dropout(own.dropout / 2)(as_sequence(x))
    x = convolved_in_time(x, own.width, 1)
    for _ in range(own.blocks):
        x = layers.Add()([x, layers.Dropout(own.dropout / 2)(convolved_in_time(x, own.width, 3))])
    return keras.Model(maps, logits(x, n_classes, own.dropout))

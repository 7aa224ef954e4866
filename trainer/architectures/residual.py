"""A small residual network over time and frequency (He et al. 2016), pooled over time by attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import keras
import msgspec
from keras import layers

from trainer.architectures import typed_params
from trainer.architectures.layers import (
    STATISTICS,
    Statistic,
    as_image,
    as_sequence,
    convolved,
    convolved_in_time,
    logits,
    normalised,
)
from trainer.recipe import Count, Share

if TYPE_CHECKING:
    from trainer.recipe import Settings


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One residual block; `strides` divide time and frequency."""

    channels: Count
    strides: tuple[Count, Count] = (1, 1)


class Residual(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings.

    Attributes:
        stem_channels: of the first convolution.
        stem_kernel: its frames and filters.
        stem_strides: what it divides time and frequency by.
        stages: the residual blocks.
        width: channels that are pooled.
        dropout: before the classifier; half of it before the last convolution.
        mean_removed: give the network a second channel without the window's mean spectrum.
        statistics: of the time steps that the classifier is given: `mean` and `deviation` by attention, `maximum`.
    """

    stem_channels: Count = 16
    stem_kernel: tuple[Count, Count] = (7, 5)
    stem_strides: tuple[Count, Count] = (4, 2)
    stages: tuple[Stage, ...] = (
        Stage(channels=24, strides=(1, 2)),
        Stage(channels=40, strides=(2, 2)),
        Stage(channels=56, strides=(2, 1)),
    )
    width: Count = 96
    dropout: Share = 0.2
    mean_removed: bool = False
    statistics: Annotated[tuple[Statistic, ...], msgspec.Meta(min_length=1)] = STATISTICS

    def __post_init__(self) -> None:
        """Refuse attention that nothing asks for, and what is given twice.

        Raises:
            ValueError: neither mean nor deviation is there, or one statistic twice.
        """
        if self.statistics == ("maximum",) or len(set(self.statistics)) < len(self.statistics):
            raise ValueError(f"statistics are {', '.join(self.statistics)}; wanted mean or deviation, each once")


def build(input_shape: tuple[int, int], n_classes: int, params: Settings) -> Any:
    """Maps, float32 (batch, frames, filters), to logits; see `trainer.architectures.Build`."""
    own = typed_params(params, Residual)
    maps = keras.Input(input_shape)
    x = convolved(as_image(maps, mean_removed=own.mean_removed), own.stem_channels, own.stem_kernel, own.stem_strides)
    for stage in own.stages:
        x = _block(x, stage)
    x = convolved_in_time(layers.Dropout(own.dropout / 2)(as_sequence(x)), own.width, 1)
    return keras.Model(maps, logits(x, n_classes, own.dropout, own.statistics))


def _block(x: Any, stage: Stage) -> Any:
    """Two convolutions around which the input, pooled and projected where the shape changes, is carried."""
    y = convolved(x, stage.channels, (3, 3), stage.strides)
    y = normalised(layers.Conv2D(stage.channels, (3, 3), padding="same", use_bias=False)(y))
    if stage.strides != (1, 1):
        x = layers.AveragePooling2D(stage.strides, stage.strides, padding="same")(x)
    if x.shape[-1] != stage.channels or stage.strides != (1, 1):
        x = normalised(layers.Conv2D(stage.channels, 1, use_bias=False)(x))
    return layers.ReLU()(layers.Add()([x, y]))

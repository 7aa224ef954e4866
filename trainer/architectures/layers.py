"""Layers that the architectures share."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

import keras
from keras import layers, ops

from trainer.heads import Heads

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Statistic = Literal["mean", "deviation", "maximum"]
STATISTICS: tuple[Statistic, ...] = ("mean", "deviation")
_BATCH_NORM_MOMENTUM = 0.97
"""Runs are short: the usual 0.99 would still hold statistics of early weights when they are averaged."""
_TINY_VARIANCE = 1e-3
_TINY_LOUDNESS = 1e-4
_MEAN_FLOOR = -1.5


@keras.saving.register_keras_serializable(package="ser_monitor")
class AttentiveStatistics(layers.Layer):  # type: ignore[misc]
    """Mean and standard deviation over time, frames weighted by attention (Okabe et al. 2018), or other statistics."""

    def __init__(self, units: int = 32, statistics: Sequence[Statistic] = STATISTICS, **kwargs: Any) -> None:
        """Give the attention `units` hidden units."""
        super().__init__(**kwargs)
        self.units, self.statistics = units, tuple(statistics)
        self._hidden = layers.Dense(units, activation="tanh")
        self._score = layers.Dense(1)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the two layers of the attention."""
        self._hidden.build(input_shape)
        self._score.build((*input_shape[:-1], self.units))
        super().build(input_shape)

    def call(self, frames: Any) -> Any:
        """float32 (batch, time, channels) to float32 (batch, statistics * channels)."""
        weights = ops.softmax(self._score(self._hidden(frames)), axis=1)
        mean = ops.sum(weights * frames, axis=1)
        variance = ops.sum(weights * ops.square(frames), axis=1) - ops.square(mean)
        found = {"mean": mean, "deviation": ops.sqrt(ops.maximum(variance, 0.0) + _TINY_VARIANCE)}
        if "maximum" in self.statistics:
            found["maximum"] = ops.max(frames, axis=1)
        return ops.concatenate([found[name] for name in self.statistics], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """What the constructor takes."""
        return {**super().get_config(), "units": self.units, "statistics": self.statistics}


@keras.saving.register_keras_serializable(package="ser_monitor")
class WithMeanRemoved(layers.Layer):  # type: ignore[misc]
    """Adds a second channel: the maps minus the window's mean spectrum, loud frames counting more.

    It takes away what stays the same over a window, the microphone and the speaker's own colour.
    """

    def call(self, maps: Any) -> Any:
        """float32 (batch, frames, filters) to float32 (batch, frames, filters, 2)."""
        loudness = ops.relu(ops.mean(maps, axis=2, keepdims=True)) + _TINY_LOUDNESS
        mean = ops.sum(loudness * maps, axis=1, keepdims=True) / ops.sum(loudness, axis=1, keepdims=True)
        return ops.stack([maps, ops.maximum(maps - mean, _MEAN_FLOOR)], axis=-1)


@keras.saving.register_keras_serializable(package="ser_monitor")
class Detached(layers.Layer):  # type: ignore[misc]
    """The same values; what learns behind it does not change what lies before."""

    def call(self, x: Any) -> Any:
        """Any shape."""
        return ops.stop_gradient(x)


@keras.saving.register_keras_serializable(package="ser_monitor")
class Consensus(layers.Layer):  # type: ignore[misc]
    """Mean of the members' answers; a head's logits are divided by its temperature first (Guo et al. 2017)."""

    def __init__(
        self,
        heads: Heads | dict[str, Any] | None = None,
        temperature: float = 1.0,
        *,
        by_gender: bool = False,
        gender_temperature: float = 1.0,
        **kwargs: Any,
    ) -> None:
        """Take the shape of the members' answers.

        Args:
            heads: of each member; a dictionary where a file is read; None: all columns are of the emotion.
            temperature: of the emotion; above 1 makes less sure, below 1 surer.
            by_gender: each label for women and for men, as `label_scheme` orders them.
            gender_temperature: of the gender.
            kwargs: Keras' own.
        """
        super().__init__(**kwargs)
        self.heads = Heads(**heads) if isinstance(heads, dict) else heads
        self.temperature, self.by_gender = temperature, by_gender
        self.gender_temperature = gender_temperature

    def call(self, logits: Any) -> Any:
        """float32 (batch, members, columns) to (batch, outputs + time steps).

        Outputs have sum 1; speech activity, where there is such a head, is 0 to 1 for each time step.
        """
        heads = self.heads or Heads(logits.shape[-1], non_speech=False, n_genders=0, activity=False)
        emotion, gender, activity = heads.split(logits)
        posteriors = ops.softmax(emotion / self.temperature, axis=-1)
        if self.by_gender:
            shares, n_labels = ops.softmax(gender / self.gender_temperature, axis=-1), heads.n_labels
            of_genders = [shares[..., i : i + 1] * posteriors[..., :n_labels] for i in range(heads.n_genders)]
            posteriors = ops.concatenate([*of_genders, posteriors[..., n_labels:]], axis=-1)
        answers = [posteriors, ops.sigmoid(activity)] if heads.activity else [posteriors]
        return ops.mean(ops.concatenate(answers, axis=-1), axis=1)

    def get_config(self) -> dict[str, Any]:
        """What the constructor takes."""
        return {
            **super().get_config(),
            "heads": self.heads and asdict(self.heads),
            "temperature": self.temperature,
            "by_gender": self.by_gender,
            "gender_temperature": self.gender_temperature,
        }


def as_image(maps: Any, *, mean_removed: bool) -> Any:
    """Maps (batch, frames, filters) with a channel axis: one channel, or two with `WithMeanRemoved`."""
    return WithMeanRemoved()(maps) if mean_removed else layers.Reshape((*maps.shape[1:], 1))(maps)


def normalised(x: Any) -> Any:
    """Batch normalisation."""
    return layers.BatchNormalization(momentum=_BATCH_NORM_MOMENTUM)(x)


def convolved(x: Any, channels: int, kernel: tuple[int, int], strides: tuple[int, int] = (1, 1)) -> Any:
    """Convolution over time and frequency, batch normalisation, ReLU."""
    x = layers.Conv2D(channels, kernel, strides, padding="same", use_bias=False)(x)
    return layers.ReLU()(normalised(x))


def convolved_in_time(x: Any, channels: int, kernel: int) -> Any:
    """Convolution over time alone, batch normalisation, ReLU; (batch, time, channels)."""
    return layers.ReLU()(normalised(layers.Conv1D(channels, kernel, padding="same", use_bias=False)(x)))


def dense(x: Any, units: Iterable[int], dropout: float, *, batch_norm: bool) -> Any:
    """Fully connected layers with ReLU, each followed by dropout; (batch, n) to (batch, last of `units`)."""
    for n in units:
        x = layers.Dense(n, use_bias=not batch_norm)(x)
        x = layers.Dropout(dropout)(layers.ReLU()(normalised(x) if batch_norm else x))
    return x


def as_sequence(x: Any) -> Any:
    """(batch, time, frequency, channels) to (batch, time, frequency * channels)."""
    _, time, frequency, channels = x.shape
    return layers.Reshape((time, frequency * channels))(x)


def logits(frames: Any, n_classes: int, dropout: float, statistics: Sequence[Statistic] = STATISTICS) -> Any:
    """Pool (batch, time, channels) over time and classify: (batch, n_classes)."""
    return layers.Dense(n_classes)(layers.Dropout(dropout)(AttentiveStatistics(statistics=statistics)(frames)))

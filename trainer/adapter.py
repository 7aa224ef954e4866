"""Adapters: small networks beside the outputs of one that is there and stays as it is.

The name is that of Houlsby et al. 2019, whose adapters lie within a frozen network's layers.

The features of a finished network tell more of speech than one weighted sum of them. An adapter reads them, and what it
answers is added to the logits of no speech and of speech activity. At first that is nothing, as its last layers begin
with zeros.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
from keras import layers

if TYPE_CHECKING:
    from trainer.heads import Heads
    from trainer.recipe import AdapterTable

_PREFIX = "adapter"
"""Names of its layers begin with it: by these it is told from the network that it is laid on."""


def adapted(member: Any, pooling: Any, heads: Heads, table: AdapterTable) -> Any:
    """A member with an adapter, which alone can learn.

    Args:
        member: maps to logits, (batch, columns), with an output for no speech and a head for speech activity.
        pooling: its layer from time steps, (batch, steps, channels), to the features of the window.
        heads: of the member.
        table: the adapter's size.
    """
    # Batch normalisation that is frozen keeps its statistics too.
    member.trainable = False
    emotion, gender, activity = heads.split(member.output)
    labels, none = emotion[..., : heads.n_labels], emotion[..., heads.n_labels :]
    steps = layers.Conv1D(table.units, table.steps, padding="same", activation="relu", name=f"{_PREFIX}_steps")
    activity = layers.Add()([activity, layers.Flatten()(_last("activity")(steps(pooling.input)))])
    window = layers.Dense(table.units, activation="relu", name=f"{_PREFIX}_window")
    none = layers.Add()([none, _last("none")(window(layers.Concatenate()([pooling.output, activity])))])
    columns = [labels, none, gender, activity] if heads.n_genders else [labels, none, activity]
    return keras.Model(member.input, layers.Concatenate()(columns))


def is_adapter(weight: Any) -> bool:
    """Whether a weight of a network is an adapter's."""
    return any(part.startswith(_PREFIX) for part in weight.path.split("/"))


def _last(name: str) -> Any:
    return layers.Dense(1, kernel_initializer="zeros", name=f"{_PREFIX}_{name}")

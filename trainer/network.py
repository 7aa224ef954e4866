"""Networks as they are trained, deployed and stored. Keras, and what it runs on, is loaded here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from monitor.errors import ConfigError, ModelError, NoInputError
from trainer.adapter import adapted
from trainer.architectures import build_architecture
from trainer.architectures.frontend import FrontEnd
from trainer.architectures.layers import AttentiveStatistics, Consensus, Detached
from trainer.heads import Heads
from trainer.temperature import Temperatures

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from trainer.recipe import FrontEndTable, Recipe

_BATCH = 256


def trained(recipe: Recipe) -> Any:
    """What is trained: maps, float32 (batch, frames, filters), to logits of each member, (batch, members, columns).

    Columns are those of `trainer.heads`.

    Raises:
        ConfigError: the architecture has no place for a head.
    """
    shape = recipe.window.frames, recipe.features.n_filters
    members = [_member(recipe, shape) for _ in range(recipe.committee)]
    maps = keras.Input(shape)
    stacked = [keras.layers.Reshape((1, member.output_shape[-1]))(member(maps)) for member in members]
    return keras.Model(maps, keras.layers.Concatenate(axis=1)(stacked) if len(stacked) > 1 else stacked[0])


def _member(recipe: Recipe, shape: tuple[int, int]) -> Any:
    """The recipe's architecture, with the further heads on what its classifier and its pooling are given."""
    heads = Heads.of(recipe)
    body = build_architecture(recipe.architecture, shape, heads.n_outputs)
    classifier, columns = body.layers[-1], [body.output]
    pooling = next((layer for layer in body.layers if isinstance(layer, AttentiveStatistics)), None)
    if heads.n_genders:
        columns.append(keras.layers.Dense(heads.n_genders)(Detached()(classifier.input)))
    if heads.activity:
        if pooling is None:
            raise ConfigError(
                f"architecture '{recipe.architecture['name']}' has no time steps that speech activity could be told "
                "of; set tasks.speech_activity = 0, or take 'residual'"
            )
        n_frames, n_steps = shape[0], pooling.input.shape[1]
        if n_frames % n_steps:
            raise ConfigError(
                f"{n_frames} frames of a window become {n_steps} time steps, wanted a divisor of {n_frames} for "
                "tasks.speech_activity; change window.frames or the architecture's strides"
            )
        columns.append(keras.layers.Flatten()(keras.layers.Dense(1)(Detached()(pooling.input))))
    member = keras.Model(body.input, keras.layers.Concatenate()(columns)) if len(columns) > 1 else body
    return adapted(member, pooling, heads, recipe.adapter) if recipe.adapter else member


def front_end(table: FrontEndTable, *, cepstra: bool) -> FrontEnd:
    """The front-end with the recipe's constants."""
    return FrontEnd(cepstra=cepstra, floor=table.floor, scale=table.scale, shift=table.shift)


def deployed(body: Any, recipe: Recipe, temperatures: Temperatures | None = None, *, by_gender: bool = False) -> Any:
    """All in one graph: front-end, members, temperatures and the mean of their answers.

    Args:
        body: of `trained`.
        recipe: gives shapes and front-end.
        temperatures: logits are divided by them, see `trainer.temperature`; None: by 1.
        by_gender: labels by gender, from the heads of emotion and gender together.

    Returns:
        A network from features, float32 (batch, frames, coefficients), to posteriors and speech activity,
        (batch, outputs + time steps).
    """
    features = keras.Input((recipe.window.frames, recipe.features.n_coefficients))
    maps = front_end(recipe.front_end, cepstra=recipe.features.name == "mfcc")(features)
    own = temperatures or Temperatures()
    consensus = Consensus(Heads.of(recipe), own.emotion, by_gender=by_gender, gender_temperature=own.gender)
    return keras.Model(features, consensus(body(maps)), name=recipe.name.replace("-", "_"))


def read_network(path: Path) -> Any:
    """A deployed network from a `.keras` file.

    Raises:
        NoInputError: there is no such file.
        ModelError: it is not one of these.
    """
    # Registers the layers that the file names.
    import trainer.architectures.layers  # noqa: F401, PLC0415

    if not path.is_file():
        raise NoInputError(f"no such network: {path}; train it with ser-train train")
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path}: not a network of this trainer ({reason}); train it again") from None


def posteriors_of(network: Any, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Answers to many windows, float32 (n, frames, coefficients) to float64 (n, outputs + time steps)."""
    parts = [np.asarray(network(features[i : i + _BATCH], training=False)) for i in range(0, len(features), _BATCH)]
    return np.concatenate(parts).astype(np.float64) if parts else np.empty((0, network.output_shape[-1]))


def multiply_adds(network: Any) -> int | None:
    """Of one window: half the floating point operations that TensorFlow's profiler counts in the frozen graph.

    None where Keras runs on something else.
    """
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf  # noqa: PLC0415 - Keras may run on something else until here
    from tensorflow.python.framework.convert_to_constants import (  # noqa: PLC0415
        convert_variables_to_constants_v2 as frozen,
    )

    function = tf.function(lambda window: network(window, training=False))
    concrete = function.get_concrete_function(tf.TensorSpec((1, *network.input_shape[1:]), tf.float32))
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    counted = tf.compat.v1.profiler.profile(frozen(concrete).graph, options={**options, "output": "none"})
    return int(counted.total_float_ops // 2)

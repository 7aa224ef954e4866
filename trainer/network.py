"""Networks as they are trained, deployed and stored. TensorFlow is loaded here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from monitor.errors import ModelError, NoInputError
from trainer.architectures import build_architecture
from trainer.architectures.frontend import FrontEnd
from trainer.labels import label_scheme

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from trainer.recipe import FrontEndTable, Recipe

_BATCH = 256


def trained(recipe: Recipe) -> Any:
    """The network that is trained: maps, float32 (batch, frames, filters), to logits."""
    shape = recipe.window.frames, recipe.features.n_filters
    return build_architecture(recipe.architecture, shape, len(label_scheme(recipe.labels).labels))


def front_end(table: FrontEndTable, *, cepstra: bool) -> FrontEnd:
    """The front-end with the recipe's constants."""
    return FrontEnd(cepstra=cepstra, floor=table.floor, scale=table.scale, shift=table.shift)


def deployed(body: Any, recipe: Recipe) -> Any:
    """Features, float32 (batch, frames, coefficients), to posteriors: front-end, network and softmax in one graph."""
    features = keras.Input((recipe.window.frames, recipe.features.n_coefficients))
    maps = front_end(recipe.front_end, cepstra=recipe.features.name == "mfcc")(features)
    return keras.Model(features, keras.layers.Softmax()(body(maps)), name=recipe.name.replace("-", "_"))


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
    """Posteriors of many windows, float32 (n, frames, coefficients) to float64 (n, labels)."""
    parts = [np.asarray(network(features[i : i + _BATCH], training=False)) for i in range(0, len(features), _BATCH)]
    return np.concatenate(parts).astype(np.float64) if parts else np.empty((0, network.output_shape[-1]))

"""One step of training a network on a batch of clips. TensorFlow is loaded here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from trainer.architectures import build_architecture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainer.clipbatches import Batch
    from trainer.cliprecipe import ClipRecipe, FitTable
    from trainer.examples import Examples


class Stepper:
    """A network, its optimiser, and the step."""

    def __init__(self, recipe: ClipRecipe, fit: FitTable, input_shape: tuple[int, int], n_labels: int) -> None:
        """Build the network with the recipe's seed.

        Args:
            recipe: gives seed and architecture.
            fit: its table.
            input_shape: of `Examples`.
            n_labels: of the scheme.

        Raises:
            ConfigError: the architecture is unknown, or a setting is not valid.
        """
        keras.utils.set_random_seed(recipe.seed)
        self.body = build_architecture(recipe.architecture or {}, input_shape, n_labels)
        # No variable of Keras: the optimiser would take it for one of its own.
        self._momentum = tf.Variable(fit.momentum, trainable=False, dtype=tf.float32)
        self.optimizer = _optimizer(fit, self._momentum)
        self.optimizer.build(self.body.trainable_variables)
        self._smoothing, self._n_labels = fit.label_smoothing, n_labels
        self._step = tf.function(self._train_step, reduce_retracing=True)
        maps = tf.TensorSpec((None, *input_shape), tf.float32)
        self._forward = tf.function(lambda maps: tf.nn.softmax(self.body(maps, training=False)), input_signature=[maps])

    @property
    def variables(self) -> list[Any]:
        """All that a step changes: weights, batch statistics, dropout's generators, the optimiser's moments."""
        return [*self.body.variables, *self.optimizer.variables]

    def step(self, batch: Batch, rate: float, momentum: float) -> tuple[float, int]:
        """Train on one batch.

        Args:
            batch: always of the same size.
            rate: learning rate of this step.
            momentum: of this step.

        Returns:
            The mean loss, and for how many the likeliest label was the target's likeliest.
        """
        arrays = (tf.constant(array) for array in (batch.maps, batch.targets, batch.weights))
        loss, n_right = self._step(*arrays, tf.constant(rate, tf.float32), tf.constant(momentum, tf.float32))
        return float(loss), int(n_right)

    def posteriors(self, examples: Examples, size: int) -> NDArray[np.float64]:
        """Of clips, float64 (clips, labels), with the weights as they are; `size` windows at a time."""
        return clip_posteriors(self._forward, examples, size)

    def _train_step(self, maps: Any, targets: Any, weights: Any, rate: Any, momentum: Any) -> tuple[Any, Any]:
        self.optimizer.learning_rate.assign(rate)
        self._momentum.assign(momentum)
        variables = self.body.trainable_variables
        with tf.GradientTape() as tape:
            logits = self.body(maps, training=True)
            smooth = targets * (1 - self._smoothing) + self._smoothing / self._n_labels
            errors = tf.nn.softmax_cross_entropy_with_logits(smooth, logits)
            loss = tf.reduce_mean(weights * errors)
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        right = tf.argmax(logits, axis=-1) == tf.argmax(targets, axis=-1)
        return loss, tf.reduce_sum(tf.cast(right, tf.int32))


class CyclingSgd(keras.optimizers.SGD):  # type: ignore[misc]
    """Stochastic gradient descent whose momentum is a variable; that of Keras has to be a number."""

    def __init__(self, variable: Any, **kwargs: Any) -> None:
        """Take the momentum from `variable`; what else there is, is Keras' own."""
        super().__init__(**kwargs)
        self._current = variable

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """As in Keras: momentum times the last move, minus rate times gradient."""
        move = self.momentums[self._get_variable_index(variable)]
        self.assign(move, move * self._current - learning_rate * gradient)
        self.assign_add(variable, move)


def clip_posteriors(forward: Any, examples: Examples, size: int) -> NDArray[np.float64]:
    """Posteriors of clips, float64 (clips, labels): means over their windows.

    Args:
        forward: maps, float32 (n, *input_shape), to posteriors.
        examples: the clips.
        size: windows at a time.
    """
    parts = (np.asarray(forward(examples.maps(part))) for part in examples.in_parts(examples.every(), size))
    return examples.averaged(np.concatenate([part.astype(np.float64) for part in parts]))


def _optimizer(fit: FitTable, momentum: Any) -> Any:
    """The optimiser of the recipe; RMSprop has no momentum here, as usual."""
    common = {"learning_rate": fit.learning_rate, "weight_decay": fit.weight_decay or None}
    if fit.optimizer == "rmsprop":
        return keras.optimizers.RMSprop(**common)
    if fit.optimizer == "sgd":
        if not fit.momentum:
            return keras.optimizers.SGD(**common)
        return CyclingSgd(momentum, momentum=float(fit.momentum), **common)
    if fit.optimizer == "adamw":
        return keras.optimizers.AdamW(beta_1=momentum, **{**common, "weight_decay": fit.weight_decay})
    return keras.optimizers.Adam(beta_1=momentum, **common)

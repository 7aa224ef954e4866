"""Training: AdamW on logits, averaged weights, chosen by the validation speakers; can be interrupted and resumed.

Written for whatever Keras runs on: KERAS_BACKEND=jax trains the same network where there is a GPU and no TensorFlow.

The state on disk holds all variables and the step. Batches are a pure function of the step and dropout's generators
are variables of the model, so a resumed run sees what the unbroken one would have seen.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import keras
import msgspec
import numpy as np
from keras import ops
from tqdm import tqdm

from monitor.errors import ConfigError
from trainer import network
from trainer.adapter import is_adapter
from trainer.heads import Heads
from trainer.labels import GENDERS
from trainer.material import labels_of
from trainer.metrics import NO_ANSWER, score
from trainer.runs import write_arrays, write_json
from trainer.temperature import AnsweredWindows, Temperatures, fitted_temperature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from trainer.corpora import Utterance
    from trainer.dataset import Batches
    from trainer.material import HeardWindows
    from trainer.recipe import Recipe, TrainingTable
    from trainer.runs import RunFolder

_PREFETCHED = 8
_LOWEST_OF_GENDER = 0.2
"""Where few speakers are all told apart, what fits them best would be no doubt at all."""


class Validation:
    """The validation speakers' clips, ready to be scored."""

    def __init__(self, utterances: Sequence[Utterance], heard: HeardWindows, recipe: Recipe) -> None:
        """Put the windows through the front-end once."""
        front_end = network.front_end(recipe.front_end, cepstra=recipe.features.name == "mfcc")
        self._maps = _in_parts(front_end, heard.windows)
        self._heard = heard
        self._truth = labels_of(utterances, recipe)
        self._corpora = [utterance.corpus for utterance in utterances]
        self._genders = [utterance.gender for utterance in utterances]
        self._heads = Heads.of(recipe)

    def uar(self, body: Any, temperature: float = 1.0) -> dict[str, float]:
        """UAR of each corpus, 0-1, and their `mean`; a clip's result is as in the daemon."""
        averages = self._answered(body).posteriors(temperature)
        predicted = np.where(averages.any(axis=1), averages.argmax(axis=1), NO_ANSWER)
        figures = {corpus: self._corpus_uar(corpus, predicted) for corpus in dict.fromkeys(self._corpora)}
        return {**figures, "mean": float(np.mean(list(figures.values())))}

    def temperatures(self, body: Any) -> Temperatures:
        """Those that fit these clips.

        That of the gender may make surer: women are told from men among strangers too.
        """
        gender = fitted_temperature(self._gendered(body), _LOWEST_OF_GENDER) if self._heads.n_genders else 1.0
        return Temperatures(fitted_temperature(self._answered(body)), gender)

    def _answered(self, body: Any) -> AnsweredWindows:
        heard, logits = self._heard, self._logits(body, 0)
        return AnsweredWindows(logits, heard.clip, heard.speech_ratios, self._heads.n_labels, np.array(self._truth))

    def _gendered(self, body: Any) -> AnsweredWindows:
        """What is said of the gender, of the clips where it is known."""
        known = np.array([gender in GENDERS for gender in self._genders])
        number, heard = np.cumsum(known) - 1, self._heard
        windows = known[heard.clip]
        truth = np.array([list(GENDERS).index(gender) for gender in self._genders if gender in GENDERS], np.int64)
        logits = self._logits(body, 1)[windows]
        clip, weights = number[heard.clip[windows]], heard.speech_ratios[windows]
        return AnsweredWindows(logits, clip, weights, self._heads.n_genders, truth)

    def _logits(self, body: Any, head: int) -> NDArray[np.float32]:
        return _in_parts(lambda maps: self._heads.split(body(maps, training=False))[head], self._maps)

    def _corpus_uar(self, corpus: str, predicted: NDArray[np.int64]) -> float:
        of_corpus = [i for i, name in enumerate(self._corpora) if name == corpus]
        return score(
            [self._truth[i] for i in of_corpus], [int(predicted[i]) for i in of_corpus], self._heads.n_labels
        ).uar


class Trainer:
    """One training under way."""

    def __init__(
        self, recipe: Recipe, batches: Batches, judge: Validation | Callable[[], Temperatures], run: RunFolder
    ) -> None:
        """Build network and optimiser; take up the state in `run`, where there is one.

        Args:
            recipe: what to train.
            batches: to train on.
            judge: the validation speakers' clips; or, where everybody is trained on, gives the temperatures when
                the training has ended.
            run: the folder.
        """
        self._recipe, self._batches, self._judge, self._run = recipe, batches, judge, run
        keras.utils.set_random_seed(recipe.seed)
        self._body = network.trained(recipe)
        self._optimizer = _optimizer(recipe.training)
        self._optimizer.build(self._body.trainable_variables)
        # XLA makes convolutions on a CPU three times slower; JAX has nothing else.
        compiled = keras.backend.backend() != "tensorflow"
        # The same layers in a model of their own: what is compiled is stored with its loss, which no reader knows.
        self._learner = keras.Model(self._body.input, self._body.output)
        self._learner.compile(self._optimizer, HeadsLoss(recipe), jit_compile=compiled)
        self._best = -1.0
        self._best_variables: list[NDArray[np.float32]] = []
        self._seconds = 0.0
        self.step = 0
        if run.state.exists():
            self._restore()

    def begin_with(self, weights: Sequence[NDArray[Any]]) -> None:
        """Go on with the weights of another training; without effect once this one has begun.

        Raises:
            ConfigError: they are those of another network.
        """
        own = [weight for weight in self._body.weights if not is_adapter(weight)]
        if [tuple(weight.shape) for weight in own] != [weight.shape for weight in weights]:
            raise ConfigError(
                f"recipe '{self._recipe.name}': its network has {len(own)} arrays of weights, that to begin with "
                f"{len(weights)} or of other shapes; wanted the same architecture, committee and tasks, "
                "and no adapter"
            )
        if self.step == 0:
            _assign(own, weights)

    def train(self, should_stop: Callable[[int], bool]) -> bool:
        """Train to the end, or until `should_stop(step)`.

        Returns:
            Whether the end was reached; if not, the state is on disk.
        """
        table = self._recipe.training
        with tqdm(total=table.steps, initial=self.step, desc="training", unit="batch") as bar:
            losses: list[float] = []
            for maps, targets in prefetched(self._batches.batch, self.step, table.steps):
                losses.append(self._timed_step(maps, targets))
                bar.update()
                bar.set_postfix(loss=f"{np.mean(losses[-100:]):.3f}", uar=f"{self._best:.3f}", refresh=False)
                if self.step % table.validate_every == 0 or self.step == table.steps:
                    self._validate(float(np.mean(losses)))
                    losses.clear()
                # At the end too: what is still to be done may fail, and need not be trained for again.
                if should_stop(self.step) or self.step % table.checkpoint_every == 0 or self.step == table.steps:
                    self._save()
                if should_stop(self.step):
                    return self.step == table.steps
        return True

    def finish(self) -> dict[str, Any]:
        """Write the network as it is deployed, and its figures; the state is no longer needed.

        Returns:
            The figures.
        """
        if self._recipe.training.keep == "best":
            _assign(self._body.variables, self._best_variables)
        else:
            self._use_averages()
        judge = self._judge
        temperatures = judge.temperatures(self._body) if isinstance(judge, Validation) else judge()
        deployed = network.deployed(self._body, self._recipe, temperatures)
        deployed.save(self._run.network)
        if self._recipe.tasks.gender:
            network.deployed(self._body, self._recipe, temperatures, by_gender=True).save(self._run.network_by_gender)
        figures = {
            "validation_uar": judge.uar(self._body, temperatures.emotion) if isinstance(judge, Validation) else {},
            "temperature": round(temperatures.emotion, 4),
            "gender_temperature": round(temperatures.gender, 4),
            "steps": self.step,
            "parameters": self._body.count_params(),
            "multiply_adds": network.multiply_adds(deployed),
            "training_s": round(self._seconds, 1),
        }
        write_json(self._run.metrics, figures)
        self._run.state.unlink(missing_ok=True)
        return figures

    def _timed_step(self, maps: NDArray[np.float32], targets: NDArray[np.float32]) -> float:
        started = time.monotonic()
        loss = float(self._learner.train_on_batch(maps, targets))
        self.step += 1
        self._seconds += time.monotonic() - started
        return loss

    def _validate(self, loss: float) -> None:
        """Score the averaged weights, where there is somebody to score them, log it, and keep them if they are best."""
        uar: dict[str, float] = {}
        if isinstance(self._judge, Validation):
            before = _values(self._body.variables)
            self._use_averages()
            uar = self._judge.uar(self._body)
            if uar["mean"] > self._best:
                self._best, self._best_variables = uar["mean"], _values(self._body.variables)
            # The training's own come back.
            _assign(self._body.variables, before)
        record = {"step": self.step, "loss": round(loss, 4), "validation_uar": uar, "seconds": round(self._seconds, 1)}
        with self._run.log.open("ab") as log:
            log.write(msgspec.json.encode(record) + b"\n")

    def _use_averages(self) -> None:
        """Put the averaged weights in, and measure the statistics of batch normalisation anew.

        Those of the training belong to its own weights: with them the averaged weights lose 3 to 6 points of UAR.
        """
        self._optimizer.finalize_variable_values(self._body.trainable_variables)
        for number in range(self.step, self.step + self._recipe.training.renormalise_batches):
            maps, _ = self._batches.batch(number)
            self._body(maps, training=True)

    def _variables(self) -> list[Any]:
        """All that changes: weights, batch statistics, dropout's generators, all of the optimiser's, averages too."""
        return [*self._body.variables, *self._optimizer.variables]

    def _save(self) -> None:
        arrays = {f"variable_{i:04d}": np.asarray(variable) for i, variable in enumerate(self._variables())}
        best = {f"best_{i:04d}": value for i, value in enumerate(self._best_variables)}
        scalars = {"step": np.int64(self.step), "best": np.float64(self._best), "seconds": np.float64(self._seconds)}
        write_arrays(self._run.state, {**arrays, **best, **scalars})

    def _restore(self) -> None:
        with np.load(self._run.state) as state:
            _assign(self._variables(), [state[name] for name in sorted(state.files) if name.startswith("variable_")])
            self._best_variables = [state[name] for name in sorted(state.files) if name.startswith("best_")]
            self.step, self._best, self._seconds = int(state["step"]), float(state["best"]), float(state["seconds"])
        self._forget_later_looks()

    def _forget_later_looks(self) -> None:
        """Drop log lines from behind the state that is gone back to."""
        if self._run.log.exists():
            lines = self._run.log.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if msgspec.json.decode(line)["step"] <= self.step]
            self._run.log.write_bytes(b"".join(kept))


def prefetched(make: Callable[[int], Any], start: int, stop: int) -> Iterator[Any]:
    """`make(start)` to `make(stop - 1)`, a few of them made ahead in a thread."""
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        ahead = [pool.submit(make, i) for i in range(start, min(start + _PREFETCHED, stop))]
        try:
            for i in range(start, stop):
                yield ahead.pop(0).result()
                if i + _PREFETCHED < stop:
                    ahead.append(pool.submit(make, i + _PREFETCHED))
        finally:
            for future in ahead:
                future.cancel()


class HeadsLoss(keras.losses.Loss):  # type: ignore[misc]
    """What a training makes smaller: the losses of all heads, and how far the answers to twins lie apart."""

    def __init__(self, recipe: Recipe) -> None:
        """Weights are those of the recipe."""
        super().__init__(reduction="none")
        self._heads, self._tasks, self._training = Heads.of(recipe), recipe.tasks, recipe.training

    def call(self, targets: Any, logits: Any) -> Any:
        """The mean over windows and members; a scalar.

        Every member learns for itself: trained on their mean, they would lean on each other.

        Args:
            targets: float32 (batch, columns), of `trainer.dataset.Batches`.
            logits: float32 (batch, members, columns), of `trainer.network.trained`.
        """
        wanted, wanted_gender, spoken = self._heads.split(ops.expand_dims(targets, 1))
        emotion, gender, activity = self._heads.split(logits)
        smoothing = self._training.label_smoothing
        smooth = wanted * (1 - smoothing) + smoothing / self._heads.n_outputs
        loss = _cross_entropy(smooth, emotion)
        if self._heads.n_genders:
            # Where nobody knows it, all targets are 0, and so is the loss.
            loss += self._tasks.gender * _cross_entropy(wanted_gender, gender)
        if self._heads.activity:
            n_steps = activity.shape[-1]
            shares = ops.mean(ops.reshape(spoken, (-1, 1, n_steps, spoken.shape[-1] // n_steps)), axis=-1)
            # -log of a sigmoid's answer: softplus(x) - x * share.
            loss += self._tasks.speech_activity * ops.mean(ops.softplus(activity) - activity * shares)
        if self._training.consistency:
            loss += self._training.consistency * _divergence(*ops.split(emotion, 2))
        return loss


def _cross_entropy(targets: Any, logits: Any) -> Any:
    """Mean of what each window costs each member; (batch, 1, n) and (batch, members, n)."""
    return -ops.mean(ops.sum(targets * ops.log_softmax(logits), axis=-1))


def _divergence(one: Any, other: Any) -> Any:
    """Symmetric Kullback-Leibler divergence (Jeffreys 1946) between the answers to twins.

    Logits are (batch, members, labels).
    """
    log_p, log_q = ops.log_softmax(one), ops.log_softmax(other)
    return ops.mean(ops.sum((ops.exp(log_p) - ops.exp(log_q)) * (log_p - log_q), axis=-1))


def _optimizer(table: TrainingTable) -> Any:
    warmup = int(table.steps * table.warmup_share)
    rate = keras.optimizers.schedules.CosineDecay(
        table.learning_rate * table.first_rate,
        max(table.steps - warmup, 1),
        alpha=table.last_rate,
        warmup_target=table.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    averaged = {"use_ema": True, "ema_momentum": table.averaging}
    return keras.optimizers.AdamW(rate, weight_decay=table.weight_decay, clipnorm=table.clip_norm, **averaged)


def _in_parts(function: Callable[[Any], Any], values: NDArray[np.float32], size: int = 256) -> NDArray[np.float32]:
    """`function` of many windows, a part at a time: all at once takes gigabytes."""
    return np.concatenate([np.asarray(function(values[i : i + size])) for i in range(0, len(values), size)])


def _values(variables: Sequence[Any]) -> list[NDArray[Any]]:
    return [np.array(variable) for variable in variables]


def _assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)

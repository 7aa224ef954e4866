"""The learning-rate range test: which rates a network learns at.

Smith 2017, "Cyclical learning rates for training neural networks": a short training whose rate rises until the loss
breaks out. TensorFlow is loaded here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from monitor.errors import ConfigError
from trainer.clipbatches import ClipBatches
from trainer.stepping import Stepper
from trainer.training import prefetched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainer.cliprecipe import ClipRecipe
    from trainer.examples import Examples

_SMOOTHING = 0.9
_BROKEN_OUT = 4.0
_MIN_STEPS = 3
_PARTS = 10


@dataclass(frozen=True, slots=True, eq=False)
class RangeTest:
    """What the test saw.

    Attributes:
        rates: float64 (steps,), rising geometrically.
        losses: float64 (steps,), of one batch each.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]

    @property
    def suggestion(self) -> float:
        """The rate at which the loss falls steepest over the logarithm of the rate, before its minimum.

        Slopes are those of lines fitted to the losses around each rate, as single batches differ by more than a step
        changes.
        """
        half = max(len(self.losses) // _PARTS, 1)
        around = [slice(max(i - half, 0), i + half + 1) for i in range(len(self.losses))]
        end = max(int(np.argmin([self.losses[part].mean() for part in around])) + 1, _MIN_STEPS)
        logs = np.log(self.rates)
        slopes = [np.polyfit(logs[part], self.losses[part], 1)[0] for part in around[:end]]
        return float(self.rates[int(np.argmin(slopes))])


def range_finder(
    recipe: ClipRecipe,
    train: Examples,
    n_labels: int,
    *,
    lowest: float = 1e-6,
    highest: float = 1.0,
    n_steps: int = 100,
) -> RangeTest:
    """Train for at most `n_steps` steps, the rate rising from `lowest` to `highest`.

    It ends early when the smoothed loss is four times its least, or no number. Nothing is written.

    Args:
        recipe: with the tables `architecture` and `fit`, whose schedule and rate are not looked at.
        train: training clips.
        n_labels: of the scheme.
        lowest: first rate.
        highest: last rate.
        n_steps: batches; at least 3.

    Raises:
        ConfigError: there is no network to train, or the range is none.
    """
    fit = recipe.fit
    if fit is None:
        raise ConfigError(f"recipe '{recipe.name}' trains no network, wanted the tables architecture and fit")
    if not 0 < lowest < highest or n_steps < _MIN_STEPS:
        raise ConfigError(
            f"found rates {lowest:g} to {highest:g} in {n_steps} steps, wanted rising ones above 0 in 3 steps or more"
        )
    batches, stepper = ClipBatches(train, fit, recipe.seed, n_labels), Stepper(recipe, fit, train.input_shape, n_labels)
    rates = np.geomspace(lowest, highest, n_steps)
    losses: list[float] = []
    average, least = 0.0, math.inf
    drawn = tqdm(prefetched(batches.batch, 0, n_steps), total=n_steps, desc="rates", unit="batch")
    for step, batch in enumerate(drawn):
        loss, _ = stepper.step(batch, float(rates[step]), fit.momentum)
        average = _SMOOTHING * average + (1 - _SMOOTHING) * loss
        # Without the division the first averages would lie near the 0 that they begin with.
        smooth = average / (1 - _SMOOTHING ** (step + 1))
        least = min(least, smooth)
        if not math.isfinite(loss) or smooth > _BROKEN_OUT * least:
            break
        losses.append(loss)
    drawn.close()
    if len(losses) < _MIN_STEPS:
        raise ConfigError(
            f"the loss broke out after {len(losses)} steps at a rate of {lowest:g}; begin with a lower one"
        )
    return RangeTest(rates[: len(losses)], np.array(losses))

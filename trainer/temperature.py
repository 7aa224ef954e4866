"""Temperature: how far the logits are to be divided so that a posterior of 0.7 is right seven times in ten.

One number for each head changes no label of a single window, and cannot be overfitted by much: Guo, C., Pleiss, G.,
Sun, Y. & Weinberger, K. (2017). On calibration of modern neural networks. ICML.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from trainer.metrics import clip_averages
from trainer.nonspeech import MIN_SPEECH, heard_as_speech

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HIGHEST = 10.0
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Temperatures:
    """What the logits of each head are divided by."""

    emotion: float = 1.0
    gender: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredWindows:
    """What a network says of the windows of clips whose labels are known.

    Attributes:
        logits: float, shape (windows, members, outputs).
        clip: int64, shape (windows,): number of the clip.
        weights: float64, shape (windows,): of each window in its clip's result.
        n_labels: how many outputs are labels; a further one is no speech.
        truth: int64, shape (clips,): numbers of labels.
    """

    logits: NDArray[np.float32]
    clip: NDArray[np.int64]
    weights: NDArray[np.float64]
    n_labels: int
    truth: NDArray[np.int64]

    def posteriors(self, temperature: float, min_speech: float = MIN_SPEECH) -> NDArray[np.float64]:
        """Of the clips, float64 (clips, labels), as the daemon averages them; zeros without a window."""
        of_windows = softmax(self.logits.astype(np.float64) / temperature, axis=-1).mean(axis=1)
        of_labels, weights = heard_as_speech(of_windows, self.weights, self.n_labels, min_speech)
        return clip_averages(of_labels, self.clip, weights, len(self.truth))


def fitted_temperature(answered: AnsweredWindows, lowest: float = 1.0) -> float:
    """The temperature, `lowest` to 10, that gives the lowest mean -log of the true label's posterior.

    Not below 1 where these clips' speakers chose the network: strangers are understood no better than they are, and a
    network that is too modest for them may be right about everybody else.

    It is fitted to the clips' results, which are what people see: means over windows are less sure than windows are.
    Clips count alike, as they do in the calibration error; those without a window do not count. Of none at all it is 1.
    """
    # All windows: which are passed over would change with the temperature, and the loss jump.
    heard = answered.posteriors(1.0, 0.0).any(axis=1)
    truth = answered.truth[heard]
    if not len(truth):
        return 1.0

    def loss(log_temperature: float) -> float:
        posteriors = answered.posteriors(math.exp(log_temperature), 0.0)[heard]
        of_truth = posteriors[np.arange(len(truth)), truth]
        return float(np.mean(-np.log(np.maximum(of_truth, _TINY))))

    found = minimize_scalar(loss, bounds=(math.log(lowest), math.log(_HIGHEST)), method="bounded")
    # A bounded search never quite reaches the bound.
    return 1.0 if loss(0.0) <= found.fun else float(math.exp(found.x))

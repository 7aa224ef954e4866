"""Recordings without speech, from which a network learns to tell speech from rain, clocks and dogs.

The gate opens for whatever sounds a little like a voice; a network that has one more output says so before an event
does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import NoInputError
from monitor.pipeline import GateRule
from trainer.corpora import Utterance
from trainer.noises import sounds
from trainer.recipe import NON_SPEECH

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

MIN_SPEECH = GateRule().min_speech_posterior
"""What the daemon passes over unless it is told otherwise."""
_TINY = 1e-9


def non_speech_clips(root: Path) -> list[Utterance]:
    """The recordings below the data directory `root` that may be trained with, as clips that nobody speaks.

    Raises:
        NoInputError: there are none.
    """
    found = [
        Utterance(NON_SPEECH, sound.path, sound.kind, "", NON_SPEECH, "", "")
        for sound in sounds(root)
        if not sound.held_out
    ]
    if not found:
        raise NoInputError(f"{root}: no recordings without speech; wanted ESC-10 or SpeechCommandsNoise there")
    return found


def heard_as_speech(
    posteriors: NDArray[np.floating[Any]],
    weights: NDArray[np.float64],
    n_labels: int,
    min_speech: float = MIN_SPEECH,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """As the daemon takes them: windows that are no speech are passed over, of all others what they say if it is some.

    Args:
        posteriors: shape (windows, outputs): of the labels first, whose sum is how likely it is speech.
        weights: float64, shape (windows,), of each window in its clip's result.
        n_labels: of the scheme.
        min_speech: what is less likely speech is passed over.

    Returns:
        Posteriors, float64 (windows, labels), rows with sum 1, and weights, 0 for windows that are passed over.
    """
    of_labels = posteriors[:, :n_labels].astype(np.float64)
    speech = of_labels.sum(axis=1)
    return of_labels / np.maximum(speech, _TINY)[:, None], np.where(speech >= min_speech, weights, 0.0)

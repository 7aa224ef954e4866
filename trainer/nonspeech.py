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
from trainer.music import written_pieces
from trainer.noises import sounds
from trainer.recipe import NON_SPEECH

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from trainer.recipe import NonSpeechTable

MIN_SPEECH = GateRule().min_speech_posterior
"""What the daemon passes over unless it is told otherwise."""
_MUSIC = "music"
_TINY = 1e-9


def non_speech_clips(table: NonSpeechTable, root: Path, cache: Path) -> list[Utterance]:
    """What may be trained with, as clips that nobody speaks: the recordings below `root`, and computed music.

    Args:
        table: of a recipe; says how many pieces of music.
        root: data directory.
        cache: where pieces are kept.

    Raises:
        NoInputError: there are no recordings.
    """
    recorded = [(sound.path, sound.kind) for sound in sounds(root) if not sound.held_out]
    if not recorded:
        raise NoInputError(f"{root}: no recordings without speech; wanted ESC-10 or SpeechCommandsNoise there")
    computed = [(path, _MUSIC) for path in written_pieces(table.pieces, cache)]
    return [Utterance(NON_SPEECH, path, kind, "", NON_SPEECH, "", "") for path, kind in recorded + computed]


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

"""The clips of a recipe: found, divided, and those of the validation speakers as the daemon hears them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import NoInputError
from trainer.audio import read_clip
from trainer.corpora import find
from trainer.labels import label_scheme
from trainer.splits import split
from trainer.streaming import Listener, Undecided
from trainer.workers import mapped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trainer.corpora import Holding, Utterance
    from trainer.recipe import Recipe
    from trainer.splits import Splits
    from trainer.streaming import HeardClip


@dataclass(frozen=True, slots=True)
class Material:
    """What a recipe finds on this machine."""

    holdings: tuple[Holding, ...]
    splits: Splits
    """Clips whose emotion has a label; all others are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class HeardWindows:
    """The windows that the daemon would classify of a list of clips."""

    windows: NDArray[np.float32]
    """float32, shape (n, frames, coefficients)."""
    clip: NDArray[np.int64]
    """int64, shape (n,): number of the clip; clips without speech have no window."""
    speech_ratios: NDArray[np.float64]
    """float64, shape (n,): weight of each window in its clip's result."""


def gather(recipe: Recipe, root: Path) -> Material:
    """Find the recipe's corpora below `root` and divide their clips.

    Raises:
        NoInputError: a corpus is missing, or a split that the recipe needs is empty.
        ConfigError: a speaker is in two splits.
    """
    scheme = label_scheme(recipe.labels)
    holdings = tuple(find(name, root) for name in recipe.corpora)
    labelled = [u for holding in holdings for u in holding.utterances if scheme.label_of(u.emotion) is not None]
    splits = split(labelled, recipe.corpora)
    for name, part in (("train", splits.train), ("validation", splits.validation)):
        if not part:
            raise NoInputError(
                f"{root}: no clip of a {name} speaker of recipe '{recipe.name}'; wanted some; see ser-train corpora"
            )
    return Material(holdings, splits)


def labels_of(utterances: Sequence[Utterance], recipe: Recipe) -> list[int]:
    """Number of the label of each utterance; all have one."""
    scheme = label_scheme(recipe.labels)
    return [scheme.labels.index(label) for u in utterances if (label := scheme.label_of(u.emotion)) is not None]


def heard(utterances: Sequence[Utterance], recipe: Recipe, what: str) -> HeardWindows:
    """Cut the windows that the daemon would classify, at the clips' own level."""
    parts = list(mapped(_hear, utterances, what, setup=_open_worker, setup_args=(recipe,)))
    counts = [len(part.windows) for part in parts]
    return HeardWindows(
        np.concatenate([part.windows for part in parts]),
        np.repeat(np.arange(len(parts)), counts),
        np.concatenate([part.speech_ratios for part in parts]),
    )


_listener: list[Listener] = []
"""The worker process' own; set once by `_open_worker`."""


def _open_worker(recipe: Recipe) -> None:
    undecided = Undecided(recipe.features, recipe.window.rule, label_scheme(recipe.labels).labels)
    _listener[:] = [Listener(undecided)]


def _hear(utterance: Utterance) -> HeardClip:
    return _listener[0].hear(read_clip(utterance.path, _listener[0].rate_hz))

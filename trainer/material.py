"""The clips of a recipe: found, divided, and those of the validation speakers as the daemon hears them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import NoInputError
from trainer.audio import read_clip
from trainer.corpora import find
from trainer.labels import NO_GENDER, label_scheme, unlabelled
from trainer.splits import split
from trainer.streaming import Listener, Undecided
from trainer.workers import mapped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trainer.corpora import Holding, Utterance
    from trainer.recipe import Recipe
    from trainer.recipefile import AnyRecipe
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
    holdings, utterances = labelled(recipe, root)
    splits = split(utterances, recipe.corpora)
    for name, part in (("train", splits.train), ("validation", splits.validation)):
        if not part:
            raise NoInputError(
                f"{root}: no clip of a {name} speaker of recipe '{recipe.name}'; wanted some; see ser-train corpora"
            )
    return Material(holdings, splits)


def labelled(recipe: AnyRecipe, root: Path) -> tuple[tuple[Holding, ...], list[Utterance]]:
    """What is found of the recipe's corpora below `root`, and the clips that have a label of the recipe.

    Raises:
        NoInputError: a corpus is missing.
    """
    scheme = label_scheme(recipe.labels)
    holdings = tuple(find(name, root) for name in recipe.corpora)
    utterances = [utterance for holding in holdings for utterance in holding.utterances]
    if n_unknown := unlabelled(utterances, scheme)[NO_GENDER]:
        print(f"left out: {n_unknown} clips, {NO_GENDER}; {scheme.name} has labels by gender", file=sys.stderr)
    return holdings, [u for u in utterances if scheme.label_of(u.emotion, u.gender) is not None]


def labels_of(utterances: Sequence[Utterance], recipe: AnyRecipe) -> list[int]:
    """Number of the label of each utterance; all have one."""
    scheme = label_scheme(recipe.labels)
    labels = (scheme.label_of(utterance.emotion, utterance.gender) for utterance in utterances)
    return [scheme.labels.index(label) for label in labels if label is not None]


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

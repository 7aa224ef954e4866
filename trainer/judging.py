"""Clips judged: what the daemon makes of each, as recorded and under every condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.model import EmotionModel
from trainer.audio import read_clip
from trainer.conditions import CONDITIONS, generator_of
from trainer.streaming import Listener
from trainer.workers import mapped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trainer.conditions import Condition
    from trainer.corpora import Utterance
    from trainer.streaming import HeardClip


@dataclass(frozen=True, slots=True, eq=False)
class JudgedClip:
    """What the daemon made of one clip."""

    posteriors: NDArray[np.float64]
    """float64, shape (1 + conditions, labels): means over the clip as recorded, then under each condition; a row of
    zeros where no speech was heard."""
    heard: HeardClip
    """As recorded."""


def judge(
    path: Path, utterances: Sequence[Utterance], root: Path, conditions: Sequence[str], what: str
) -> list[JudgedClip]:
    """Let the model file at `path` hear all clips.

    Args:
        path: of the model file.
        utterances: the clips.
        root: data directory, for recorded noise and rooms.
        conditions: of `trainer.conditions.CONDITIONS`, all of whose recordings are there.
        what: stands before the progress bar.

    Raises:
        MonitorError: the model is refused, or a clip cannot be decoded.
    """
    return list(mapped(_judge, utterances, what, setup=_open_worker, setup_args=(path, root, tuple(conditions))))


_worker: list[tuple[Listener, tuple[Condition, ...]]] = []
"""The worker process' own; set once by `_open_worker`."""


def _open_worker(path: Path, root: Path, names: tuple[str, ...]) -> None:
    _worker[:] = [(Listener(EmotionModel.load(path)), tuple(CONDITIONS[name].opened(root) for name in names))]


def _judge(utterance: Utterance) -> JudgedClip:
    listener, conditions = _worker[0]
    samples = read_clip(utterance.path, listener.rate_hz)
    heard = listener.hear(samples)
    changed = (change(samples, listener.rate_hz, generator_of(utterance.name)) for change in conditions)
    return JudgedClip(np.array([_means(heard), *(_means(listener.hear(clip)) for clip in changed)]), heard)


def _means(clip: HeardClip) -> NDArray[np.float64]:
    mean = clip.mean_posteriors
    return np.zeros(clip.posteriors.shape[1]) if mean is None else mean

"""Batches of windows of clips, for networks.

Batch number `i` is a pure function of recipe, clips and `i`: training that is interrupted goes on with the very batch
it would have seen. All batches have one shape; the last one of an epoch is filled up from the epoch's start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trainer.augment.mask import Mask
from trainer.augment.mixup import Mixup

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainer.cliprecipe import FitTable
    from trainer.examples import Examples, Windows

_MIXING = 1
"""Stream of random numbers of masks and mixup within one batch."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One step's worth.

    Attributes:
        maps: float32 (batch, *input_shape).
        targets: float32 (batch, labels), rows with sum 1; not smoothed.
        weights: float32 (batch,): of each error.
    """

    maps: NDArray[np.float32]
    targets: NDArray[np.float32]
    weights: NDArray[np.float32]


class ClipBatches:
    """Draws batches epoch by epoch."""

    def __init__(self, examples: Examples, fit: FitTable, seed: int, n_labels: int) -> None:
        """Weigh the labels.

        Args:
            examples: training clips.
            fit: gives batch size, masks, mixup and weights.
            seed: of the recipe.
            n_labels: of the scheme.
        """
        self._examples, self._fit, self._seed = examples, fit, seed
        n_windows = examples.n_clips * examples.layout.windows_per_clip
        self.size = min(fit.batch_size, n_windows)
        self.per_epoch = -(-n_windows // self.size)
        self._one_hot = np.eye(n_labels, dtype=np.float32)
        self._label_weights = label_weights(examples.labels, n_labels) if fit.class_weights else np.ones(n_labels)
        self._mask = Mask(
            time_masks=int(fit.time_mask > 0),
            max_frames=fit.time_mask,
            frequency_masks=int(fit.frequency_mask > 0),
            max_filters=fit.frequency_mask,
        )
        self._mixup = Mixup(probability=1.0, concentration=fit.mixup) if fit.mixup else None
        self._drawn: tuple[int, Windows] | None = None

    def batch(self, number: int) -> Batch:
        """Batch `number`, from 0; `per_epoch` of them are one epoch."""
        windows = self._windows(number)
        frames, targets = self._examples.frames(windows), self._one_hot[self._examples.labels_of(windows)]
        rng = np.random.default_rng([self._seed, number, _MIXING])
        if self._fit.time_mask or self._fit.frequency_mask:
            centre = self._examples.scaler.centre
            # The mask puts zeros: with the mean in their place nothing tells hidden parts from ordinary ones.
            frames = self._mask(frames - centre, targets, rng)[0] + centre
        if self._mixup:
            frames, targets = self._mixup(frames, targets, rng)
        weights = (targets @ self._label_weights).astype(np.float32)
        return Batch(frames.reshape(self.size, *self._examples.input_shape), targets, weights)

    def _windows(self, number: int) -> Windows:
        epoch, place = divmod(number, self.per_epoch)
        if self._drawn is None or self._drawn[0] != epoch:
            self._drawn = epoch, self._examples.drawn(epoch, self._seed, balanced=self._fit.balanced)
        windows = self._drawn[1]
        return windows[np.arange(place * self.size, (place + 1) * self.size) % len(windows)]


def label_weights(labels: NDArray[np.int64], n_labels: int) -> NDArray[np.float64]:
    """Weights of the errors on each label, float64 (labels,): inverse to how often it occurs, mean over clips 1.

    Labels that never occur weigh 0.
    """
    counts = np.bincount(labels, minlength=n_labels)
    weights = np.zeros(n_labels)
    present = counts > 0
    weights[present] = len(labels) / (present.sum() * counts[present])
    return weights

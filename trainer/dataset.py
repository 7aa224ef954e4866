"""Batches of windows, cut from the cached copies the way the stream cuts them.

Batch number `i` is a pure function of recipe and `i`: training that is interrupted goes on with the very batch it
would have seen, and no state of a random generator has to be kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainer.augment import energies_chain, maps_chain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from trainer.cache import CachedCopies
    from trainer.corpora import Utterance
    from trainer.labels import LabelScheme
    from trainer.recipe import Recipe

    FrontEndFunction = Callable[[NDArray[np.float32]], NDArray[np.float32]]

_WINDOWS, _MAPS, _ENERGIES = 0, 1, 2
"""Streams of random numbers within one batch."""


class Batches:
    """Draws batches: corpus by weight, label evenly, clip and copy at random, then the end of the window."""

    def __init__(
        self,
        copies: CachedCopies,
        utterances: Sequence[Utterance],
        scheme: LabelScheme,
        recipe: Recipe,
        *,
        front_end: FrontEndFunction,
        non_speech: CachedCopies | None = None,
    ) -> None:
        """Sort the copies by corpus and label.

        Args:
            copies: of `utterances`.
            utterances: training clips, all with a label of `scheme`.
            scheme: gives the order of the labels.
            recipe: gives seed, weights, windows and augmentation.
            front_end: energies, float32 (batch, frames, filters), to maps of the same shape.
            non_speech: copies of recordings that nobody speaks in, where the recipe has some.
        """
        self._copies, self._recipe, self._front_end = copies, recipe, front_end
        self._non_speech = non_speech
        self._n_labels = len(scheme.labels)
        self._n_frames = recipe.window.frames
        self._groups = _groups(copies, utterances, scheme)
        self._keys = list(self._groups)
        self._shares = _shares(self._keys, recipe)
        self._energies_chain = energies_chain(recipe.augment.energies)
        self._maps_chain = maps_chain(recipe.augment.maps)
        self._drawn: tuple[int, list[NDArray[np.float32]], NDArray[np.float32]] | None = None

    def batch(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Batch `number`, from 0.

        Returns:
            Maps, float32 (batch, frames, filters), and targets, float32 (batch, outputs), rows with sum 1. Where
            copies have twins, the first half of the rows and the second half are twins in the same order.
        """
        halves, targets = self._windows(number // self._recipe.sampling.draws_per_window)
        made = [self._masked(maps, targets, number) for maps in halves]
        return np.concatenate([maps for maps, _ in made]), np.concatenate([mixed for _, mixed in made])

    def _masked(
        self, maps: NDArray[np.float32], targets: NDArray[np.float32], number: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Stage `maps`; twins get the same masks and partners, from the same random numbers."""
        rng = np.random.default_rng([self._recipe.seed, number, _MAPS])
        for augmentation in self._maps_chain:
            maps, targets = augmentation(maps, targets, rng)
        return maps.astype(np.float32, copy=False), targets

    def _windows(self, draw: int) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
        """The windows of one draw, and their twins', behind the front-end; the last draw is kept for its next use."""
        if self._drawn is None or self._drawn[0] != draw:
            rng = np.random.default_rng([self._recipe.seed, draw, _WINDOWS])
            rows, targets = self._choose(rng)
            cut = self._cut(self._copies, rows, rng)
            if self._non_speech is not None:
                rows, targets = self._with_non_speech(targets, self._non_speech, rng)
                others = self._cut(self._non_speech, rows, rng)
                cut = [np.concatenate(both) for both in zip(cut, others, strict=True)]
            halves = [self._front_end(self._altered(energies, draw)) for energies in cut]
            self._drawn = draw, halves, targets
        return self._drawn[1], self._drawn[2]

    def _altered(self, energies: NDArray[np.float32], draw: int) -> NDArray[np.float32]:
        """Stage `energies`; the same for twins."""
        rng = np.random.default_rng([self._recipe.seed, draw, _ENERGIES])
        for augmentation in self._energies_chain:
            energies = augmentation(energies, rng)
        return energies.astype(np.float32, copy=False)

    def _choose(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Numbers of copies of speech, int64 (n,), and targets, float32 (n, labels)."""
        n = self._recipe.training.batch_size - self._n_non_speech
        rows = np.empty(n, dtype=np.int64)
        targets = np.zeros((n, self._n_labels), dtype=np.float32)
        for i, key in enumerate(rng.choice(len(self._keys), n, p=self._shares)):
            clips = self._groups[self._keys[key]]
            of_clip = clips[rng.integers(len(clips))]
            rows[i] = of_clip[rng.integers(len(of_clip))]
            targets[i, self._keys[key][1]] = 1
        return rows, targets

    @property
    def _n_non_speech(self) -> int:
        """Of the rows of a batch."""
        table = self._recipe.non_speech
        return 0 if table is None else max(1, round(table.share * self._recipe.training.batch_size))

    def _with_non_speech(
        self, targets: NDArray[np.float32], copies: CachedCopies, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Numbers of copies without speech, int64 (m,), and the targets of the whole batch, with one more column."""
        rows = rng.integers(len(copies.clip), size=self._n_non_speech)
        wider = np.zeros((len(targets) + len(rows), self._n_labels + 1), np.float32)
        wider[: len(targets), : self._n_labels] = targets
        wider[len(targets) :, self._n_labels] = 1
        return rows, wider

    def _cut(
        self, copies: CachedCopies, rows: NDArray[np.int64], rng: np.random.Generator
    ) -> list[NDArray[np.float32]]:
        """One window of each copy, float32 (n, frames, filters), and one of each twin where there are any."""
        sampling = self._recipe.sampling
        first = copies.speech_start[rows] + sampling.first_end_frames
        last = np.maximum(copies.speech_end[rows] + sampling.last_end_frames, first + 1)
        end = first + (last - first) * rng.random(len(rows)) ** sampling.end_power
        pace = rng.uniform(1 - sampling.stretch, 1 + sampling.stretch, len(rows))
        windows = [self._interpolate(copies, copies.energies, rows, end, pace)]
        if copies.twins is not None:
            shift = sampling.twin_shift_frames
            late = end + rng.uniform(-shift, shift, len(rows))
            windows.append(self._interpolate(copies, copies.twins, rows, late, pace))
        return windows

    def _interpolate(
        self,
        copies: CachedCopies,
        energies: NDArray[np.float16],
        rows: NDArray[np.int64],
        end: NDArray[np.float64],
        pace: NDArray[np.float64],
    ) -> NDArray[np.float32]:
        """Windows that end at frames `end` and take steps of `pace` frames, float32 (n, frames, filters)."""
        at = end[:, None] - np.arange(self._n_frames - 1, -1, -1) * pace[:, None]
        # Before the copy and behind it, its first and last frame go on.
        at = np.clip(at, 0, copies.n_frames[rows][:, None] - 1.001)
        below = at.astype(np.int64)
        share = (at - below).astype(np.float32)[..., None]
        below += copies.start[rows][:, None]
        frames = energies[below].astype(np.float32)
        following = energies[below + 1].astype(np.float32)
        between: NDArray[np.float32] = frames + (following - frames) * share
        return between


def _groups(
    copies: CachedCopies, utterances: Sequence[Utterance], scheme: LabelScheme
) -> dict[tuple[str, int], list[NDArray[np.int64]]]:
    """(corpus, number of the label) to the copies of each clip."""
    borders = np.searchsorted(copies.clip, np.arange(len(utterances) + 1))
    groups: dict[tuple[str, int], list[NDArray[np.int64]]] = {}
    for i, utterance in enumerate(utterances):
        label = scheme.label_of(utterance.emotion, utterance.gender)
        if label is not None:
            key = utterance.corpus, scheme.labels.index(label)
            groups.setdefault(key, []).append(np.arange(borders[i], borders[i + 1]))
    return groups


def _shares(keys: Sequence[tuple[str, int]], recipe: Recipe) -> NDArray[np.float64]:
    """How often each (corpus, label) is drawn: corpora by weight, then all labels equally often."""
    labels = np.array([label for _, label in keys])
    n_labels_of = {corpus: sum(other == corpus for other, _ in keys) for corpus, _ in keys}
    shares = np.array([recipe.corpora[corpus].weight / n_labels_of[corpus] for corpus, _ in keys])
    for label in np.unique(labels):
        shares[labels == label] /= shares[labels == label].sum()
    normalised: NDArray[np.float64] = shares / shares.sum()
    return normalised

"""Batches of windows, cut from the cached copies the way the stream cuts them.

Batch number `i` is a pure function of recipe and `i`: training that is interrupted goes on with the very batch it
would have seen, and no state of a random generator has to be kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from trainer.augment import energies_chain, maps_chain
from trainer.heads import Heads
from trainer.labels import GENDERS

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
_UNKNOWN = -1
_Half: TypeAlias = "tuple[NDArray[np.float32], NDArray[np.float32]]"
"""Windows, float32 (n, frames, filters), and their targets, float32 (n, columns)."""


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
        self._heads = Heads.of(recipe)
        genders = [list(GENDERS).index(u.gender) if u.gender in GENDERS else _UNKNOWN for u in utterances]
        self._gender_of_clip = np.array(genders, np.int64)
        self._n_frames = recipe.window.frames
        self._groups = _groups(copies, utterances, scheme)
        self._keys = list(self._groups)
        self._shares = _shares(self._keys, recipe)
        self._energies_chain = energies_chain(recipe.augment.energies)
        self._maps_chain = maps_chain(recipe.augment.maps)
        self._drawn: tuple[int, list[_Half]] | None = None

    def batch(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Batch `number`, from 0.

        Returns:
            Maps, float32 (batch, frames, filters), and targets, float32 (batch, columns), as `trainer.heads` splits
            them: of the outputs, with sum 1; of the gender, with sum 1 or, where it is not known, 0; of speech
            activity, 1 for each frame with speech. Where copies have twins, the first half of the rows and the second
            half are twins in the same order.
        """
        halves = self._windows(number // self._recipe.sampling.draws_per_window)
        made = [self._masked(maps, targets, number) for maps, targets in halves]
        return np.concatenate([maps for maps, _ in made]), np.concatenate([mixed for _, mixed in made])

    def _masked(
        self, maps: NDArray[np.float32], targets: NDArray[np.float32], number: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Stage `maps`; twins get the same masks and partners, from the same random numbers."""
        rng = np.random.default_rng([self._recipe.seed, number, _MAPS])
        n_speech = len(maps) - self._n_non_speech
        # Speech over rain is speech all the same: no target is part speech and part none.
        kinds = [slice(n_speech)] if n_speech == len(maps) else [slice(n_speech), slice(n_speech, None)]
        parts = [(maps[kind], targets[kind]) for kind in kinds]
        for augmentation in self._maps_chain:
            parts = [augmentation(*part, rng) for part in parts]
        of_all, wanted = (np.concatenate(both) for both in zip(*parts, strict=True))
        return of_all.astype(np.float32, copy=False), wanted

    def _windows(self, draw: int) -> list[_Half]:
        """The windows of one draw, and their twins', behind the front-end; the last draw is kept for its next use."""
        # Two threads may ask: what is returned is never read from the object a second time.
        drawn = self._drawn
        if drawn is None or drawn[0] != draw:
            rng = np.random.default_rng([self._recipe.seed, draw, _WINDOWS])
            rows, targets = self._choose(rng)
            halves = self._cut(self._copies, rows, targets, rng)
            if self._non_speech is not None:
                rows = rng.integers(len(self._non_speech.clip), size=self._n_non_speech)
                others = self._cut(self._non_speech, rows, self._no_speech(), rng)
                halves = [
                    (np.concatenate([a, c]), np.concatenate([b, d]))
                    for (a, b), (c, d) in zip(halves, others, strict=True)
                ]
            drawn = draw, [(self._front_end(self._altered(energies, draw)), t) for energies, t in halves]
            self._drawn = drawn
        return drawn[1]

    def _altered(self, energies: NDArray[np.float32], draw: int) -> NDArray[np.float32]:
        """Stage `energies`; the same for twins."""
        rng = np.random.default_rng([self._recipe.seed, draw, _ENERGIES])
        for augmentation in self._energies_chain:
            energies = augmentation(energies, rng)
        return energies.astype(np.float32, copy=False)

    def _choose(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Numbers of copies of speech, int64 (n,), and targets of emotion and gender, float32 (n, columns)."""
        n = self._recipe.training.batch_size - self._n_non_speech
        rows = np.empty(n, dtype=np.int64)
        targets = np.zeros((n, self._heads.n_outputs), dtype=np.float32)
        for i, key in enumerate(rng.choice(len(self._keys), n, p=self._shares)):
            clips = self._groups[self._keys[key]]
            of_clip = clips[rng.integers(len(clips))]
            rows[i] = of_clip[rng.integers(len(of_clip))]
            targets[i, self._keys[key][1]] = 1
        if not self._heads.n_genders:
            return rows, targets
        genders = self._gender_of_clip[self._copies.clip[rows], None] == np.arange(self._heads.n_genders)
        return rows, np.concatenate([targets, genders.astype(np.float32)], axis=1)

    @property
    def _n_non_speech(self) -> int:
        """Of the rows of a batch."""
        table = self._recipe.non_speech
        if table is None or self._non_speech is None:
            return 0
        return max(1, round(table.share * self._recipe.training.batch_size))

    def _no_speech(self) -> NDArray[np.float32]:
        """Targets of emotion and gender of windows without speech, float32 (m, columns)."""
        targets = np.zeros((self._n_non_speech, self._heads.n_outputs + self._heads.n_genders), np.float32)
        targets[:, self._heads.n_labels] = 1
        return targets

    def _cut(
        self, copies: CachedCopies, rows: NDArray[np.int64], targets: NDArray[np.float32], rng: np.random.Generator
    ) -> list[_Half]:
        """One window of each copy and its targets, and one of each twin where there are any.

        Windows are energies, float32 (n, frames, filters).
        """
        sampling = self._recipe.sampling
        first = copies.speech_start[rows] + sampling.first_end_frames
        last = np.maximum(copies.speech_end[rows] + sampling.last_end_frames, first + 1)
        end = first + (last - first) * rng.random(len(rows)) ** sampling.end_power
        pace = rng.uniform(1 - sampling.stretch, 1 + sampling.stretch, len(rows))
        steps = np.arange(self._n_frames - 1, -1, -1) * pace[:, None]
        halves = [self._half(copies, copies.energies, rows, end[:, None] - steps, targets)]
        if copies.twins is not None:
            shift = sampling.twin_shift_frames
            late = end + rng.uniform(-shift, shift, len(rows))
            halves.append(self._half(copies, copies.twins, rows, late[:, None] - steps, targets))
        return halves

    def _half(
        self,
        copies: CachedCopies,
        energies: NDArray[np.float16],
        rows: NDArray[np.int64],
        at: NDArray[np.float64],
        targets: NDArray[np.float32],
    ) -> _Half:
        """The windows at frames `at`, float (n, frames), and their targets, with speech activity where it is taught."""
        if self._heads.activity:
            spoken = (at >= copies.speech_start[rows, None]) & (at < copies.speech_end[rows, None])
            spoken &= ~targets[:, self._heads.n_labels : self._heads.n_outputs].any(axis=1, keepdims=True)
            targets = np.concatenate([targets, spoken.astype(np.float32)], axis=1)
        return self._interpolate(copies, energies, rows, at), targets

    def _interpolate(
        self,
        copies: CachedCopies,
        energies: NDArray[np.float16],
        rows: NDArray[np.int64],
        at: NDArray[np.float64],
    ) -> NDArray[np.float32]:
        """Windows whose rows lie at frames `at`, float (n, frames); float32 (n, frames, filters)."""
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

"""From the features of clips to what a model sees of them: scaled vectors, or windows of frames.

All that is measured, the scaling, is measured on training clips alone; other clips are laid out alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from monitor.errors import ConfigError, ModelError, NoInputError
from trainer.runs import write_arrays

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trainer.cliprecipe import LayoutTable

_TINY = 1e-12
_CUT_AT_ONCE = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Scaler:
    """`(coefficient - shift) / spread`.

    Attributes:
        shift: float32 (coefficients,).
        spread: float32 (coefficients,), above 0.
        centre: float32 (coefficients,): what scaled coefficients are on average; a mask hides with it.
    """

    shift: NDArray[np.float32]
    spread: NDArray[np.float32]
    centre: NDArray[np.float32]

    @classmethod
    def fitted(cls, features: Sequence[NDArray[np.float32]], scaling: str) -> Self:
        """Measure clips, all frames alike.

        Args:
            features: of training clips only, each (frames, coefficients).
            scaling: one of `LayoutTable.scaling`. standard: mean to 0, deviation to 1; range: lowest to 0, highest
                to 1; `-global`: all coefficients together instead of each for itself. What never changes becomes 0.

        Raises:
            ModelError: a value is not finite.
        """
        n_frames = sum(len(clip) for clip in features)
        mean = sum((clip.sum(axis=0, dtype=np.float64) for clip in features), start=np.float64(0)) / n_frames
        if not np.isfinite(mean).all():
            raise ModelError("features of the training clips hold values that are not finite; leave these features out")
        shift, spread = _measured(features, np.asarray(mean), n_frames, scaling)
        spread = np.where(spread > _TINY, spread, 1.0)
        return cls(*(array.astype(np.float32) for array in (shift, spread, (mean - shift) / spread)))

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 (..., coefficients) to the same shape."""
        scaled: NDArray[np.float32] = (features - self.shift) / self.spread
        return scaled

    def write(self, path: Path) -> None:
        """Keep it beside the model, as `.npz`."""
        write_arrays(path, {"shift": self.shift, "spread": self.spread, "centre": self.centre})

    @classmethod
    def read(cls, path: Path) -> Self:
        """The scaler that `write` kept.

        Raises:
            NoInputError: there is none.
            ModelError: it is something else.
        """
        if not path.is_file():
            raise NoInputError(f"no such scaler: {path}; train the model again")
        try:
            with np.load(path) as arrays:
                return cls(arrays["shift"], arrays["spread"], arrays["centre"])
        except (ValueError, OSError, KeyError) as error:
            raise ModelError(f"{path}: not a scaler ({error}); train the model again") from None


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Where windows lie.

    Attributes:
        version: int64 (n,): number of the features they are cut from.
        start: int64 (n,): their first frame.
    """

    version: NDArray[np.int64]
    start: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.version)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Windows:
        return Windows(self.version[rows], self.start[rows])


class Examples:
    """Clips as a model sees them.

    A window that is longer than its clip goes on with the clip's last frame: it is a real frame whatever the feature
    is, and mostly the silence after the speech, where zeros or minima are impossible cepstra.
    """

    def __init__(
        self,
        features: Sequence[NDArray[np.float32]],
        clip: Sequence[int] | NDArray[np.int64],
        labels: Sequence[int] | NDArray[np.int64],
        layout: LayoutTable,
        *,
        scaler: Scaler | None = None,
        n_frames: int = 0,
    ) -> None:
        """Lay features out.

        Args:
            features: of each version of each clip, (frames, coefficients), any number of frames above 0.
            clip: number of each version's clip, from 0; of one clip's versions the first is the plain one.
            labels: number of each clip's label.
            layout: of the recipe.
            scaler: of the training clips; None where these are the training clips.
            n_frames: what one window holds; 0: as the layout says, and if that is 0 too, the longest clip.

        Raises:
            ConfigError: there are no clips.
            ModelError: clips have other coefficients than the training clips or each other, or no frames.
        """
        self.layout = layout
        self.labels = np.asarray(labels, dtype=np.int64)
        self._clip = np.asarray(clip, dtype=np.int64)
        self._order = np.argsort(self._clip, kind="stable")
        self._n_versions = np.bincount(self._clip, minlength=len(self.labels))
        self._first = np.concatenate([[0], np.cumsum(self._n_versions)[:-1]]).astype(np.int64)
        _check(features, self._n_versions, scaler)
        self._features = [clip.mean(axis=0, keepdims=True) for clip in features] if layout.pooled else list(features)
        self._length = np.array([len(clip) for clip in self._features])
        self.n_frames = 1 if layout.pooled else n_frames or layout.window_frames or int(self._length.max())
        self.scaler = scaler or Scaler.fitted(self._features, layout.scaling)

    def alike(
        self,
        features: Sequence[NDArray[np.float32]],
        clip: Sequence[int] | NDArray[np.int64],
        labels: Sequence[int] | NDArray[np.int64],
    ) -> Examples:
        """Other clips, laid out as these: with their scaler and length."""
        return Examples(features, clip, labels, self.layout, scaler=self.scaler, n_frames=self.n_frames)

    @property
    def n_clips(self) -> int:
        """Clips, versions of one counted once."""
        return len(self.labels)

    @property
    def input_shape(self) -> tuple[int, int]:
        """What `maps` are: (frames, coefficients); pooled, (coefficients, 1)."""
        n_coefficients = len(self.scaler.shift)
        return (n_coefficients, 1) if self.layout.pooled else (self.n_frames, n_coefficients)

    def drawn(self, epoch: int, seed: int, *, balanced: bool = False) -> Windows:
        """The windows of one pass, in random order: of random versions, at random places.

        Args:
            epoch: from 0; the same one is always drawn alike.
            seed: of the recipe.
            balanced: all labels equally often, rare ones repeated; otherwise all clips equally often.

        Returns:
            `windows_per_clip` times as many as there are clips.
        """
        rng = np.random.default_rng([seed, epoch])
        n = self.n_clips * self.layout.windows_per_clip
        clips = self._balanced(n, rng) if balanced else np.repeat(np.arange(self.n_clips), self.layout.windows_per_clip)
        clips = rng.permutation(clips)
        version = self._order[self._first[clips] + rng.integers(0, self._n_versions[clips])]
        return Windows(version, rng.integers(0, np.maximum(self._length[version] - self.n_frames, 0) + 1))

    def every(self, *, augmented: bool = False) -> Windows:
        """Windows at half overlap that cover each clip, the last one at its end; clip after clip.

        Args:
            augmented: of all versions, not of the plain ones alone.
        """
        versions = self._order if augmented else self._order[self._first]
        starts = [self._covering(int(self._length[version])) for version in versions]
        counts = [len(of_version) for of_version in starts]
        return Windows(np.repeat(versions, counts), np.concatenate(starts))

    def frames(self, windows: Windows) -> NDArray[np.float32]:
        """Their scaled frames, float32 (n, frames, coefficients)."""
        cut = np.empty((len(windows), self.n_frames, len(self.scaler.shift)), dtype=np.float32)
        for i, (version, start) in enumerate(zip(windows.version, windows.start, strict=True)):
            part = self._features[version][start : start + self.n_frames]
            cut[i, : len(part)] = part
            cut[i, len(part) :] = part[-1]
        return self.scaler(cut)

    def maps(self, windows: Windows) -> NDArray[np.float32]:
        """What a network sees, float32 (n, *input_shape)."""
        return self.frames(windows).reshape(len(windows), *self.input_shape)

    def vectors(self, windows: Windows) -> NDArray[np.float32]:
        """What a classical model sees, float32 (n, frames * coefficients)."""
        return self.frames(windows).reshape(len(windows), -1)

    def clips_of(self, windows: Windows) -> NDArray[np.int64]:
        """Number of each window's clip."""
        clips: NDArray[np.int64] = self._clip[windows.version]
        return clips

    def labels_of(self, windows: Windows) -> NDArray[np.int64]:
        """Number of each window's label."""
        return self.labels[self.clips_of(windows)]

    def averaged(self, posteriors: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Posteriors of the windows of `every()`, (n, labels), to their clips' means, float64 (clips, labels)."""
        clips = self.clips_of(self.every())
        total = np.zeros((self.n_clips, posteriors.shape[1]))
        np.add.at(total, clips, posteriors)
        averages: NDArray[np.float64] = total / np.bincount(clips, minlength=self.n_clips)[:, None]
        return averages

    def in_parts(self, windows: Windows, size: int = _CUT_AT_ONCE) -> Iterable[Windows]:
        """The windows, so many at a time: all clips cut at once may take gigabytes."""
        return (windows[i : i + size] for i in range(0, len(windows), size))

    def _covering(self, length: int) -> NDArray[np.int64]:
        """First frames of windows that cover `length` frames."""
        last = max(length - self.n_frames, 0)
        starts: NDArray[np.int64] = np.append(np.arange(0, last, max(self.n_frames // 2, 1)), last)
        return starts

    def _balanced(self, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Numbers of `n` clips, labels as evenly as can be; a clip comes again only after all others of its label."""
        present = rng.permutation(np.unique(self.labels))
        shares = np.full(len(present), n // len(present))
        shares[: n % len(present)] += 1
        return np.concatenate(
            [_repeated(np.flatnonzero(self.labels == label), k, rng) for label, k in zip(present, shares, strict=True)]
        )


def _repeated(clips: NDArray[np.int64], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The first `n` of shuffled clips, shuffled anew each time they are through."""
    rounds = [rng.permutation(clips) for _ in range(-(-n // len(clips)))]
    repeated: NDArray[np.int64] = np.concatenate([*rounds, np.empty(0, dtype=np.int64)])[:n]
    return repeated


def _measured(
    features: Sequence[NDArray[np.float32]], mean: NDArray[np.float64], n_frames: int, scaling: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shift and spread of each coefficient, float64 (coefficients,)."""
    kind, _, scope = scaling.partition("-")
    if kind == "none":
        return np.zeros_like(mean), np.ones_like(mean)
    if kind == "range":
        lowest = np.min([clip.min(axis=0) for clip in features], axis=0).astype(np.float64)
        highest = np.max([clip.max(axis=0) for clip in features], axis=0).astype(np.float64)
        if scope == "global":
            lowest, highest = np.full_like(mean, lowest.min()), np.full_like(mean, highest.max())
        return lowest, highest - lowest
    middle = np.full_like(mean, mean.mean()) if scope == "global" else mean
    # A second pass: the difference of the squares' mean and the mean's square loses all digits of a small deviation.
    squares = np.sum([np.square(clip - middle).sum(axis=0) for clip in features], axis=0) / n_frames
    if scope == "global":
        squares = np.full_like(mean, squares.mean())
    return middle, np.sqrt(squares)


def _check(features: Sequence[NDArray[np.float32]], n_versions: NDArray[np.int64], scaler: Scaler | None) -> None:
    """Refuse what has no windows; errors as in `Examples`."""
    if not len(n_versions):
        raise ConfigError("no clips to lay out, wanted at least 1; check corpora and labels of the recipe")
    if not n_versions.all():
        raise ModelError(f"clip {int(np.argmin(n_versions))} has no features, wanted one version at least")
    wanted = len(scaler.shift) if scaler else features[0].shape[1]
    for number, clip in enumerate(features):
        if clip.ndim != 2 or clip.shape[1] != wanted or not len(clip):  # noqa: PLR2004
            raise ModelError(
                f"features {number} have shape {clip.shape}, wanted (frames, {wanted}); "
                "take those the model was made for"
            )

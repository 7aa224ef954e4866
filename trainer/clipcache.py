"""Features of whole clips, computed once and kept on disk.

What is kept is decided by the clip and by what is computed of it, never by a split: all folds and protocols of a
recipe share it, and so do recipes with equal clips, features and chains. One folder for each version of a clip (plain,
or through one chain of augmentations), named by a hash over all that decides the numbers in it, holds shards of some
clips each; an interrupted run goes on with the clips that are missing.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
import zipfile
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from monitor.errors import BadAudioError, ConfigError
from trainer.augment import clip_chain
from trainer.clips import fitted, read_prepared
from trainer.corpora import audio_files
from trainer.features import make_feature
from trainer.runs import versions
from trainer.workers import MAX_WORKERS, mapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from trainer.cliprecipe import ClipRecipe
    from trainer.corpora import Utterance
    from trainer.recipe import Settings

_VERSION = 1
"""Raise it when the code below computes other numbers."""
_LIBRARIES = ("librosa", "numpy", "python_speech_features", "opensmile", "soxr", "audiomentations")
_SHARD_CLIPS = 32
_FRAME_SLACK = 16
_FRAME_SHARE = 1.25
"""Features whose numbers of frames differ by more than both have other hops: their frames do not belong together."""


@dataclass(frozen=True, slots=True, eq=False)
class SkippedClip:
    """A clip that is left out."""

    utterance: Utterance
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class ClipFeatures:
    """Features of clips; `utterances` and `versions` belong together."""

    utterances: tuple[Utterance, ...]
    """As asked for, in the same order, without the skipped ones."""
    versions: tuple[tuple[NDArray[np.float32], ...], ...]
    """Of each clip the plain version, then one for each chain in `recipe.augment` if asked for; each float32
    (frames, coefficients), or (1, coefficients) where the layout is pooled."""
    skipped: tuple[SkippedClip, ...]
    n_computed: int
    """Clips of which something was missing on disk."""
    elapsed_s: float


def clip_features(
    utterances: Sequence[Utterance],
    recipe: ClipRecipe,
    folder: Path,
    *,
    augmented: bool,
    root: Path | None = None,
    n_workers: int = MAX_WORKERS,
) -> ClipFeatures:
    """Compute what is missing in `folder` and read all of it; clips that cannot be decoded are named on stderr.

    All `recipe.features` stand side by side: frames are cut to the shortest, a feature with one frame is repeated. In a
    pooled layout each is averaged over its own frames instead.

    Args:
        utterances: any clips; names and paths must be unique.
        recipe: gives `clip`, `features`, `layout`, `augment` and `seed`.
        folder: of all caches.
        augmented: also make the versions of `recipe.augment`.
        root: data directory, for recorded noise and rooms; None: augmentations do without.
        n_workers: processes.

    Raises:
        ConfigError: a feature or an augmentation is not valid, or features do not fit together.
        MissingDependencyError: a feature needs a package that is not installed.
    """
    began = time.monotonic()
    _checked(recipe)
    chains = [None, *range(len(recipe.augment))] if augmented else [None]
    stores = [_Store(folder, recipe, chain, root) for chain in chains]
    keys = [_clip_key(utterance) for utterance in utterances]
    missing = [
        _Wanted(utterance, key, lacking)
        for utterance, key in zip(utterances, keys, strict=True)
        if (lacking := tuple(i for i, store in enumerate(stores) if key not in store))
    ]
    reasons: dict[str, str] = {}
    if missing:
        shards = [tuple(missing[i : i + _SHARD_CLIPS]) for i in range(0, len(missing), _SHARD_CLIPS)]
        settings = recipe, tuple(chains), root, tuple(store.place for store in stores)
        for refused in mapped(
            _write_shards, shards, "features", setup=_open_worker, setup_args=settings, n_workers=n_workers
        ):
            reasons.update(refused)
        for store in stores:
            store.look()
    for utterance, key in zip(utterances, keys, strict=True):
        if key in reasons:
            print(f"{utterance.name}: left out: {reasons[key]}", file=sys.stderr)
    kept = [(utterance, key) for utterance, key in zip(utterances, keys, strict=True) if key not in reasons]
    columns = [store.read([key for _, key in kept]) for store in stores]
    return ClipFeatures(
        tuple(utterance for utterance, _ in kept),
        tuple(zip(*columns, strict=True)),
        tuple(SkippedClip(u, reasons[key]) for u, key in zip(utterances, keys, strict=True) if key in reasons),
        len(missing),
        time.monotonic() - began,
    )


def features_of_file(path: Path, recipe: ClipRecipe) -> NDArray[np.float32]:
    """Features of one recording, plain, as `clip_features` computes them, nothing kept; errors as there.

    Raises:
        BadAudioError: it cannot be decoded.
    """
    samples = read_prepared(path, recipe.clip)
    features = [make_feature(settings)(samples, recipe.clip.rate_hz) for settings in recipe.features]
    return joined(features, pooled=recipe.layout.pooled)


def coefficient_names(recipe: ClipRecipe) -> tuple[str, ...]:
    """One for each column of the features of `recipe`; errors as in `clip_features`."""
    return tuple(name for settings in recipe.features for name in make_feature(settings).coefficient_names)


def time_extraction(utterances: Sequence[Utterance], recipe: ClipRecipe, n_workers: int) -> float:
    """Seconds that the plain features of `utterances` take, nothing kept; the start of the processes is in it.

    A second worker has something to do from 33 clips on: they are handed out by the shard.
    """
    with tempfile.TemporaryDirectory() as folder:
        return clip_features(utterances, recipe, Path(folder), augmented=False, n_workers=n_workers).elapsed_s


def _checked(recipe: ClipRecipe) -> None:
    """Say what is wrong before processes are started."""
    coefficient_names(recipe)
    for chain in recipe.augment:
        clip_chain(chain, None)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A clip and the numbers of the stores that lack it."""

    utterance: Utterance
    key: str
    stores: tuple[int, ...]


class _Store:
    """Where one version of all clips lies."""

    def __init__(self, folder: Path, recipe: ClipRecipe, chain: int | None, root: Path | None) -> None:
        name = "plain" if chain is None else "augmented"
        self.place = folder / f"clips-{name}-{_version_key(recipe, chain, root)}"
        self.place.mkdir(parents=True, exist_ok=True)
        self._where: dict[str, tuple[Path, int]] = {}
        """Shard of a clip and its place there."""
        self._seen: set[Path] = set()
        self.look()

    def __contains__(self, key: str) -> bool:
        return key in self._where

    def look(self) -> None:
        """Take note of shards that are new."""
        for path in sorted(self.place.glob("shard-*.npz")):
            if path in self._seen:
                continue
            try:
                with np.load(path) as shard:
                    keys = [str(key) for key in shard["keys"]]
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                # A power failure can leave a renamed file without its content; it is computed again.
                path.unlink(missing_ok=True)
                continue
            self._seen.add(path)
            self._where.update({key: (path, i) for i, key in enumerate(keys)})

    def read(self, keys: Sequence[str]) -> list[NDArray[np.float32]]:
        """Features of the clips, float32 (frames, coefficients) each, in the order of `keys`."""
        wanted: dict[Path, list[tuple[str, int]]] = {}
        for key in keys:
            path, at = self._where[key]
            wanted.setdefault(path, []).append((key, at))
        found: dict[str, NDArray[np.float32]] = {}
        for path, clips in wanted.items():
            with np.load(path) as shard:
                values, ends = shard["values"], np.cumsum(shard["n_frames"])
            for key, at in clips:
                # A copy, so that a few clips do not hold the whole shard in memory.
                found[key] = values[ends[at - 1] if at else 0 : ends[at]].copy()
        return [found[key] for key in keys]


def _version_key(recipe: ClipRecipe, chain: int | None, root: Path | None) -> str:
    """Hash over what decides the numbers besides the clip; of an augmented version seed and number of the chain too."""
    parts: tuple[object, ...] = (_VERSION, _code(), recipe.clip, recipe.features, recipe.layout.pooled)
    if chain is not None:
        steps = recipe.augment[chain]
        # Whether versions are cut again, see `_Maker.version`.
        parts += (_is_cut(recipe), recipe.seed, chain, steps, [_recordings(step, root) for step in steps])
    return _digest(parts)


@cache
def _code() -> str:
    """Hash over the code that computes features, and the libraries it calls: edited, all is computed anew."""
    here = Path(__file__).parent
    sources = [here / name for name in ("audio.py", "clips.py", "noises.py", "rooms.py")]
    sources += sorted((here / "features").glob("*.py"))
    sources += sorted((here / "augment").glob("*.py"))
    found = versions()
    return _digest(([path.read_text(encoding="utf-8") for path in sources], [found.get(name) for name in _LIBRARIES]))


def _recordings(step: Settings, root: Path | None) -> list[tuple[str, int]]:
    """Names and sizes of the recordings that an augmentation plays."""
    folders = [*step.get("folders", ()), *([step["folder"]] if step.get("folder") else [])]
    paths = (path for folder in folders for path in audio_files(root / folder)) if root else iter(())
    return sorted((str(path.relative_to(root)), path.stat().st_size) for path in paths if root)


def _clip_key(utterance: Utterance) -> str:
    """Hash over what decides a clip's samples; the file's size and time stand for its content."""
    try:
        found = utterance.path.stat()
    except OSError:
        # That it is missing is said where it is read.
        return _digest((utterance.name, str(utterance.path)))
    place = utterance.path.parent.name, utterance.path.name
    return _digest((utterance.name, place, found.st_size, found.st_mtime_ns))


def _digest(parts: object) -> str:
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()[:16]


def _is_cut(recipe: ClipRecipe) -> bool:
    """Whether every version must be as long as `clip.seconds`: the model takes whole clips."""
    return bool(recipe.clip.seconds) and not recipe.layout.pooled and not recipe.layout.window_frames


class _Maker:
    """Makes the versions of one clip after the other."""

    def __init__(
        self, recipe: ClipRecipe, chains: Sequence[int | None], root: Path | None, places: Sequence[Path]
    ) -> None:
        self.places = places
        self._recipe = recipe
        self._chains = [(chain, [] if chain is None else clip_chain(recipe.augment[chain], root)) for chain in chains]
        self._features = [make_feature(settings) for settings in recipe.features]

    def versions(self, wanted: _Wanted) -> list[NDArray[np.float32]]:
        """Features of the versions that are missing."""
        samples = read_prepared(wanted.utterance.path, self._recipe.clip)
        name = zlib.crc32(wanted.utterance.name.encode())
        return [self._version(samples, name, number) for number in wanted.stores]

    def _version(self, samples: NDArray[np.float32], name: int, number: int) -> NDArray[np.float32]:
        chain, steps = self._chains[number]
        clip, rate_hz = self._recipe.clip, self._recipe.clip.rate_hz
        if chain is not None:
            # A generator for each version: the same numbers whichever process computes them, in whatever order.
            rng = np.random.default_rng([self._recipe.seed, name, chain])
            for step in steps:
                samples = step(samples, rate_hz, rng)
            if _is_cut(self._recipe):
                samples = fitted(samples, round(clip.seconds * rate_hz))
        return joined([feature(samples, rate_hz) for feature in self._features], pooled=self._recipe.layout.pooled)


def joined(features: Sequence[NDArray[np.float32]], *, pooled: bool) -> NDArray[np.float32]:
    """Features of one clip side by side.

    Args:
        features: float32, shapes (frames, coefficients); one with a single frame is repeated.
        pooled: each is averaged over its frames first.

    Returns:
        float32, shape (fewest frames, all coefficients), or (1, all coefficients) if pooled.

    Raises:
        ConfigError: the numbers of frames differ by more than other ways of padding do.
    """
    if pooled:
        means = [values.mean(axis=0, dtype=np.float64) for values in features]
        return np.asarray(np.concatenate(means), np.float32)[None]
    counts = [len(values) for values in features if len(values) > 1] or [1]
    fewest, most = min(counts), max(counts)
    if most > fewest * _FRAME_SHARE + _FRAME_SLACK:
        raise ConfigError(
            f"features: between {fewest} and {most} frames of one clip; wanted the same distance between frames: "
            "correct hop_samples or hop_s in the recipe"
        )
    columns = (np.repeat(values, fewest, axis=0) if len(values) == 1 else values[:fewest] for values in features)
    return np.asarray(np.concatenate(list(columns), axis=1), np.float32)


_maker: list[_Maker] = []
"""The worker process' own; set once by `_open_worker`."""


def _open_worker(
    recipe: ClipRecipe, chains: tuple[int | None, ...], root: Path | None, places: tuple[Path, ...]
) -> None:
    _maker[:] = [_Maker(recipe, chains, root, places)]


def _write_shards(wanted: Sequence[_Wanted]) -> dict[str, str]:
    """Compute some clips and write a shard for each version; returns why clips were refused, by their keys."""
    maker = _maker[0]
    made: list[list[tuple[str, NDArray[np.float32]]]] = [[] for _ in maker.places]
    refused: dict[str, str] = {}
    for clip in wanted:
        try:
            versions = maker.versions(clip)
        except BadAudioError as error:
            refused[clip.key] = str(error)
            continue
        for number, version in zip(clip.stores, versions, strict=True):
            made[number].append((clip.key, version))
    for place, clips in zip(maker.places, made, strict=True):
        if clips:
            _write_shard(place, clips)
    return refused


def _write_shard(place: Path, clips: Iterable[tuple[str, NDArray[np.float32]]]) -> None:
    keys, versions = zip(*clips, strict=True)
    path = place / f"shard-{_digest(keys)}.npz"
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    with unfinished.open("wb") as file:
        np.savez(
            file,
            keys=np.array(keys),
            n_frames=np.array([len(values) for values in versions], np.int64),
            values=np.concatenate(versions),
        )
    # Renaming is atomic: a shard is whole or not there.
    unfinished.replace(path)

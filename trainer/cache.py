"""Log filterbank energies of all copies of the training clips, on disk.

Stages `voice` and `recording` of the augmentation are computed once, in shards of one speaker each: an interrupted run
goes on with the shards that are missing, and trainings on other speakers (folds) or with another network share theirs.
The names of folder and shard are hashes over all that decides the numbers in them.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from monitor.errors import ConfigError
from monitor.pipeline import GateRule
from monitor.pipeline.frames import features_of
from trainer.audio import read_clip
from trainer.augment import waveform_chain
from trainer.recipe import NON_SPEECH
from trainer.speech import at_level, speech_level, speech_span
from trainer.workers import mapped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from monitor.pipeline.features.spec import FeatureSpec
    from trainer.augment import WaveformAugmentation
    from trainer.corpora import Utterance
    from trainer.recipe import Recipe

_VERSION = 3
"""Raise it when the code below computes other numbers."""
_SHARD_CLIPS = 64
_SPAN_LEVEL_DBFS = -26.0
"""The level at which the gate is asked where the speech lies: in the middle of its range."""
_SPAN_LEAD_S, _SPAN_TAIL_S = 0.3, 1.0
_MIN_SPAN = 0.3
"""A span that ends before this share of the clip is the gate's mistake."""


@dataclass(frozen=True, slots=True, eq=False)
class CachedCopies:
    """All copies of all training clips, one behind the other."""

    energies: NDArray[np.float16]
    """float16, shape (all frames, filters): natural log filterbank energies; a step of 2^-6 at most."""
    twins: NDArray[np.float16] | None
    """The same of each copy's twin, frame by frame; None where the recipe has no stage `twin`."""
    clip: NDArray[np.int64]
    """int64, shape (copies,): number of the utterance."""
    start: NDArray[np.int64]
    """Row of the copy's first frame; shapes as `clip`, here and below."""
    n_frames: NDArray[np.int64]
    speech_start: NDArray[np.int64]
    """Frame of the copy where the speech begins."""
    speech_end: NDArray[np.int64]


def energies_spec(spec: FeatureSpec) -> FeatureSpec:
    """The features that are cached: those of `spec` before the cosine transform, which the network undoes.

    Raises:
        ConfigError: the transform cannot be undone.
    """
    if spec.name == "mfcc" and (spec.n_cepstra != spec.n_filters or spec.lifter):
        raise ConfigError(
            f"features: {spec.n_cepstra} cepstra of {spec.n_filters} filters with lifter {spec.lifter}; "
            "wanted as many cepstra as filters and lifter 0, so that the network can undo the transform"
        )
    return msgspec.structs.replace(spec, name="logfbank")


def cached_copies(utterances: Sequence[Utterance], recipe: Recipe, root: Path, folder: Path) -> CachedCopies:
    """Compute what is missing in `folder` and read all of it.

    Args:
        utterances: training clips.
        recipe: gives features, augmentation, copies and seed.
        root: data directory, for recorded noise and rooms.
        folder: of all caches.
    """
    place = folder / f"windows-{_key(recipe)}"
    place.mkdir(parents=True, exist_ok=True)
    shards = [_Shard(numbers, place, utterances, recipe) for numbers in _speakers_parts(utterances)]
    missing = [(shard.path, shard.utterances) for shard in shards if not shard.path.exists()]
    if missing:
        for _ in mapped(_write_shard, missing, "features", setup=_open_worker, setup_args=(recipe, root)):
            pass
    return _join(shards)


def _key(recipe: Recipe) -> str:
    augment = recipe.augment
    return _digest(
        _VERSION, recipe.seed, recipe.features, augment.lead_s, augment.tail_s,
        augment.plain, augment.voice, augment.recording, augment.level, augment.twin,
    )  # fmt: skip


def _digest(*parts: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()[:16]


def _speakers_parts(utterances: Sequence[Utterance]) -> list[list[int]]:
    """Numbers of utterances of one speaker each, a shard full at most; the same parts whatever their order was."""
    of_speaker: dict[tuple[str, str], list[int]] = {}
    for i, utterance in sorted(enumerate(utterances), key=lambda numbered: numbered[1].name):
        of_speaker.setdefault((utterance.corpus, utterance.speaker), []).append(i)
    return [
        numbers[i : i + _SHARD_CLIPS] for numbers in of_speaker.values() for i in range(0, len(numbers), _SHARD_CLIPS)
    ]


class _Shard:
    """Some clips of one speaker, and the file of their copies."""

    def __init__(self, numbers: Sequence[int], place: Path, utterances: Sequence[Utterance], recipe: Recipe) -> None:
        """`numbers`: which of `utterances`."""
        self.numbers = np.array(numbers, np.int64)
        self.utterances = tuple(utterances[i] for i in numbers)
        name = _digest([(u.name, recipe.copies_of(u.corpus), u.path.stat().st_size) for u in self.utterances])
        self.path = place / f"shard-{name}.npz"


@dataclass(frozen=True, slots=True, eq=False)
class _Copy:
    """One version of a clip."""

    energies: NDArray[np.float16]
    twin: NDArray[np.float16] | None
    first: int
    """Frame in which the speech begins."""
    last: int


class _Maker:
    """Makes the copies of one clip after the other."""

    def __init__(self, recipe: Recipe, root: Path) -> None:
        self._recipe = recipe
        self._spec = energies_spec(recipe.features)
        self._plain = waveform_chain(recipe.augment.plain, root)
        self._voice = waveform_chain(recipe.augment.voice, root)
        self._recording = waveform_chain(recipe.augment.recording, root)
        self._level = waveform_chain(recipe.augment.level, root)
        self._twin = waveform_chain(recipe.augment.twin, root)

    def copies(self, utterance: Utterance) -> list[_Copy]:
        """All copies of a clip; the first is plain."""
        samples = read_clip(utterance.path, self._spec.rate_hz)
        # Nothing in it is to be called speech, so all of it counts.
        span = (0.0, 1.0) if utterance.corpus == NON_SPEECH else self._span(samples)
        name = zlib.crc32(utterance.name.encode())
        n_copies = self._recipe.copies_of(utterance.corpus)
        # A generator for each copy: the same numbers whichever process computes them, in whatever order.
        rngs = [np.random.default_rng([self._recipe.seed, name, copy]) for copy in range(n_copies)]
        floats = samples.astype(np.float32)
        plain = self._copy(floats, span, ([], [], self._plain), rngs[0])
        stages = self._voice, self._recording, self._level
        return [plain, *(self._copy(floats, span, stages, rng) for rng in rngs[1:])]

    def _copy(
        self,
        samples: NDArray[np.float32],
        span: tuple[float, float],
        stages: tuple[Sequence[WaveformAugmentation], ...],
        rng: np.random.Generator,
    ) -> _Copy:
        rate_hz, augment = self._spec.rate_hz, self._recipe.augment
        voice, recording, level = stages
        clip = _applied(voice, samples, rate_hz, rng)
        lead, tail = int(augment.lead_s * rate_hz), int(augment.tail_s * rate_hz)
        padded = np.pad(clip / np.float32(speech_level(clip, rate_hz)), (lead, tail))
        first, last = (int((lead + share * len(clip)) / self._spec.hop_samples) for share in span)
        heard = _applied(recording, padded, rate_hz, rng)
        energies = self._energies(_applied(level, heard, rate_hz, rng))
        twin = self._energies(_applied(self._twin, heard, rate_hz, rng)) if self._twin else None
        return _Copy(energies, twin, first, last)

    def _energies(self, samples: NDArray[np.float32]) -> NDArray[np.float16]:
        return features_of(samples.astype(np.float64), self._spec).astype(np.float16)

    def _span(self, samples: NDArray[np.int16]) -> tuple[float, float]:
        """Where the speech lies, as shares of the clip."""
        rate_hz = self._spec.rate_hz
        lead, tail = int(_SPAN_LEAD_S * rate_hz), int(_SPAN_TAIL_S * rate_hz)
        found = speech_span(np.pad(at_level(samples, _SPAN_LEVEL_DBFS, rate_hz), (lead, tail)), rate_hz, GateRule())
        if found is None:
            return 0.0, 1.0
        start, end = ((at - lead) / len(samples) for at in found)
        return max(0.0, start), min(1.0, max(_MIN_SPAN, end))


def _applied(
    chain: Sequence[WaveformAugmentation], samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    for augmentation in chain:
        samples = augmentation(samples, rate_hz, rng)
    return samples


_maker: list[_Maker] = []
"""The worker process' own; set once by `_open_worker`."""


def _open_worker(recipe: Recipe, root: Path) -> None:
    _maker[:] = [_Maker(recipe, root)]


def _write_shard(task: tuple[Path, tuple[Utterance, ...]]) -> None:
    path, utterances = task
    copies = [(i, copy) for i, utterance in enumerate(utterances) for copy in _maker[0].copies(utterance)]
    table = np.array([(i, len(copy.energies), copy.first, copy.last) for i, copy in copies], np.int64)
    arrays = {"energies": np.concatenate([copy.energies for _, copy in copies])}
    twins = [copy.twin for _, copy in copies if copy.twin is not None]
    if twins:
        arrays["twins"] = np.concatenate(twins)
    # Two trainings at once may write the same shard.
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    with unfinished.open("wb") as file:
        np.savez(file, table=table, **arrays)
    # Renaming is atomic: a shard is whole or not there.
    unfinished.replace(path)


def _join(shards: Sequence[_Shard]) -> CachedCopies:
    energies: list[NDArray[np.float16]] = []
    twins: list[NDArray[np.float16]] = []
    tables: list[NDArray[np.int64]] = []
    for shard in shards:
        with np.load(shard.path) as arrays:
            energies.append(arrays["energies"])
            if "twins" in arrays:
                twins.append(arrays["twins"])
            table = arrays["table"]
            table[:, 0] = shard.numbers[table[:, 0]]
            tables.append(table)
    clip, n_frames, first, last = np.concatenate(tables).T
    start = np.concatenate([[0], np.cumsum(n_frames)[:-1]])
    # In the order of the clips, in whatever order the shards were.
    order = np.argsort(clip, kind="stable")
    joined_twins = np.concatenate(twins) if twins else None
    rows = (column[order] for column in (clip, start, n_frames, first, last))
    return CachedCopies(np.concatenate(energies), joined_twins, *rows)

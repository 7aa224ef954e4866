"""Speech corpora: one file a corpus, one line in the registry.

Labels are parsed from the corpora's own file names, so the folders work as downloaded, with any file type that
soundfile reads.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from monitor.errors import ConfigError, NoInputError
from monitor.registry import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

CORPORA = {
    "RAVDESS": "trainer.corpora.ravdess:Ravdess",
    "EmoDB": "trainer.corpora.emodb:EmoDb",
    "TESS": "trainer.corpora.tess:Tess",
    "nEMO": "trainer.corpora.nemo:Nemo",
}
AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".opus", ".ogg", ".mp3", ".aiff", ".aif"})

Gender = Literal["f", "m", ""]


@dataclass(frozen=True, slots=True)
class CorpusCard:
    """What a corpus is and what its use allows."""

    name: str
    """Also the name of its folder below the data directory."""
    language: str
    """ISO 639-1."""
    about: str
    licence: str
    citation: str
    url: str
    n_clips: int
    """Clips in the published corpus."""
    n_speakers: int


@dataclass(frozen=True, slots=True)
class Utterance:
    """One labelled clip."""

    corpus: str
    path: Path
    speaker: str
    """Unique within the corpus."""
    gender: Gender
    """Empty where the corpus does not say."""
    emotion: str
    """A word of `trainer.labels.VOCABULARY`."""
    language: str
    text: str
    """What is said, as the corpus numbers it."""

    @property
    def name(self) -> str:
        """Name that is the same on every machine and for every file type: `RAVDESS/03-01-01-01-01-01-02`."""
        return f"{self.corpus}/{self.path.stem}"


class Corpus(Protocol):
    """What every file in this folder provides."""

    card: CorpusCard

    def parse(self, path: Path) -> Utterance | None:
        """The utterance that a file's name describes, or None where the name is not one of the corpus."""
        ...


@dataclass(frozen=True, slots=True)
class Holding:
    """What is found of a corpus."""

    card: CorpusCard
    utterances: tuple[Utterance, ...]
    """In order of their names, each content once."""
    duplicates: tuple[tuple[Path, Path], ...]
    """(left out, the same bytes as)."""
    strangers: tuple[Path, ...]
    """Audio files whose names are not of the corpus."""

    @property
    def speakers(self) -> tuple[str, ...]:
        """All speakers, sorted."""
        return tuple(sorted({utterance.speaker for utterance in self.utterances}))


def make_corpus(name: str) -> Corpus:
    """The corpus that `name` registers.

    Raises:
        ConfigError: there is none.
    """
    if name not in CORPORA:
        raise ConfigError(f"corpus '{name}' is unknown; known: {', '.join(CORPORA)}")
    corpus: Corpus = resolve(CORPORA[name])()
    return corpus


def find(name: str, root: Path) -> Holding:
    """Look for the corpus `name` in the folder of its name below `root`.

    Raises:
        ConfigError: no such corpus is known.
        NoInputError: its folder is missing or holds no clip of it.
    """
    corpus = make_corpus(name)
    folder = root / name
    if not folder.is_dir():
        raise NoInputError(
            f"{folder}: no such folder; wanted the corpus {name} ({corpus.card.url}); get it or name --data"
        )
    files = sorted(audio_files(folder), key=lambda path: (path.stem, path.suffix))
    parsed = [(path, corpus.parse(path)) for path in files]
    strangers = tuple(path for path, utterance in parsed if utterance is None)
    kept, duplicates = _without_duplicates([utterance for _, utterance in parsed if utterance is not None])
    if not kept:
        raise NoInputError(
            f"{folder}: no clip named as in {name} among {len(files)} audio files; see {corpus.card.url}"
        )
    return Holding(corpus.card, kept, duplicates, strangers)


def audio_files(folder: Path) -> Iterator[Path]:
    """Every audio file below `folder`."""
    return (path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)


def _without_duplicates(
    utterances: Iterable[Utterance],
) -> tuple[tuple[Utterance, ...], tuple[tuple[Path, Path], ...]]:
    """Keep the first of files with the same bytes: a clip in two splits would be learnt by heart."""
    seen: dict[str, Utterance] = {}
    doubles: list[tuple[Path, Path]] = []
    for utterance in utterances:
        digest = hashlib.sha256(utterance.path.read_bytes()).hexdigest()
        first = seen.setdefault(digest, utterance)
        if first is not utterance:
            doubles.append((utterance.path, first.path))
    return tuple(seen.values()), tuple(doubles)

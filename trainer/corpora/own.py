"""Corpora of one's own, without Python: a folder below the data directory that holds a `corpus.toml`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from monitor.errors import ConfigError, NoInputError
from monitor.registry import resolve
from trainer.corpora import CorpusCard
from trainer.labels import VOCABULARY

if TYPE_CHECKING:
    from pathlib import Path

    from trainer.corpora import Corpus

LAYOUTS = {
    "folder": "trainer.corpora.folder:FolderCorpus",
    "manifest": "trainer.corpora.manifest:ManifestCorpus",
}
NOBODY = "unknown"
"""Speaker of all clips whose speaker is not told: as one speaker they cannot be on both sides of a split."""

Count = Annotated[int, Meta(ge=0)]


class OwnFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a `corpus.toml` says.

    Attributes:
        name: of the corpus and of its folder; recipes name it so.
        language: ISO 639-1.
        licence: what may be done with it; model cards repeat it.
        citation: whom to name.
        layout: of the files, see `trainer.corpora.folder` and `trainer.corpora.manifest`.
        emotions: the corpus' own words, in any case, to words of the vocabulary; empty leaves the clips out. Words of
            the vocabulary need no entry.
        genders: speaker to f or m, for the layout folder.
        manifest: name of the table, for the layout manifest.
        about: one line.
        url: where it is from.
        n_clips: in the whole corpus, so that missing ones are noticed; 0 is not counted.
        n_speakers: likewise.
    """

    name: Annotated[str, Meta(min_length=1)]
    language: Annotated[str, Meta(min_length=2)]
    licence: Annotated[str, Meta(min_length=1)]
    citation: str
    layout: Literal["folder", "manifest"]
    emotions: dict[str, str] = {}
    genders: dict[str, Literal["f", "m"]] = {}
    manifest: str = "manifest.csv"
    about: str = "own corpus"
    url: str = ""
    n_clips: Count = 0
    n_speakers: Count = 0

    def card(self, files: str) -> CorpusCard:
        """As all corpora have it, with the file scheme `files`."""
        return CorpusCard(
            name=self.name,
            language=self.language,
            about=self.about,
            licence=self.licence,
            citation=self.citation,
            url=self.url,
            n_clips=self.n_clips,
            n_speakers=self.n_speakers,
            files=files,
        )

    def emotion_of(self, word: str) -> str | None:
        """The vocabulary's word for the corpus' own; empty where its clips are left out, None where it is unknown."""
        words = {own.casefold(): emotion for own, emotion in self.emotions.items()}
        found = word.strip().casefold()
        return words.get(found, found if found in VOCABULARY else None)


def read_own(path: Path) -> Corpus:
    """The corpus that the `corpus.toml` at `path` describes.

    Raises:
        NoInputError: it cannot be read.
        ConfigError: it is no TOML, a key is unknown, missing or of the wrong type, it maps to words outside the
            vocabulary, or its name is not that of its folder.
    """
    try:
        own = msgspec.toml.decode(path.read_bytes(), type=OwnFile)
    except OSError as error:
        raise NoInputError(f"{path}: cannot be read: {error.strerror}; wanted the description of a corpus") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}; correct it, see docs/corpora.md") from None
    if own.name != path.parent.name:
        raise ConfigError(
            f"{path}: the name is '{own.name}', that of the folder '{path.parent.name}'; wanted the same; rename one"
        )
    for word, emotion in own.emotions.items():
        if emotion and emotion not in VOCABULARY:
            raise ConfigError(
                f"{path}: emotions: '{word}' is mapped to '{emotion}'; wanted one of {', '.join(VOCABULARY)}, "
                'or "" to leave its clips out'
            )
    corpus: Corpus = resolve(LAYOUTS[own.layout])(own)
    return corpus


def unmapped(where: str, word: str) -> ConfigError:
    """The error that a word of the corpus' own at `where` has no meaning."""
    return ConfigError(
        f"{where}: emotion '{word}' is not known; wanted one of {', '.join(VOCABULARY)}, or a line under [emotions] of "
        f'corpus.toml: "{word}" = "angry" (or "" to leave its clips out)'
    )

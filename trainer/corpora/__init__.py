"""Speech corpora: one file a corpus, one line in the registry; or a folder of one's own with a `corpus.toml`.

Labels are parsed from the corpora's own file names, so the folders work as downloaded, with any file type that
soundfile reads. docs/corpora.md says how to get each corpus and how to add one.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol

from monitor.errors import ConfigError, NoInputError
from monitor.registry import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

CORPORA = {
    "RAVDESS": "trainer.corpora.ravdess:Ravdess",
    "RAVDESS-song": "trainer.corpora.ravdess_song:RavdessSong",
    "CREMA-D": "trainer.corpora.cremad:CremaD",
    "SAVEE": "trainer.corpora.savee:Savee",
    "EmoDB": "trainer.corpora.emodb:EmoDb",
    "TESS": "trainer.corpora.tess:Tess",
    "nEMO": "trainer.corpora.nemo:Nemo",
    "PicovoiceS2I": "trainer.corpora.picovoice:PicovoiceS2I",
}
OWN_FILE = "corpus.toml"
"""Makes a folder below the data directory a corpus; `trainer.corpora.own` reads it."""

_SUFFIXES = {
    "AIFF": (".aiff", ".aif", ".aifc"),
    "AU": (".au", ".snd"),
    "NIST": (".nist", ".sph"),
    "OGG": (".ogg", ".oga", ".opus"),
}
"""Of formats whose files do not end in the format's name."""
# Headerless files need a rate that nobody has told; .mat is seldom sound.
_UNUSABLE = frozenset({"RAW", "MAT4", "MAT5"})
_LOSSY = frozenset({".mp3", ".ogg", ".oga", ".opus"})
_GIT_LFS = b"version https://git-lfs"

_SAME_PEOPLE = {"RAVDESS-song": "RAVDESS"}
"""Corpora whose speakers are those of another one."""

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
    """Clips in the published corpus; 0 where nobody has counted."""
    n_speakers: int
    """Likewise."""
    files: str = ""
    """How its files are named."""
    elsewhere: tuple[str, ...] = ()
    """Folders that are looked in, in this order, where there is none of its name."""


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
    intensity: str = ""
    """In the corpus' own words; empty where it does not say."""
    clip: str = ""
    """What tells it from all other clips of the corpus, where the file name alone does not."""

    @property
    def person(self) -> tuple[str, str]:
        """Who speaks, over corpora: the actors of RAVDESS speak and sing under the same numbers."""
        return _SAME_PEOPLE.get(self.corpus, self.corpus), self.speaker

    @property
    def name(self) -> str:
        """Name that is the same on every machine and for every file type: `RAVDESS/03-01-01-01-01-01-02`."""
        return f"{self.corpus}/{self.clip or self.path.stem}"


class Corpus(Protocol):
    """What every file in this folder provides."""

    card: CorpusCard

    def utterances(self, folder: Path) -> Iterable[Utterance]:
        """Every clip that `folder` should hold, in any order; whether the files are there and sound is not its matter.

        Raises:
            ConfigError: tables beside the clips cannot be understood.
        """
        ...


class NamedFiles(ABC):
    """A corpus whose file names say everything."""

    card: CorpusCard

    def utterances(self, folder: Path) -> Iterator[Utterance]:
        """Every clip below `folder` whose name is one of the corpus."""
        return (utterance for path in audio_files(folder) if (utterance := self.parse(path)) is not None)

    @abstractmethod
    def parse(self, path: Path) -> Utterance | None:
        """The utterance that a file's name describes, or None where the name is not one of the corpus."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What is found of a corpus."""

    card: CorpusCard
    utterances: tuple[Utterance, ...]
    """In order of their names, each content once; all can be opened."""
    duplicates: tuple[tuple[Path, Path], ...]
    """(left out, the same bytes or the same clip in another file)."""
    strangers: tuple[Path, ...]
    """Audio files that are not of the corpus."""
    undecodable: tuple[tuple[Path, str], ...] = ()
    """(left out, why)."""
    absent: tuple[Path, ...] = ()
    """Files that the corpus lists and that are not there."""
    n_named: int = 0
    """Different clips of the corpus by their names, whether they could be used or not."""

    @property
    def speakers(self) -> tuple[str, ...]:
        """All speakers, sorted."""
        return tuple(sorted({utterance.speaker for utterance in self.utterances}))

    @property
    def n_missing(self) -> int:
        """Published clips of which there is no file; listed ones where no number is published."""
        return max(self.card.n_clips - self.n_named, 0) if self.card.n_clips else len(self.absent)


def make_corpus(name: str, root: Path | None = None) -> Corpus:
    """The corpus that `name` registers or, below `root`, that the folder `name` describes in its `corpus.toml`.

    Raises:
        ConfigError: there is none, or its `corpus.toml` cannot be understood.
    """
    if name in CORPORA:
        corpus: Corpus = resolve(CORPORA[name])()
        return corpus
    if root is not None and (root / name / OWN_FILE).is_file():
        # Loaded here: it builds on this module.
        from trainer.corpora.own import read_own  # noqa: PLC0415

        return read_own(root / name / OWN_FILE)
    wanted = f"one of them, or {OWN_FILE} in {root / name}" if root is not None else "one of them"
    raise ConfigError(
        f"corpus '{name}' is unknown; known: {', '.join(CORPORA)}; wanted {wanted}; docs/corpora.md tells how"
    )


def own_corpora(root: Path) -> list[str]:
    """Names of the folders below `root` that a `corpus.toml` makes corpora, sorted."""
    return sorted(path.parent.name for path in root.glob(f"*/{OWN_FILE}") if path.parent.name not in CORPORA)


def find(name: str, root: Path) -> Holding:
    """Look for the corpus `name` in the folder of its name below `root`.

    Raises:
        ConfigError: no such corpus is known, or tables of it cannot be understood.
        NoInputError: its folder is missing or holds no clip of it.
    """
    folder = root / name
    if name not in CORPORA and not folder.is_dir():
        raise NoInputError(
            f"{folder}: no such folder; wanted a corpus of your own with {OWN_FILE} there, "
            f"or one of {', '.join(CORPORA)}; correct the name or name --data"
        )
    corpus = make_corpus(name, root)
    card = corpus.card
    folder = next((root / place for place in (name, *card.elsewhere) if (root / place).is_dir()), folder)
    if not folder.is_dir():
        raise NoInputError(f"{folder}: no such folder; wanted the corpus {name} ({card.url}); get it or name --data")
    named = sorted(corpus.utterances(folder), key=_rank)
    claimed = {utterance.path for utterance in named}
    strangers = tuple(sorted(path for path in audio_files(folder) if path not in claimed))
    absent = tuple(utterance.path for utterance in named if not utterance.path.is_file())
    there = [utterance for utterance in named if utterance.path not in set(absent)]
    undecodable = tuple((u.path, fault) for u in there if (fault := _fault(u.path)))
    broken = {path for path, _ in undecodable}
    kept, duplicates = _without_duplicates([utterance for utterance in there if utterance.path not in broken])
    if not kept:
        raise NoInputError(
            f"{folder}: no clip named as in {name} among {len(claimed) - len(absent) + len(strangers)} audio files"
            f"{_reason(undecodable, absent)}; wanted {card.files or 'its clips'}; see {card.url or 'docs/corpora.md'}"
        )
    n_named = len({utterance.name for utterance in there})
    return Holding(card, kept, duplicates, strangers, undecodable, absent, n_named)


@cache
def audio_suffixes() -> frozenset[str]:
    """Endings of the files that the installed libsndfile reads, in lower case, with their dot."""
    import soundfile  # noqa: PLC0415

    formats = soundfile.available_formats().keys() - _UNUSABLE
    return frozenset(suffix for name in formats for suffix in _SUFFIXES.get(name, (f".{name.lower()}",)))


def audio_files(folder: Path) -> Iterator[Path]:
    """Every audio file below `folder`; hidden ones are left out (macOS puts one of its own beside each file)."""
    return (
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in audio_suffixes() and not path.name.startswith(".") and path.is_file()
    )


def _rank(utterance: Utterance) -> tuple[str, bool, str, str]:
    """By name; of two files of one clip, the one without losses first."""
    suffix = utterance.path.suffix.lower()
    return utterance.name, suffix in _LOSSY, suffix, str(utterance.path)


def _fault(path: Path) -> str:
    """Why a file cannot be opened; empty where it can. Reads the header only."""
    import soundfile  # noqa: PLC0415

    try:
        n_samples = soundfile.info(path).frames
    except soundfile.LibsndfileError as error:
        return "a Git LFS pointer instead of the sound: run git lfs pull" if _is_pointer(path) else error.error_string
    except (soundfile.SoundFileError, OSError) as error:
        return str(error)
    return "" if n_samples else "holds no samples"


def _is_pointer(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        return file.read(len(_GIT_LFS)) == _GIT_LFS
    return False


def _reason(undecodable: tuple[tuple[Path, str], ...], absent: tuple[Path, ...]) -> str:
    """What is wrong with the clips that were named, for the error that none is left."""
    parts = []
    if undecodable:
        parts.append(f"{len(undecodable)} cannot be opened, e.g. {undecodable[0][0].name}: {undecodable[0][1]}")
    if absent:
        parts.append(f"{len(absent)} that are listed are not there, e.g. {absent[0]}")
    return f" ({'; '.join(parts)})" if parts else ""


def _without_duplicates(
    utterances: Iterable[Utterance],
) -> tuple[tuple[Utterance, ...], tuple[tuple[Path, Path], ...]]:
    """Keep the first of files with the same bytes or name: a clip in two splits would be learnt by heart."""
    listed = list(utterances)
    n_of_size: defaultdict[int, int] = defaultdict(int)
    for utterance in listed:
        n_of_size[utterance.path.stat().st_size] += 1
    seen: dict[str, Utterance] = {}
    kept: list[Utterance] = []
    doubles: list[tuple[Path, Path]] = []
    for utterance in listed:
        keys = [utterance.name]
        # Files of different sizes differ: most need not be read.
        if n_of_size[utterance.path.stat().st_size] > 1:
            keys.append(hashlib.sha256(utterance.path.read_bytes()).hexdigest())
        first = next((seen[key] for key in keys if key in seen), None)
        if first is None:
            kept.append(utterance)
        else:
            doubles.append((utterance.path, first.path))
        for key in keys:
            seen.setdefault(key, first or utterance)
    return tuple(kept), tuple(doubles)

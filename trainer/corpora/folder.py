"""The layout `folder`: a folder for each emotion, which may lie in a folder for each speaker.

ROOT/emotion/clip.wav or ROOT/speaker/emotion/clip.wav: the folder around a clip is always the emotion, and the folder
around that one, where it is not ROOT, the speaker. Files at any other depth are not of the corpus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainer.corpora import Utterance, audio_files
from trainer.corpora.own import NOBODY, unmapped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trainer.corpora.own import OwnFile

_WITHOUT_SPEAKER, _WITH_SPEAKER = 2, 3
"""Parts of a clip's path below the corpus' folder."""


class FolderCorpus:
    """A corpus whose folders say everything."""

    def __init__(self, own: OwnFile) -> None:
        """Take what `own` says."""
        self._own = own
        self.card = own.card("emotion/clip or speaker/emotion/clip")

    def utterances(self, folder: Path) -> Iterator[Utterance]:
        """Every clip in a folder of an emotion.

        Raises:
            ConfigError: a folder's name is neither mapped nor a word of the vocabulary.
        """
        return (u for path in audio_files(folder) if (u := self._parse(path, path.relative_to(folder))) is not None)

    def _parse(self, path: Path, below: Path) -> Utterance | None:
        if len(below.parts) not in {_WITHOUT_SPEAKER, _WITH_SPEAKER}:
            return None
        emotion = self._own.emotion_of(path.parent.name)
        if emotion is None:
            raise unmapped(str(path.parent), path.parent.name)
        if not emotion:
            return None
        speaker = below.parts[0] if len(below.parts) == _WITH_SPEAKER else NOBODY
        return Utterance(
            corpus=self.card.name,
            path=path,
            speaker=speaker,
            gender=self._own.genders.get(speaker, ""),
            emotion=emotion,
            language=self.card.language,
            text="",
            clip=below.with_suffix("").as_posix(),
        )

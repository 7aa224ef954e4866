"""PicovoiceS2I: ordinary speech. People tell a coffee machine what they want; nobody acts, so all of it is neutral."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

from trainer.corpora import CorpusCard, NamedFiles, Utterance

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ONE_IN = 3


def is_for_training(name: str) -> bool:
    """Whether models may hear the recording of this name; by the others it is judged what they make of ordinary speech.

    A third of them; the same on every machine.
    """
    return zlib.crc32(f"training {name}".encode()) % _ONE_IN == 0


class PicovoiceS2I(NamedFiles):
    """Names are UUIDs.

    Who speaks is not known: `training` stands for all that may be trained with, `judging` for the rest.
    """

    card = CorpusCard(
        name="PicovoiceS2I",
        language="en",
        about="ordinary, commands to a coffee machine, 1 emotion: taken for neutral",
        licence="Apache-2.0",
        citation="Picovoice (2018), Speech-to-intent benchmark",
        url="https://github.com/Picovoice/speech-to-intent-benchmark",
        n_clips=0,
        n_speakers=0,
        files="a UUID",
    )

    def parse(self, path: Path) -> Utterance | None:
        """The utterance that a file's name describes."""
        if _NAME.fullmatch(path.stem) is None:
            return None
        return Utterance(
            corpus=self.card.name,
            path=path,
            speaker="training" if is_for_training(path.stem) else "judging",
            gender="",
            emotion="neutral",
            language=self.card.language,
            text="",
        )

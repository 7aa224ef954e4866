"""EmoDB, the Berlin database of emotional speech: ten German actors, ten sentences, seven emotions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainer.corpora import CorpusCard, NamedFiles, Utterance

if TYPE_CHECKING:
    from pathlib import Path

    from trainer.corpora import Gender

_NAME = re.compile(r"(?P<speaker>\d\d)(?P<text>[ab]\d\d)(?P<emotion>[WLEAFTN])[a-z]?")
_EMOTIONS = {"W": "angry", "L": "boredom", "E": "disgust", "A": "fear", "F": "happy", "T": "sad", "N": "neutral"}
_GENDERS: dict[str, Gender] = {
    "03": "m",
    "08": "f",
    "09": "f",
    "10": "m",
    "11": "m",
    "12": "m",
    "13": "f",
    "14": "f",
    "15": "m",
    "16": "f",
}


class EmoDb(NamedFiles):
    """Names are speaker, sentence, initial of the emotion's German word, version: `03a01Fa`."""

    card = CorpusCard(
        name="EmoDB",
        language="de",
        about="acted, 10 sentences, 7 emotions",
        licence="freely usable, cite the paper",
        citation="Burkhardt, Paeschke, Rolfes, Sendlmeier & Weiss (2005), A database of German emotional speech, "
        "Interspeech 2005, 1517-1520",
        url="http://emodb.bilderbar.info",
        n_clips=535,
        n_speakers=10,
        files="SSTTTEv: speaker, text, initial of the emotion's German word, version",
    )

    def parse(self, path: Path) -> Utterance | None:
        """The utterance that a file's name describes."""
        match = _NAME.fullmatch(path.stem)
        if match is None:
            return None
        return Utterance(
            corpus=self.card.name,
            path=path,
            speaker=match["speaker"],
            gender=_GENDERS.get(match["speaker"], ""),
            emotion=_EMOTIONS[match["emotion"]],
            language=self.card.language,
            text=match["text"],
        )

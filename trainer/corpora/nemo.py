"""nEMO: nine Polish actors, ninety sentences, six emotions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainer.corpora import CorpusCard, NamedFiles, Utterance

if TYPE_CHECKING:
    from pathlib import Path

    from trainer.corpora import Gender

_NAME = re.compile(r"(?P<speaker>[A-Z]{2}\d)_(?P<emotion>[a-z]+)_(?P<sentence>\d+)")
_EMOTIONS = {
    "neutral": "neutral",
    "happiness": "happy",
    "sadness": "sad",
    "anger": "angry",
    "fear": "fear",
    "surprised": "surprise",
}
_GENDERS: dict[str, Gender] = {"EB0": "f", "KD0": "f", "KS0": "m", "MK0": "f", "MP0": "m", "SM0": "m", "TP0": "m"}


class Nemo(NamedFiles):
    """Names are `speaker_emotion_sentence`: `EB0_anger_1`."""

    card = CorpusCard(
        name="nEMO",
        language="pl",
        about="acted, 90 sentences, 6 emotions",
        licence="CC BY-NC-SA 4.0",
        citation="Christop (2024), nEMO: Dataset of Emotional Speech in Polish, LREC-COLING 2024",
        url="https://huggingface.co/datasets/amu-cai/nEMO",
        n_clips=4481,
        n_speakers=9,
        files="SSS_emotion_N: speaker, emotion, sentence",
    )

    def parse(self, path: Path) -> Utterance | None:
        """The utterance that a file's name describes."""
        match = _NAME.fullmatch(path.stem)
        if match is None or match["emotion"] not in _EMOTIONS:
            return None
        return Utterance(
            corpus=self.card.name,
            path=path,
            speaker=match["speaker"],
            gender=_GENDERS.get(match["speaker"], ""),
            emotion=_EMOTIONS[match["emotion"]],
            language=self.card.language,
            text=match["sentence"],
        )

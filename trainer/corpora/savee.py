"""SAVEE, Surrey audio-visual expressed emotion: four English men, fifteen sentences an emotion, seven emotions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainer.corpora import CorpusCard, NamedFiles, Utterance

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"(?:(?P<speaker>DC|JE|JK|KL)_)?(?P<emotion>sa|su|[adfhn])(?P<sentence>\d\d)")
_SPEAKERS = frozenset({"DC", "JE", "JK", "KL"})
_EMOTIONS = {
    "a": "angry",
    "d": "disgust",
    "f": "fear",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprise",
}


class Savee(NamedFiles):
    """Names are `speaker_emotion+sentence`, `DC_a01`, or `a01` in a folder with the speaker's name."""

    card = CorpusCard(
        name="SAVEE",
        language="en",
        about="acted, 15 sentences an emotion, 7 emotions, neutral twice as often",
        licence="research only, on registration",
        citation="Haq & Jackson (2010), Multimodal Emotion Recognition, in Wang (ed.), Machine Audition: Principles, "
        "Algorithms and Systems, IGI Global, 398-423",
        url="http://kahlan.eps.surrey.ac.uk/savee/",
        n_clips=480,
        n_speakers=4,
        files="SS_ENN or SS/ENN: speaker, emotion (a d f h n sa su), sentence",
    )

    def parse(self, path: Path) -> Utterance | None:
        """The utterance that the names of a file and its folder describe."""
        match = _NAME.fullmatch(path.stem)
        if match is None:
            return None
        speaker = match["speaker"] or path.parent.name
        if speaker not in _SPEAKERS:
            return None
        text = match["emotion"] + match["sentence"]
        return Utterance(
            corpus=self.card.name,
            path=path,
            speaker=speaker,
            gender="m",
            emotion=_EMOTIONS[match["emotion"]],
            language=self.card.language,
            # Most sentences differ from emotion to emotion.
            text=text,
            clip=f"{speaker}_{text}",
        )

"""RAVDESS, speech part: 24 North American actors, two sentences, eight emotions in two intensities."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainer.corpora import CorpusCard, NamedFiles, Utterance

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(
    r"03-(?P<channel>0[12])-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<text>0[12])-0[12]-(?P<actor>[0-2]\d)"
)
_EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
_INTENSITIES = {"01": "normal", "02": "strong"}
SPEECH, SONG = "01", "02"
"""Vocal channels."""


class Ravdess(NamedFiles):
    """Names are `modality-channel-emotion-intensity-sentence-repetition-actor`; 03-01 is audio-only speech."""

    card = CorpusCard(
        name="RAVDESS",
        language="en",
        about="acted, 2 sentences, 8 emotions in 2 intensities",
        licence="CC BY-NC-SA 4.0",
        citation="Livingstone & Russo (2018), The Ryerson Audio-Visual Database of Emotional Speech and Song, "
        "PLoS ONE 13(5): e0196391",
        url="https://zenodo.org/records/1188976",
        n_clips=1440,
        n_speakers=24,
        files="03-01-EE-II-SS-RR-AA: emotion, intensity, sentence, repetition, actor (odd ones are men)",
    )
    channel = SPEECH

    def parse(self, path: Path) -> Utterance | None:
        """The utterance that a file's name describes; None for the other channel, video and other files."""
        match = _NAME.fullmatch(path.stem)
        if match is None or match["channel"] != self.channel:
            return None
        actor = match["actor"]
        return Utterance(
            corpus=self.card.name,
            path=path,
            speaker=actor,
            gender="m" if int(actor) % 2 else "f",
            emotion=_EMOTIONS[match["emotion"]],
            language=self.card.language,
            text=match["text"],
            intensity=_INTENSITIES[match["intensity"]],
        )

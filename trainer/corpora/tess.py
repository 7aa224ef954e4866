"""TESS, the Toronto emotional speech set: two women, 'Say the word …' with 200 words, seven emotions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trainer.corpora import CorpusCard, NamedFiles, Utterance

if TYPE_CHECKING:
    from pathlib import Path

# One published file lacks the F: OA_bite_neutral.
_NAME = re.compile(r"(?P<speaker>[OY]AF?)_(?P<word>[A-Za-z]+)_(?P<emotion>neutral|happy|sad|angry|fear|disgust|ps)")


class Tess(NamedFiles):
    """Names are `speaker_word_emotion`; ps is pleasant surprise."""

    card = CorpusCard(
        name="TESS",
        language="en",
        about="acted, one carrier phrase with 200 words, 7 emotions",
        licence="CC BY-NC-ND 4.0",
        citation="Pichora-Fuller & Dupuis (2020), Toronto emotional speech set (TESS), doi:10.5683/SP2/E8H2MF",
        url="https://doi.org/10.5683/SP2/E8H2MF",
        n_clips=2800,
        n_speakers=2,
        files="SSS_word_emotion: speaker, word, emotion; ps is pleasant surprise",
    )

    def parse(self, path: Path) -> Utterance | None:
        """The utterance that a file's name describes."""
        match = _NAME.fullmatch(path.stem)
        if match is None:
            return None
        return Utterance(
            corpus=self.card.name,
            path=path,
            speaker=match["speaker"][:2] + "F",
            gender="f",
            emotion="surprise" if match["emotion"] == "ps" else match["emotion"],
            language=self.card.language,
            text=match["word"].lower(),
        )

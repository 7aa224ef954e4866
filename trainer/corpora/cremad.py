"""CREMA-D: 91 North American actors, twelve sentences, six emotions, one sentence in three levels.

The emotion is the one the actor was asked for, as the file names say. Listeners heard another one in many clips:
`summaryTable.csv` of the corpus holds their votes, which are not used here.
"""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from monitor.errors import ConfigError
from trainer.corpora import CorpusCard, NamedFiles, Utterance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from trainer.corpora import Gender

# Copies made before the corpus was corrected hold one clip as 1040_ITH_SAD_X.
_NAME = re.compile(r"(?P<speaker>1\d{3})_(?P<text>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(?P<level>LO|MD|HI|XX?)")
_EMOTIONS = {"ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
_LEVELS = {"LO": "low", "MD": "medium", "HI": "high"}
_GENDERS: dict[str, Gender] = {"Female": "f", "Male": "m"}
_DEMOGRAPHICS = "*VideoDemographics.csv"


class CremaD(NamedFiles):
    """Names are `speaker_sentence_emotion_level`: `1001_DFA_ANG_XX`; XX is a level that was not asked for."""

    card = CorpusCard(
        name="CREMA-D",
        language="en",
        about="acted, 12 sentences, 6 emotions, intended ones (not the listeners' votes)",
        licence="ODbL 1.0",
        citation="Cao, Cooper, Keutmann, Gur, Nenkova & Verma (2014), CREMA-D: Crowd-sourced Emotional Multimodal "
        "Actors Dataset, IEEE Trans. Affective Computing 5(4), 377-390",
        url="https://github.com/CheyneyComputerScience/CREMA-D",
        n_clips=7442,
        n_speakers=91,
        files="SSSS_TTT_EEE_LL: speaker, sentence, emotion, level; VideoDemographics.csv tells the genders",
    )

    def utterances(self, folder: Path) -> Iterator[Utterance]:
        """Every clip below `folder`, with genders where VideoDemographics.csv is below it too.

        Raises:
            ConfigError: that table has other columns.
        """
        genders = _genders(folder)
        return (replace(u, gender=genders.get(u.speaker, "")) for u in super().utterances(folder))

    def parse(self, path: Path) -> Utterance | None:
        """The utterance that a file's name describes, without the gender."""
        match = _NAME.fullmatch(path.stem)
        if match is None or match["emotion"] not in _EMOTIONS:
            return None
        return Utterance(
            corpus=self.card.name,
            path=path,
            speaker=match["speaker"],
            gender="",
            emotion=_EMOTIONS[match["emotion"]],
            language=self.card.language,
            text=match["text"],
            intensity=_LEVELS.get(match["level"], ""),
        )


def _genders(folder: Path) -> Mapping[str, Gender]:
    """Speaker to gender; empty where the table is not there."""
    table = next(iter(sorted(folder.rglob(_DEMOGRAPHICS))), None)
    if table is None:
        return {}
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        found = rows.fieldnames or ()
        if not {"ActorID", "Sex"} <= set(found):
            raise ConfigError(f"{table}:1: columns {', '.join(found)}; wanted ActorID and Sex; get the file again")
        return {row["ActorID"]: _GENDERS.get(row["Sex"], "") for row in rows}

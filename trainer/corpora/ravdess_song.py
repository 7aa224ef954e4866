"""RAVDESS, song part: 23 of its actors sing the same two sentences in six emotions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trainer.corpora.ravdess import SONG, Ravdess

if TYPE_CHECKING:
    from pathlib import Path

    from trainer.corpora import Utterance

_SUNG = frozenset({"neutral", "calm", "happy", "sad", "angry", "fear"})


class RavdessSong(Ravdess):
    """Names as in the speech part, with 03-02 for audio-only song; the actors are the same people.

    Whoever uses both parts puts an actor into the same split in both.
    """

    card = replace(
        Ravdess.card,
        name="RAVDESS-song",
        about="sung, 2 sentences, 6 emotions in 2 intensities; actor 18 did not sing",
        n_clips=1012,
        n_speakers=23,
        files="03-02-EE-II-SS-RR-AA: as in the speech part, emotions 01 to 06",
        elsewhere=("RAVDESS",),
    )
    channel = SONG

    def parse(self, path: Path) -> Utterance | None:
        """The utterance that a file's name describes; None for speech, video and other files."""
        utterance = super().parse(path)
        return utterance if utterance is not None and utterance.emotion in _SUNG else None

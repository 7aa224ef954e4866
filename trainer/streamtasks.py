"""What a stream is judged on: conversations of speakers the model never heard, ordinary speech, and noise alone."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trainer.conversations import CONDITIONS, compose, in_turns, noise_scene, scene_of
from trainer.corpora import audio_files
from trainer.corpora.picovoice import PicovoiceS2I, is_for_training
from trainer.evaluation import unheard_utterances
from trainer.labels import label_scheme
from trainer.noises import part_of, sounds
from trainer.streamfigures import intense_labels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.card import ModelCard
    from trainer.conversations import Conversation, Scene, Stage
    from trainer.noises import Part, Sound

Group = Literal["speech", "neutral", "noise"]
CLIPS_PER_SPEAKER = 60
"""As RAVDESS has of each; a corpus with few speakers and many clips would outweigh the others."""
SEED = 1
"""Of the conversations."""
NEUTRAL = PicovoiceS2I.card.name
"""Folder of ordinary speech: commands to a coffee machine, in a neutral voice, by many speakers; no labels."""


@dataclass(frozen=True, slots=True)
class StreamTask:
    """One conversation, or one kind of noise."""

    name: str
    group: Group
    conversation: Conversation | None = None
    sounds: tuple[Sound, ...] = ()

    def scenes(self, stage: Stage) -> Iterator[tuple[str, Scene]]:
        """(name of the condition, audio and truth): speech under every condition, the others as they are.

        Raises:
            BadAudioError: a recording cannot be decoded.
        """
        if self.conversation is None:
            yield self.name, noise_scene([sound.path for sound in self.sounds], stage.rate_hz)
            return
        conditions = stage.conditions() if self.group == "speech" else CONDITIONS[:1]
        for condition in conditions:
            yield condition.name, scene_of(self.conversation, condition, stage)


def stream_tasks(card: ModelCard, root: Path, part: Part, n_per_speaker: int = CLIPS_PER_SPEAKER) -> list[StreamTask]:
    """Everything to be heard; recordings are divided like speakers, so that no choice is judged by what made it.

    What is missing below the data directory `root`, save labelled speech, is left out, and stderr says so; ordinary
    speech too where the model has no intense emotion to call it.

    Raises:
        ModelError: the card names no such speakers.
        NoInputError: none of them is there.
    """
    scheme = label_scheme(str(card.provenance.get("label_scheme", "emotion-7")))
    utterances = unheard_utterances(card, scheme, root, part)
    speech = compose(utterances, scheme, n_per_speaker, SEED)
    neutral = _ordinary(root, part) if intense_labels(card.affect) else []
    noise: dict[str, list[Sound]] = {}
    for sound in sounds(root):
        if sound.part == part:
            noise.setdefault(sound.kind, []).append(sound)
    beds = [sound for found in noise.values() for sound in found if sound.held_out]
    for what, there in (("ordinary speech", neutral), ("sounds without speech", noise), ("noise beds", beds)):
        if not there:
            print(f"left out: {what}: nothing of the {part} half is here; see docs/training.md", file=sys.stderr)
    return [
        *(StreamTask(conversation.name, "speech", conversation) for conversation in speech),
        *(StreamTask(conversation.name, "neutral", conversation) for conversation in neutral),
        *(StreamTask(kind, "noise", None, tuple(found)) for kind, found in sorted(noise.items())),
    ]


def _ordinary(root: Path, part: Part) -> list[Conversation]:
    kept = (path for path in sorted(audio_files(root / NEUTRAL)) if not is_for_training(path.stem))
    paths = [path for path in kept if part_of(path.stem) == part]
    return in_turns(NEUTRAL, paths, SEED)

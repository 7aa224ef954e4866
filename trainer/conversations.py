"""Conversations made of labelled clips: who speaks when, with which label, and how that sounds in a room with noise.

What is said is drawn once from a seed, and then heard under several conditions, so that conditions are compared over
the same clips. Speech keeps the loudness that a speaker gives it: one gain a speaker, not one a clip.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from monitor.pipeline import GateRule
from trainer.audio import FULL_SCALE, read_clip, to_int16
from trainer.augment.reverb import Reverb
from trainer.labels import GENDERS
from trainer.noises import sounds
from trainer.speech import at_level, speech_level, speech_span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trainer.corpora import Utterance
    from trainer.labels import LabelScheme
    from trainer.noises import Part

N_TURNS = 20
"""Clips in a conversation: two minutes or so."""
MIN_GAP_S, MAX_GAP_S = 0.5, 4.0
"""Between the end of one clip's speech and the start of the next one's; uniform."""
SPEECH_DBFS = -26.0
"""Median speech level of each speaker: the nominal active level of telephony, as ITU-T P.56 measures it."""
SELF_NOISE_DBFS = -75.0
"""White noise everywhere, as of a quiet room and a microphone: digital silence would tell where a clip begins."""
_LEAD_S, _TAIL_S = 0.15, 0.25
"""Kept of a clip before and after its speech; shorter together than the shortest gap."""
_END_GAP_S = 1.0
"""Before the first speech and, so that the gate can close, after the last."""
_FADE_S = 0.01
_MAX_PEAK = 0.9
_SPAN_LEVEL_DBFS = -26.0
_SPAN_LEAD_S, _SPAN_TAIL_S = 0.3, 1.0
"""The gate is asked where speech lies at a level in the middle of its range, with silence around the clip."""
_SPAN_RULE = GateRule(preroll_ms=0)


@dataclass(frozen=True, slots=True)
class Turn:
    """One clip in a conversation."""

    path: Path
    speaker: str
    """Unique over corpora: `RAVDESS/02`."""
    label: str
    """Empty where nobody knows it."""
    gap_s: float
    """Silence before its speech."""
    gender: str = ""
    """Of the speaker, `female` or `male`; empty where nobody knows it."""
    language: str = ""
    """Of the clip; empty likewise."""

    @property
    def corpus(self) -> str:
        """Name of the corpus."""
        return self.speaker.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is said, in order; how it sounds follows from the seed and the condition."""

    name: str
    turns: tuple[Turn, ...]
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How a conversation is heard.

    Attributes:
        name: in tables.
        snr_db: of the speakers' median speech level (`trainer.speech.speech_level`) to the RMS of a noise bed; None is
            no bed.
        room: reverberation of a made-up room, as no training heard it: 60 dB decay in 0.2 to 0.6 s.
        min_dbfs: lowest median speech level; the level of a conversation is drawn uniformly.
        max_dbfs: highest.
        overdriven: what is too loud is clipped; else the whole conversation is softer instead, where it has to be.
    """

    name: str
    snr_db: float | None = None
    room: bool = False
    min_dbfs: float = SPEECH_DBFS
    max_dbfs: float = SPEECH_DBFS
    overdriven: bool = False


CONDITIONS = (
    Condition(name="clean"),
    Condition(name="noise 20 dB", snr_db=20.0),
    Condition(name="noise 10 dB", snr_db=10.0),
    Condition(name="room", room=True),
    Condition(name="levels", min_dbfs=-50.0, max_dbfs=-10.0, overdriven=True),
)
_ROOM = Reverb(measured_probability=0.0, min_decay_s=0.2, max_decay_s=0.6)


@dataclass(frozen=True, slots=True)
class Spoken:
    """The truth about one clip in a scene."""

    turn: Turn
    start_sample: int
    """First sample of its speech, as the gate finds it in the clean clip, without pre-roll."""
    end_sample: int
    """End of its last voiced frame, likewise; pauses within lie between."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Audio and what is said in it."""

    samples: NDArray[np.int16]
    """int16, shape (n,)."""
    spoken: tuple[Spoken, ...]
    """In order; none in a scene of noise alone."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where conversations are heard: sample rate and the recordings for the noise beds."""

    rate_hz: int
    beds: Mapping[str, tuple[Path, ...]]
    """Kind of noise to recordings; empty: there is no noise."""

    @staticmethod
    def opened(root: Path, part: Part, rate_hz: int) -> Stage:
        """With the recordings below the data directory `root` that no training heard, of one half."""
        kept: dict[str, tuple[Path, ...]] = {}
        for sound in sounds(root):
            if sound.held_out and sound.part == part:
                kept[sound.kind] = (*kept.get(sound.kind, ()), sound.path)
        return Stage(rate_hz, kept)

    def conditions(self) -> tuple[Condition, ...]:
        """Those that can be heard here."""
        return tuple(condition for condition in CONDITIONS if condition.snr_db is None or self.beds)


def compose(utterances: Sequence[Utterance], scheme: LabelScheme, n_per_speaker: int, seed: int) -> list[Conversation]:
    """Conversations of one corpus each: half of every speaker's clips alone, half in turns with the other speakers.

    Args:
        utterances: of any corpora; all have a label.
        scheme: says which.
        n_per_speaker: clips of each speaker at most, as evenly over the labels as there are clips.
        seed: the same clips, number and seed give the same conversations.
    """
    rng = np.random.default_rng(seed)
    by_speaker: dict[str, list[Turn]] = {}
    for utterance in sorted(utterances, key=lambda utterance: utterance.name):
        label = scheme.label_of(utterance.emotion, utterance.gender) or ""
        speaker = f"{utterance.corpus}/{utterance.speaker}"
        turn = Turn(utterance.path, speaker, label, 0.0, GENDERS.get(utterance.gender, ""), utterance.language)
        by_speaker.setdefault(turn.speaker, []).append(turn)
    alone: list[tuple[str, list[Turn]]] = []
    together: dict[str, list[Turn]] = {}
    for speaker, turns in by_speaker.items():
        chosen = _evenly(turns, n_per_speaker, rng)
        half = len(chosen) // 2
        alone.append((speaker, chosen[:half]))
        together.setdefault(chosen[0].corpus, []).extend(chosen[half:])
    groups = [*alone, *((f"{corpus}/all", turns) for corpus, turns in together.items())]
    return [conversation for name, turns in groups for conversation in _cut(name, turns, rng)]


def in_turns(name: str, paths: Sequence[Path], seed: int) -> list[Conversation]:
    """Conversations of unlabelled clips, one speaker each."""
    rng = np.random.default_rng(seed)
    return list(_cut(name, [Turn(path, f"{name}/{path.stem}", "", 0.0) for path in paths], rng))


def scene_of(conversation: Conversation, condition: Condition, stage: Stage) -> Scene:
    """How the conversation sounds under the condition; the same arguments give the same samples.

    Raises:
        BadAudioError: a clip cannot be decoded.
    """
    rate_hz = stage.rate_hz
    rng = np.random.default_rng([conversation.seed, *condition.name.encode()])
    level_dbfs = rng.uniform(condition.min_dbfs, condition.max_dbfs)
    speech, spoken = _placed(conversation, rate_hz)
    if condition.room:
        speech = _ROOM(speech.astype(np.float32), rate_hz, rng)[: len(speech)].astype(np.float64)
    if condition.snr_db is not None:
        speech += _bed(stage, len(speech), rng) * 10 ** (-condition.snr_db / 20)
    gain = 10 ** (level_dbfs / 20)
    if not condition.overdriven:
        # Actors shout 20 dB louder than they speak.
        gain = min(gain, _MAX_PEAK / max(float(np.abs(speech).max()), 1e-9))
    return Scene(to_int16(FULL_SCALE * (gain * speech + _self_noise(len(speech), rng))), spoken)


def noise_scene(recordings: Sequence[Path], rate_hz: int) -> Scene:
    """Noise alone: the recordings one after the other, as loud as they are.

    Raises:
        BadAudioError: one cannot be decoded.
    """
    samples = np.concatenate([read_clip(recording, rate_hz) for recording in recordings]).astype(np.float64)
    rng = np.random.default_rng(len(samples))
    return Scene(to_int16(samples + FULL_SCALE * _self_noise(len(samples), rng)), ())


def _evenly(turns: Sequence[Turn], n: int, rng: np.random.Generator) -> list[Turn]:
    """At most `n` turns, the labels in rounds, in random order."""
    shuffled = [turns[i] for i in rng.permutation(len(turns))]
    seen: dict[str, int] = {}
    ranked = []
    for turn in shuffled:
        seen[turn.label] = seen.get(turn.label, 0) + 1
        ranked.append((seen[turn.label], turn))
    first = [turn for _, turn in sorted(ranked, key=lambda pair: pair[0])][:n]
    return [first[i] for i in rng.permutation(len(first))]


def _cut(name: str, turns: Sequence[Turn], rng: np.random.Generator) -> Iterator[Conversation]:
    """Conversations of about equal length, at most `N_TURNS` each, in random order and with random gaps."""
    if not turns:
        return
    order = rng.permutation(len(turns))
    for i, part in enumerate(np.array_split(order, -(-len(turns) // N_TURNS))):
        gaps = rng.uniform(MIN_GAP_S, MAX_GAP_S, len(part))
        cut = tuple(replace(turns[k], gap_s=float(gap)) for k, gap in zip(part, gaps, strict=True))
        yield Conversation(f"{name}/{i + 1}", cut, int(rng.integers(2**31)))


def _placed(conversation: Conversation, rate_hz: int) -> tuple[NDArray[np.float64], tuple[Spoken, ...]]:
    """The clips on one track, each speaker with a median speech level of 1, and the truth."""
    clips = [_clip(turn.path, rate_hz) for turn in conversation.turns]
    levels: dict[str, list[float]] = {}
    for turn, clip in zip(conversation.turns, clips, strict=True):
        levels.setdefault(turn.speaker, []).append(clip.level)
    spoken, at = [], int(_END_GAP_S * rate_hz)
    for turn, clip in zip(conversation.turns, clips, strict=True):
        start = at + int(turn.gap_s * rate_hz)
        at = start + clip.speech_end - clip.speech_start
        spoken.append(Spoken(turn, start, at))
    track = np.zeros(at + int(_END_GAP_S * rate_hz))
    for place, clip in zip(spoken, clips, strict=True):
        first = place.start_sample - clip.speech_start
        track[first : first + len(clip.samples)] += clip.samples / np.median(levels[place.turn.speaker])
    return track, tuple(spoken)


@dataclass(frozen=True, slots=True, eq=False)
class _Clip:
    """A clip without the silence around its speech."""

    samples: NDArray[np.float64]
    """Full scale 1, faded in and out."""
    level: float
    speech_start: int
    speech_end: int


# Conditions hear the same conversation one after the other.
@lru_cache(maxsize=2 * N_TURNS)
def _clip(path: Path, rate_hz: int) -> _Clip:
    samples = read_clip(path, rate_hz)
    start, end = spoken_span(samples, rate_hz)
    first = max(start - int(_LEAD_S * rate_hz), 0)
    kept = samples[first : end + int(_TAIL_S * rate_hz)] / FULL_SCALE
    n_fade = min(int(_FADE_S * rate_hz), len(kept) // 2)
    ramp = np.linspace(0, 1, n_fade)
    kept[:n_fade] *= ramp
    kept[len(kept) - n_fade :] *= ramp[::-1]
    return _Clip(kept, speech_level(kept, rate_hz), start - first, end - first)


def spoken_span(samples: NDArray[np.int16], rate_hz: int) -> tuple[int, int]:
    """Where the speech of a clip, int16 (n,), lies: start and end in samples; all of it where the gate finds none."""
    lead, tail = int(_SPAN_LEAD_S * rate_hz), int(_SPAN_TAIL_S * rate_hz)
    padded = np.pad(at_level(samples, _SPAN_LEVEL_DBFS, rate_hz), (lead, tail))
    found = speech_span(padded, rate_hz, _SPAN_RULE)
    if found is None:
        return 0, len(samples)
    start, end = (min(max(at - lead, 0), len(samples)) for at in found)
    return start, end


def _bed(stage: Stage, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """`n` samples of one kind of noise, its recordings in random order, over and over; RMS 1."""
    kinds = sorted(stage.beds)
    paths = stage.beds[kinds[rng.integers(len(kinds))]]
    recordings = [read_clip(paths[i], stage.rate_hz).astype(np.float64) for i in rng.permutation(len(paths))]
    bed = np.resize(np.concatenate(recordings), n)
    return bed / max(float(np.sqrt(np.mean(bed**2))), 1e-9)


def _self_noise(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """White noise at `SELF_NOISE_DBFS`, full scale 1."""
    return rng.standard_normal(n) * 10 ** (SELF_NOISE_DBFS / 20)

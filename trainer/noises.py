"""Recordings of surroundings without speech: which are voices all the same, and which are kept for judging.

A model that has heard a recording while it was trained is not disturbed by it as by a new one. So some are held out
from training, and of all of them one half serves to choose settings and the other to judge the choice.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from monitor.card import Licence
from trainer.corpora import audio_files

if TYPE_CHECKING:
    from pathlib import Path

Part = Literal["test", "validation"]

FOLDERS = ("ESC-10", "SpeechCommandsNoise")
"""Below the data directory."""
VOICES = ("Baby cry", "dude_miaowing")
"""In the paths of recordings that a gate for voices rightly opens for: a baby, and a man who plays a cat."""
HELD_OUT_ESC_FOLD = "5"
"""Files of ESC are called FOLD-SOURCE-TAKE; takes of one source lie in one fold.

From Piczak, K. J. (2015). ESC: Dataset for environmental sound classification. ACM Multimedia.
"""
HELD_OUT_NOISES = ("exercise_bike", "running_tap")
"""Of SpeechCommandsNoise, by name."""
_ESC = "ESC-10"
_HALVES: tuple[Part, ...] = ("test", "validation")


LICENCES = (
    Licence(
        source="ESC-10",
        licence="CC BY 3.0",
        citation="Piczak (2015), ESC: Dataset for Environmental Sound Classification, ACM Multimedia, 1015-1018",
    ),
    Licence(
        source="Speech Commands, background noise",
        licence="CC BY 4.0",
        citation="Warden (2018), Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition, "
        "arXiv:1804.03209",
    ),
)
"""Of what weights that trained with these recordings are derived from."""


@dataclass(frozen=True, slots=True)
class Sound:
    """One recording that holds no voice."""

    path: Path
    kind: str
    """What is heard: the class of ESC (`Rain`), else the file's name."""
    part: Part
    """Settings are chosen with the one half of the recordings, and judged with the other."""
    held_out: bool
    """Not to be trained with."""


def is_voice(path: Path) -> bool:
    """Whether the recording holds a voice, by its path."""
    return any(word in name for word in VOICES for name in path.parts[-2:])


def is_held_out(path: Path) -> bool:
    """Whether the recording is kept for judging, by its path: no training may use it."""
    if _is_esc(path):
        return path.stem.startswith(f"{HELD_OUT_ESC_FOLD}-")
    return path.stem in HELD_OUT_NOISES


def part_of(name: str) -> Part:
    """The half that whatever is called `name` belongs to; the same on every machine."""
    return _HALVES[zlib.crc32(name.encode()) % len(_HALVES)]


def sounds(root: Path) -> list[Sound]:
    """Every recording without a voice below the data directory `root`, in order of its path; none where none is."""
    found = (path for folder in FOLDERS for path in sorted(audio_files(root / folder)))
    return [Sound(path, _kind(path), part_of(_source(path)), is_held_out(path)) for path in found if not is_voice(path)]


def _is_esc(path: Path) -> bool:
    return _ESC in path.parts


def _kind(path: Path) -> str:
    """`002 - Rain` is the folder of the class Rain."""
    return path.parent.name.rpartition(" - ")[2] if _is_esc(path) else path.stem


def _source(path: Path) -> str:
    """Takes of one source count as one."""
    return path.stem.rpartition("-")[0] if _is_esc(path) else path.stem

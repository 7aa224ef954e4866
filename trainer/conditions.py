"""What the real world does to a clip before a model hears it: loudness, noise, a room, a telephone, a codec.

One registry line a condition. Noise and rooms are those that no training plays: see `trainer.noises` and
`trainer.rooms`. All but the levels leave the speech about as loud as it was recorded.
"""

from __future__ import annotations

import sys
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from monitor.errors import NoInputError
from trainer import noises, rooms
from trainer.audio import to_int16
from trainer.augment.background import Background
from trainer.augment.bandlimit import Bandlimit
from trainer.augment.codec import Codec
from trainer.augment.reverb import Reverb
from trainer.corpora import audio_files
from trainer.speech import at_level

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from trainer.augment import WaveformAugmentation

ORIGINAL = "original"
"""The clips as recorded: no condition, what all are compared with."""
LEVELS_DBFS = (-50, -35, -20, -10)
"""Speech levels (see `trainer.speech.speech_level`): a whisper across the room to a shout into the microphone."""
LEVELS = (ORIGINAL, *map(str, LEVELS_DBFS))
_ROOMS = "RIR_misc"
_BABY = "Baby"
"""In paths; the other recording that holds a voice is not held out: see `trainer.noises.VOICES`."""
_OPUS_24 = 1 - (24_000 - 6_000) / 250_000
"""libsndfile asks libopus for 6 kbit/s at compression 1 and for 256 at 0, evenly in between (`ogg_opus.c`)."""


@dataclass(frozen=True, slots=True)
class Level:
    """Brings the speech to a level, as a microphone amplifier would."""

    level_dbfs: float

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (n,) in int16 scale to the same shape; nothing is drawn."""
        del rng
        return at_level(to_int16(samples), self.level_dbfs, rate_hz).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Condition:
    """A change of a clip, and how much of it a model should bear."""

    about: str
    """What is done, for people."""
    bound_points: float
    """Points of UAR (0-100) that it may cost at most: what this project asks of its models."""
    steps: tuple[WaveformAugmentation, ...]
    needs: Callable[[Path], bool] = lambda _: True
    """Whether the recordings that it plays are below a data directory."""

    def opened(self, root: Path) -> Condition:
        """The same with recordings read from below `root`.

        Raises:
            NoInputError: there are none.
        """
        if not self.needs(root):
            raise NoInputError(
                f"{root}: no recording for '{self.about}'; wanted {', '.join(noises.FOLDERS)}, {_ROOMS} there"
            )
        steps = tuple(step.opened(root) if hasattr(step, "opened") else step for step in self.steps)
        return replace(self, steps=steps)

    def __call__(self, samples: NDArray[np.int16], rate_hz: int, rng: np.random.Generator) -> NDArray[np.int16]:
        """int16 (n,) to int16 (n,), in a room (n + 0.1 s,): rounded and clipped as a recorder does."""
        changed = samples.astype(np.float32)
        for step in self.steps:
            changed = step(changed, rate_hz, rng)
        return to_int16(changed)


def _is_noisy(root: Path) -> bool:
    return any(
        noises.is_held_out(path) and _BABY not in str(path)
        for folder in noises.FOLDERS
        for path in audio_files(root / folder)
    )


def _has_room(root: Path) -> bool:
    return any(rooms.is_held_out(path) for path in audio_files(root / _ROOMS))


def _level(level_dbfs: int) -> Condition:
    return Condition(f"speech at {level_dbfs} dBFS, 16 bits, clipped at full scale", 1.0, (Level(level_dbfs),))


def _noise(snr_db: int, bound_points: float) -> Condition:
    played = Background(
        min_snr_db=snr_db, max_snr_db=snr_db, folders=noises.FOLDERS, exclude=_BABY, coloured_probability=0,
        recordings="held-out",
    )  # fmt: skip
    about = f"recorded noise below the whole clip, {snr_db} dB under the speech (RMS against the speech level)"
    return Condition(about, bound_points, (played,), _is_noisy)


CONDITIONS = {
    **{str(level_dbfs): _level(level_dbfs) for level_dbfs in LEVELS_DBFS},
    "noise 20 dB": _noise(20, 3.0),
    "noise 10 dB": _noise(10, 8.0),
    "room": Condition(
        "one of two measured rooms (-60 dB after 0.4 and 0.8 s; the first half second of their responses)",
        5.0,
        (Reverb(folder=_ROOMS, measured_probability=1, recordings="held-out"),),
        _has_room,
    ),
    "telephone": Condition(
        "300-3400 Hz, at 8 kHz in mu-law (G.711) and back",
        6.0,
        (Bandlimit(), Codec(codecs=("mulaw",))),
    ),
    # Of speech it makes 26 kbit/s with the container, of RAVDESS with its digital silence 20.
    "opus 24 kbit/s": Condition(
        "Ogg Opus, libopus asked for 24 kbit/s at a variable rate",
        2.0,
        (Codec(codecs=("opus",), min_compression=_OPUS_24, max_compression=_OPUS_24),),
    ),
}
"""Name to condition; that of a level is its number of dBFS."""
WORLD = tuple(name for name in CONDITIONS if name not in LEVELS)
"""Those that are no levels."""


def open_conditions(root: Path) -> dict[str, Condition]:
    """All conditions whose recordings are below `root`; what is left out is said on stderr."""
    opened = {}
    for name, condition in CONDITIONS.items():
        try:
            opened[name] = condition.opened(root)
        except NoInputError as error:
            print(f"left out: {name}: {error}", file=sys.stderr)
    return opened


def generator_of(clip: str) -> np.random.Generator:
    """Random numbers of a clip, by its name: the same noise and room at every run, one noise at every ratio."""
    return np.random.default_rng(zlib.crc32(clip.encode()))

"""Reverberation: the clip in a room, measured or made up."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta
from scipy.signal import fftconvolve

from trainer.audio import FULL_SCALE, read_clip
from trainer.corpora import audio_files
from trainer.recipe import Recordings, Share
from trainer.rooms import is_held_out

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RATE_HZ = 16000
_DECAY_EXPONENT = 3
"""60 dB, over the length of the response: a factor 10^-3 in amplitude."""
_BEFORE_PEAK_S = 0.0005
_MEASURED_S = 0.5
_TAIL_S = 0.1
"""How much of the reverberation may outlast the clip."""


class Reverb(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Convolution with a room's impulse response.

    Attributes:
        probability: of being applied.
        folder: of measured responses, below the data directory; missing: all are made up.
        measured_probability: of a measured one, where there are any.
        min_decay_s: shortest time to -60 dB of a made-up one.
        max_decay_s: longest.
        min_direct_db: the direct sound of a made-up one is so much stronger than all its reverberation, at least;
            negative far from the microphone.
        max_direct_db: and at most.
        recordings: training leaves out the rooms that models are judged in: see `trainer.rooms`.
        root: data directory; set by `opened`.
    """

    probability: Share = 1.0
    folder: str = ""
    measured_probability: Share = 0.5
    min_decay_s: Annotated[float, Meta(gt=0)] = 0.1
    max_decay_s: Annotated[float, Meta(gt=0)] = 0.4
    min_direct_db: float = 0.0
    max_direct_db: float = 12.0
    recordings: Recordings = "training"
    root: Path | None = None

    def opened(self, root: Path) -> Reverb:
        """The same with the measured responses below `root`."""
        return msgspec.structs.replace(self, root=root)

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (n,) to float32 (n + 0.1 s at most,)."""
        if rng.random() >= self.probability:
            return samples
        measured = _measured(self.root / self.folder, self.recordings) if self.root and self.folder else ()
        if measured and rng.random() < self.measured_probability:
            response = measured[rng.integers(len(measured))]
        else:
            response = self._made_up(rate_hz, rng)
        wet = fftconvolve(samples, response)[: len(samples) + int(_TAIL_S * rate_hz)]
        return np.asarray(wet, dtype=np.float32)

    def _made_up(self, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Direct sound and exponentially decaying noise, float32 (n,) with energy 1."""
        n = int(rate_hz * rng.uniform(self.min_decay_s, self.max_decay_s))
        tail = rng.standard_normal(n) * 10 ** (-_DECAY_EXPONENT * np.arange(n) / n)
        tail *= 10 ** (-rng.uniform(self.min_direct_db, self.max_direct_db) / 20) / np.sqrt(np.sum(tail**2))
        tail[0] = 1
        return _unit_energy(tail)


@cache
def _measured(folder: Path, which: Recordings) -> tuple[NDArray[np.float32], ...]:
    paths = sorted(path for path in audio_files(folder) if is_held_out(path) == (which == "held-out"))
    return tuple(_trimmed(path) for path in paths)


def _trimmed(path: Path) -> NDArray[np.float32]:
    """A response from just before its peak, so that the clip is not delayed."""
    response = read_clip(path, _RATE_HZ) / FULL_SCALE
    start = max(0, int(np.argmax(np.abs(response))) - int(_BEFORE_PEAK_S * _RATE_HZ))
    return _unit_energy(response[start : start + int(_MEASURED_S * _RATE_HZ)])


def _unit_energy(response: NDArray[np.float64]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = (response / np.sqrt(np.sum(np.square(response)))).astype(np.float32)
    return scaled

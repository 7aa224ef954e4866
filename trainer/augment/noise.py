"""Noise: recorded surroundings or coloured noise below the speech."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from trainer.audio import FULL_SCALE, read_clip
from trainer.corpora import audio_files
from trainer.noises import is_held_out
from trainer.recipe import NotNegative, Recordings, Share

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RATE_HZ = 16000
_SILENCE = 1e-5
"""Recordings with a lower RMS (full scale 1) are empty."""
_CORNER_HZ = 30.0
"""Keeps the lowest frequencies of coloured noise finite."""


class Noise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Adds noise at a signal-to-noise ratio; the speech has RMS 1.

    Attributes:
        probability: of being applied.
        min_snr_db: loudest noise.
        max_snr_db: softest noise.
        folders: of recordings below the data directory; missing ones are passed over.
        folder_weights: how often each folder is drawn from, relative.
        exclude: recordings with this in their path are left out: a crying baby is a voice.
        coloured_probability: of noise made up with a spectrum of f^-0 to f^-max_slope in amplitude.
        max_slope: steepest spectrum.
        late_probability: of noise that begins only after `late_s`, as where the stream begins with the clip.
        late_s: length of the silence before the clip.
        recordings: training leaves out those that models are judged by: see `trainer.noises`.
        root: data directory; set by `opened`.
    """

    probability: Share = 1.0
    min_snr_db: float
    max_snr_db: float
    folders: tuple[str, ...] = ()
    folder_weights: tuple[float, ...] = ()
    exclude: str = ""
    coloured_probability: Share = 0.4
    max_slope: NotNegative = 1.2
    late_probability: Share = 0.0
    late_s: NotNegative = 0.0
    recordings: Recordings = "training"
    root: Path | None = None

    def __post_init__(self) -> None:
        """Refuse weights that fit no folder.

        Raises:
            ValueError: the two lists differ in length.
        """
        if self.folder_weights and len(self.folder_weights) != len(self.folders):
            raise ValueError(f"{len(self.folder_weights)} folder_weights, {len(self.folders)} folders; wanted one each")

    def opened(self, root: Path) -> Noise:
        """The same with the recordings below `root`."""
        return msgspec.structs.replace(self, root=root)

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (n,) to float32 (n,)."""
        if rng.random() >= self.probability:
            return samples
        gain = 10 ** (-rng.uniform(self.min_snr_db, self.max_snr_db) / 20)
        noise = self._draw(len(samples), rate_hz, rng)
        noise *= gain / (np.sqrt(np.mean(noise**2)) + 1e-9)
        if rng.random() < self.late_probability:
            noise[: int(self.late_s * rate_hz)] = 0
        return (samples + noise).astype(np.float32)

    def _draw(self, n: int, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
        shelves = self._shelves()
        if not shelves or rng.random() < self.coloured_probability:
            return coloured(n, rate_hz, self.max_slope, rng)
        weights = np.array([weight for weight, _ in shelves])
        _, recordings = shelves[rng.choice(len(shelves), p=weights / weights.sum())]
        recording = recordings[rng.integers(len(recordings))]
        rolled = np.roll(recording, -int(rng.integers(len(recording))))
        return np.resize(rolled, n).astype(np.float64)

    def _shelves(self) -> list[tuple[float, tuple[NDArray[np.float32], ...]]]:
        """(weight, recordings) of every folder that holds any."""
        if self.root is None:
            return []
        weights = self.folder_weights or (1.0,) * len(self.folders)
        pairs = zip(weights, self.folders, strict=True)
        shelves = [
            (weight, recordings_in(self.root / folder, self.exclude, _RATE_HZ, self.recordings))
            for weight, folder in pairs
        ]
        return [(weight, recordings) for weight, recordings in shelves if recordings]


def coloured(n: int, rate_hz: int, max_slope: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gaussian noise whose spectrum falls as f^-0 to f^-max_slope in amplitude, float64 (n,)."""
    bins = n // 2 + 1
    spectrum = rng.standard_normal(bins) + 1j * rng.standard_normal(bins)
    frequency = np.arange(bins) / n * rate_hz + _CORNER_HZ
    return np.fft.irfft(spectrum * frequency ** -rng.uniform(0, max_slope), n)


@cache
def recordings_in(
    folder: Path, exclude: str, rate_hz: int, which: Recordings = "training"
) -> tuple[NDArray[np.float32], ...]:
    """Recordings below `folder` that are not empty, without those with `exclude` in their path; float32 (n,).

    `which`: those to train with, or those to judge by.
    """
    paths = sorted(path for path in audio_files(folder) if is_held_out(path) == (which == "held-out"))
    if exclude:
        paths = [path for path in paths if exclude not in str(path.relative_to(folder))]
    recordings = ((read_clip(path, rate_hz) / FULL_SCALE).astype(np.float32) for path in paths)
    return tuple(recording for recording in recordings if np.sqrt(np.mean(recording**2)) >= _SILENCE)

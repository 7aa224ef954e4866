"""Background: recorded surroundings or coloured noise, at a ratio to the speech of a clip of any level."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from trainer.augment.noise import coloured, recordings_in
from trainer.recipe import NotNegative, Recordings, Share
from trainer.speech import speech_level

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Background(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Noise at a uniform signal-to-noise ratio; free of scale.

    The signal is `trainer.speech.speech_level`, so that pauses do not count; the noise is its RMS over the clip.

    Attributes:
        probability: of being applied.
        min_snr_db: loudest noise.
        max_snr_db: softest noise.
        folders: of recordings below the data directory, drawn from evenly; missing ones are passed over.
        exclude: recordings with this in their path are left out: a crying baby is a voice.
        coloured_probability: of noise made up; 1 where there are no recordings.
        max_slope: steepest spectrum of it, f^-slope in amplitude: 0 is white, 0.5 pink, 1 red.
        recordings: training leaves out those that models are judged by: see `trainer.noises`.
        root: data directory; set by `opened`.
    """

    probability: Share = 1.0
    min_snr_db: float
    max_snr_db: float
    folders: tuple[str, ...] = ()
    exclude: str = ""
    coloured_probability: Share = 0.4
    max_slope: NotNegative = 1.2
    recordings: Recordings = "training"
    root: Path | None = None

    def __post_init__(self) -> None:
        """Refuse an empty range.

        Raises:
            ValueError: with the two ends.
        """
        if self.min_snr_db > self.max_snr_db:
            raise ValueError(f"min_snr_db {self.min_snr_db} is above max_snr_db {self.max_snr_db}")

    def opened(self, root: Path) -> Background:
        """The same with the recordings below `root`."""
        return msgspec.structs.replace(self, root=root)

    def __call__(self, samples: NDArray[np.float32], rate_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """float32 (n,) to float32 (n,); silence stays silent."""
        if rng.random() >= self.probability or not samples.any():
            return samples
        snr_db = rng.uniform(self.min_snr_db, self.max_snr_db)
        noise = self._draw(len(samples), rate_hz, rng)
        rms = np.sqrt(np.mean(noise**2))
        if not rms:
            return samples
        noise *= speech_level(samples, rate_hz) * 10 ** (-snr_db / 20) / rms
        return (samples + noise).astype(np.float32)

    def _draw(self, n: int, rate_hz: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Noise of any level, float64 (n,)."""
        shelves = self._shelves(rate_hz)
        if not shelves or rng.random() < self.coloured_probability:
            return coloured(n, rate_hz, self.max_slope, rng)
        recordings = shelves[rng.integers(len(shelves))]
        recording = recordings[rng.integers(len(recordings))]
        return np.resize(np.roll(recording, -int(rng.integers(len(recording)))), n).astype(np.float64)

    def _shelves(self, rate_hz: int) -> list[tuple[NDArray[np.float32], ...]]:
        """Recordings of every folder that holds any."""
        if self.root is None:
            return []
        shelves = (recordings_in(self.root / folder, self.exclude, rate_hz, self.recordings) for folder in self.folders)
        return [recordings for recordings in shelves if recordings]

"""What a process is given to answer for: windows cut out beforehand, or the recording in which they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_WINDOWS, _STRETCHES, _SAMPLES = "windows.npy", "stretches.npy", "samples.s16le"
_SAMPLE_TYPE = np.dtype("<i2")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A folder; each way reads of it what it needs, so that nobody's memory holds another's audio."""

    folder: Path

    def write(self, samples: NDArray[np.int16], windows: NDArray[np.int16], stretches: NDArray[np.int64]) -> None:
        """Put all into the folder: int16 (n,), int16 (windows, samples), int64 (windows, 2)."""
        samples.astype(_SAMPLE_TYPE).tofile(self.folder / _SAMPLES)
        np.save(self.folder / _WINDOWS, windows, allow_pickle=False)
        np.save(self.folder / _STRETCHES, stretches, allow_pickle=False)

    def windows(self) -> NDArray[np.int16]:
        """The windows, int16 (windows, samples)."""
        found: NDArray[np.int16] = np.load(self.folder / _WINDOWS)
        return found

    def stretches(self) -> list[tuple[int, int]]:
        """For each window, from which sample of the recording to which it becomes due."""
        return [(start, due) for start, due in np.load(self.folder / _STRETCHES).tolist()]

    def samples(self, start: int, end: int) -> NDArray[np.int16]:
        """Of the recording, int16 (end - start,)."""
        at = start * _SAMPLE_TYPE.itemsize
        return np.fromfile(self.folder / _SAMPLES, _SAMPLE_TYPE, end - start, offset=at).astype(np.int16)

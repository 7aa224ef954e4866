"""The windows that every way answers for, and where in the recording each becomes due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.everyhop import EveryHop
from monitor.pipeline.gate import VAD_FRAME_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.recording import Recording

N_WINDOWS = 40
"""So many, evenly spread over the recording: the slowest way takes a tenth of a second for each."""
_MS_PER_S = 1000


def chosen_windows(recording: Recording, n: int = N_WINDOWS) -> NDArray[np.int16]:
    """Up to `n` of the windows that our pipeline classifies, evenly spread, int16 (windows, samples)."""
    return np.stack([recording.window(int(end)) for end in recording.window_ends[_chosen(recording, n)]])


def chosen_stretches(recording: Recording, n: int = N_WINDOWS) -> NDArray[np.int64]:
    """The audio that makes each of the same windows due, int64 (windows, 2): its first sample and the one behind it.

    It ends with the VAD frame in which the window does, and begins where the window before became due: a hop earlier,
    give or take a VAD frame. Where none was due then, it is as long as that at most: silence before a word makes
    nothing due.
    """
    every = EveryHop.shipped()
    n_frame = every.spec.rate_hz * VAD_FRAME_MS // _MS_PER_S
    due = -(-recording.window_ends // n_frame) * n_frame
    before = np.concatenate([[0], due[:-1]])
    starts = np.maximum(before, due - every.window.hop_frames * every.spec.hop_samples - n_frame)
    found: NDArray[np.int64] = np.stack([starts, due], axis=1)[_chosen(recording, n)]
    return found


def _chosen(recording: Recording, n: int) -> NDArray[np.int64]:
    spread = np.linspace(0, len(recording.window_ends) - 1, n).round().astype(np.int64)
    found: NDArray[np.int64] = np.unique(spread)
    return found

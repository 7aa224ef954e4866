"""Mel spectrogram of one clip an emotion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.plots.grid import heat_grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainer.plots.grid import Panels

_TICKS_HZ = (250, 500, 1000, 2000, 4000, 8000, 16000)


def draw(figure: Any, clips: Panels, hop_s: float, centres_hz: NDArray[np.floating[Any]], unit: str = "dB") -> None:
    """Fill `figure`.

    Args:
        figure: empty.
        clips: title to levels in `unit`, shape (frames, bands), lowest band first.
        hop_s: between frames.
        centres_hz: shape (bands,), rising: centre of each band.
        unit: of the levels.
    """
    axes_of = heat_grid(
        figure,
        clips,
        hop_s=hop_s,
        top=float(len(centres_hz)),
        title="Mel spectrograms: one clip an emotion",
        y="frequency (kHz, mel scale)",
        bar=f"level ({unit})",
    )
    inside = [tick for tick in _TICKS_HZ if centres_hz[0] <= tick <= centres_hz[-1]]
    bands = np.interp(inside, centres_hz, np.arange(len(centres_hz)) + 0.5)
    axes_of[0].set_yticks(bands, [f"{tick / 1000:g}" for tick in inside])

"""Samples of one clip an emotion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.plots.grid import panel_grid
from trainer.plots.style import BLUE, ruled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainer.plots.grid import Panels

_COLUMNS = 1000
"""About as many as there are pixels."""


def draw(figure: Any, clips: Panels, rate_hz: int) -> None:
    """Fill `figure`; `clips` are title to samples, shape (n,), full scale 1."""
    axes_of = panel_grid(
        figure,
        list(clips),
        title="Waveforms: one clip an emotion",
        x="time (s)",
        y="amplitude (full scale 1)",
    )
    for axes, samples in zip(axes_of, clips.values(), strict=True):
        draw_samples(axes, samples, rate_hz)
    peak = max(float(np.abs(samples).max(initial=0.0)) for samples in clips.values()) or 1.0
    axes_of[0].set_xlim(0, max(len(samples) for samples in clips.values()) / rate_hz)
    axes_of[0].set_ylim(-1.05 * peak, 1.05 * peak)


def draw_samples(axes: Any, samples: NDArray[np.floating[Any]], rate_hz: int, colour: str = BLUE) -> None:
    """One line, through the lowest and the highest sample of each pixel: all samples would make huge files."""
    times, values = _outline(samples)
    axes.plot(times / rate_hz, values, color=colour, linewidth=0.7)
    ruled(axes)


def _outline(samples: NDArray[np.floating[Any]]) -> tuple[NDArray[np.float64], NDArray[np.floating[Any]]]:
    """Sample numbers and values, two a pixel; all of them where there are few."""
    if len(samples) <= 2 * _COLUMNS:
        return np.arange(len(samples), dtype=np.float64), samples
    starts = np.linspace(0, len(samples), _COLUMNS, endpoint=False).astype(np.int64)
    low, high = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    return np.repeat(starts.astype(np.float64), 2), np.stack([low, high], axis=1).ravel()

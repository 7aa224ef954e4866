"""Spectrum of one clip an emotion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.plots.grid import panel_grid
from trainer.plots.style import BLUE, ruled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trainer.plots.grid import Panels

_POINTS = 400
"""More than a panel has pixels; several bins are averaged, for the spectrum of noise is a black band otherwise."""
_DEPTH_DB = 90.0
"""What lies further below the highest level is cut off: the digital zeros of a padded clip are."""


def draw(figure: Any, clips: Panels, frequencies_hz: NDArray[np.floating[Any]]) -> None:
    """Fill `figure`; `clips` are title to levels in dB, shape (bins,), at `frequencies_hz`, shape (bins,), rising."""
    means = {name: _means(levels) for name, levels in clips.items()}
    at_khz = np.array([part.mean() for part in _split(frequencies_hz)]) / 1000
    axes_of = panel_grid(
        figure,
        list(clips),
        title="Spectra: one clip an emotion",
        x="frequency (kHz)",
        y="level (dB)",
    )
    for axes, levels in zip(axes_of, means.values(), strict=True):
        axes.plot(at_khz, levels, color=BLUE, linewidth=1.0)
        ruled(axes, "both")
    every = np.concatenate(list(means.values()))
    high = float(every.max())
    low = max(float(every.min()), high - _DEPTH_DB)
    axes_of[0].set_ylim(low - 3, high + 3)
    axes_of[0].set_xlim(0, float(frequencies_hz[-1]) / 1000)


def _means(levels: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Mean power of neighbouring bins, in dB."""
    return np.array([10 * np.log10(np.mean(10 ** (part.astype(np.float64) / 10))) for part in _split(levels)])


def _split(bins: NDArray[np.floating[Any]]) -> list[NDArray[np.floating[Any]]]:
    return np.array_split(bins, min(_POINTS, len(bins)))

"""A clip before and after each augmentation: whether it still sounds like speech can be guessed from here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.plots.style import BLUE, LEVELS, RED, RULE, WIDTH, headed
from trainer.plots.waveform import draw_samples

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_FRAME_S = 0.025
_HOP_S = 0.010
_DEPTH_DB = 80.0
_ROW_HEIGHT = 1.35


def draw(
    figure: Any,
    before: NDArray[np.floating[Any]],
    after: Mapping[str, NDArray[np.floating[Any]]],
    rate_hz: int,
) -> None:
    """Fill `figure`: a row each, waveform at the left and spectrogram at the right.

    Args:
        figure: empty.
        before: shape (n,): the clip, full scale 1.
        after: augmentation to what it made of the clip, shape (m,), full scale 1.
        rate_hz: of all.
    """
    rows = {"before": before, **after}
    figure.set_size_inches(WIDTH, 1.1 + _ROW_HEIGHT * len(rows))
    grid = figure.subplots(len(rows), 2, sharex=True, sharey="col", squeeze=False)
    levels = {name: level_map(samples, rate_hz) for name, samples in rows.items()}
    top = max(float(level.max()) for level in levels.values())
    for (left, right), (name, samples) in zip(grid, rows.items(), strict=True):
        draw_samples(left, samples, rate_hz, BLUE if name == "before" else RED)
        left.set_title(name)
        image = right.imshow(
            levels[name].T,
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            extent=(0, len(samples) / rate_hz, 0, rate_hz / 2000),
            vmin=top - _DEPTH_DB,
            vmax=top,
            cmap=LEVELS,
        )
        right.set_facecolor(RULE)
    grid[0, 0].set_xlim(0, max(len(samples) for samples in rows.values()) / rate_hz)
    grid[0, 1].set_ylim(0, rate_hz / 2000)
    for axes in grid[-1]:
        axes.set_xlabel("time (s)")
    for row in grid:
        row[0].set_ylabel("amplitude\n(full scale 1)")
        row[1].set_ylabel("frequency\n(kHz)")
    figure.colorbar(image, ax=grid, label="level (dBFS)", extend="min", aspect=40, pad=0.015)
    headed(figure, "A clip before and after each augmentation")


def level_map(samples: NDArray[np.floating[Any]], rate_hz: int) -> NDArray[np.float64]:
    """Spectrogram, float64 (frames, bins), in dB relative to a sine of full scale; at least one frame.

    Hann windows of 25 ms every 10 ms; a sine of amplitude 1 has a peak of half the window's sum.
    """
    length, hop = round(_FRAME_S * rate_hz), round(_HOP_S * rate_hz)
    padded = np.pad(samples.astype(np.float64), (0, max(0, length - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop]
    window = np.hanning(length)
    magnitudes = np.abs(np.fft.rfft(frames * window, axis=1)) / (window.sum() / 2)
    levels: NDArray[np.float64] = 20 * np.log10(np.maximum(magnitudes, 1e-10))
    return levels

"""Spectrogram of one clip an emotion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.plots.grid import heat_grid

if TYPE_CHECKING:
    from trainer.plots.grid import Panels


def draw(figure: Any, clips: Panels, hop_s: float, rate_hz: int, unit: str = "dB") -> None:
    """Fill `figure`; `clips` are title to levels in `unit`, shape (frames, bins), bins from 0 to half of `rate_hz`."""
    heat_grid(
        figure,
        clips,
        hop_s=hop_s,
        top=rate_hz / 2000,
        title="Spectrograms: one clip an emotion",
        y="frequency (kHz)",
        bar=f"level ({unit})",
    )

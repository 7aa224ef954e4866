"""Cepstral coefficients of one clip an emotion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.plots.grid import heat_grid

if TYPE_CHECKING:
    from trainer.plots.grid import Panels


def draw(figure: Any, clips: Panels, hop_s: float, unit: str = "no unit", first: int = 0) -> None:
    """Fill `figure`.

    Args:
        figure: empty.
        clips: title to coefficients in `unit`, shape (frames, coefficients).
        hop_s: between frames.
        unit: of the coefficients.
        first: number of the lowest coefficient; the level, number 0, outshines the others and is best left out.
    """
    n = next(iter(clips.values())).shape[1] if clips else 1
    axes_of = heat_grid(
        figure,
        clips,
        hop_s=hop_s,
        top=float(n),
        title="Mel-frequency cepstral coefficients: one clip an emotion",
        y="coefficient (number)",
        bar=f"coefficient ({unit})",
        signed=True,
    )
    step = max(1, n // 5)
    rows = range(0, n, step)
    axes_of[0].set_yticks([row + 0.5 for row in rows], [str(row + first) for row in rows])

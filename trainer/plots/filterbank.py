"""Log filterbank energies of one clip an emotion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.plots.grid import heat_grid

if TYPE_CHECKING:
    from trainer.plots.grid import Panels


def draw(figure: Any, clips: Panels, hop_s: float, unit: str = "Np, ln of energy") -> None:
    """Fill `figure`; `clips` are title to log energies in `unit`, shape (frames, filters), lowest filter first."""
    heat_grid(
        figure,
        clips,
        hop_s=hop_s,
        top=float(next(iter(clips.values())).shape[1]) if clips else 1.0,
        title="Filterbank energies: one clip an emotion",
        y="filter (number)",
        bar=f"log energy ({unit})",
    )

"""A grid of panels, one a clip, with shared axes; the form of all plots that show one clip an emotion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.plots.style import INK, LEVELS, RULE, SIGNED, WIDTH, headed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Panels = Mapping[str, NDArray[np.floating[Any]]]

_MAX_COLUMNS = 4
_ROW_HEIGHT = 1.75
_HEAD_HEIGHT = 0.8
_SPREAD = (1.0, 99.5)
"""Percentiles between which colours are spread: single values must not darken the rest."""


def panel_grid(figure: Any, names: Sequence[str], *, title: str, x: str, y: str) -> list[Any]:
    """One axes a name, all with the same limits; panels that are not needed are left out.

    Args:
        figure: empty; its size is set.
        names: of the panels.
        title: what is seen.
        x: label of the horizontal axis, with its unit.
        y: label of the vertical axis, with its unit.

    Raises:
        ValueError: there is no name.
    """
    if not names:
        raise ValueError("no clip to draw; wanted one or more")
    columns = _columns(len(names))
    rows = -(-len(names) // columns)
    figure.set_size_inches(WIDTH, _HEAD_HEIGHT + rows * _ROW_HEIGHT + 0.3)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, name in zip(grid, names, strict=False):
        axes.set_title(name)
    for i, spare in enumerate(grid[len(names) :], len(names)):
        spare.remove()
        # The panel above is now the lowest of its column.
        grid[i - columns].tick_params(labelbottom=True)
    headed(figure, title)
    figure.supxlabel(x, fontsize="medium")
    figure.supylabel(y, fontsize="medium")
    return list(grid[: len(names)])


def heat_grid(
    figure: Any,
    panels: Panels,
    *,
    hop_s: float,
    top: float,
    title: str,
    y: str,
    bar: str,
    signed: bool = False,
) -> list[Any]:
    """Values over time in colour, one panel a clip, and one colour bar for all.

    Args:
        figure: empty; its size is set.
        panels: title to values, shape (frames, rows), lowest row first; the same number of rows in all.
        hop_s: between frames.
        top: upper edge of the highest row on the vertical axis, the lowest begins at 0.
        title: what is seen.
        y: label of the vertical axis, with its unit.
        bar: label of the colour bar, with its unit.
        signed: colours around zero.

    Returns:
        The panels' axes.
    """
    grid = panel_grid(figure, list(panels), title=title, x="time (s)", y=y)
    low, high = _limits(panels, signed=signed)
    for axes, values in zip(grid, panels.values(), strict=True):
        image = axes.imshow(
            values.T,
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            extent=(0, len(values) * hop_s, 0, top),
            vmin=low,
            vmax=high,
            cmap=SIGNED if signed else LEVELS,
        )
    # `imshow` narrows the shared axis to its own clip.
    grid[0].set_xlim(0, max(len(values) for values in panels.values()) * hop_s)
    grid[0].set_ylim(0, top)
    for axes in grid:
        axes.set_facecolor(RULE)
    beyond = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    every = np.concatenate([values.ravel() for values in panels.values()])
    extend = beyond[bool(every.min() < low), bool(every.max() > high)]
    figure.colorbar(image, ax=grid, label=bar, extend=extend, aspect=30, pad=0.015).outline.set_edgecolor(INK)
    return grid


def _columns(n: int) -> int:
    """As even as can be: 6 panels are 2 rows of 3, 7 and 8 are 2 of 4."""
    rows = -(-n // _MAX_COLUMNS)
    return -(-n // rows)


def _limits(panels: Panels, *, signed: bool) -> tuple[float, float]:
    every = np.concatenate([values.ravel() for values in panels.values()])
    if signed:
        limit = float(np.percentile(np.abs(every), _SPREAD[1])) or 1.0
        return -limit, limit
    low, high = (float(value) for value in np.percentile(every, _SPREAD))
    return (low, high) if high > low else (low - 0.5, high + 0.5)

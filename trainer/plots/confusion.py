"""Which label is taken for which, in counts and shares of the row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.plots.style import FAINT, INK, PAPER, SHARES, headed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_CELL = 0.58
"""Inches: room for a count over a share in the smallest letters."""
_LETTER = 0.085
"""Inches: width of a letter of a row's name."""
_BESIDE = 1.7
"""Inches: what stands right of the cells, and left of the names."""
_ROOMY = 8
"""Labels up to which larger letters fit."""
_DARK = 0.66
"""Share from which on light letters have more contrast than dark ones."""


def draw(
    figure: Any, confusion: NDArray[np.int64] | Sequence[Sequence[int]], labels: Sequence[str], title: str = ""
) -> None:
    """Fill `figure`.

    Args:
        figure: empty.
        confusion: shape (labels, labels) or, with no answer as the last column, (labels, labels + 1): rows truth.
        labels: in their order.
        title: what was judged; empty says how many clips.

    Raises:
        ValueError: the shape is another.
    """
    counts = np.asarray(confusion, dtype=np.int64)
    n = len(labels)
    if n == 0 or counts.shape not in {(n, n), (n, n + 1)}:
        raise ValueError(f"confusion of shape {counts.shape}; wanted {(n, n)} or {(n, n + 1)} for {n} labels")
    names = [*labels, "no answer"][: counts.shape[1]]
    if counts.shape[1] > n and not counts[:, n].any():
        counts, names = counts[:, :n], names[:n]
    clips = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(clips, 1)
    cell = _CELL * (1.25 if n <= _ROOMY else 1.0)
    rows = [f"{label} ({total})" for label, total in zip(labels, clips[:, 0], strict=True)]
    longest = max(map(len, rows))
    figure.set_size_inches(max(3.1, _BESIDE + _LETTER * longest) + cell * len(names), 1.9 + cell * n)
    axes = figure.subplots()
    image = axes.imshow(100 * shares, cmap=SHARES, vmin=0, vmax=100, aspect="equal")
    _write_cells(axes, counts, shares, 10.5 if n <= _ROOMY else 9.5)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(n), rows)
    axes.set_xticks(np.arange(len(names) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(n - 1) + 0.5, minor=True)
    axes.grid(visible=True, which="minor", color=PAPER, linewidth=1.5)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("answered label")
    axes.set_ylabel("true label (number of clips)")
    figure.colorbar(image, ax=axes, label="share of the true label (%)", fraction=0.04, pad=0.02).outline.set_visible(
        False
    )
    headed(figure, title or f"What {int(clips.sum())} clips were taken for")


def _write_cells(axes: Any, counts: NDArray[np.int64], shares: NDArray[np.float64], size: float) -> None:
    """Count over share; zeros stay empty, so that what happens is seen."""
    for (row, column), count in np.ndenumerate(counts):
        if count:
            share = float(shares[row, column])
            text = axes.text(column, row, f"{count}\n{100 * share:.0f} %", ha="center", va="center", fontsize=size)
            text.set(color=PAPER if share >= _DARK else INK, linespacing=1.1)
    for row in np.flatnonzero(counts.sum(axis=1) == 0):
        axes.text(counts.shape[1] / 2 - 0.5, row, "does not occur", ha="center", va="center", color=FAINT, fontsize=8)

"""The results as one picture, a panel for each question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl

from benchmarks.panels import PANELS

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.results import Results

_PANEL_INCHES = (6.2, 3.9)
_COLUMNS = 2
_DPI = 110
_STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "font.size": 9.0,
    "legend.frameon": False,
}


def draw(results: Results, path: Path) -> None:
    """Write a PNG; a panel for which nothing was measured is left out.

    Raises:
        ValueError: nothing was measured at all.
    """
    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415 - takes its back end when imported

    panels = [panel for panel in PANELS if panel.has_data(results)]
    if not panels:
        raise ValueError("found no figure that is drawn, wanted at least one; measure more groups")
    n_rows = -(-len(panels) // _COLUMNS)
    size = (_PANEL_INCHES[0] * min(len(panels), _COLUMNS), _PANEL_INCHES[1] * n_rows + 0.5)
    with mpl.rc_context(_STYLE):
        figure, axes = plt.subplots(n_rows, min(len(panels), _COLUMNS), figsize=size, squeeze=False)
        for panel, axis in zip(panels, axes.flat, strict=False):
            axis.set_title(panel.title)
            panel.draw(results, axis)
        _blank(axes.flat[len(panels) :])
        figure.text(0.01, 0.005, f"{results.machine}\n{results.recording}; {results.taken}", fontsize=7, color="0.4")
        figure.tight_layout(rect=(0, 0.03, 1, 1))
        figure.savefig(path, dpi=_DPI)
        plt.close(figure)


def _blank(axes: Any) -> None:
    for axis in axes:
        axis.set_axis_off()

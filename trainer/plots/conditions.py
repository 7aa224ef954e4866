"""UAR under each condition, beside that of the clips as recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.plots.style import BLUE, FAINT, INK, ORANGE, headed, ruled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ROW_HEIGHT = 0.36
_PANEL_WIDTH = 2.5
_NAMES_WIDTH = 1.8
_MAX_PANELS = 4
"""In one row."""
_LIMITS = 0.0, 122.0
"""In %: room for the figures at the right."""


def draw(figure: Any, corpora: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Fill `figure`: a panel for each corpus, a row for each condition, the first one is what others are compared with.

    Args:
        figure: empty.
        corpora: corpus to condition to `uar` (0-1), `interval` (lower, upper, 0-1, or None) and `bound_points`, what it
            may cost (0-100, or None); all with the same conditions in the same order.

    Raises:
        ValueError: there is no corpus, or no condition.
    """
    if not corpora or not all(corpora.values()):
        raise ValueError("no condition to draw; wanted one corpus and one condition at least")
    n_columns = min(len(corpora), _MAX_PANELS)
    n_rows = -(-len(corpora) // n_columns)
    names = list(next(iter(corpora.values())))
    height = 1.4 + n_rows * (0.8 + _ROW_HEIGHT * len(names))
    figure.set_size_inches(max(_NAMES_WIDTH + _PANEL_WIDTH * n_columns, 5.5), height)
    panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, (corpus, conditions) in zip(panels, corpora.items(), strict=False):
        _panel(axes, corpus, list(conditions.values()))
    for axes in panels[len(corpora) :]:
        axes.set_visible(False)
    for axes in panels[::n_columns]:
        axes.set_yticks(range(len(names)), names)
        axes.set_ylabel("condition")
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2 * min(n_columns, 2))
    headed(figure, "What loudness, noise, rooms and lines cost")


def _panel(axes: Any, corpus: str, conditions: Sequence[Mapping[str, Any]]) -> None:
    original = 100 * conditions[0]["uar"]
    axes.axvline(original, color=FAINT, linestyle="--", linewidth=1.2, label="as recorded")
    labels = {"interval": "95 % interval over speakers", "bound": "wanted at least"}
    for row, one in enumerate(conditions):
        uar = 100 * one["uar"]
        if one["interval"] is not None:
            low, high = (100 * limit for limit in one["interval"])
            axes.hlines(row, low, high, color=BLUE, linewidth=2, alpha=0.6, label=labels.pop("interval", None))
        if one["bound_points"] is not None:
            least = original - one["bound_points"]
            axes.plot(least, row, "|", color=ORANGE, markersize=13, markeredgewidth=2, label=labels.pop("bound", None))
        axes.plot(uar, row, "o", color=BLUE, markersize=6, label="UAR" if row == 0 else None)
        axes.annotate(
            f"{uar:.1f}", (1.0, row), (-2, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
            ha="right", va="center", fontsize=8.5, color=INK,
        )  # fmt: skip
    axes.set_xlim(*_LIMITS)
    axes.set_xticks(range(0, 101, 25))
    axes.set_title(corpus)
    axes.set_xlabel("UAR (%)")
    axes.tick_params(axis="y", length=0)
    ruled(axes, "x")

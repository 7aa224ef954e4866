"""Answering only when sure: which share of the clips is answered, and how many of the answers are right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.plots.style import BLUE, FAINT, GREEN, ORANGE, RED, headed, outlined, ruled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MARKED = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Thresholds that are written beside the curve."""
_MARKS = (("D", RED), ("o", ORANGE), ("s", GREEN))


def draw(
    figure: Any,
    curve: Mapping[str, Sequence[float | None]],
    wanted_accuracy: float,
    marks: Mapping[str, Mapping[str, Any]],
) -> None:
    """Fill `figure`.

    Args:
        figure: empty.
        curve: `thresholds`, `coverage` and `accuracy`, 0-1, of equal length; accuracy None where nothing is answered.
        wanted_accuracy: of the answers that are given, 0-1.
        marks: words for the legend to `threshold`, `coverage` and `accuracy`, 0-1.
    """
    figure.set_size_inches(7.2, 5.2)
    axes = figure.subplots()
    points = [
        (100 * (coverage or 0), 100 * accuracy, threshold)
        for threshold, coverage, accuracy in zip(curve["thresholds"], curve["coverage"], curve["accuracy"], strict=True)
        if accuracy is not None
    ]
    axes.plot([x for x, _, _ in points], [y for _, y, _ in points], color=BLUE, label="each threshold of confidence")
    axes.axhline(100 * wanted_accuracy, color=FAINT, linestyle="--", label=f"wanted: {100 * wanted_accuracy:.0f} %")
    for x, y, threshold in points:
        if threshold in _MARKED:
            axes.plot(x, y, ".", color=BLUE, markersize=8)
            text = axes.annotate(f"{threshold:.1f}", (x, y), (5, 5), textcoords="offset points", fontsize=8.5)
            outlined(text)
    for (words, mark), (shape, fill) in zip(marks.items(), _MARKS, strict=False):
        place = 100 * mark["coverage"], 100 * mark["accuracy"]
        label = f"{words}: {mark['threshold']:.2f}"
        axes.plot(*place, shape, color=fill, markersize=8, label=label, zorder=4)
    axes.set_xlim(0, 102)
    axes.set_ylim(min([y for _, y, _ in points] + [50]) - 5, 102)
    axes.set_xlabel("coverage: clips that are answered (%)")
    axes.set_ylabel("selective accuracy: answers that are right (%)")
    ruled(axes)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    headed(figure, "How often it is right where it answers")

"""Confidence against accuracy: how far a model's posteriors can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.plots.style import BLUE, FAINT, ORANGE, headed, ruled

if TYPE_CHECKING:
    from trainer.metrics import Reliability


def draw(figure: Any, bins: Reliability) -> None:
    """Fill `figure`: accuracy of each bin above, clips of each bin below; empty bins have no bar above."""
    figure.set_size_inches(6.2, 6.4)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    edges = 100 * bins.edges
    width = float(edges[1] - edges[0])
    filled = np.flatnonzero(bins.n_clips)
    accuracy, confidence = 100 * bins.accuracy[filled], 100 * bins.confidence[filled]
    above.bar(edges[filled], accuracy, 0.94 * width, align="edge", color=BLUE, label="accuracy")
    above.vlines(confidence, accuracy, confidence, color=ORANGE, linewidth=2.5, label="gap to the confidence")
    above.plot(confidence, confidence, "o", color=ORANGE, markersize=4)
    above.plot([0, 100], [0, 100], "--", color=FAINT, linewidth=1.2, label="accuracy = confidence")
    above.set_ylim(0, 100)
    above.set_ylabel("accuracy (% of clips)")
    below.bar(edges[:-1], bins.n_clips, 0.94 * width, align="edge", color=FAINT)
    below.set_ylabel("clips (number)")
    below.set_xlabel("confidence: highest posterior (%)")
    below.set_xlim(0, 100)
    for axes in (above, below):
        ruled(axes)
    figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    headed(
        figure,
        f"Confidence is {100 * bins.ece:.1f} points off accuracy on average\n(ECE over {len(bins.n_clips)} bins, "
        f"{int(bins.n_clips.sum())} clips)",
    )

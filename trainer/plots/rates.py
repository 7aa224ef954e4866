"""Loss over the learning rate, to choose one: the rate rises step by step until the training falls apart.

From Smith, L. N. (2017). Cyclical learning rates for training neural networks. WACV, section 3.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.plots.style import BLUE, FAINT, RED, WIDTH, headed, ruled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SMOOTHED_SHARE = 0.06
"""Of the steps: half the width that losses are averaged over."""
_ENOUGH = 3
"""Values that a slope can be found in."""


def draw(figure: Any, rates: Sequence[float], losses: Sequence[float], suggestion: float | None = None) -> None:
    """Fill `figure`.

    Args:
        figure: empty.
        rates: per step, above 0, rising.
        losses: of the same steps, nats; those that are not finite are left out.
        suggestion: the rate that is marked; None marks where the smoothed loss falls fastest.

    Raises:
        ValueError: no loss is finite.
    """
    x, raw = np.asarray(rates, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    x, raw = x[np.isfinite(raw)], raw[np.isfinite(raw)]
    if not len(raw):
        raise ValueError("no finite loss; wanted one or more")
    smooth = smoothed(raw)
    figure.set_size_inches(WIDTH, 4.0)
    axes = figure.subplots()
    axes.plot(x, raw, color=FAINT, linewidth=0.8, alpha=0.7, label="loss as measured")
    axes.plot(x, smooth, color=BLUE, linewidth=2.2, label="smoothed")
    axes.set_xscale("log")
    # Where it falls apart the loss goes through the roof, and the valley would be a flat line.
    low, start = float(smooth.min()), float(smooth[0])
    drop = max(start - low, 0.05 * abs(start), 1e-9)
    axes.set_ylim(min(low, float(raw.min())) - 0.15 * drop, start + 0.8 * drop)
    marked = steepest_rate(x, smooth) if suggestion is None else suggestion
    if marked is not None:
        axes.axvline(marked, color=RED, linestyle="--", label=f"falls fastest at {marked:.1e}")
    axes.set_xlabel("learning rate (per step, log scale)")
    axes.set_ylabel("loss (nats)")
    ruled(axes)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    headed(figure, "The loss falls while the rate is right, and rises when it is too high")


def smoothed(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted mean of each loss and its neighbours on both sides, float64 (steps,): an average of the past lags.

    Losses far above the first one are cut off: where the training falls apart they would fill up the valley before it.
    """
    half = 1 + int(_SMOOTHED_SHARE * len(losses))
    start = float(np.median(losses[:half]))
    cut = np.minimum(losses, start + max(start - float(losses.min()), abs(start)))
    weights = np.bartlett(2 * half + 1)[1:-1]
    return np.asarray(_same(cut, weights) / _same(np.ones(len(cut)), weights))


def _same(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convolution, as long as `values` even where those are fewer than the weights."""
    before = len(weights) // 2
    return np.convolve(values, weights)[before : before + len(values)]


def steepest_rate(rates: NDArray[np.float64], smooth: NDArray[np.float64]) -> float | None:
    """The rate, before the lowest loss, where the loss falls most for one more decade; None where it never falls."""
    lowest = int(smooth.argmin()) + 1
    if lowest < _ENOUGH:
        return None
    slope = np.gradient(smooth[:lowest], np.log10(rates[:lowest]))
    return float(rates[int(slope.argmin())])

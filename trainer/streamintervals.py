"""How far figures of a stream would be others with other speakers: 95 % intervals, by drawing speakers anew.

What is drawn, and what it says, is told in `trainer.metrics.uar_interval`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainer.metrics import difference_interval, speaker_interval
from trainer.streamfigures import answered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trainer.streamfigures import Answer, Tally

Interval = list[float] | None
"""Lower and upper limit; None for fewer than two speakers, or where nothing was counted."""


def tally_intervals(tally: Tally, speakers: Sequence[str]) -> dict[str, Interval]:
    """Of the median delay to the first right label, and of how many names are right.

    Args:
        tally: of conversations.
        speakers: of their clips, in the order of `right_after_s`.
    """
    after = np.array([np.nan if value is None else value for value in tally.right_after_s], np.float64)
    segments = [answer for answer in tally.answers if answer.answer]
    certain = np.array([answer.certain for answer in segments], bool)
    right = np.array([answer.answer == answer.truth for answer in segments], bool)

    def median_delay(n: NDArray[np.int64]) -> float:
        heard = np.repeat(after, n)
        heard = heard[np.isfinite(heard)]
        return float(np.percentile(heard, 50, method="inverted_cdf")) if len(heard) else np.nan

    def right_of_names(n: NDArray[np.int64]) -> float:
        named = n[certain].sum()
        return float(n[certain & right].sum() / named) if named else np.nan

    return {
        "right_delay_median_s_interval": _limits(speaker_interval(median_delay, speakers)),
        "selective_accuracy_interval": _limits(
            speaker_interval(right_of_names, [answer.speaker for answer in segments])
        ),
    }


def loss_points_interval(before: Sequence[Answer], after: Sequence[Answer], labels: Sequence[str]) -> Interval:
    """Of the UAR of `before` less that of `after`, in points; both are answers to the same speakers."""
    return _limits(difference_interval(answered(before, labels), answered(after, labels)), 100)


def _limits(interval: tuple[float, float] | None, times: float = 1.0) -> Interval:
    return None if interval is None else [times * limit for limit in interval]

"""From posteriors to a label that does not flicker: exponential average, hysteresis, minimum dwell, `uncertain`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.records import UNCERTAIN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """When a label is believed."""

    smoothing_s: float = 1.5
    """Time constant; 0 takes each window as it is."""
    min_confidence: float = 0.62
    """Below: `uncertain`."""
    change_margin: float = 0.15
    """Lead that another label needs; one that holds is kept down to so much below `min_confidence`."""
    min_dwell_s: float = 2.0
    """An emotion is kept at least so long; what was `uncertain` is named at once."""


class Smoother:
    """Exponential average over the windows of one segment, and the label that follows from it."""

    def __init__(self, labels: tuple[str, ...], rule: DecisionRule) -> None:
        """Start without a past."""
        self._labels = labels
        self._rule = rule
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next window stands for itself."""
        self._average: NDArray[np.float64] | None = None
        self._time_s = 0.0
        self._label = UNCERTAIN
        self._since_s = 0.0

    def update(self, posteriors: NDArray[np.float64], time_s: float) -> tuple[NDArray[np.float64], str, float]:
        """Take one window's posteriors, float64 (labels,) with sum 1, at stream time `time_s`.

        Returns:
            The smoothed posteriors (again a distribution: a convex mix of distributions), the label or `uncertain`,
            and the smoothed posterior of the label; of the most likely one where it is `uncertain`.
        """
        average = self._mix(posteriors, time_s)
        self._average, self._time_s = average, time_s
        label = self._decide(average)
        if label != self._label and (self._label == UNCERTAIN or time_s - self._since_s >= self._rule.min_dwell_s):
            self._label, self._since_s = label, time_s
        return average, self._label, self._confidence(average)

    def _confidence(self, average: NDArray[np.float64]) -> float:
        if self._label in self._labels:
            return float(average[self._labels.index(self._label)])
        return float(average.max())

    def _mix(self, posteriors: NDArray[np.float64], time_s: float) -> NDArray[np.float64]:
        if self._average is None or self._rule.smoothing_s <= 0:
            return posteriors.copy()
        # First-order low-pass sampled at uneven times: weight of the past after dt is exp(-dt / time constant).
        past = math.exp(-(time_s - self._time_s) / self._rule.smoothing_s)
        return past * self._average + (1 - past) * posteriors

    def _decide(self, average: NDArray[np.float64]) -> str:
        best = int(average.argmax())
        if self._label == UNCERTAIN:
            return self._labels[best] if average[best] >= self._rule.min_confidence else UNCERTAIN
        current = float(average[self._labels.index(self._label)])
        if average[best] >= self._rule.min_confidence and average[best] - current >= self._rule.change_margin:
            return self._labels[best]
        # A label is left later than it is taken, but it must still be likely itself.
        return self._label if current >= self._rule.min_confidence - self._rule.change_margin else UNCERTAIN

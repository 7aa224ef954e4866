"""How much of a segment was voiced, and how loud."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Voiced:
    """How much speech there was, and how loud."""

    n_samples: int
    mean_square: float
    """0-1, relative to full scale."""
    end_sample: int
    """End of the last voiced frame, or where it was counted up to."""


class VoicedCount:
    """Counts voiced frames from the beginning of a segment, which may be noticed late, to its end, which may be too."""

    def __init__(self, recall_samples: int) -> None:
        """Remember single frames for `recall_samples`: a segment may begin or end so far back."""
        self._recall_samples = recall_samples
        self._recent: deque[tuple[int, int, float]] = deque()
        self._n_samples = 0
        self._square_sum = 0.0
        self.end_sample = 0

    def begin(self, at_sample: int) -> None:
        """A segment began at sample `at_sample`: what was voiced before is not its own."""
        own = [frame for frame in self._recent if frame[0] >= at_sample]
        self._n_samples = sum(end - start for start, end, _ in own)
        self._square_sum = sum(mean_square * (end - start) for start, end, mean_square in own)

    def push(self, start: int, end: int, mean_square: float) -> None:
        """Take the voiced frame from sample `start` to `end`."""
        recent, n_samples = self._recent, end - start
        recent.append((start, end, mean_square))
        oldest = end - self._recall_samples
        while recent and recent[0][0] < oldest:
            recent.popleft()
        self._n_samples += n_samples
        self._square_sum += mean_square * n_samples
        self.end_sample = end

    def until(self, at_sample: int) -> Voiced:
        """Of the segment, what was voiced before sample `at_sample`."""
        n_samples, square_sum = self._n_samples, self._square_sum
        for start, end, mean_square in reversed(self._recent):
            if start < at_sample:
                break
            n_samples -= end - start
            square_sum -= mean_square * (end - start)
        mean = max(square_sum, 0.0) / n_samples if n_samples > 0 else 0.0
        return Voiced(max(n_samples, 0), mean, min(self.end_sample, at_sample))

"""The background: how loud it is where nobody speaks, followed by the minima of the power (Martin 2001).

Between words, and between the strokes of most noises, the power falls to that of what is always there. So the lowest
power of the last seconds tells how loud that is, without knowing who speaks when.
"""

from __future__ import annotations

from collections import deque

_AVERAGED_FRAMES = 3
"""Frames in a mean: 90 ms, as long as the stop of a consonant. A slower mean would not get down within a pause."""
_FRAMES_A_PART = 20
_PARTS = 10
"""The minimum is that of ten parts of 0.6 s: pauses of a fluent speaker are seldom further apart than 6 s."""
_WARM_UP_FRAMES = 33
"""A second: a recording may begin within a word."""


class Background:
    """Power of the background, measured a VAD frame at a time."""

    def __init__(self) -> None:
        """Nothing has been heard."""
        self._last: deque[float] = deque(maxlen=_AVERAGED_FRAMES)
        self._n_frames = 0
        self._lowest = float("inf")
        self._minima: deque[float] = deque(maxlen=_PARTS)

    @property
    def mean_square(self) -> float:
        """Its power, 0-1, relative to full scale; 0 until a second has been heard."""
        if self._n_frames < _WARM_UP_FRAMES:
            return 0.0
        return min(self._lowest, *self._minima)

    def push(self, mean_square: float) -> None:
        """Take the power of one VAD frame, 0-1."""
        self._last.append(mean_square)
        mean = sum(self._last) / len(self._last)
        self._n_frames += 1
        self._lowest = min(self._lowest, mean)
        if self._n_frames % _FRAMES_A_PART == 0:
            self._minima.append(self._lowest)
            self._lowest = mean

"""Speech activity: where people speak while the gate is open, as the model sees it.

The gate opens for whatever sounds a little like a voice, so among barks, traffic or music it stays open from one
sentence to the next. A model that tells in which parts of a window somebody speaks ends a segment there, and begins
another one with the next sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.records import SpeechEnded, SpeechStarted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class SpeechActivity:
    """Follows speech from window to window, from the opening of the gate to its closing."""

    def __init__(self, window_samples: int, hangover_samples: int, min_posterior: float) -> None:
        """Follow windows of `window_samples`.

        Args:
            window_samples: length of a window.
            hangover_samples: speech is over when none has been seen for so long; 0: not before the gate closes.
            min_posterior: a step of a window in which the model finds speech less likely is a pause.
        """
        self._window_samples = window_samples
        self._hangover_samples = hangover_samples
        self._min_posterior = min_posterior
        self.is_speaking = False
        self.was_seen = False
        """Whether any of the speech that ended last was seen by the model too."""
        self._is_seen = False
        self._spoken_end = 0
        self._window_end = 0
        self._step = 0.0

    @property
    def goes_on(self) -> bool:
        """Whether somebody speaks at the very end of the last window; without a model that tells, that is taken so."""
        return self.is_speaking and self._spoken_end > self._window_end - self._step

    def open(self, at_sample: int) -> None:
        """The gate opened, with speech from `at_sample` on."""
        self.is_speaking, self._is_seen = True, False
        self._spoken_end = at_sample

    def close(self) -> None:
        """The gate closed."""
        self.is_speaking = False

    def heard(
        self, activity: NDArray[np.float64], window_end: int, voiced_end: int, *, is_speech: bool
    ) -> list[SpeechStarted | SpeechEnded]:
        """Take what a model says of the window that ends at sample `window_end`.

        Args:
            activity: of `monitor.pipeline.classifier.Answer`.
            window_end: as the gate counts.
            voiced_end: of the last voiced frame: no speech begins behind it.
            is_speech: whether the window as a whole is speech; where not, none of it begins here.

        Returns:
            What changed, in order: nothing, an end, a beginning, or the end of one speech and the beginning of the
            next, where both lie in one window. The voiced samples of `SpeechEnded` are left at 0.
        """
        if not self._hangover_samples or not len(activity):
            return []
        step = self._window_samples / len(activity)
        self._window_end, self._step = window_end, step
        start = window_end - self._window_samples
        spoken = [start + step * i for i, likely in enumerate(activity.tolist()) if likely >= self._min_posterior]
        changes: list[SpeechStarted | SpeechEnded] = []
        if self.is_speaking:
            self._follow(spoken)
            next_start = next((at for at in spoken if at >= self._spoken_end), window_end)
            if next_start - self._spoken_end < self._hangover_samples:
                return []
            self.is_speaking, self.was_seen = False, self._is_seen
            changes.append(SpeechEnded(self._spoken_end, 0))
        # The step in which speech ended is seen a little differently in each window: it begins no other speech.
        fresh = [at for at in spoken if self._spoken_end + step <= at < voiced_end]
        if is_speech and fresh:
            self.open(int(fresh[0]))
            self._follow(fresh)
            changes.append(SpeechStarted(int(fresh[0])))
        return changes

    def _follow(self, spoken: Sequence[float]) -> None:
        """Speech goes on with each step, from the samples `spoken` on, until none follows for the hangover."""
        for at in spoken:
            if at + self._step <= self._spoken_end:
                continue
            # The gate knows better than the first step where speech begins.
            if self._is_seen and at - self._spoken_end >= self._hangover_samples:
                return
            self._spoken_end, self._is_seen = int(at + self._step), True

"""Speech activity: where people speak while the gate is open, as the model sees it.

The gate opens for whatever sounds a little like a voice, so among barks, traffic or music it stays open from one
sentence to the next. A model that tells in which parts of a window somebody speaks ends a segment there, and begins
another one with the next sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.records import SpeechEnded, SpeechStarted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LIKELY = 0.5


class SpeechActivity:
    """Follows speech from window to window, from the opening of the gate to its closing."""

    def __init__(self, window_samples: int, hangover_samples: int) -> None:
        """Follow windows of `window_samples`.

        Args:
            window_samples: length of a window.
            hangover_samples: speech is over when none has been seen for so long; 0: not before the gate closes.
        """
        self._window_samples = window_samples
        self._hangover_samples = hangover_samples
        self.is_speaking = False
        self.was_seen = False
        """Whether any of the speech under way, or of the last, was seen by the model too."""
        self._spoken_end = 0
        self._window_end = 0
        self._step = 0.0

    @property
    def goes_on(self) -> bool:
        """Whether somebody speaks at the very end of the last window; without a model that tells, that is taken so."""
        return self.is_speaking and self._spoken_end > self._window_end - self._step

    def open(self, at_sample: int) -> None:
        """The gate opened, with speech from `at_sample` on."""
        self.is_speaking, self.was_seen = True, False
        self._spoken_end = at_sample

    def close(self) -> None:
        """The gate closed."""
        self.is_speaking = False

    def heard(
        self, activity: NDArray[np.float64], window_end: int, voiced_end: int, *, is_speech: bool
    ) -> SpeechStarted | SpeechEnded | None:
        """Take what a model says of the window that ends at sample `window_end`.

        Args:
            activity: of `monitor.pipeline.classifier.Answer`.
            window_end: as the gate counts.
            voiced_end: of the last voiced frame: no speech begins behind it.
            is_speech: whether the window as a whole is speech; where not, none of it begins here.

        Returns:
            What changed; the voiced samples of `SpeechEnded` are left at 0.
        """
        if not self._hangover_samples or not len(activity):
            return None
        step = self._window_samples / len(activity)
        self._window_end, self._step = window_end, step
        start = window_end - self._window_samples
        spoken = [start + step * i for i, likely in enumerate(activity.tolist()) if likely >= _LIKELY]
        if self.is_speaking:
            if spoken and spoken[-1] + step > self._spoken_end:
                self._spoken_end, self.was_seen = int(spoken[-1] + step), True
            if window_end - self._spoken_end < self._hangover_samples:
                return None
            self.is_speaking = False
            return SpeechEnded(self._spoken_end, 0)
        # The step in which speech ended is seen a little differently in each window: it begins no other speech.
        fresh = [at for at in spoken if self._spoken_end + step <= at < voiced_end]
        if not is_speech or not fresh:
            return None
        self.is_speaking = self.was_seen = True
        self._spoken_end = int(fresh[-1] + step)
        return SpeechStarted(int(fresh[0]))

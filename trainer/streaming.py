"""Clips through the daemon's own path: which windows it would classify, and what it says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.pipeline import Pipeline
from monitor.pipeline.classifier import Answer
from monitor.records import AudioBlock, Estimate
from trainer.nonspeech import MIN_SPEECH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from monitor.pipeline.classifier import Classifier
    from monitor.pipeline.features.spec import FeatureSpec
    from monitor.pipeline.windows import WindowRule


@dataclass(frozen=True, slots=True, eq=False)
class HeardClip:
    """What the daemon classified of one clip."""

    windows: NDArray[np.float32]
    """float32, shape (n, frames, coefficients); n is 0 where it heard no speech."""
    end_samples: NDArray[np.int64]
    """int64, shape (n,): where each window ends."""
    posteriors: NDArray[np.float64]
    """float64, shape (n, labels)."""
    speech_ratios: NDArray[np.float64]
    """float64, shape (n,): weight of each window in the clip's result."""

    @property
    def mean_posteriors(self) -> NDArray[np.float64] | None:
        """float64, shape (labels,): the clip's result; None where nothing was classified."""
        return np.average(self.posteriors, axis=0, weights=self.speech_ratios) if len(self.posteriors) else None


class Undecided:
    """A classifier that finds all labels equally likely: for cutting windows before there is a model."""

    def __init__(self, spec: FeatureSpec, window: WindowRule, labels: tuple[str, ...]) -> None:
        """Take the shapes."""
        self.spec, self.window, self.labels = spec, window, labels

    def answer(self, values: NDArray[np.float32]) -> Answer:
        """The same for every window."""
        del values
        return Answer(np.full(len(self.labels), 1 / len(self.labels)))


class _Recorder:
    """Keeps the windows that a classifier is asked about and finds to be speech."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self.spec, self.window, self.labels = classifier.spec, classifier.window, classifier.labels
        self.windows: list[NDArray[np.float32]] = []

    def answer(self, values: NDArray[np.float32]) -> Answer:
        answer = self._classifier.answer(values)
        if answer.posteriors.sum() >= MIN_SPEECH:
            self.windows.append(values)
        return answer


class Listener:
    """A pipeline that hears one clip after the other, each as a stream of its own."""

    def __init__(self, classifier: Classifier) -> None:
        """Put the pipeline, with the daemon's default rules, around `classifier`."""
        self._recorder = _Recorder(classifier)
        self._pipeline = Pipeline(self._recorder)

    @property
    def rate_hz(self) -> int:
        """Sample rate of the clips."""
        return self._recorder.spec.rate_hz

    def hear(self, samples: NDArray[np.int16]) -> HeardClip:
        """One clip, int16 (n,) at the model's rate, from a fresh start to the flush at its end."""
        self._pipeline.reset()
        self._recorder.windows = []
        events = [*self._pipeline.push(AudioBlock(samples, 0)), *self._pipeline.flush()]
        estimates = [event for event in events if isinstance(event, Estimate)]
        rule, spec = self._recorder.window, self._recorder.spec
        return HeardClip(
            np.array(self._recorder.windows, dtype=np.float32).reshape(-1, rule.window_frames, spec.n_coefficients),
            np.array([estimate.end_sample for estimate in estimates], dtype=np.int64),
            np.array([estimate.posteriors for estimate in estimates]).reshape(-1, len(self._recorder.labels)),
            np.array([estimate.speech_ratio for estimate in estimates]),
        )

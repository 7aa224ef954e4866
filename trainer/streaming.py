"""Clips through the daemon's own path: which windows it would classify, and what it says of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitor.pipeline import Pipeline
from monitor.pipeline.classifier import Answer
from monitor.pipeline.gate import VAD_FRAME_MS
from monitor.records import AudioBlock, Estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from monitor.pipeline.classifier import Classifier
    from monitor.pipeline.features.spec import FeatureSpec
    from monitor.pipeline.windows import WindowRule
    from monitor.records import PipelineEvent


_MS_PER_S = 1000


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
    """float64, shape (n,): weight of each window in the clip's result; above 1 where it stands for some left out."""

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
    """Keeps the last window that a classifier was asked about."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self.spec, self.window, self.labels = classifier.spec, classifier.window, classifier.labels
        self.window_asked: NDArray[np.float32] | None = None

    def answer(self, values: NDArray[np.float32]) -> Answer:
        self.window_asked = values
        return self._classifier.answer(values)


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
        windows: list[NDArray[np.float32]] = []
        estimates: list[Estimate] = []

        def keep(events: Sequence[PipelineEvent]) -> None:
            # A window that the pipeline passes over makes no estimate.
            for event in events:
                if isinstance(event, Estimate) and self._recorder.window_asked is not None:
                    estimates.append(event)
                    windows.append(self._recorder.window_asked)

        n = VAD_FRAME_MS * self.rate_hz // _MS_PER_S
        # A VAD frame at a time: at most one window is asked about in each.
        for start in range(0, len(samples), n):
            keep(self._pipeline.push(AudioBlock(samples[start : start + n], start)))
        keep(self._pipeline.flush())
        rule, spec = self._recorder.window, self._recorder.spec
        return HeardClip(
            np.array(windows, dtype=np.float32).reshape(-1, rule.window_frames, spec.n_coefficients),
            np.array([estimate.end_sample for estimate in estimates], dtype=np.int64),
            np.array([estimate.posteriors for estimate in estimates]).reshape(-1, len(self._recorder.labels)),
            np.array([estimate.weight for estimate in estimates]),
        )

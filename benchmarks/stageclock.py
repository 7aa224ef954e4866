"""Processor time of this thread by stage of a pipeline that runs as a whole."""

from __future__ import annotations

import time
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from monitor.pipeline import Pipeline
from monitor.pipeline.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from monitor.pipeline import PipelineRules
    from monitor.pipeline.classifier import Answer, Classifier
    from monitor.pipeline.features.spec import FeatureSpec
    from monitor.pipeline.windows import WindowRule
    from monitor.records import AnalysisWindow, AudioBlock, PipelineEvent

VOTES = "webrtcvad's votes"
FRAMES = "power, gate and buffers"
FEATURES = "windows and features"
MODEL = "model"
DECISIONS = "smoothing and segments"
STAGES = (VOTES, FRAMES, FEATURES, MODEL, DECISIONS)
OUTSIDE = "outside"

Result = TypeVar("Result")


class StageClock:
    """Gives each moment to the innermost stage that is under way. Of one thread."""

    def __init__(self) -> None:
        """Nothing is under way."""
        self.stage_ns: dict[str, int] = defaultdict(int)
        self._stage = OUTSIDE
        self._since_ns = time.thread_time_ns()

    def during(self, stage: str, work: Callable[[], Result]) -> Result:
        """What `work` gives; its time is the stage's, save what stages within it take."""
        before = self._stage
        self._change_to(stage)
        try:
            return work()
        finally:
            self._change_to(before)

    def _change_to(self, stage: str) -> None:
        now_ns = time.thread_time_ns()
        self.stage_ns[self._stage] += now_ns - self._since_ns
        self._stage, self._since_ns = stage, now_ns


class TimedPipeline(Pipeline):
    """As any other. The clock is looked at a few times a block, never frame by frame: that would be much of a frame."""

    def __init__(self, clock: StageClock, classifier: Classifier, rules: PipelineRules | None = None) -> None:
        """Start at sample 0; levels are not told, as over MQTT by default."""
        self._clock = clock
        super().__init__(_TimedClassifier(classifier, clock), rules)
        self._windows = _TimedWindows(self._spec, classifier.window, clock)
        self.tells_levels = False

    def push(self, block: AudioBlock) -> list[PipelineEvent]:
        """As ever; in silence there is nothing but votes."""
        return self._clock.during(VOTES, partial(super().push, block))

    def _frames(self, frames: NDArray[np.int16], votes: list[bool]) -> list[PipelineEvent]:
        return self._clock.during(FRAMES, partial(super()._frames, frames, votes))

    def _classify(self, window: AnalysisWindow | None, *, follow: bool = True) -> list[PipelineEvent]:
        return self._clock.during(DECISIONS, partial(super()._classify, window, follow=follow))


class _TimedWindows(Windows):
    def __init__(self, spec: FeatureSpec, rule: WindowRule, clock: StageClock) -> None:
        super().__init__(spec, rule)
        self._clock = clock

    def due(self, end: int) -> AnalysisWindow | None:
        return self._clock.during(FEATURES, partial(super().due, end))

    def last(self, end: int) -> AnalysisWindow | None:
        return self._clock.during(FEATURES, partial(super().last, end))


class _TimedClassifier:
    def __init__(self, classifier: Classifier, clock: StageClock) -> None:
        self._classifier, self._clock = classifier, clock
        self.labels, self.spec, self.window = classifier.labels, classifier.spec, classifier.window

    def answer(self, values: NDArray[np.float32]) -> Answer:
        return self._clock.during(MODEL, partial(self._classifier.answer, values))

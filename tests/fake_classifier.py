"""A classifier whose answers depend on the features, so that a wrong window shows; and a scripted detector."""

import numpy as np

from monitor.pipeline.classifier import Answer
from monitor.pipeline.features.spec import FeatureSpec
from monitor.pipeline.windows import WindowRule


class FeatureHash:
    """Posteriors from a fixed projection of the window: sensitive to every row."""

    labels = ("neutral", "happy", "angry")
    spec = FeatureSpec()
    window = WindowRule(window_frames=150, hop_frames=25, min_speech_s=0.3, min_final_speech_s=0.1)

    def __init__(self):
        self._projection = np.random.default_rng(5).standard_normal((self.window.window_frames, 40, 3)) * 0.01
        self.n_windows = 0

    def answer(self, values):
        self.n_windows += 1
        assert values.dtype == np.float32
        logits = np.tensordot(values.astype(np.float64), self._projection, axes=2)
        weights = np.exp(logits - logits.max())
        return Answer(weights / weights.sum())


class LoudIsSpeech:
    """Votes by level: the tests know where speech is."""

    def is_speech(self, frame):
        return bool(np.abs(frame.astype(float)).mean() > 300)


def talk(*stretches, seed=3):
    """Alternating stretches of speech (positive seconds) and background (negative seconds), int16."""
    rng = np.random.default_rng(seed)
    parts = [rng.standard_normal(int(abs(s) * 16000)) * (3000 if s > 0 else 20) for s in stretches]
    return np.concatenate(parts).astype(np.int16)

"""Plots: one file each, one registry line each.

A plot is a function `draw(figure, ..., )` that fills an empty matplotlib figure from arrays and plain values, and sets
its size. `drawn` makes the figure in the common style; `trainer.plots.style.save` writes it. matplotlib is loaded only
then.
"""

from __future__ import annotations

from typing import Any

from monitor.errors import ConfigError
from monitor.registry import resolve

PLOTS = {
    "classes": "trainer.plots.classes:draw",
    "waveform": "trainer.plots.waveform:draw",
    "fft": "trainer.plots.fft:draw",
    "spectrogram": "trainer.plots.spectrogram:draw",
    "mel": "trainer.plots.mel:draw",
    "filterbank": "trainer.plots.filterbank:draw",
    "mfcc": "trainer.plots.mfcc:draw",
    "augmentation": "trainer.plots.augmentation:draw",
    "training": "trainer.plots.training:draw",
    "rates": "trainer.plots.rates:draw",
    "confusion": "trainer.plots.confusion:draw",
    "reliability": "trainer.plots.reliability:draw",
    "embedding": "trainer.plots.embedding:draw",
    "speakers": "trainer.plots.speakers:draw",
    "comparison": "trainer.plots.comparison:draw",
    "stream": "trainer.plots.stream:draw",
    "naming": "trainer.plots.naming:draw",
    "coverage": "trainer.plots.coverage:draw",
    "conditions": "trainer.plots.conditions:draw",
}
DESCRIPTIONS = {
    "classes": "clips of each corpus and label, by gender",
    "waveform": "samples of one clip an emotion",
    "fft": "spectrum of one clip an emotion",
    "spectrogram": "spectrogram of one clip an emotion",
    "mel": "mel spectrogram of one clip an emotion",
    "filterbank": "log filterbank energies of one clip an emotion",
    "mfcc": "cepstral coefficients of one clip an emotion",
    "augmentation": "a clip before and after each augmentation",
    "training": "loss, UAR and learning rate over the training",
    "rates": "loss over the learning rate, to choose one",
    "confusion": "which label is taken for which, in counts and shares",
    "reliability": "confidence against accuracy, with the calibration error",
    "embedding": "clips as points, near each other where the model answers alike",
    "speakers": "UAR of each speaker",
    "comparison": "systems under their own protocol and under a speaker-independent one",
    "stream": "a conversation, what the monitor showed meanwhile, and how late it was",
    "naming": "how many segments are named live above a confidence, and how many of the names are right",
    "coverage": "which share of the clips is answered above a confidence, and how much of that is right",
    "conditions": "recall at other levels, in noise, rooms, over telephone and codec",
}
"""One line each, for people who choose."""


def drawn(name: str, **inputs: Any) -> Any:
    """The plot called `name` as a `matplotlib.figure.Figure`; `inputs` are those of its `draw`.

    Raises:
        ConfigError: there is no such plot.
        MissingDependencyError: matplotlib is not installed.
    """
    # Loads matplotlib.
    from trainer.plots.style import new_figure, styled  # noqa: PLC0415

    if name not in PLOTS:
        raise ConfigError(f"plot '{name}' is unknown; known: {', '.join(PLOTS)}")
    with styled():
        figure = new_figure()
        resolve(PLOTS[name])(figure, **inputs)
    return figure

"""Ours in the contest: the very windows of the others, each from the audio that makes it due."""

import numpy as np
import pytest

from benchmarks.alternatives import ours
from benchmarks.alternatives.chosen import chosen_stretches, chosen_windows
from benchmarks.alternatives.excerpt import Excerpt
from benchmarks.everyhop import EveryHop
from benchmarks.recording import Recording
from monitor.pipeline import Pipeline
from monitor.pipeline.frames import features_of


class Noting:
    """A model, and the windows that it was asked."""

    def __init__(self):
        self._model = EveryHop.shipped()
        self.labels, self.spec, self.window = self._model.labels, self._model.spec, self._model.window
        self.asked = []

    def answer(self, values):
        self.asked.append(values.copy())
        return self._model.answer(values)


@pytest.fixture(scope="module")
def recording():
    return Recording.compose(40, 10)


@pytest.fixture
def excerpt(recording, tmp_path):
    found = Excerpt(tmp_path)
    found.write(recording.samples, chosen_windows(recording), chosen_stretches(recording))
    return found


@pytest.fixture
def answered(monkeypatch):
    """How many windows were classified in each piece of audio that was timed."""
    model, found = Noting(), []
    timed = ours._timed

    def noted(excerpt, n_windows, pass_by, answer):
        def answer_and_note(block):
            before = len(model.asked)
            answer(block)
            found.append(model.asked[before:])

        return timed(excerpt, n_windows, pass_by, answer_and_note)

    monkeypatch.setattr(ours, "_timed", noted)
    return model, found


def test_a_stretch_is_what_came_since_the_window_before_or_a_hop(recording):
    every = chosen_stretches(recording, len(recording.window_ends))
    assert np.all(every[:, 1] % 480 == 0), "each ends with its VAD frame"
    assert np.all(every[1:, 0] >= every[:-1, 1]), "nothing is heard twice"
    lengths = every[:, 1] - every[:, 0]
    assert 0 < lengths.min() <= lengths.max() == 8000 + 480
    # While speech goes on they follow each other without a gap, 0.5 s on the mean.
    speaking = every[5:15]
    assert np.array_equal(speaking[1:, 0], speaking[:-1, 1])
    assert np.mean(lengths[5:15]) == pytest.approx(8000, abs=48)


def test_excerpts_are_read_as_they_were_written(recording, excerpt):
    assert np.array_equal(excerpt.samples(1000, 3000), recording.samples[1000:3000])
    assert np.array_equal(excerpt.windows(), chosen_windows(recording))
    assert excerpt.stretches() == [tuple(pair) for pair in chosen_stretches(recording).tolist()]


@pytest.mark.parametrize("spent_s", [ours.stream_cpu_s, ours.features_cpu_s])
def test_each_stretch_makes_the_one_window_due_that_the_others_are_given(recording, excerpt, answered, spent_s):
    model, found = answered
    windows = chosen_windows(recording)
    assert spent_s(excerpt, len(windows), model) > 0
    assert [len(asked) for asked in found] == [1] * len(windows)
    for (asked,), window in zip(found[5:], windows[5:], strict=True):
        # Rows that saw what lay before the window are emphasised against it: the first alone.
        assert np.allclose(asked[1:], features_of(window, model.spec)[1:], atol=1e-3)


def test_it_hears_the_whole_recording_and_counts_only_what_was_asked_for(excerpt, answered):
    model, found = answered
    ours.stream_cpu_s(excerpt, 3, model)
    assert len(found) == 3
    heard = Noting()
    pipeline = Pipeline(heard)
    pipeline.push(ours.AudioBlock(excerpt.samples(0, excerpt.stretches()[2][1]), 0))
    assert len(model.asked) == len(heard.asked)

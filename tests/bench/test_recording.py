"""The audio that all is measured on."""

import numpy as np
import pytest

from benchmarks.everyhop import EveryHop
from benchmarks.recording import PAUSE_S, RATE_HZ, SENTENCES_S, Recording, composed, sentences, unbroken_speech, windows
from monitor.model import EmotionModel, shipped_model
from monitor.pipeline import Pipeline
from monitor.pipeline.classifier import Answer
from monitor.pipeline.gate import Level, dbfs
from monitor.records import AudioBlock, SpeechEnded, SpeechStarted


class Counting:
    """A model, and how often it was asked."""

    def __init__(self, model):
        self._model = model
        self.labels, self.spec, self.window = self._model.labels, self._model.spec, self._model.window
        self.n_answers = 0

    def answer(self, values):
        self.n_answers += 1
        return self._model.answer(values)


class Sure(Counting):
    """The same, but all of every window is surely speech: one that is passed over would be looked at again."""

    def answer(self, values):
        answer = super().answer(values)
        return Answer(answer.posteriors / answer.posteriors.sum(), np.ones_like(answer.activity))


@pytest.fixture(scope="module")
def recording():
    return Recording.compose(40, 10)


def test_it_is_the_same_each_time():
    assert np.array_equal(composed(8, 2), composed(8, 2))


def test_a_whole_one_has_ten_minutes():
    assert len(composed()) == 600 * RATE_HZ
    assert composed().dtype == np.int16


def test_half_of_it_is_speech_and_half_a_quiet_room(recording):
    levels = [dbfs(Level.of(second).mean_square) for second in recording.samples.reshape(-1, RATE_HZ)]
    quiet = [level < -65 for level in levels]
    assert quiet == [*[False] * 10, *[True] * 10] * 2
    assert np.array_equal(recording.speech, recording.samples[: 10 * RATE_HZ])
    assert np.array_equal(recording.room, recording.samples[10 * RATE_HZ : 20 * RATE_HZ])


def test_a_part_of_a_turn_is_cut_off():
    assert np.array_equal(composed(5, 2), composed(8, 2)[: 5 * RATE_HZ])


def test_speech_is_the_clip_without_its_pauses():
    assert 15 * RATE_HZ < len(unbroken_speech()) < 25 * RATE_HZ


def heard_in(samples, model):
    """How often the model was asked, and what happened."""
    counting = Counting(model)
    pipeline = Pipeline(counting)
    events = [*pipeline.push(AudioBlock(samples, 0)), *pipeline.flush()]
    return counting.n_answers, events


def n_classified(samples, model):
    return heard_in(samples, model)[0]


def n_of(kind, events):
    return sum(isinstance(event, kind) for event in events)


def test_talk_is_sentences_with_a_pause_behind_each():
    turns = [round(length_s * RATE_HZ) for sentence_s in SENTENCES_S for length_s in (sentence_s, PAUSE_S)]
    parts = np.split(sentences(sum(turns)), np.cumsum(turns)[:-1])
    quiet = [dbfs(Level.of(part).mean_square) < -65 for part in parts]
    assert quiet == [False, True] * len(SENTENCES_S)
    assert np.array_equal(parts[0], unbroken_speech()[: turns[0]])


def test_the_gate_closes_after_each_sentence():
    n_turns = 4
    talk = sentences(round(n_turns * (sum(SENTENCES_S) + PAUSE_S * len(SENTENCES_S)) * RATE_HZ))
    _, events = heard_in(talk, EmotionModel.load(shipped_model()))
    assert n_of(SpeechStarted, events) == n_of(SpeechEnded, events) == n_turns * len(SENTENCES_S)


def test_talk_is_more_work_than_unbroken_speech():
    whole = Recording.compose(60, 30)
    shipped = Sure(EmotionModel.load(shipped_model()))
    assert len(whole.talk) == len(whole.speech)
    assert n_classified(whole.talk, shipped) > 1.2 * n_classified(whole.speech, shipped)


def test_its_windows_are_those_that_the_pipeline_classifies_where_none_is_left_out(recording):
    assert len(recording.window_ends) == n_classified(recording.samples, EveryHop.shipped()) > 30
    assert n_classified(recording.samples, EmotionModel.load(shipped_model())) < len(recording.window_ends)
    assert np.all(np.diff(recording.window_ends) > 0)
    in_speech = [int(end // RATE_HZ // 10) % 2 == 0 for end in recording.window_ends]
    assert sum(in_speech) >= len(in_speech) - 3, "only the last window of a stretch may end in the room"


def test_nothing_is_classified_in_the_room(recording):
    assert len(windows(recording.room)) == 0


def test_a_window_that_begins_before_the_recording_begins_with_silence(recording):
    end = int(recording.window_ends[0])
    window = recording.window(end)
    assert len(window) == recording.window_samples > end
    assert not window[: recording.window_samples - end].any()
    assert np.array_equal(window[recording.window_samples - end :], recording.samples[:end])
    last = int(recording.window_ends[-1])
    assert np.array_equal(recording.window(last), recording.samples[last - recording.window_samples : last])

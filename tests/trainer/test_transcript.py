"""One hearing serves many decision rules: the real pipeline is the oracle."""

import zlib
from dataclasses import replace

import numpy as np
import pytest
from fake_classifier import FeatureHash, talk

from monitor.pipeline import GateRule, PipelineRules
from monitor.pipeline.classifier import Answer
from monitor.pipeline.smoother import DecisionRule
from trainer.transcript import Remembering, redecided, transcribe

GATE = GateRule(mode=0, floor_dbfs=-40.0, onset_ms=60, hangover_ms=300)
DECISIONS = [
    DecisionRule(),
    DecisionRule(smoothing_s=0.0, min_confidence=0.0, change_margin=0.0, min_dwell_s=0.0),
    DecisionRule(smoothing_s=0.5, min_confidence=0.6, change_margin=0.2, min_dwell_s=1.0),
]


class Flickering(FeatureHash):
    """Any posteriors, but always the same of a window."""

    def answer(self, values):
        super().answer(values)
        return Answer(np.random.default_rng(zlib.crc32(values.tobytes())).dirichlet([1.0, 1.0, 1.0]))


@pytest.fixture(scope="module")
def samples():
    return talk(-1, 3, -1, 0.2, -1, 4, -0.2, 2.01, -2, 1.5)


def told(events):
    return [(e.type, e.segment, e.emotion, e.scores, e.start_sample, e.decided_sample) for e in events]


def ends(events):
    return [event.end_sample for event in events if event.type == "end"]


@pytest.mark.parametrize("decision", DECISIONS)
def test_events_of_another_rule_are_those_the_pipeline_sends(decision, samples):
    transcript = transcribe(Flickering(), PipelineRules(gate=GATE, decision=DECISIONS[0]), samples)
    wanted = transcribe(Flickering(), PipelineRules(gate=GATE, decision=decision), samples).events
    found = redecided(transcript, Flickering.labels, 16000, decision)
    assert len(wanted) >= 4
    assert told(found) == told(wanted)
    assert ends(found) == ends(wanted)


def test_rules_differ_here(samples):
    transcript = transcribe(Flickering(), PipelineRules(gate=GATE), samples)
    assert len({str(told(redecided(transcript, Flickering.labels, 16000, d))) for d in DECISIONS}) == len(DECISIONS)


def test_no_window_is_classified_twice(samples):
    classifier = Flickering()
    remembering = Remembering(classifier)
    plain = transcribe(Flickering(), PipelineRules(gate=GATE), samples)
    assert told(transcribe(remembering, PipelineRules(gate=GATE), samples).events) == told(plain.events)
    n_windows = classifier.n_windows
    again = transcribe(remembering, PipelineRules(gate=GATE), samples)
    assert classifier.n_windows == n_windows > 0
    # What the monitor would have to do counts, not what the search is spared.
    assert again.n_windows == plain.n_windows == n_windows


def test_windows_half_as_far_apart_are_more(samples):
    every = replace(Flickering.window, settled_hops=1)
    hop = every.hop_frames
    counts = [
        transcribe(Remembering(Flickering(), window), PipelineRules(gate=GATE), samples).n_windows
        for window in (every, replace(every, hop_frames=hop // 2))
    ]
    assert 1.6 * counts[0] < counts[1] <= 2.2 * counts[0]


def test_another_voiced_time_is_asked_with_the_same_memory(samples):
    classifier = Flickering()
    remembering = Remembering(classifier)
    every_hop = replace(Flickering.window, settled_hops=1)
    first = transcribe(remembering.with_window(every_hop), PipelineRules(gate=GATE), samples)
    n_windows = classifier.n_windows
    patient = remembering.with_window(replace(every_hop, min_speech_s=1.2))
    later = transcribe(patient, PipelineRules(gate=GATE), samples)
    assert later.events[0].decided_sample > first.events[0].decided_sample
    assert classifier.n_windows == n_windows


class Seeing(Flickering):
    """Sees speech in the loud parts of a window."""

    def answer(self, values):
        level = values[:, 0].reshape(15, 10).mean(axis=1)
        return Answer(super().answer(values).posteriors, (level > 75.0).astype(float))


def test_segments_that_the_model_ends_are_decided_anew_too():
    barks = (np.random.default_rng(8).standard_normal(4 * 16000) * 450).astype(np.int16)
    audio = np.concatenate([talk(-1, 2), barks, talk(2, -1, seed=4)])
    classifier = Seeing()
    transcript = transcribe(classifier, PipelineRules(gate=GATE), audio)
    for decision in DECISIONS:
        wanted = transcribe(classifier, PipelineRules(gate=GATE, decision=decision), audio).events
        found = redecided(transcript, classifier.labels, 16000, decision)
        assert told(found) == told(wanted)
        assert ends(found) == ends(wanted)

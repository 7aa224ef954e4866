"""What each `min_confidence` is worth live, of segments told by hand; the monitor's own rule is the oracle."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from monitor.pipeline.smoother import DecisionRule
from monitor.records import Estimate, SpeechEnded, SpeechStarted
from trainer.conversations import Scene, Spoken, Turn
from trainer.streamfigures import judge
from trainer.streamselective import named_under, stream_selective, thresholds_beside
from trainer.transcript import Moment, Transcript, redecided

RATE_HZ = 100
LABELS = ("neutral", "angry", "sad")
DECISION = DecisionRule(smoothing_s=0, min_confidence=0.62)


def heard(*clips):
    """Clips of 3 s, as (label, answer, posterior of the answer), 10 s apart, and what was heard of them."""
    spoken, moments = [], []
    for i, (label, answer, posterior) in enumerate(clips):
        start, end = 1000 * i + 100, 1000 * i + 400
        spoken.append(Spoken(Turn(Path(f"{i}.wav"), "A/1", label, 0.5), start, end))
        rest = (1 - posterior) / 2
        posteriors = np.array([posterior if one == answer else rest for one in LABELS])
        estimate = Estimate(
            start_sample=start,
            end_sample=end,
            posteriors=posteriors,
            smoothed=posteriors,
            label=answer,
            confidence=posterior,
            speech_ratio=1.0,
        )
        moments += [
            Moment(start, SpeechStarted(at_sample=start)),
            Moment(end, estimate),
            Moment(end + 50, SpeechEnded(at_sample=end, voiced_samples=300)),
        ]
    scene = Scene(np.zeros(1000 * len(clips) + 500, np.int16), tuple(spoken))
    return scene, Transcript(tuple(moments), (), len(moments))


THRESHOLDS = thresholds_beside(DECISION)


def row(threshold):
    return THRESHOLDS.index(threshold)


def test_thresholds_are_all_hundredths_and_the_own():
    assert tuple(i / 100 for i in range(101)) == THRESHOLDS
    between = thresholds_beside(DecisionRule(min_confidence=0.625))
    assert sorted(set(between) - set(THRESHOLDS)) == [0.625]
    assert list(between) == sorted(between)


def test_a_segment_is_named_up_to_its_own_confidence():
    scene, transcript = heard(("angry", "angry", 0.7), ("sad", "sad", 0.55), ("sad", "angry", 0.65))
    counts = named_under(scene, redecided(transcript, LABELS, RATE_HZ, DECISION), THRESHOLDS)
    assert counts.shape == (len(THRESHOLDS), 3)
    assert counts[row(0.5)].tolist() == [3, 3, 2]
    assert counts[row(0.6)].tolist() == [3, 2, 1]
    assert counts[row(0.66)].tolist() == [3, 1, 1]
    assert counts[row(0.8)].tolist() == [3, 0, 0]


@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.6, 0.62, 0.66, 0.8, 1.0])
def test_what_is_counted_is_what_the_monitor_would_name(threshold):
    rng = np.random.default_rng(3)
    pick = [(*rng.choice(LABELS, 2), rng.uniform(0.4, 1.0)) for _ in range(40)]
    scene, transcript = heard(*pick)
    counts = named_under(scene, redecided(transcript, LABELS, RATE_HZ, DECISION), THRESHOLDS)
    events = redecided(transcript, LABELS, RATE_HZ, replace(DECISION, min_confidence=threshold))
    answers = judge(scene, events, RATE_HZ, frozenset()).answers
    named = [one for one in answers if one.certain]
    right = [one for one in named if one.answer == one.truth]
    assert counts[row(threshold)].tolist() == [len(answers), len(named), len(right)]


def test_nothing_said_is_nothing_named():
    scene, transcript = heard()
    assert not named_under(scene, redecided(transcript, LABELS, RATE_HZ, DECISION), THRESHOLDS).any()


def test_the_lowest_threshold_is_right_often_enough_under_every_condition():
    good, bad = np.zeros((2, len(THRESHOLDS), 3), np.int64)
    good[:] = 10, 5, 5
    bad[:] = 10, 5, 3
    bad[row(0.7) :] = 10, 5, 4
    bad[row(0.85) :] = 10, 0, 0
    result = stream_selective({"clean": good, "room": bad}, DECISION)
    assert result["lowest"] == 0.7
    assert result["min_confidence"] == 0.62
    assert result["curves"]["room"]["accuracy"][row(0.69)] == pytest.approx(0.6)
    assert result["curves"]["room"]["coverage"][row(0.7)] == 0.5
    assert result["curves"]["room"]["accuracy"][row(0.85)] is None
    bad[:, 2] = 0
    assert stream_selective({"clean": good, "room": bad}, DECISION)["lowest"] is None
    assert stream_selective({"clean": np.zeros_like(good)}, DECISION)["curves"]["clean"]["coverage"][0] is None

"""The smoother stays on the simplex, and its label does not flicker."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.pipeline.smoother import DecisionRule, Smoother

LABELS = ("neutral", "happy", "angry")


def distribution(weights):
    array = np.array(weights) + 1e-9
    return array / array.sum()


@given(
    steps=st.lists(
        st.tuples(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.floats(0.001, 30)), min_size=1, max_size=60
    ),
    rule=st.builds(
        DecisionRule,
        smoothing_s=st.floats(0, 60),
        min_confidence=st.floats(0, 1),
        change_margin=st.floats(0, 1),
        min_dwell_s=st.floats(0, 60),
    ),
)
def test_smoothed_posteriors_stay_on_the_simplex(steps, rule):
    smoother, now = Smoother(LABELS, rule), 0.0
    for weights, pause in steps:
        now += pause
        smoothed, label, confidence = smoother.update(distribution(weights), now)
        assert smoothed.min() >= 0
        assert smoothed.sum() == pytest.approx(1, abs=1e-9)
        assert label in (*LABELS, "uncertain")
        assert confidence == (smoothed.max() if label == "uncertain" else smoothed[LABELS.index(label)])


def test_first_window_stands_for_itself_and_reset_forgets():
    smoother = Smoother(LABELS, DecisionRule())
    smoother.update(distribution([1, 0, 0]), 0)
    smoother.reset()
    smoothed, label, _ = smoother.update(distribution([0, 1, 0]), 0.5)
    assert label == "happy"
    assert smoothed == pytest.approx([0, 1, 0], abs=1e-6)


def test_after_one_time_constant_the_past_weighs_1_over_e():
    smoother = Smoother(LABELS, DecisionRule(smoothing_s=1.5))
    smoother.update(distribution([1, 0, 0]), 10.0)
    smoothed, _, _ = smoother.update(distribution([0, 1, 0]), 11.5)
    assert smoothed[0] == pytest.approx(np.exp(-1), abs=1e-6)


def labels_of(rule, steps):
    smoother = Smoother(LABELS, rule)
    return [smoother.update(np.array(p), t)[1] for t, p in steps]


def test_low_confidence_is_uncertain():
    assert labels_of(DecisionRule(min_confidence=0.5), [(0, [0.4, 0.3, 0.3])]) == ["uncertain"]


def test_a_small_lead_does_not_change_the_label_and_a_clear_one_does():
    rule = DecisionRule(smoothing_s=0, min_confidence=0.4, change_margin=0.1, min_dwell_s=0)
    steps = [(0, [0.5, 0.4, 0.1]), (1, [0.44, 0.46, 0.1]), (2, [0.3, 0.6, 0.1])]
    assert labels_of(rule, steps) == ["neutral", "neutral", "happy"]


def test_a_label_is_kept_for_its_dwell():
    rule = DecisionRule(smoothing_s=0, change_margin=0.0, min_dwell_s=1.0)
    steps = [(0, [1, 0, 0]), (0.5, [0, 1, 0]), (1.0, [0, 1, 0]), (1.5, [1, 0, 0]), (2.5, [1, 0, 0])]
    assert labels_of(rule, steps) == ["neutral", "neutral", "happy", "happy", "neutral"]


def test_what_was_uncertain_is_named_at_once_and_then_kept():
    rule = DecisionRule(smoothing_s=0, min_confidence=0.5, change_margin=0.0, min_dwell_s=1.0)
    steps = [(0, [0.4, 0.3, 0.3]), (0.5, [1, 0, 0]), (1.0, [0.4, 0.3, 0.3]), (1.5, [0.4, 0.3, 0.3]), (2, [0, 1, 0])]
    assert labels_of(rule, steps) == ["uncertain", "neutral", "neutral", "uncertain", "happy"]


def test_a_label_is_left_for_uncertain_only_clearly_below_the_bound():
    rule = DecisionRule(smoothing_s=0, min_confidence=0.5, change_margin=0.1, min_dwell_s=0)
    steps = [(0, [0.6, 0.2, 0.2]), (1, [0.45, 0.3, 0.25]), (2, [0.36, 0.34, 0.3])]
    assert labels_of(rule, steps) == ["neutral", "neutral", "uncertain"]


def test_a_label_that_is_unlikely_itself_is_not_kept_by_the_likelihood_of_another():
    rule = DecisionRule(smoothing_s=0, min_confidence=0.66, change_margin=0.15, min_dwell_s=0)
    steps = [(0, [0.9, 0.05, 0.05]), (1, [0.05, 0.6, 0.35]), (2, [0.05, 0.7, 0.25])]
    assert labels_of(rule, steps) == ["neutral", "uncertain", "happy"]

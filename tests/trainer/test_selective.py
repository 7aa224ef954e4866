"""Answering only when sure, against cases done by hand."""

import numpy as np
import pytest

from trainer.figures import Predictions
from trainer.selective import at_threshold, risk_coverage, selective_figures

# Confidence 0.9 right, 0.8 wrong, 0.7 right, 0.6 right, no answer.
TRUTH = np.array([0, 1, 0, 1, 0])
POSTERIORS = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.4, 0.6], [0.0, 0.0]])


def predictions(truth=TRUTH, posteriors=POSTERIORS, speakers=("a", "a", "b", "b", "b")):
    n = len(truth)
    return Predictions(
        names=tuple(f"A/{i}" for i in range(n)),
        corpus=("A",) * n,
        speakers=tuple(speakers),
        genders=("f",) * n,
        truth=truth,
        posteriors=posteriors,
        labels=("happy", "sad"),
    )


def test_coverage_and_accuracy_of_a_case_done_by_hand():
    curve = risk_coverage(TRUTH, POSTERIORS, np.array([0.0, 0.6, 0.65, 0.75, 0.85, 0.95]))
    np.testing.assert_allclose(curve.coverage, [4 / 5, 4 / 5, 3 / 5, 2 / 5, 1 / 5, 0])
    np.testing.assert_allclose(curve.accuracy, [3 / 4, 3 / 4, 2 / 3, 1 / 2, 1, np.nan])


def test_the_lowest_threshold_that_is_right_often_enough_is_chosen():
    curve = risk_coverage(TRUTH, POSTERIORS)
    assert curve.lowest_threshold(0.75) == 0.0
    assert curve.lowest_threshold(0.8) == pytest.approx(0.81)
    assert risk_coverage([1, 1], np.array([[0.9, 0.1], [0.8, 0.2]])).lowest_threshold() is None


def test_a_threshold_chosen_on_other_clips_is_judged_on_these():
    others = predictions(np.array([0, 1]), np.array([[0.7, 0.3], [0.65, 0.35]]), ("c", "d"))
    figures = selective_figures(predictions(), others)
    assert figures["chosen_by"]["threshold"] == pytest.approx(0.66)
    assert figures["chosen_by"]["accuracy"] == 1.0
    assert figures["chosen"]["threshold"] == pytest.approx(0.66)
    assert figures["chosen"]["coverage"] == pytest.approx(3 / 5)
    assert figures["chosen"]["accuracy"] == pytest.approx(2 / 3)
    assert figures["own"]["threshold"] == pytest.approx(0.81)
    assert figures["curve"]["accuracy"][-1] is None


def test_intervals_lie_around_the_share_and_need_two_speakers():
    rng = np.random.default_rng(0)
    posteriors = rng.dirichlet([1.0, 1.0], 400)
    truth = np.where(rng.random(400) < 0.7, posteriors.argmax(axis=1), 1 - posteriors.argmax(axis=1))
    speakers = [f"s{i % 10}" for i in range(400)]
    found = at_threshold(predictions(truth, posteriors, speakers), 0.7)
    for name in ("coverage", "accuracy"):
        low, high = found[f"{name}_interval"]
        assert low < found[name] < high
        assert high - low < 0.3
    alone = at_threshold(predictions(speakers=["a"] * 5), 0.7)
    assert alone["accuracy_interval"] is None
    assert at_threshold(predictions(), 0.99)["accuracy"] is None

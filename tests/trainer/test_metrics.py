import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from trainer.metrics import (
    NO_ANSWER,
    agreement,
    clip_averages,
    clip_predictions,
    loss_interval,
    macro_f1,
    reliability,
    score,
    speaker_interval,
    uar_interval,
)
from trainer.tables import confusion_table, table


def test_recall_is_averaged_over_the_labels_that_occur():
    result = score([0, 0, 0, 0, 2, 2], [0, 0, 0, 1, 2, NO_ANSWER], 3)
    assert result.uar == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert result.war == pytest.approx(4 / 6)
    assert result.n_unanswered == 1
    np.testing.assert_array_equal(result.confusion, [[3, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1]])


def test_clips_answer_with_the_mean_of_their_windows():
    posteriors = np.array([[0.6, 0.4], [0.1, 0.9], [0.8, 0.2]])
    clip, even = np.array([0, 0, 2]), np.ones(3)
    np.testing.assert_array_equal(clip_predictions(posteriors, clip, even, 3), [1, NO_ANSWER, 0])
    np.testing.assert_array_equal(clip_predictions(posteriors, clip, np.array([0.9, 0.1, 0.5]), 3), [0, NO_ANSWER, 0])


def test_a_clip_s_average_is_weighed_and_zero_without_a_window():
    posteriors = np.array([[0.6, 0.4], [0.1, 0.9], [0.8, 0.2]])
    averages = clip_averages(posteriors, np.array([0, 0, 2]), np.array([3.0, 1.0, 0.5]), 3)
    np.testing.assert_allclose(averages, [[0.475, 0.525], [0, 0], [0.8, 0.2]])


def test_agreement():
    assert agreement([1, 2, 3, 4], [1, 2, 0, 4]) == 0.75
    assert agreement([], []) == 1.0


def test_tables_line_up():
    lines = table(["corpus", "n"], [["a", "10"], ["bcd", "5"]]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1] == "| ------ | -: |"


def test_confusion_leaves_out_labels_that_never_occur():
    lines = confusion_table([[1, 0, 0], [0, 0, 0]], ["happy", "sad"]).splitlines()
    assert [line.split()[1] for line in lines[2:]] == ["happy"]


@st.composite
def answers(draw):
    n_labels = draw(st.integers(2, 5))
    n = draw(st.integers(1, 40))
    truth = draw(st.lists(st.integers(0, n_labels - 1), min_size=n, max_size=n))
    predicted = draw(st.lists(st.integers(NO_ANSWER, n_labels - 1), min_size=n, max_size=n))
    return np.array(truth), np.array(predicted), n_labels


@given(answers())
@settings(max_examples=60, deadline=None)
def test_figures_are_those_of_the_confusion_matrix(case):
    truth, predicted, n_labels = case
    result = score(truth, predicted, n_labels)
    right, occur = result.confusion.diagonal(), result.confusion.sum(axis=1)
    called = result.confusion[:, :n_labels].sum(axis=0)
    there = occur > 0
    assert result.uar == pytest.approx(np.mean(right[there] / occur[there]))
    # F1 = 2 right / (occurring + called), the closed form of the harmonic mean.
    assert macro_f1(truth, predicted) == pytest.approx(np.mean(2 * right[there] / (occur + called)[there]))


def test_macro_f1_agrees_with_sklearn_where_everything_is_answered():
    truth, predicted = [0, 0, 1, 1, 2, 2, 2], [0, 1, 1, 1, 2, 0, 2]
    assert macro_f1(truth, predicted) == pytest.approx(f1_score(truth, predicted, average="macro"))


def test_calibration_error_of_a_case_done_by_hand():
    posteriors = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [1.0, 0.0], [0.0, 0.0]])
    bins = reliability([0, 1, 1, 0, 0], posteriors, n_bins=10)
    # 0.9 twice, half of them right; 0.6 once, right; 1.0 once, right; the last one states no confidence.
    np.testing.assert_array_equal(bins.n_clips, [0, 0, 0, 0, 0, 1, 0, 0, 2, 1])
    assert bins.accuracy[8] == 0.5
    assert np.isnan(bins.confidence[0])
    assert bins.ece == pytest.approx((2 * 0.4 + 0.4 + 0.0) / 4)


def test_calibrated_posteriors_have_a_small_error_and_boasting_ones_a_large_one():
    rng = np.random.default_rng(0)
    posteriors = rng.dirichlet([0.5] * 4, 8000)
    truth = np.array([rng.choice(4, p=p) for p in posteriors])
    assert reliability(truth, posteriors).ece < 0.02
    boasting = np.eye(4)[posteriors.argmax(axis=1)]
    expected = 1 - np.mean(posteriors.argmax(axis=1) == truth)
    assert reliability(truth, boasting).ece == pytest.approx(expected)


def test_reliability_of_no_answer_at_all():
    bins = reliability([0, 1], np.zeros((2, 3)))
    assert bins.ece == 0.0
    assert bins.n_clips.sum() == 0
    assert len(bins.edges) == 16


def test_speakers_who_are_all_alike_leave_no_doubt():
    truth, predicted = [0, 0, 1, 1] * 5, [0, 1, 1, 1] * 5
    speakers = np.repeat([f"s{i}" for i in range(5)], 4)
    low, high = uar_interval(truth, predicted, speakers)
    assert low == pytest.approx(0.75)
    assert high == pytest.approx(0.75)


def test_one_speaker_says_nothing_about_others():
    assert uar_interval([0, 1], [0, 0], ["s", "s"]) is None


def test_interval_over_speakers_is_wider_than_over_clips_where_speakers_differ():
    rng = np.random.default_rng(1)
    speakers = np.repeat([f"s{i}" for i in range(12)], 40)
    skill = np.repeat(rng.uniform(0.2, 0.95, 12), 40)
    truth = np.tile([0, 1, 2, 3], 120)
    predicted = np.where(rng.random(480) < skill, truth, (truth + 1) % 4)
    low, high = uar_interval(truth, predicted, speakers)
    low_clips, high_clips = uar_interval(truth, predicted, [f"c{i}" for i in range(480)])
    assert low < score(truth, predicted, 4).uar < high
    assert high - low > 2 * (high_clips - low_clips)
    assert uar_interval(truth, predicted, speakers) == (low, high)
    assert uar_interval(truth, predicted, speakers, seed=1) != (low, high)


def test_interval_agrees_with_a_plain_bootstrap():
    rng = np.random.default_rng(2)
    speakers = np.repeat(np.arange(8), 12)
    truth = rng.integers(0, 3, 96)
    predicted = np.where(rng.random(96) < np.repeat(rng.uniform(0.3, 0.9, 8), 12), truth, NO_ANSWER)
    draws = []
    for _ in range(400):
        clips = np.concatenate([np.flatnonzero(speakers == s) for s in rng.integers(0, 8, 8)])
        draws.append(score(truth[clips], predicted[clips], 3).uar)
    expected = np.percentile(draws, [2.5, 97.5])
    np.testing.assert_allclose(uar_interval(truth, predicted, list(map(str, speakers))), expected, atol=0.03)


def test_a_label_that_only_one_speaker_has_is_bearable():
    truth, predicted, speakers = [0, 0, 1, 1], [0, 0, 0, 1], ["a", "b", "b", "b"]
    low, high = uar_interval(truth, predicted, speakers)
    assert 0.5 <= low <= high <= 1.0


def test_a_loss_that_every_speaker_shares_is_certain_however_they_differ():
    rng = np.random.default_rng(3)
    speakers = np.repeat([f"s{i}" for i in range(8)], 20)
    truth = np.tile([0, 1], 80)
    before = np.where(rng.random(160) < np.repeat(rng.uniform(0.4, 1.0, 8), 20), truth, 1 - truth)
    assert loss_interval(truth, before, before, speakers) == (0.0, 0.0)
    after = before.copy()
    after[::20], after[1::20] = NO_ANSWER, NO_ANSWER
    low, high = loss_interval(truth, before, after, speakers)
    apart = [uar_interval(truth, answers, speakers) for answers in (before, after)]
    assert high - low < 0.7 * min(above - below for below, above in apart)


def test_losses_agree_with_a_plain_paired_bootstrap():
    rng = np.random.default_rng(4)
    speakers, truth = np.repeat(np.arange(8), 12), rng.integers(0, 3, 96)
    before, after = (np.where(rng.random(96) < share, truth, NO_ANSWER) for share in (0.8, 0.5))
    draws = []
    for _ in range(400):
        clips = np.concatenate([np.flatnonzero(speakers == s) for s in rng.integers(0, 8, 8)])
        draws.append(score(truth[clips], before[clips], 3).uar - score(truth[clips], after[clips], 3).uar)
    found = loss_interval(truth, before, after, list(map(str, speakers)))
    np.testing.assert_allclose(found, np.percentile(draws, [2.5, 97.5]), atol=0.03)
    assert loss_interval([0, 1], [0, 1], [0, 0], ["s", "s"]) is None


def test_an_interval_of_any_figure_is_that_of_the_recall_where_it_is_the_recall():
    rng = np.random.default_rng(5)
    speakers, truth = [f"s{i % 6}" for i in range(60)], np.zeros(60, int)
    predicted = np.where(rng.random(60) < 0.6, 0, 1)
    found = speaker_interval(lambda weights: float(weights @ (predicted == 0) / weights.sum()), speakers)
    assert found == pytest.approx(uar_interval(truth, predicted, speakers))
    assert speaker_interval(lambda weights: 1.0, ["s", "s"]) is None
    assert speaker_interval(lambda weights: float("nan"), ["a", "b"]) is None

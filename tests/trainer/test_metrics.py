import numpy as np
import pytest

from trainer.metrics import NO_ANSWER, agreement, clip_predictions, score
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

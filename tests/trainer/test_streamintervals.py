"""Intervals of a stream's figures, where the limits can be told by hand."""

import pytest

from trainer.metrics import difference_interval
from trainer.streamfigures import Answer, Tally
from trainer.streamintervals import loss_points_interval, tally_intervals

LABELS = ("angry", "sad")


def said(speaker, truth, answer, certain=True):
    return Answer(speaker, truth, answer, certain)


def test_the_delay_of_two_speakers_lies_between_theirs():
    tally = Tally(right_after_s=(1.0, 1.0, 1.0, None, 2.0, 2.0, 2.0, 2.0))
    found = tally_intervals(tally, ["A"] * 4 + ["B"] * 4)
    assert found["right_delay_median_s_interval"] == [1.0, 2.0]
    assert found["selective_accuracy_interval"] is None


def test_names_are_right_as_often_as_those_who_are_drawn_are_named_right():
    answers = (
        said("A", "sad", "sad"),
        said("A", "sad", "angry", certain=False),
        said("B", "sad", "angry"),
        said("B", "sad", "sad"),
        said("B", "sad", ""),
    )
    tally = Tally(answers=answers)
    # A alone 1 of 1, B alone 1 of 2; a clip without a segment is not named.
    assert tally_intervals(tally, [])["selective_accuracy_interval"] == [0.5, 1.0]


def test_one_speaker_says_nothing_of_others():
    tally = Tally(answers=(said("A", "sad", "sad"),), right_after_s=(1.0,))
    assert set(tally_intervals(tally, ["A"]).values()) == {None}
    assert loss_points_interval(tally.answers, tally.answers, LABELS) is None


def test_a_loss_is_drawn_in_pairs():
    """Speakers differ much, and lose alike: the loss is sure, each side's recall is not."""
    before = [said("A", "sad", "sad")] * 10 + [said("B", "sad", "sad")] * 2 + [said("B", "sad", "angry")] * 8
    after = [said("A", "sad", "sad")] * 9 + [said("A", "sad", "")]
    after += [said("B", "sad", "sad")] + [said("B", "sad", "angry")] * 9
    assert loss_points_interval(before, after, LABELS) == pytest.approx([10.0, 10.0])
    # Segments may be more than clips were.
    assert loss_points_interval(before, after * 2, LABELS) == pytest.approx([10.0, 10.0])


def test_a_difference_between_other_people_is_none():
    with pytest.raises(ValueError, match="other speakers"):
        difference_interval(([0], [0], ["A"]), ([0], [0], ["B"]))

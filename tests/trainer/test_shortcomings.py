"""What falls short live is named, with its figure, and nothing else is."""

import pytest
from stream_corpora import AS_WANTED

from trainer.shortcomings import stream_shortcomings


def result(noise_per_h=0.0, **room):
    return {
        "conditions": {"clean": AS_WANTED, "room": {**AS_WANTED, **room}},
        "noise": {"false_per_h": noise_per_h},
        "selective": {"wanted_accuracy": 0.8, "min_confidence": 0.62},
    }


def test_what_is_as_wanted_is_no_shortcoming():
    assert stream_shortcomings(result()) == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"right_delay_median_s": 1.534},
            "median delay to the first right label, of the clips that get one, s: room 1.53; wanted 1.5 at most",
        ),
        ({"false_per_h": 11.9}, "false segments, an hour of the gaps between clips: room 11.90; wanted 5 at most"),
        ({"noise_per_h": 9.0}, "false segments, an hour of sounds without speech: 9.00; wanted 5 at most"),
        ({"loss_points": 3.81}, "clip UAR less segment UAR, points: room 3.81; wanted 3 at most"),
        ({"missed": 0.126}, "speech in no segment: 0.0 to 12.6 %"),
        (
            {"never_right": 0.7},
            "clips that never get their own label shown: 0.0 to 70.0 %; the delay is of the others",
        ),
        ({"selective_accuracy": 0.766}, "named with `min_confidence` 0.62 and right: room 76.60 %; wanted 80 %"),
        (
            {"changes_per_min": 4.001},
            "label changes within a clip, a minute: room 4.001; wanted 4 at most",
        ),
    ],
)
def test_each_shortcoming_is_named_with_its_figure(changes, line):
    assert stream_shortcomings(result(**changes)) == [line]


def test_what_nothing_could_be_counted_for_is_not_called_good():
    """A delay that nobody had is no aim met; a condition in which nothing was named is not right often enough."""
    lines = stream_shortcomings(result(right_delay_median_s=None, never_right=1.0, selective_accuracy=None))
    assert lines == [
        "clips that never get their own label shown: 0.0 to 100.0 %; the delay is of the others",
        "named with `min_confidence` 0.62 and right: room - %; wanted 80 %",
    ]

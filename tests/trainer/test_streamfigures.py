"""Every figure of a stream, on events whose figures can be told by hand. Samples at 100 Hz: 100 are a second."""

from pathlib import Path

import numpy as np
import pytest

from monitor.records import EmotionEvent
from trainer.conversations import Scene, Spoken, Turn
from trainer.streamfigures import (
    Tally,
    figures_of,
    intense_labels,
    judge,
    most_events,
    most_of,
    neutral_figures,
    noise_figures,
    owner_of,
    segments_of,
    total,
)

RATE_HZ = 100
LABELS = ("neutral", "angry", "sad")
INTENSE = frozenset({"angry"})


def scene(*clips, seconds=20):
    """Clips as (start s, end s, label), all of one speaker."""
    spoken = tuple(
        Spoken(Turn(Path(f"{i}.wav"), "A/1", label, 0.5), round(start * RATE_HZ), round(end * RATE_HZ))
        for i, (start, end, label) in enumerate(clips)
    )
    return Scene(np.zeros(round(seconds * RATE_HZ), np.int16), spoken)


def segment(number, start, end, *shown, final, at=None):
    """Events of one segment: `shown` as (moment s, emotion), then the end, decided half a second after `end`."""
    moments = [*shown, (at or end + 0.5, final)]
    kinds = ["new", *["update"] * (len(shown) - 1), "end"]
    best = final if final in LABELS else "sad"
    return [
        EmotionEvent(
            type=kind,
            segment=number,
            emotion=emotion,
            confidence=0.6,
            scores={label: 0.6 if label == best else 0.2 for label in LABELS},
            start_sample=round(start * RATE_HZ),
            end_sample=round(end * RATE_HZ),
            decided_sample=round(moment * RATE_HZ),
        )
        for kind, (moment, emotion) in zip(kinds, moments, strict=True)
    ]


def figures(a_scene, *segments):
    tally = judge(a_scene, [event for events in segments for event in events], RATE_HZ, INTENSE)
    return figures_of(tally, LABELS), tally


def test_one_clip_heard_right():
    found, tally = figures(scene((2, 5, "angry")), segment(1, 1.8, 5.0, (3.2, "angry"), final="angry"))
    assert found["uar"] == 1
    assert found["uar_interval"] is None
    assert (found["answers"], found["unanswered"], found["missed"], found["never_right"]) == (1, 0, 0, 0)
    assert found["right_delay_median_s"] == found["first_delay_median_s"] == pytest.approx(1.2)
    assert found["changes_per_min"] == 0
    assert found["false_per_h"] == 0
    assert tally.other_s == 17


def test_a_clip_that_is_not_heard_is_a_wrong_answer_and_missed():
    found, _ = figures(scene((2, 4, "angry"), (8, 10, "sad")), segment(1, 2, 4, (3, "angry"), final="angry"))
    assert found["uar"] == 0.5
    assert (found["answers"], found["unanswered"]) == (2, 1)
    assert found["missed"] == 0.5
    assert found["never_right"] == 0.5
    assert found["right_delay_median_s"] == 1
    assert found["right_delay_p95_s"] == 1
    assert found["right_delay_median_all_s"] == 1  # the first of two, the other is endless


def test_a_segment_over_two_clips_answers_for_the_longer_one():
    merged = segment(1, 2, 8, (3.5, "angry"), (6.5, "sad"), final="sad")
    found, tally = figures(scene((2, 4, "angry"), (4.6, 8, "sad")), merged)
    assert sorted(answer.answer for answer in tally.answers) == ["", "sad"]
    assert found["uar"] == 0.5
    assert found["unanswered"] == 1
    assert found["missed"] == 0
    assert tally.right_after_s == (1.5, pytest.approx(1.9))
    assert found["changes_per_min"] == 0, "the truth changed, so may the label"


def test_a_label_that_stands_already_has_no_delay():
    merged = segment(1, 2, 8, (3.5, "angry"), final="angry")
    _, tally = figures(scene((2, 4, "angry"), (4.6, 8, "angry")), merged)
    assert tally.right_after_s == (1.5, 0)


def test_an_event_after_the_next_onset_is_too_late():
    _, tally = figures(
        scene((2, 4, "angry"), (4.2, 7, "sad")),
        segment(1, 2, 4, (3.5, "sad"), final="angry", at=4.3),
        segment(2, 4.4, 7, (6, "sad"), final="sad"),
    )
    assert tally.right_after_s == (None, pytest.approx(1.8))


def test_an_end_can_be_the_first_right_label():
    _, tally = figures(scene((2, 4, "angry")), segment(1, 2, 4, (3, "uncertain"), final="angry"))
    assert tally.right_after_s == (2.5,)
    assert tally.first_after_s == (1,)


def test_a_clip_in_two_segments_is_answered_twice_and_the_pause_is_missed():
    found, _ = figures(
        scene((2, 6, "angry")),
        segment(1, 2, 3, (3.2, "angry"), final="angry"),
        segment(2, 5, 6, (6.2, "sad"), final="sad"),
    )
    assert (found["uar"], found["answers"], found["missed"]) == (0.5, 2, 0.5)


def test_changes_are_counted_by_the_minute_of_speech_heard():
    shown = [(3, "angry"), (3.5, "sad"), (4, "angry"), (4.5, "uncertain")]
    found, tally = figures(scene((2, 6, "angry")), segment(1, 2, 5, *shown, final="sad"))
    assert tally.n_changes == 3
    assert found["changes_per_min"] == pytest.approx(3 / (3 / 60))


def test_uncertain_counts_by_its_likeliest_label_but_not_as_certain():
    found, _ = figures(
        scene((2, 4, "sad"), (8, 10, "angry")),
        segment(1, 2, 4, (3, "uncertain"), final="uncertain"),
        segment(2, 8, 10, (9, "sad"), final="sad"),
    )
    assert found["uar"] == 0.5
    assert found["coverage"] == 0.5
    assert found["selective_accuracy"] == 0


def test_false_segments_count_by_the_hour_and_not_as_answers():
    found, tally = figures(scene((2, 5, "angry"), seconds=63), segment(1, 10, 11, (11, "sad"), final="uncertain"))
    assert found["answers"] == found["unanswered"] == 1
    assert found["false_per_h"] == pytest.approx(60)
    assert noise_figures(judge(scene(seconds=36), segment(1, 1, 2, (2, "sad"), final="sad"), RATE_HZ, INTENSE)) == {
        "hours": 0.01,
        "false_segments": 1,
        "false_certain": 1,
        "false_per_h": pytest.approx(100),
        "false_per_h_at_most": pytest.approx(474.4, abs=0.1),
    }
    assert tally.n_false_certain == 0


def test_ordinary_speech_called_intense_at_the_end_and_ever():
    tally = judge(
        scene((2, 4, ""), (8, 10, "")),
        [
            *segment(1, 2, 4, (3, "angry"), final="uncertain"),
            *segment(2, 8, 10, (9, "neutral"), (9.5, "angry"), final="angry"),
        ],
        RATE_HZ,
        INTENSE,
    )
    figures = neutral_figures(tally)
    # One of two: (1 - p)^2 + 2 p (1 - p) = 0.05.
    assert figures.pop("intense_at_most") == pytest.approx(np.sqrt(0.95))
    assert figures == {"segments": 2, "intense": 0.5, "ever_intense": 1, "missed": 0}


def test_silence_has_no_figures_but_no_errors():
    found, _ = figures(scene())
    assert found["uar"] is found["right_delay_median_s"] is found["missed"] is None
    assert noise_figures(Tally())["false_per_h"] is None
    assert neutral_figures(Tally())["intense"] is None


def test_limits_of_what_was_seen_never_or_always():
    """Rule of three: none in n can be as many as three in n."""
    assert most_events(0) == pytest.approx(-np.log(0.05))
    assert most_of(0, 39) == pytest.approx(1 - 0.05 ** (1 / 39))
    assert most_of(39, 39) == 1
    assert most_of(0, 0) is None
    none_in_half_an_hour = noise_figures(Tally(other_s=1800))
    assert none_in_half_an_hour["false_per_h_at_most"] == pytest.approx(5.99, abs=0.01)


def test_tallies_add_up():
    first = judge(scene((2, 5, "sad")), segment(1, 2, 5, (3, "sad"), final="sad"), RATE_HZ, INTENSE, n_windows=4)
    both = total([first, Tally(), first])
    # Eight in two scenes of 20 s.
    assert figures_of(both, LABELS)["windows_per_min"] == pytest.approx(12)
    assert both.answers == first.answers * 2
    assert (both.speech_s, both.n_segments, both.right_after_s) == (6, 2, (1, 1))


def test_the_owner_is_who_shares_most():
    spoken = scene((2, 4, "sad"), (4.5, 6, "angry")).spoken
    (one,) = segments_of(segment(1, 3.5, 6, (5, "sad"), final="sad"))
    assert owner_of(one, spoken) == 1
    (none,) = segments_of(segment(1, 4.1, 4.4, (5, "sad"), final="sad"))
    assert owner_of(none, spoken) is None
    assert owner_of(none, ()) is None


def test_intense_is_what_the_card_says_is_aroused():
    assert intense_labels({"angry": (-0.5, 0.59), "sad": (-0.6, -0.27), "disgust": (-0.6, 0.35)}) == {
        "angry",
        "disgust",
    }

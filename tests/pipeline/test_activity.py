"""Speech activity: segments within an open gate. Windows of 3,000 samples in ten parts, a hangover of 700."""

import numpy as np
import pytest

from monitor.pipeline.activity import SpeechActivity
from monitor.records import SpeechEnded, SpeechStarted

STEP, WINDOW = 300, 3000


def opened(at=0, hangover=700, min_posterior=0.5):
    activity = SpeechActivity(WINDOW, hangover, min_posterior)
    activity.open(at)
    return activity


def seen(window_end, *spoken):
    """What a model says that sees speech in the stretches `spoken`, (start, end) in samples."""
    middles = window_end - WINDOW + STEP * (np.arange(WINDOW // STEP) + 0.5)
    return np.array([0.9 if any(start <= at < end for start, end in spoken) else 0.1 for at in middles])


def test_speech_ends_when_none_was_seen_for_the_hangover_and_where_it_was_seen_last():
    activity = opened()
    assert activity.heard(seen(3000, (0, 2400)), 3000, 9999, is_speech=True) == []  # 600 since
    assert activity.heard(seen(3300, (0, 2400)), 3300, 9999, is_speech=True) == [SpeechEnded(2400, 0)]
    assert not activity.is_speaking
    assert activity.heard(seen(3500, (0, 2400)), 3500, 9999, is_speech=True) == []


@pytest.mark.parametrize(("min_posterior", "ends"), [(0.7, [2400]), (0.71, [1200])])
def test_what_is_less_likely_speech_than_is_wanted_is_a_pause(min_posterior, ends):
    heard = seen(3300, (0, 2400))
    heard[3:7] = 0.7  # 1,200 to 2,400
    changes = opened(min_posterior=min_posterior).heard(heard, 3300, 9999, is_speech=False)
    assert [change.at_sample for change in changes] == ends


def test_other_speech_begins_where_it_is_seen_first():
    activity = opened()
    activity.heard(seen(3300, (0, 2400)), 3300, 9999, is_speech=True)
    assert activity.heard(seen(4500, (0, 2400), (3900, 4500)), 4500, 9999, is_speech=True) == [SpeechStarted(3900)]
    assert activity.is_speaking
    assert activity.heard(seen(5100, (3900, 4500)), 5100, 9999, is_speech=True) == []
    assert activity.heard(seen(5400, (3900, 4500)), 5400, 9999, is_speech=True) == [SpeechEnded(4500, 0)]


def test_a_window_that_is_no_speech_begins_none():
    activity = opened()
    activity.heard(seen(3300, (0, 2400)), 3300, 9999, is_speech=True)
    assert activity.heard(seen(4500, (3900, 4500)), 4500, 9999, is_speech=False) == []
    assert activity.heard(seen(4800, (3900, 4500)), 4800, 9999, is_speech=True) == [SpeechStarted(3900)]


def test_the_end_of_speech_seen_a_step_later_begins_none():
    activity = opened()
    assert activity.heard(seen(3300, (0, 2400)), 3300, 9999, is_speech=True) == [SpeechEnded(2400, 0)]
    for jitter in (2500, 2650, 2700):
        assert activity.heard(seen(3600, (0, jitter)), 3600, 9999, is_speech=True) == []


def test_where_nobody_speaks_at_all_it_is_over_at_its_start():
    """The gate opened for a bark."""
    activity = opened(at=500)
    assert activity.heard(seen(1200), 1200, 9999, is_speech=False) == [SpeechEnded(500, 0)]
    activity.open(9000)
    assert activity.is_speaking


@pytest.mark.parametrize(("hangover", "answer"), [(0, seen(9000)), (700, np.empty(0))])
def test_without_a_hangover_or_a_model_that_tells_the_gate_alone_decides(hangover, answer):
    activity = opened(hangover=hangover)
    assert activity.heard(answer, 9000, 9999, is_speech=True) == []
    assert activity.is_speaking


def test_a_pause_within_one_window_parts_what_was_said_before_from_what_is_said_now():
    """Windows lie up to a second and a half apart: a short pause may be over when the next one is asked."""
    activity = opened()
    assert activity.heard(seen(3000, (0, 3000)), 3000, 9999, is_speech=True) == []
    parted = seen(5400, (0, 3600), (4500, 5400))
    assert activity.heard(parted, 5400, 9999, is_speech=True) == [SpeechEnded(3600, 0), SpeechStarted(4500)]
    assert activity.is_speaking
    assert activity.goes_on
    assert activity.heard(seen(5700, (0, 3600), (4500, 5700)), 5700, 9999, is_speech=True) == []


def test_a_pause_shorter_than_the_hangover_parts_nothing():
    activity = opened(at=2400)
    assert activity.heard(seen(5400, (2400, 3600), (4200, 5400)), 5400, 9999, is_speech=True) == []


def test_after_a_pause_in_a_window_that_is_no_speech_none_begins():
    activity = opened()
    activity.heard(seen(3000, (0, 3000)), 3000, 9999, is_speech=True)
    parted = seen(5400, (0, 3600), (4500, 5400))
    assert activity.heard(parted, 5400, 9999, is_speech=False) == [SpeechEnded(3600, 0)]
    assert not activity.is_speaking


def test_what_opened_the_gate_before_anybody_was_seen_speaking_is_no_speech_of_its_own():
    activity = opened(at=2400)
    assert activity.heard(seen(5400, (3600, 5400)), 5400, 9999, is_speech=True) == []
    assert activity.heard(seen(8400, (3600, 6000)), 8400, 9999, is_speech=True) == [SpeechEnded(6000, 0)]
    assert activity.was_seen
    activity.open(9000)
    assert activity.heard(seen(9900), 9900, 9999, is_speech=True) == [SpeechEnded(9000, 0)]
    assert not activity.was_seen


def test_of_two_pauses_in_a_window_the_second_parts_with_the_next_window():
    activity = opened(at=6000)
    twice = seen(9000, (6000, 6600), (7500, 7800), (8700, 9000))
    assert activity.heard(twice, 9000, 9999, is_speech=True) == [SpeechEnded(6600, 0), SpeechStarted(7500)]
    again = seen(9300, (6300, 6600), (7500, 7800), (8700, 9300))
    assert activity.heard(again, 9300, 9999, is_speech=True) == [SpeechEnded(7800, 0), SpeechStarted(8700)]

"""Speech activity: segments within an open gate. Windows of 3,000 samples in ten parts, a hangover of 700."""

import numpy as np
import pytest

from monitor.pipeline.activity import SpeechActivity
from monitor.records import SpeechEnded, SpeechStarted

STEP, WINDOW = 300, 3000


def opened(at=0, hangover=700):
    activity = SpeechActivity(WINDOW, hangover)
    activity.open(at)
    return activity


def seen(window_end, *spoken):
    """What a model says that sees speech in the stretches `spoken`, (start, end) in samples."""
    middles = window_end - WINDOW + STEP * (np.arange(WINDOW // STEP) + 0.5)
    return np.array([0.9 if any(start <= at < end for start, end in spoken) else 0.1 for at in middles])


def test_speech_ends_when_none_was_seen_for_the_hangover_and_where_it_was_seen_last():
    activity = opened()
    assert activity.heard(seen(3000, (0, 2400)), 3000, 9999, is_speech=True) is None  # 600 since
    assert activity.heard(seen(3300, (0, 2400)), 3300, 9999, is_speech=True) == SpeechEnded(2400, 0)
    assert not activity.is_speaking
    assert activity.heard(seen(3500, (0, 2400)), 3500, 9999, is_speech=True) is None


def test_other_speech_begins_where_it_is_seen_first():
    activity = opened()
    activity.heard(seen(3300, (0, 2400)), 3300, 9999, is_speech=True)
    assert activity.heard(seen(4500, (0, 2400), (3900, 4500)), 4500, 9999, is_speech=True) == SpeechStarted(3900)
    assert activity.is_speaking
    assert activity.heard(seen(5100, (3900, 4500)), 5100, 9999, is_speech=True) is None
    assert activity.heard(seen(5400, (3900, 4500)), 5400, 9999, is_speech=True) == SpeechEnded(4500, 0)


def test_a_window_that_is_no_speech_begins_none():
    activity = opened()
    activity.heard(seen(3300, (0, 2400)), 3300, 9999, is_speech=True)
    assert activity.heard(seen(4500, (3900, 4500)), 4500, 9999, is_speech=False) is None
    assert activity.heard(seen(4800, (3900, 4500)), 4800, 9999, is_speech=True) == SpeechStarted(3900)


def test_the_end_of_speech_seen_a_step_later_begins_none():
    activity = opened()
    assert isinstance(activity.heard(seen(3300, (0, 2400)), 3300, 9999, is_speech=True), SpeechEnded)
    for jitter in (2500, 2650, 2700):
        assert activity.heard(seen(3600, (0, jitter)), 3600, 9999, is_speech=True) is None


def test_where_nobody_speaks_at_all_it_is_over_at_its_start():
    """The gate opened for a bark."""
    activity = opened(at=500)
    assert activity.heard(seen(1200), 1200, 9999, is_speech=False) == SpeechEnded(500, 0)
    activity.open(9000)
    assert activity.is_speaking


@pytest.mark.parametrize(("hangover", "answer"), [(0, seen(9000)), (700, np.empty(0))])
def test_without_a_hangover_or_a_model_that_tells_the_gate_alone_decides(hangover, answer):
    activity = opened(hangover=hangover)
    assert activity.heard(answer, 9000, 9999, is_speech=True) is None
    assert activity.is_speaking

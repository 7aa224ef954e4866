"""Which message belongs to which audio, and how late it is."""

import json

import numpy as np
import pytest

from benchmarks.broker import Heard
from benchmarks.latency import Decision, decisions, latencies
from benchmarks.recording import RATE_HZ, clip
from monitor.records import EmotionEvent


def event(kind, segment, *, emotion="sad", windows=1):
    return EmotionEvent(
        type=kind,
        segment=segment,
        emotion=emotion,
        confidence=0.9,
        scores={"sad": 0.9, "happy": 0.1},
        start_sample=0,
        decided_sample=0,
        speech_samples=0,
        windows=windows,
        level_dbfs=-20.0,
    )


def message(at_s, kind, number, *, emotion="sad", windows=1):
    payload = {"id": f"b3f0c2-{number:06d}", "type": kind, "emotion": emotion, "windows": windows}
    return Heard(at_s, "ser-monitor/bench/event", json.dumps(payload).encode())


WANTED = [Decision(event("new", 1), 16_320, 15_920), Decision(event("end", 1), 32_160, None)]
HEARD = [message(101.030, "new", 1), message(102.015, "end", 1)]


def test_a_message_is_as_late_as_the_last_sample_that_it_needed_is_old():
    """Sample 0 is heard at 100 s, and what is written comes 5 ms late."""
    found = latencies(WANTED, HEARD, lambda sample: 100.005 + sample / RATE_HZ, 100.0)
    assert found.after_last_sample == pytest.approx([1.030 - 1.025, 2.015 - 2.015])
    assert found.after_window == pytest.approx([1.030 - 0.995])


@pytest.mark.parametrize(
    "heard",
    [
        HEARD[:1],
        [*HEARD, message(102.5, "new", 2)],
        HEARD[::-1],
        [message(101.030, "new", 1, emotion="happy"), HEARD[1]],
        [message(101.030, "new", 1, windows=2), HEARD[1]],
    ],
    ids=["one is missing", "one too many", "another order", "another emotion", "another window"],
)
def test_messages_of_other_audio_are_not_taken_for_these(heard):
    with pytest.raises(ValueError, match="not the 2 events"):
        latencies(WANTED, heard, lambda _sample: 0.0, 0.0)


def test_decisions_wait_for_no_more_than_a_vad_frame_after_their_window():
    found = decisions(np.resize(clip(), 20 * RATE_HZ), {"decision": "smoothing_s = 0\nmin_dwell_s = 0"})
    waits = [one.decided_sample - one.window_end_sample for one in found if one.window_end_sample is not None]
    assert len(waits) >= 2
    assert all(0 <= wait <= 480 for wait in waits)
    assert [one.decided_sample for one in found] == sorted(one.decided_sample for one in found)

"""Which message belongs to which audio, and how late it is."""

import json
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest

from benchmarks import soundserver
from benchmarks.broker import Heard
from benchmarks.decided import Decision, Latencies, decisions, latencies
from benchmarks.latency import MICROPHONE_S, PIPE_S, Talk, latency_rows, percentile_by_part
from benchmarks.measurement import NotAvailableError
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


def message(at_s, kind, number, *, emotion="sad", windows=1, confidence=0.9):
    told = {"type": kind, "emotion": emotion, "windows": windows, "confidence": confidence}
    payload = {"id": f"b3f0c2-{number:06d}", **told}
    return Heard(at_s, "ser-monitor/bench/event", json.dumps(payload).encode())


@contextmanager
def available_sound_server():
    try:
        with soundserver.sound_server() as server:
            yield server
    except NotAvailableError as error:
        pytest.skip(str(error))


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
        [message(101.030, "new", 1, confidence=0.898), HEARD[1]],
    ],
    ids=["one is missing", "one too many", "another order", "another emotion", "another window", "a shifted window"],
)
def test_messages_of_other_audio_are_not_taken_for_these(heard):
    with pytest.raises(ValueError, match="not the 2 events"):
        latencies(WANTED, heard, lambda _sample: 0.0, 0.0)


def test_probabilities_may_differ_by_their_rounding():
    rounded = [message(101.030, "new", 1, confidence=0.901), HEARD[1]]
    assert len(latencies(WANTED, rounded, lambda _sample: 0.0, 0.0).after_window) == 1


def test_there_are_more_than_a_hundred_messages_and_none_waits_for_the_end_of_the_stream():
    pipe, microphone = Talk.compose(PIPE_S, 1883), Talk.compose(MICROPHONE_S, 1883)
    assert len(pipe.wanted) >= 100
    assert len(microphone.wanted) >= 50
    for talk in (pipe, microphone):
        assert talk.wanted[-1].event.type == "end"
        assert talk.wanted[-1].decided_sample < len(talk.samples) - RATE_HZ // 2


def test_a_percentile_is_that_of_each_part_in_turn():
    values = [float(n // 20) for n in range(100)]
    assert percentile_by_part(values, 95) == (0.0, 1.0, 2.0, 3.0, 4.0)
    assert percentile_by_part([1.0] * 19 + [100.0], 50) == (1.0, 1.0)
    assert percentile_by_part([3.0, 1.0, 2.0], 50) == (2.0,), "too few for more than one part"


def test_the_95th_percentile_has_a_spread_and_the_target():
    late = [*[0.010] * 80, *[0.030] * 20]
    rows = {row.name: row for row in latency_rows("microphone, ", Latencies(late, late), "PulseAudio")}
    assert set(rows) == {
        f"microphone, after the {what}, p{share}"
        for what in ("last sample needed", "window's end")
        for share in (50, 95, 99)
    }
    held = rows["microphone, after the window's end, p95"]
    assert held.values == pytest.approx((10, 10, 10, 10, 30))
    assert (held.is_met, held.note) == (True, "in 5 parts; of all messages 30.0")
    assert [row.target for row in rows.values() if row is not held] == [None] * 5
    assert rows["microphone, after the window's end, p50"].note == "100 messages, PulseAudio"


def test_a_microphones_first_sample_is_the_first_that_is_written():
    with available_sound_server() as server:
        command = ["parec", "--device=line", "--raw", f"--rate={RATE_HZ}", "--channels=1", "--format=s16le"]
        written = np.arange(1, 8001, dtype="<i2").tobytes()
        with subprocess.Popen(command, env=server.line_environment, stdout=subprocess.PIPE) as listener:
            try:
                with server.line() as line:
                    line.write(written)
                    assert listener.stdout.read(len(written)) == written
            finally:
                listener.kill()


def test_nobody_listens_to_the_line(monkeypatch):
    with available_sound_server() as server:
        monkeypatch.setattr(soundserver, "_START_S", 0.0)
        with pytest.raises(NotAvailableError, match="nobody listens"), server.line():
            pass


def test_decisions_wait_for_no_more_than_a_vad_frame_after_their_window():
    found = decisions(np.resize(clip(), 20 * RATE_HZ), {"decision": "smoothing_s = 0\nmin_dwell_s = 0"})
    waits = [one.decided_sample - one.window_end_sample for one in found if one.window_end_sample is not None]
    assert len(waits) >= 2
    assert all(0 <= wait <= 480 for wait in waits)
    assert [one.decided_sample for one in found] == sorted(one.decided_sample for one in found)

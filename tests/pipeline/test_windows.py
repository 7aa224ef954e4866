"""Windows: when they are cut, and that their rows are those of the whole signal."""

import tracemalloc

import numpy as np
import pytest

from monitor.pipeline.features.spec import FeatureSpec
from monitor.pipeline.frames import features_of
from monitor.pipeline.windows import WindowRule, Windows

FRAME = 480
SPEC = FeatureSpec()
RULE = WindowRule(window_frames=100, hop_frames=50, min_speech_s=0.3, min_final_speech_s=0.1)


def noise(seconds, seed=1):
    return (np.random.default_rng(seed).standard_normal(int(seconds * 16000)) * 1000).astype(np.int16)


class Walk:
    """Pushes a signal frame by frame; votes and idling as the pipeline would."""

    def __init__(self, samples, rule=RULE):
        self.windows, self.samples, self.now = Windows(SPEC, rule), samples, 0

    def step(self, *, voiced=True, speaking=True):
        frame = self.samples[self.now : self.now + FRAME]
        self.now += FRAME
        self.windows.push(frame, self.now, voiced=voiced)
        if speaking:
            return self.windows.due(self.now)
        self.windows.idle()
        return None


def rows_of(samples, window):
    first = window.start_sample // 160
    return features_of(samples, SPEC)[first:].astype(np.float32)[: len(window.values)]


def test_windows_come_every_hop_from_the_start_of_the_speech():
    walk = Walk(noise(4))
    walk.windows.start(0, 0)
    found = [window for _ in range(130) if (window := walk.step())]
    # One at each half second: the VAD frame in which that lies ends 0, 160 or 320 samples later.
    decided = 8000 * np.arange(1, 8) + [160, 320, 0, 160, 320, 0, 160]
    # The last whole frame of features that is complete by then ends the window.
    assert [window.end_sample for window in found] == (decided - 80).tolist()


def test_rows_are_those_of_the_whole_signal():
    samples = noise(5)
    walk = Walk(samples)
    walk.windows.start(0, 0)
    found = [window for _ in range(160) if (window := walk.step())]
    for window in found[2:]:
        np.testing.assert_array_equal(window.values, rows_of(samples, window))


def test_rows_after_long_silence_are_those_of_the_whole_signal():
    samples = noise(20)
    walk = Walk(samples)
    for _ in range(400):
        walk.step(voiced=False, speaking=False)
    for _ in range(10):
        walk.step(voiced=True, speaking=False)
    walk.windows.start(walk.now - 10 * FRAME, walk.now)
    found = [window for _ in range(100) if (window := walk.step())]
    assert len(found) >= 5
    for window in found:
        np.testing.assert_array_equal(window.values, rows_of(samples, window))


def test_before_the_stream_lies_digital_silence():
    samples = noise(1)
    walk = Walk(samples)
    walk.windows.start(0, 0)
    window = next(window for _ in range(30) if (window := walk.step()))
    silence = features_of(np.zeros(400, dtype=np.int16), SPEC)[0].astype(np.float32)
    n_real = (window.end_sample - 400) // 160 + 1
    np.testing.assert_array_equal(window.values[:-n_real], np.tile(silence, (100 - n_real, 1)))
    np.testing.assert_array_equal(window.values[-n_real:], features_of(samples, SPEC)[:n_real].astype(np.float32))
    assert window.start_sample == 0


def test_too_little_speech_is_not_classified_and_a_short_word_is_at_its_end():
    walk = Walk(noise(2))
    for i in range(40):
        if i == 10:
            walk.windows.start(walk.now, walk.now)
        assert walk.step(voiced=10 <= i < 15, speaking=i >= 10) is None
    window = walk.windows.last(walk.now)
    assert window is not None
    assert window.speech_ratio == pytest.approx(5 * FRAME / (99 * 160 + 400), abs=0.03)


def test_the_last_window_is_not_repeated():
    walk = Walk(noise(3))
    walk.windows.start(0, 0)
    for _ in range(40):
        walk.step()
    assert walk.windows.last(walk.now) is not None
    assert walk.windows.last(walk.now) is None


def test_speech_before_the_start_does_not_count():
    walk = Walk(noise(3))
    for _ in range(30):
        walk.step(voiced=True, speaking=False)
    walk.windows.start(walk.now, walk.now)
    walk.step(voiced=True)
    assert walk.windows.last(walk.now) is None


def test_reset_forgets():
    walk, fresh = Walk(noise(3)), Walk(noise(3))
    walk.windows.start(0, 0)
    for _ in range(50):
        walk.step()
    walk.windows.reset()
    walk.now = 0
    for one in (walk, fresh):
        one.windows.start(0, 0)
    for _ in range(60):
        one, other = walk.step(), fresh.step()
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one.values, other.values)


def test_knocks_that_never_fill_a_window_hold_no_audio_back():
    samples = noise(62)
    walk = Walk(samples)
    walk.windows.start(0, 0)
    tracemalloc.start()
    sizes = []
    for i in range(2000):  # a minute
        window = walk.step(voiced=i % 10 == 0)
        assert window is None
        if i % 500 == 499:
            sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert max(sizes) - sizes[0] < 100_000, sizes
    # Then somebody speaks: the windows are those of the whole signal.
    found = [window for _ in range(66) if (window := walk.step())]
    assert len(found) >= 2
    for window in found:
        np.testing.assert_array_equal(window.values, rows_of(samples, window))


HALF_OVERLAPPING = WindowRule(window_frames=150, hop_frames=25, min_speech_s=0.3, min_final_speech_s=0.1)
"""Windows of a second and a half, every quarter of a second: three hops are half of one."""


def settled(seconds, *, rule=HALF_OVERLAPPING, pause_at=None):
    """End and weight of each window of speech that goes on, as the pipeline tells it; not in a second at `pause_at`."""
    walk, found = Walk(noise(seconds), rule), []
    walk.windows.start(0, 0)
    for _ in range(int(seconds * 16_000) // FRAME):
        if (window := walk.step()) is not None:
            found.append((walk.now // 400 / 40, window.hops))
            if pause_at is None or not pause_at <= walk.now / 16_000 < pause_at + 1:
                walk.windows.settle(walk.now)
    return walk, found


def every_hop(first, last):
    return [(quarter / 4, 1) for quarter in range(round(4 * first), round(4 * last) + 1)]


def rounded(found):
    """Ends to the quarter of a second: that of the VAD frame in which a point of the grid lies."""
    return [(int(at * 4) / 4, hops) for at, hops in found]


def test_long_speech_is_classified_less_often_and_each_window_stands_for_those_left_out():
    _, found = settled(9)
    # After half a window's length, 0.76 s, every second point of the grid is enough; after that of two, every third.
    assert rounded(found) == [
        *every_hop(0.5, 1.0),
        *[(1.5, 2), (2.0, 2), (2.5, 2), (3.0, 2), (3.5, 2)],
        *[(3.75, 1), (4.5, 3), (5.25, 3), (6.0, 3), (6.75, 3), (7.5, 3), (8.25, 3), (9.0, 3)],
    ]
    assert sum(hops for _, hops in found) == 9 * 4 - 1  # at the first point too little was heard


def test_a_pause_in_long_speech_brings_every_window_back():
    _, found = settled(9, pause_at=5.2)
    assert [(at, hops) for at, hops in rounded(found) if at > 5] == [
        (5.25, 3),
        *every_hop(5.5, 6.25),
        (6.75, 2),
        (7.5, 3),
        (8.25, 3),
        (9.0, 3),
    ]


def test_speech_that_begins_anew_is_classified_as_often_as_at_first():
    walk, _ = settled(4.5)
    walk.samples, ends = noise(12), []
    walk.windows.start(walk.now, walk.now)
    while walk.now < 7 * 16_000:
        if walk.step() is not None:
            ends.append(walk.now // 400 / 40)
            walk.windows.settle(walk.now)
    assert [at for at, _ in rounded([(at, 1) for at in ends])] == [5.0, 5.25, 5.5, 6.0, 6.5, 7.0]


def test_the_last_window_stands_for_what_was_left_out_before_it():
    walk, found = settled(5.9)
    assert rounded(found)[-1] == (5.25, 3)
    assert walk.windows.last(walk.now).hops == 3  # two quarters of a second and a part of the third


@pytest.mark.parametrize(("seconds", "hops"), [(2.7, 1), (2.95, 2)])
def test_the_last_window_stands_for_half_of_a_step_where_less_is_over(seconds, hops):
    walk, found = settled(seconds)
    assert rounded(found)[-1] == (2.5, 2)
    assert walk.windows.last(walk.now).hops == hops


def test_windows_that_hardly_overlap_are_never_left_out():
    _, found = settled(9, rule=WindowRule(window_frames=100, hop_frames=50, min_speech_s=0.3))
    assert {hops for _, hops in found} == {1}
    assert len(found) == 18

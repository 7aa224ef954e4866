"""The core as a whole: same events for any cutting, the life of a segment, gaps, limits."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
from fake_classifier import FeatureHash, LoudIsSpeech, talk
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.pipeline import GateRule, Pipeline, PipelineRules
from monitor.pipeline.classifier import Answer
from monitor.pipeline.smoother import DecisionRule
from monitor.pipeline.windows import WindowRule
from monitor.records import (
    AudioBlock,
    EmotionEvent,
    Estimate,
    Gap,
    LevelMeasured,
    SpeechEnded,
    SpeechStarted,
)

TALK = talk(-1, 2, -0.3, 1, -2, 0.2, -1, 3, -1)
QUICK = PipelineRules(decision=DecisionRule(smoothing_s=0.3, min_confidence=0.3, change_margin=0.0, min_dwell_s=0.0))


def make(rules=QUICK):
    return Pipeline(FeatureHash(), rules, LoudIsSpeech)


def hear(pipeline, samples, cuts=(), start=0):
    events, at = [], 0
    for cut in [*cuts, len(samples)]:
        events += pipeline.push(AudioBlock(samples[at : at + cut], start + at))
        at = min(at + cut, len(samples))
    return events


def described(events):
    """Everything about the events, arrays included, exactly."""
    return [
        (e.start_sample, e.end_sample, e.posteriors.tobytes(), e.smoothed.tobytes(), e.label)
        if isinstance(e, Estimate)
        else e
        for e in events
    ]


def emotion_events(events):
    return [event for event in events if isinstance(event, EmotionEvent)]


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 20_000), max_size=60))
def test_events_are_equal_for_any_cutting(cuts):
    whole, cut = make(), make()
    wanted = hear(whole, TALK) + whole.flush()
    found = hear(cut, TALK, cuts) + cut.flush()
    assert described(found) == described(wanted)


def test_events_are_equal_one_sample_at_a_time():
    samples = talk(-0.3, 0.8, -0.8)
    whole, cut = make(), make()
    wanted = hear(whole, samples) + whole.flush()
    assert len(emotion_events(wanted)) >= 2
    assert described(hear(cut, samples, [1] * len(samples)) + cut.flush()) == described(wanted)


def by_segment(events):
    lives = {}
    for event in events:
        lives.setdefault(event.segment, []).append(event)
    return list(lives.values())


def test_every_new_gets_exactly_one_end():
    pipeline = make()
    events = emotion_events(hear(pipeline, TALK) + pipeline.flush())
    lives = by_segment(events)
    assert len(lives) == 3
    for life in lives:
        types = [event.type for event in life]
        assert types[0] == "new"
        assert types[-1] == "end"
        assert set(types[1:-1]) <= {"update"}


def test_times_within_a_segment_only_grow():
    pipeline = make()
    for life in by_segment(emotion_events(hear(pipeline, TALK) + pipeline.flush())):
        assert len({event.start_sample for event in life}) == 1
        ends = [event.end_sample for event in life]
        assert ends == sorted(ends)
        assert ends[0] > life[0].start_sample


def test_segment_times_and_counts():
    pipeline = make()
    events = hear(pipeline, talk(-1, 2, -1)) + pipeline.flush()
    started = next(e for e in events if isinstance(e, SpeechStarted))
    ended = next(e for e in events if isinstance(e, SpeechEnded))
    end = emotion_events(events)[-1]
    assert started.at_sample == pytest.approx(16000 - 3200, abs=480)
    assert ended.at_sample == pytest.approx(3 * 16000, abs=480)
    assert (end.start_sample, end.end_sample) == (started.at_sample, ended.at_sample)
    assert end.speech_samples == ended.voiced_samples == pytest.approx(2 * 16000, abs=960)
    assert end.level_dbfs == pytest.approx(20 * np.log10(3000 / 32768), abs=0.3)
    assert end.windows == sum(isinstance(e, Estimate) for e in events)


def test_the_end_tells_the_mean_of_the_windows_weighed_by_their_speech():
    pipeline = make()
    events = hear(pipeline, talk(-1, 2, -1)) + pipeline.flush()
    estimates = [e for e in events if isinstance(e, Estimate)]
    ratios = [e.speech_ratio for e in estimates]
    assert len(set(ratios)) > 1
    assert 0 < min(ratios) <= max(ratios) <= 1
    weights = [e.speech_ratio * e.hops for e in estimates]
    mean = sum(weight * e.posteriors for weight, e in zip(weights, estimates, strict=True)) / sum(weights)
    end = emotion_events(events)[-1]
    assert list(end.scores.values()) == pytest.approx(mean.tolist())
    assert end.emotion == FeatureHash.labels[int(mean.argmax())]


def test_in_long_speech_a_window_weighs_as_much_as_the_speech_it_stands_for():
    pipeline = make()
    events = hear(pipeline, talk(-1, 9, -1)) + pipeline.flush()
    estimates = [e for e in events if isinstance(e, Estimate)]
    assert {e.hops for e in estimates} >= {1, 2, 3}
    # All of it stands for the nine seconds, a hop of a quarter of a second each; the first needs some speech to be due.
    assert sum(e.hops for e in estimates) == pytest.approx(9 / 0.25, abs=3)
    weights = [e.speech_ratio * e.hops for e in estimates]
    mean = sum(weight * e.posteriors for weight, e in zip(weights, estimates, strict=True)) / sum(weights)
    assert list(emotion_events(events)[-1].scores.values()) == pytest.approx(mean.tolist())


def test_levels_that_nobody_wants_change_nothing_else():
    samples = talk(-1, 2, -2, 0.3, -1)
    told, untold = make(), make()
    untold.tells_levels = False
    with_levels, without = hear(told, samples) + told.flush(), hear(untold, samples) + untold.flush()
    assert [e for e in with_levels if not isinstance(e, LevelMeasured | Estimate)] == [
        e for e in without if not isinstance(e, Estimate)
    ]
    assert not [e for e in without if isinstance(e, LevelMeasured)]


def test_a_pipeline_that_is_replaced_lets_go_of_its_model_at_once():
    """What was there at the start is seen by no garbage collector before the end."""
    classifier = FeatureHash()
    model = weakref.ref(classifier)
    pipeline = Pipeline(classifier)
    hear(pipeline, talk(-1, 1))
    gc.disable()
    try:
        del classifier, pipeline
        assert model() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("loud", [False, True])
def test_a_level_holds_nothing_from_before_a_time_in_which_nobody_wanted_any(loud):
    frame = 480
    samples = talk(1 if loud else -1)
    pipeline = make()

    def levels(n_frames):
        start = pipeline.heard_sample
        events = pipeline.push(AudioBlock(samples[start : start + n_frames * frame], start))
        return [event for event in events if isinstance(event, LevelMeasured)]

    assert len(levels(7)) == 1  # three have gone into none yet
    pipeline.tells_levels = False
    assert not levels(6)
    pipeline.tells_levels = True
    assert not levels(3)
    assert len(levels(1)) == 1


def test_a_short_word_is_classified_at_its_end():
    pipeline = make()
    events = emotion_events(hear(pipeline, talk(-1, 0.2, -1)) + pipeline.flush())
    assert [event.type for event in events] == ["new", "end"]
    assert events[0].windows == 1


def test_silence_costs_no_window_and_says_nothing():
    pipeline = make()
    events = hear(pipeline, talk(-10)) + pipeline.flush()
    assert {type(event) for event in events} == {LevelMeasured}
    assert pipeline._classifier.n_windows == 0


def test_digital_silence_is_minus_infinity():
    pipeline = make()
    levels = hear(pipeline, np.zeros(16000, dtype=np.int16))
    assert all(e.rms_dbfs == float("-inf") for e in levels if isinstance(e, LevelMeasured))


def test_a_gap_ends_speech_and_sample_numbers_stay_true():
    pipeline = make()
    before = hear(pipeline, talk(-1, 2))
    lost = 40_000
    block = AudioBlock(talk(-1, 2, -1, seed=8), 48_000 + lost, lost, "overflow")
    after = pipeline.push(block) + pipeline.flush()
    end = emotion_events(after)[0]
    assert (end.type, end.gap_samples) == ("end", lost)
    assert end.end_sample <= 48_000
    gap = next(e for e in after if isinstance(e, Gap))
    assert gap == Gap(48_000, lost, "overflow")
    fresh = make()
    wanted = hear(fresh, talk(-1, 2, -1, seed=8)) + fresh.flush()
    starts = [e.at_sample for e in after if isinstance(e, SpeechStarted)]
    assert starts == [e.at_sample + 48_000 + lost for e in wanted if isinstance(e, SpeechStarted)]
    assert not [e for e in before if isinstance(e, EmotionEvent) and e.type == "end"]


def test_after_a_gap_the_past_does_not_matter():
    pipeline, fresh = make(), make()
    hear(pipeline, talk(-1, 2))
    later = talk(-0.5, 1.5, -1, seed=11)
    found = pipeline.push(AudioBlock(later, 48_000 + 77, 77, "device")) + pipeline.flush()
    wanted = hear(fresh, later) + fresh.flush()
    after = [e.posteriors.tobytes() for e in found if isinstance(e, Estimate) and e.end_sample > 48_077]
    assert after == [e.posteriors.tobytes() for e in wanted if isinstance(e, Estimate)]
    assert len(after) >= 2


def test_a_block_that_does_not_follow_is_refused():
    pipeline = make()
    pipeline.push(AudioBlock(np.zeros(100, dtype=np.int16), 0))
    with pytest.raises(ValueError, match="starts at sample 50, the stream is at 100"):
        pipeline.push(AudioBlock(np.zeros(100, dtype=np.int16), 50))


def test_reset_forgets_speech_under_way():
    pipeline = make()
    hear(pipeline, talk(-1, 2))
    pipeline.reset()
    assert pipeline.flush() == []
    assert pipeline.heard_sample == 0


def test_event_limit_holds_within_any_minute_and_every_new_is_ended():
    rules = PipelineRules(decision=QUICK.decision, max_events_per_min=6)
    pipeline = make(rules)
    events = emotion_events(hear(pipeline, talk(*[-1, 1.5] * 50)) + pipeline.flush())
    times = [event.decided_sample for event in events]
    for first in times:
        assert sum(first <= t < first + 60 * 16000 for t in times) <= 6
    assert [e.type for e in events].count("new") == [e.type for e in events].count("end") > 3


def test_hangover_joins_and_separates():
    def n_segments(pause, hangover_ms):
        pipeline = make(PipelineRules(gate=GateRule(hangover_ms=hangover_ms), decision=QUICK.decision))
        events = hear(pipeline, talk(-1, 1, -pause, 1, -2)) + pipeline.flush()
        return sum(isinstance(e, SpeechStarted) for e in events)

    assert n_segments(0.3, 500) == 1
    assert n_segments(0.8, 500) == 2
    assert n_segments(0.3, 120) == 2


def test_features_computed_lazily_equal_those_computed_always():
    """Silence is passed over uncomputed: the estimates must not notice."""
    pipeline, eager = make(), make()
    eager._windows.idle = lambda: None
    samples = talk(-8, 2, -7, 2, -5)
    assert described(hear(pipeline, samples) + pipeline.flush()) == described(hear(eager, samples) + eager.flush())


def test_the_limit_is_forgotten_on_reset():
    pipeline = make(PipelineRules(decision=QUICK.decision, max_events_per_min=4))
    hear(pipeline, talk(*[-1, 1.5] * 10))
    pipeline.flush()
    pipeline.reset()
    assert emotion_events(hear(pipeline, talk(-1, 2, -1)))


def test_votes_of_a_gate_that_never_opens_are_not_kept():
    pipeline = make()
    samples = np.concatenate([talk(0.06, -0.06, seed=i) for i in range(400)])
    assert not emotion_events(hear(pipeline, samples))
    assert len(pipeline._windows._votes) <= 60


class Doubting(FeatureHash):
    """Finds every window as likely to hold speech as it is told, in turn."""

    def __init__(self, *speech):
        super().__init__()
        self._speech = speech

    def answer(self, values):
        posteriors = super().answer(values).posteriors
        return Answer(posteriors * self._speech[(self.n_windows - 1) % len(self._speech)])


HALF = replace(QUICK, gate=replace(QUICK.gate, min_speech_posterior=0.5))


def test_windows_without_speech_make_no_estimate_and_no_event():
    sure, doubting = Pipeline(Doubting(1.0), HALF, LoudIsSpeech), Pipeline(Doubting(0.49), HALF, LoudIsSpeech)
    assert emotion_events(hear(sure, TALK) + sure.flush())
    found = hear(doubting, TALK) + doubting.flush()
    assert not [event for event in found if isinstance(event, Estimate | EmotionEvent)]
    assert [event for event in found if isinstance(event, SpeechStarted)]


def test_windows_with_speech_say_what_they_say_if_it_is_some():
    doubting, certain = Doubting(0.2, 0.8), FeatureHash()
    # With a window every hop: else the next one is due sooner behind one that is passed over.
    doubting.window = certain.window = replace(FeatureHash.window, settled_hops=1)
    pipeline, sure = Pipeline(doubting, HALF, LoudIsSpeech), Pipeline(certain, QUICK, LoudIsSpeech)
    found = [event for event in hear(pipeline, TALK) + pipeline.flush() if isinstance(event, Estimate)]
    wanted = [event for event in hear(sure, TALK) + sure.flush() if isinstance(event, Estimate)][1::2]
    assert [event.end_sample for event in found] == [event.end_sample for event in wanted]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one.posteriors, other.posteriors)
        assert one.posteriors.sum() == pytest.approx(1)


def test_a_window_that_is_surely_no_speech_is_passed_over_even_without_a_limit():
    rules = replace(QUICK, gate=replace(QUICK.gate, min_speech_posterior=0.0))
    pipeline = Pipeline(Doubting(0.0), rules, LoudIsSpeech)
    assert not emotion_events(hear(pipeline, TALK) + pipeline.flush())


class Seeing(FeatureHash):
    """Tells in 15 parts of a window whether somebody speaks: speech is 20 dB louder than the barks between."""

    def answer(self, values):
        level = values[:, 0].reshape(15, -1).mean(axis=1)  # the first cepstrum is the sum of the log energies
        return Answer(super().answer(values).posteriors, (level > LOUD).astype(float))


LOUD = 75.0
BARKS = (np.random.default_rng(8).standard_normal(4 * 16000) * 450).astype(np.int16)
"""The gate takes it for speech."""


def among_barks(hangover_ms=700, classifier=Seeing, first_s=2.0, barks_s=4.0, **gate):
    """Two sentences, the second of two seconds, seconds of barking between them."""
    samples = np.concatenate([talk(-1, first_s), BARKS[: round(barks_s * 16000)], talk(2, -1, seed=4)])
    rules = replace(QUICK, gate=replace(QUICK.gate, activity_hangover_ms=hangover_ms, **gate))
    pipeline = Pipeline(classifier(), rules, LoudIsSpeech)
    return hear(pipeline, samples) + pipeline.flush()


def test_a_segment_ends_where_nobody_speaks_though_the_gate_is_open():
    events = among_barks()
    lives = by_segment(emotion_events(events))
    assert [life[-1].type for life in lives] == ["end", "end"]
    (first, second) = ((life[-1].start_sample / 16000, life[-1].end_sample / 16000) for life in lives)
    assert first == pytest.approx((0.8, 3.0), abs=0.11)
    assert second == pytest.approx((7.0, 9.0), abs=0.11)
    spoken = [e for e in events if isinstance(e, SpeechStarted | SpeechEnded)]
    assert [type(e) for e in spoken] == [SpeechStarted, SpeechEnded] * 2
    # What is voiced is counted for each on its own, barks not, and no window between them says anything.
    for life in lives:
        assert life[-1].speech_samples / 16000 == pytest.approx(2, abs=0.11)
        assert life[-1].level_dbfs == pytest.approx(-20.8, abs=0.3)
        assert life[0].speech_samples > 0.3 * 16000  # `new` comes once enough of its own speech was voiced
    ends = [e.end_sample / 16000 for e in events if isinstance(e, Estimate)]
    assert not [end for end in ends if 3.8 < end < 7.3]


class Unsure(Seeing):
    """Takes barks for speech with a posterior of 0.7."""

    def answer(self, values):
        answer = super().answer(values)
        return Answer(answer.posteriors, np.maximum(answer.activity, 0.7))


@pytest.mark.parametrize(("min_posterior", "n_segments"), [(0.6, 1), (0.8, 2)])
def test_what_is_too_unlikely_speech_parts_segments(min_posterior, n_segments):
    events = among_barks(classifier=Unsure, min_activity_posterior=min_posterior)
    assert len(by_segment(emotion_events(events))) == n_segments


class SeeingLong(Seeing):
    """In windows of 3 s, which lie 1.5 s apart in long speech: a pause may be over when the next one is due."""

    window = WindowRule(window_frames=300, hop_frames=50, min_speech_s=0.4, settled_hops=3)


PARTING = replace(QUICK, gate=replace(QUICK.gate, activity_hangover_ms=600))
PARTED = np.concatenate([talk(-1, 8), BARKS[: round(0.7 * 16000)], talk(2, -1, seed=4)])
"""Windows are due at 9 s, where the first sentence ends, and at 10.5 s, when the second one has begun."""


def parted(samples=PARTED, rules=PARTING, cuts=()):
    pipeline = Pipeline(SeeingLong(), rules, LoudIsSpeech)
    return hear(pipeline, samples, cuts) + pipeline.flush()


def test_a_pause_that_is_over_before_the_next_window_parts_two_segments():
    events = parted()
    lives = by_segment(emotion_events(events))
    assert [[life[0].type, life[-1].type] for life in lives] == [["new", "end"]] * 2
    first, second = (life[-1] for life in lives)
    # One window ended the one and began the other.
    assert first.decided_sample > second.start_sample
    assert first.end_sample / 16000 == pytest.approx(9.0, abs=0.21)
    assert second.start_sample / 16000 == pytest.approx(9.7, abs=0.21)
    assert first.speech_samples / 16000 == pytest.approx(8, abs=0.21)
    assert second.speech_samples / 16000 == pytest.approx(2, abs=0.21)
    spoken = [event for event in events if isinstance(event, SpeechStarted | SpeechEnded)]
    assert [type(event) for event in spoken] == [SpeechStarted, SpeechEnded] * 2
    assert spoken[1].at_sample + 0.6 * 16000 <= spoken[2].at_sample
    # The window that parts them says nothing; the next one is due a hop later, and stands for itself.
    later = [event for event in events if isinstance(event, Estimate) and event.end_sample > second.start_sample]
    assert later[0].end_sample > first.decided_sample + 0.4 * 16000
    assert later[0].hops == 1
    np.testing.assert_array_equal(later[0].smoothed, later[0].posteriors)


def test_a_short_sentence_behind_a_pause_within_a_window_is_heard_too():
    """All of it lay in the window that parted it from the one before."""
    samples = np.concatenate([talk(-1, 8), BARKS[: round(0.7 * 16000)], talk(0.6, -0.25, seed=4)])
    for tail in (np.empty(0, np.int16), talk(-1)):
        _, second = by_segment(emotion_events(parted(np.concatenate([samples, tail]))))
        assert [event.type for event in second] == ["new", "end"]
        assert second[-1].speech_samples / 16000 == pytest.approx(0.6, abs=0.21)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 30_000), max_size=40))
def test_segments_within_an_open_gate_are_equal_for_any_cutting_where_one_window_parts_them(cuts):
    assert described(parted(cuts=cuts)) == described(parted())


@pytest.mark.parametrize("lost", [0, 1600])
def test_a_gap_or_the_end_right_behind_a_parting_ends_what_has_begun(lost):
    """Of which too little was voiced to say anything."""
    pipeline = Pipeline(SeeingLong(), PARTING, LoudIsSpeech)
    events = hear(pipeline, PARTED[: round(10.55 * 16000)])
    assert isinstance(events[-1], SpeechStarted | LevelMeasured)
    events += [*pipeline.lose(lost, "test"), *hear(pipeline, talk(-1), start=pipeline.heard_sample)] if lost else []
    events += pipeline.flush()
    spoken = [type(event) for event in events if isinstance(event, SpeechStarted | SpeechEnded)]
    assert spoken == [SpeechStarted, SpeechEnded] * 2
    types = [event.type for event in emotion_events(events)]
    assert types.count("end") == types.count("new")


def test_a_longer_hangover_of_the_gate_holds_for_the_model_too():
    patient = replace(PARTING, gate=replace(PARTING.gate, hangover_ms=2000))
    ((*_, end),) = by_segment(emotion_events(parted(rules=patient)))
    assert end.end_sample / 16000 == pytest.approx(11.7, abs=0.21)
    gate_alone = replace(patient.gate, activity_hangover_ms=0)
    assert gate_alone.parting_ms == 0


def test_what_is_too_short_for_a_last_window_is_no_late_word():
    slow = type("Slow", (Seeing,), {"window": replace(FeatureHash.window, min_speech_s=1.3, min_final_speech_s=0.6)})
    (only,) = by_segment(emotion_events(among_barks(classifier=slow, first_s=0.4)))
    assert only[-1].start_sample / 16000 == pytest.approx(5.4, abs=0.11)


def test_a_word_that_is_over_before_its_first_window_is_heard_once():
    slow = type("Slow", (Seeing,), {"window": replace(FeatureHash.window, min_speech_s=1.3)})
    events = among_barks(classifier=slow, first_s=0.4)
    first, second = by_segment(emotion_events(events))
    assert [event.type for event in first] == ["new", "end"]
    assert first[-1].windows == 1
    # Nothing of what was voiced behind it is its own.
    assert first[0].end_sample == first[-1].end_sample
    assert first[0].speech_samples == first[-1].speech_samples
    assert first[0].level_dbfs == first[-1].level_dbfs
    assert first[-1].end_sample / 16000 == pytest.approx(1.4, abs=0.11)
    assert second[-1].start_sample / 16000 == pytest.approx(5.4, abs=0.11)


def test_the_gate_alone_hears_one_segment_there():
    for events in (among_barks(hangover_ms=0), among_barks(classifier=FeatureHash)):
        ((*_, end),) = by_segment(emotion_events(events))
        assert end.end_sample / 16000 == pytest.approx(9.0, abs=0.11)


def test_a_segment_that_is_over_is_not_ended_again_by_a_gap_or_the_end():
    pipeline = Pipeline(Seeing(), QUICK, LoudIsSpeech)
    events = hear(pipeline, np.concatenate([talk(-1, 2), BARKS]))
    events += pipeline.lose(1600, "test") + pipeline.flush()
    assert [e.type for e in emotion_events(events)].count("end") == 1
    assert len([e for e in events if isinstance(e, SpeechEnded)]) == 1
    assert [e for e in events if isinstance(e, Gap)]


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 30_000), max_size=40))
def test_segments_within_an_open_gate_are_equal_for_any_cutting(cuts):
    samples = np.concatenate([talk(-1, 2), BARKS, talk(2, -1, seed=4)])
    whole, cut = Pipeline(Seeing(), QUICK, LoudIsSpeech), Pipeline(Seeing(), QUICK, LoudIsSpeech)
    wanted = hear(whole, samples) + whole.flush()
    assert len(by_segment(emotion_events(wanted))) == 2
    assert described(hear(cut, samples, cuts) + cut.flush()) == described(wanted)


def test_segments_behind_a_gap_or_a_reset_lie_where_they_were_heard():
    samples = np.concatenate([talk(-1, 2), BARKS, talk(2, -1, seed=4)])
    first, second = by_segment(emotion_events(among_barks()))
    pipeline = Pipeline(Seeing(), QUICK, LoudIsSpeech)
    hear(pipeline, samples[:64_000])
    lost = pipeline.lose(16_000, "test")
    assert [e.type for e in emotion_events(lost)] in ([], ["end"])
    found = by_segment(emotion_events(hear(pipeline, samples, start=80_000) + pipeline.flush()))
    at = [(life[-1].start_sample - 80_000, life[-1].end_sample - 80_000) for life in found[-2:]]
    assert at == [(life[-1].start_sample, life[-1].end_sample) for life in (first, second)]
    pipeline.reset()
    again = by_segment(emotion_events(hear(pipeline, samples) + pipeline.flush()))
    assert [life[-1].start_sample for life in again] == [first[-1].start_sample, second[-1].start_sample]


class Deaf(FeatureHash):
    """Is sure of speech as a whole, and sees it nowhere."""

    def answer(self, values):
        return Answer(super().answer(values).posteriors, np.zeros(15))


def test_what_is_seen_nowhere_makes_no_event():
    assert not emotion_events(among_barks(classifier=Deaf))


class Late(FeatureHash):
    """Sees speech in the last part of every second window only, also where none is voiced any more."""

    def answer(self, values):
        answer = super().answer(values)
        return Answer(answer.posteriors, np.array([0.0] * 14 + [float(self.n_windows % 2)]))


def test_no_event_ends_before_it_begins():
    rules = replace(QUICK, gate=replace(QUICK.gate, activity_hangover_ms=100))
    for seed in range(12):
        pipeline = Pipeline(Late(), rules, LoudIsSpeech)
        samples = talk(-0.5, 1.3, -0.2, 0.4, -0.3, 0.7 + seed / 40, -0.4, 1.1, -1, seed=seed)
        events = hear(pipeline, samples) + pipeline.flush()
        assert all(e.end_sample >= e.start_sample for e in emotion_events(events))
        spoken = [type(e) for e in events if isinstance(e, SpeechStarted | SpeechEnded)]
        assert spoken == [SpeechStarted, SpeechEnded] * (len(spoken) // 2)
        for life in by_segment(emotion_events(events)):
            types = [e.type for e in life]
            assert (types[0], types[-1], types.count("end")) == ("new", "end", 1)

"""Conversations: the same from the same seed, true about where speech lies, as loud and as noisy as they say."""

from itertools import pairwise

import numpy as np
import pytest
from stream_corpora import make_stream_root

from trainer.conversations import CONDITIONS, MAX_GAP_S, MIN_GAP_S, Stage, compose, noise_scene, scene_of, spoken_span
from trainer.corpora import find
from trainer.labels import label_scheme
from trainer.noises import sounds
from trainer.speech import speech_level

RATE_HZ = 16000
SCHEME = label_scheme("emotion-7")
CLEAN, NOISE_20, NOISE_10, ROOM, LEVELS = CONDITIONS


@pytest.fixture(scope="module")
def root(corpora_root, tmp_path_factory):
    return make_stream_root(corpora_root, tmp_path_factory.mktemp("stream") / "data")


@pytest.fixture(scope="module")
def stage(root):
    return Stage.opened(root, "validation", RATE_HZ)


@pytest.fixture(scope="module")
def utterances(root):
    return [u for u in find("RAVDESS", root).utterances if u.speaker in {"01", "03"}]


@pytest.fixture(scope="module")
def conversations(utterances):
    return compose(utterances, SCHEME, 8, seed=1)


def test_the_same_seed_says_the_same(utterances, conversations):
    assert compose(list(reversed(utterances)), SCHEME, 8, seed=1) == conversations
    assert compose(utterances, SCHEME, 8, seed=2) != conversations


def test_every_clip_is_said_once_and_labels_are_even(conversations):
    turns = [turn for conversation in conversations for turn in conversation.turns]
    assert len({turn.path for turn in turns}) == len(turns) == 16
    for speaker in ("RAVDESS/01", "RAVDESS/03"):
        counts = [sum((t.speaker, t.label) == (speaker, label) for t in turns) for label in {t.label for t in turns}]
        assert max(counts) - min(counts) <= 1


def test_speakers_talk_alone_and_together(conversations):
    n_speakers = sorted(len({turn.speaker for turn in conversation.turns}) for conversation in conversations)
    assert n_speakers == [1, 1, 2]


def test_a_scene_is_the_same_again_and_keeps_its_truth_under_every_condition(conversations, stage):
    truths = set()
    for condition in stage.conditions():
        first, again = (scene_of(conversations[-1], condition, stage) for _ in range(2))
        np.testing.assert_array_equal(first.samples, again.samples)
        truths.add(first.spoken)
    assert len(stage.conditions()) == 5
    assert len(truths) == 1


def test_gaps_lie_between_the_speech_of_clips(conversations, stage):
    spoken = scene_of(conversations[-1], CLEAN, stage).spoken
    gaps_s = [(b.start_sample - a.end_sample) / RATE_HZ for a, b in pairwise(spoken)]
    assert gaps_s == pytest.approx([place.turn.gap_s for place in spoken[1:]], abs=1e-3)
    assert all(MIN_GAP_S <= gap_s <= MAX_GAP_S for gap_s in gaps_s)


def test_speech_is_where_the_truth_says(conversations, stage):
    scene = scene_of(conversations[-1], CLEAN, stage)
    power = scene.samples.astype(float) ** 2
    for place in scene.spoken:
        middle = power[place.start_sample : place.end_sample].mean()
        assert middle > 1000 * power[place.start_sample - 4000 : place.start_sample - 2800].mean()


@pytest.mark.parametrize(("condition", "snr_db"), [(NOISE_20, 20), (NOISE_10, 10)])
def test_noise_lies_so_far_below_the_speech(condition, snr_db, conversations, stage):
    clean, noisy = (scene_of(conversations[-1], c, stage).samples / 32768 for c in (CLEAN, condition))
    spoken = scene_of(conversations[-1], CLEAN, stage).spoken
    by_speaker = {}
    for place in spoken:
        level = speech_level(clean[place.start_sample : place.end_sample], RATE_HZ)
        by_speaker.setdefault(place.turn.speaker, []).append(level)
    speech = np.mean([np.median(levels) for levels in by_speaker.values()])
    gap = noisy[: int(0.8 * RATE_HZ)]
    assert 20 * np.log10(speech / gap.std()) == pytest.approx(snr_db, abs=2)


def test_levels_differ_and_only_they_are_clipped(conversations, stage):
    def peak(condition, conversation):
        return np.abs(scene_of(conversation, condition, stage).samples.astype(int)).max()

    assert all(peak(CLEAN, conversation) < 32000 for conversation in conversations)
    assert len({peak(LEVELS, conversation) for conversation in conversations}) == 3


def test_without_recordings_there_is_no_noise(tmp_path):
    assert Stage.opened(tmp_path, "test", RATE_HZ).conditions() == (CLEAN, ROOM, LEVELS)


def test_noise_alone_has_no_speech_and_its_own_level(root):
    recordings = [sound for sound in sounds(root) if sound.held_out and sound.path.stem != "5-1-A"]
    scene = noise_scene([recording.path for recording in recordings], RATE_HZ)
    assert scene.spoken == ()
    assert len(scene.samples) == 2 * 2 * RATE_HZ
    assert (scene.samples / 32768).std() == pytest.approx(0.05, rel=0.05)


def test_a_clip_in_which_no_speech_is_found_is_speech_all_over():
    assert spoken_span(np.zeros(8000, np.int16), RATE_HZ) == (0, 8000)

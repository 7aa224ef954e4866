"""Label schemes: what each emotion becomes, for whom, and what is left out."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import ConfigError
from trainer.corpora import Utterance
from trainer.labels import AFFECT, NO_GENDER, SCHEMES, VOCABULARY, LabelScheme, label_scheme, unlabelled

SIZES = {
    "emotion-7": 7,
    "ravdess-8": 8,
    "crema-6": 6,
    "gender-emotion-10": 10,
    "gender-emotion-14": 14,
    "gender-emotion-16": 16,
    "valence-3": 3,
    "arousal-2": 2,
}
BY_GENDER = [name for name in SIZES if name.startswith("gender-")]
WORDS = st.sampled_from([*VOCABULARY, *(f"{g} {e}" for g in ("female", "male") for e in VOCABULARY)])


def test_every_scheme_is_listed_here():
    assert {name: len(scheme.labels) for name, scheme in SCHEMES.items()} == SIZES


@pytest.mark.parametrize("name", SIZES)
def test_schemes_map_onto_their_labels(name):
    scheme = label_scheme(name)
    labels = {scheme.label_of(emotion, gender) for emotion in VOCABULARY for gender in "fm"}
    assert labels - {None} == set(scheme.labels)
    assert len(set(scheme.labels)) == len(scheme.labels)
    assert set(scheme.affect()) <= set(scheme.labels)


def test_emotion_7_is_as_the_shipped_model_has_it():
    scheme = label_scheme("emotion-7")
    assert scheme.labels == ("neutral", "happy", "sad", "angry", "fear", "disgust", "surprise")
    assert [scheme.label_of(emotion) for emotion in VOCABULARY] == [
        "neutral",
        "neutral",
        *scheme.labels[1:],
        None,
    ]
    assert list(scheme.affect().items()) == list(AFFECT.items())


@pytest.mark.parametrize("name", sorted(set(SIZES) - set(BY_GENDER)))
@pytest.mark.parametrize("emotion", VOCABULARY)
def test_gender_changes_nothing_in_schemes_without_it(name, emotion):
    scheme = label_scheme(name)
    assert len({scheme.label_of(emotion, gender) for gender in ("", "f", "m")}) == 1


@pytest.mark.parametrize("name", BY_GENDER)
def test_schemes_by_gender_tell_women_from_men_and_leave_the_unknown_out(name):
    scheme = label_scheme(name)
    assert scheme.label_of("angry", "f") == "female_angry"
    assert scheme.label_of("angry", "m") == "male_angry"
    assert {scheme.label_of(emotion) for emotion in VOCABULARY} == {None}


@pytest.mark.parametrize("name", BY_GENDER)
def test_affect_of_labels_by_gender_is_that_of_the_emotion(name):
    affect = label_scheme(name).affect()
    assert affect["female_happy"] == affect["male_happy"] == AFFECT["happy"]
    assert affect.get("male_neutral", (0.0, 0.0)) == (0.0, 0.0)


def test_calm_is_a_label_of_its_own_or_neutral():
    assert label_scheme("gender-emotion-10").label_of("calm", "f") == "female_calm"
    assert label_scheme("gender-emotion-14").label_of("calm", "f") == "female_neutral"
    assert label_scheme("gender-emotion-16").label_of("calm", "f") == "female_calm"
    assert label_scheme("ravdess-8").label_of("calm") == "calm"


def test_valence_and_arousal_have_the_signs_of_the_ratings():
    valence, arousal = label_scheme("valence-3"), label_scheme("arousal-2")
    sign = {-1: "negative", 0: "neutral", 1: "positive"}
    for emotion, (pleasant, aroused) in AFFECT.items():
        assert valence.label_of(emotion) == sign[(pleasant > 0) - (pleasant < 0)]
        assert arousal.label_of(emotion) == ("high" if aroused > 0 else "low")


def test_own_scheme_keeps_the_order_and_leaves_the_rest_out():
    scheme = label_scheme({"angry": "tense", "neutral": "at ease", "fear": "tense", "calm": "at ease"})
    assert scheme.labels == ("tense", "at ease")
    assert scheme.label_of("fear", "m") == "tense"
    assert scheme.label_of("happy") is None
    # Two places in the plane are none.
    assert scheme.affect() == {"at ease": (0.0, 0.0)}


def test_own_label_that_is_another_emotions_word_is_no_entry_for_it():
    scheme = label_scheme({"boredom": "neutral", "angry": "angry"})
    assert scheme.label_of("neutral") is None


def test_own_entry_with_a_gender_comes_first():
    scheme = label_scheme({"angry": "angry", "female angry": "angry woman"})
    assert scheme.label_of("angry", "f") == "angry woman"
    assert scheme.label_of("angry", "m") == scheme.label_of("angry") == "angry"


@given(st.dictionaries(WORDS, st.sampled_from(["a", "b", "c d"]), min_size=2))
def test_own_schemes_are_made_or_refused(label_by):
    if len(set(label_by.values())) < 2:
        with pytest.raises(ConfigError, match="wanted two or more"):
            label_scheme(label_by)
        return
    scheme = label_scheme(label_by)
    assert scheme.labels == tuple(dict.fromkeys(label_by.values()))
    for word, label in label_by.items():
        gender, _, emotion = word.rpartition(" ")
        assert scheme.label_of(emotion, gender[:1]) == label or not gender


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("emotion-8", "'emotion-8' is unknown; known: emotion-7"),
        ({"anger": "angry", "sad": "sad"}, "'anger' is no emotion; wanted one of neutral"),
        ({"women angry": "x", "sad": "sad"}, "'women angry' is no emotion"),
        ({"angry": "x", "sad": "x"}, r"found 1 \(x\); wanted two or more"),
        ({}, "found 0"),
        ({"angry": "", "sad": "sad"}, "'angry' has the label ''"),
    ],
)
def test_mistakes_in_labels_are_named(labels, message):
    with pytest.raises(ConfigError, match=message):
        label_scheme(labels)


def clip(emotion, gender):
    return Utterance("X", Path("x.wav"), "1", gender, emotion, "en", "")


def test_what_is_left_out_is_counted_by_reason():
    clips = [clip("angry", "f"), clip("angry", ""), clip("sad", ""), clip("boredom", ""), clip("boredom", "m")]
    assert unlabelled(clips, label_scheme("gender-emotion-14")) == {NO_GENDER: 2, "no label for boredom": 2}
    assert unlabelled(clips, label_scheme("emotion-7")) == {"no label for boredom": 2}


def test_schemes_are_values():
    assert label_scheme({"angry": "a", "sad": "b"}) == LabelScheme("custom", ("a", "b"), {"angry": "a", "sad": "b"})

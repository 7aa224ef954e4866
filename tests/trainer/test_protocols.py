"""Protocols: no speaker stands on both sides, save where the name says so."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import ConfigError, NoInputError
from trainer.corpora import Utterance
from trainer.protocols import PROTOCOLS, RAVDESS_TEST, RAVDESS_VALIDATION, Clips, divide, refitted
from trainer.recipe import CorpusUse
from trainer.splits import speaker_keys

EMOTIONS = ("neutral", "happy", "sad", "angry")
LEAKY = ("ravdess-choosing", "random", "random-windows")
HONEST = tuple(name for name in PROTOCOLS if name not in LEAKY)
ACTORS = tuple(f"{number:02d}" for number in range(1, 25))


def clips(speakers, uses=None, n=3, seed=0):
    """`speakers`: corpus to names; each says every emotion `n` times."""
    utterances = [
        Utterance(corpus, Path(f"{name}-{emotion}-{i}.wav"), name, "f", emotion, "en", str(i))
        for corpus, names in speakers.items()
        for name in names
        for emotion in EMOTIONS
        for i in range(n)
    ]
    return Clips(utterances, [u.emotion for u in utterances], uses or {c: CorpusUse() for c in speakers}, seed)


def everything(fold):
    parts = fold.splits
    return [*parts.train, *parts.validation, *parts.test]


@pytest.mark.parametrize("name", HONEST)
def test_no_speaker_crosses_and_no_clip_is_lost(name):
    given_clips = clips({"RAVDESS": ACTORS, "EmoDB": ("03", "08", "09")})
    protocol = divide(name, given_clips)
    assert protocol.leak == ""
    assert "speaker-independent" in protocol.caption
    for fold in protocol.folds:
        train, validation, test = (speaker_keys(part) for part in vars_of(fold.splits))
        assert not train & test
        assert not train & validation
        assert not validation & test
        assert sorted(u.name for u in everything(fold)) == sorted(u.name for u in given_clips.utterances)


def vars_of(splits):
    return splits.train, splits.validation, splits.test


@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=4),
    name=st.sampled_from([name for name in HONEST if name != "ravdess-5fold"]),
    seed=st.integers(0, 5),
)
@settings(max_examples=40, deadline=None)
def test_no_speaker_crosses_whatever_is_here(sizes, name, seed):
    """Also where two corpora use the same names for their speakers."""
    speakers = {f"corpus-{i}": tuple(f"{number:02d}" for number in range(n)) for i, n in enumerate(sizes)}
    try:
        protocol = divide(name, clips(speakers, seed=seed))
    except NoInputError:
        assert sum(sizes) < 6
        return
    for fold in protocol.folds:
        train, validation, test = (speaker_keys(part) for part in vars_of(fold.splits))
        assert not train & test
        assert not validation & (train | test)


@pytest.mark.parametrize("name", ["loso", "group-5fold", "leave-one-corpus-out"])
def test_every_speaker_is_tested_once(name):
    given_clips = clips({"RAVDESS": ACTORS, "EmoDB": ("03", "08", "09")})
    tested = [key for fold in divide(name, given_clips).folds for key in speaker_keys(fold.splits.test)]
    assert sorted(tested) == sorted(speaker_keys(given_clips.utterances))


@pytest.mark.parametrize("name", HONEST)
def test_who_speaks_and_sings_is_one_person(name):
    given_clips = clips({"RAVDESS": ACTORS, "RAVDESS-song": ACTORS, "TESS": ("OAF",)})
    for fold in divide(name, given_clips).folds:
        train, validation, test = ({u.person for u in part} for part in vars_of(fold.splits))
        assert not test & (train | validation)
        assert not train & validation


def test_the_published_folds():
    protocol = divide("ravdess-5fold", clips({"RAVDESS": ACTORS}))
    assert [{u.speaker for u in fold.splits.test} for fold in protocol.folds] == [set(fold) for fold in RAVDESS_TEST]
    assert [{u.speaker for u in fold.splits.validation} for fold in protocol.folds] == [
        set(fold) for fold in RAVDESS_VALIDATION
    ]
    assert sorted(actor for fold in RAVDESS_TEST for actor in fold) == list(ACTORS)
    assert not protocol.notes


def test_actors_that_are_not_here_are_said():
    here = [actor for actor in ACTORS if actor not in ("01", "04", "09", "22")]
    protocol = divide("ravdess-5fold", clips({"RAVDESS": here, "TESS": ("OAF",)}))
    assert [fold.name for fold in protocol.folds] == ["fold-1", "fold-2", "fold-3", "fold-4"]
    assert {u.speaker for u in protocol.folds[3].splits.validation} == {"14"}
    assert all("OAF" in {u.speaker for u in fold.splits.train} for fold in protocol.folds)
    assert any("fold 5 left out" in note for note in protocol.notes)
    assert any("fold 4 without actors 01" in note for note in protocol.notes)


def test_the_recipe_s_own_speakers():
    uses = {"RAVDESS": CorpusUse(test=("01", "02"), validation=("03",))}
    (fold,) = divide("holdout", clips({"RAVDESS": ACTORS}, uses)).folds
    assert {u.speaker for u in fold.splits.test} == {"01", "02"}
    assert {u.speaker for u in fold.splits.validation} == {"03"}


@pytest.mark.parametrize("name", ["random", "random-windows"])
def test_a_leak_is_in_every_caption(name):
    protocol = divide(name, clips({"RAVDESS": ACTORS}))
    assert "LEAKY" in protocol.caption
    (fold,) = protocol.folds
    assert speaker_keys(fold.splits.test) <= speaker_keys(fold.splits.train)


def test_random_keeps_clips_apart_and_random_windows_does_not():
    (apart,) = divide("random", clips({"RAVDESS": ACTORS}, n=5)).folds
    train, validation, test = ({u.name for u in part} for part in vars_of(apart.splits))
    assert not test & (train | validation)
    assert not validation & train
    assert len(test) == round(0.2 * len(train | validation | test))
    (same,) = divide("random-windows", clips({"RAVDESS": ACTORS})).folds
    assert same.splits.test == same.splits.train


def test_the_seed_decides_what_is_random():
    first, again, other = (divide("random", clips({"RAVDESS": ACTORS}, seed=seed)).folds[0] for seed in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("name", "speakers", "error", "words"),
    [
        ("nonsense", {"RAVDESS": ACTORS}, ConfigError, "known: holdout"),
        ("leave-one-corpus-out", {"RAVDESS": ACTORS}, ConfigError, "two or more"),
        ("ravdess-5fold", {"EmoDB": ("03", "08", "09")}, NoInputError, "wanted RAVDESS"),
        ("group-5fold", {"EmoDB": ("03", "08", "09")}, NoInputError, "wanted 5"),
        ("loso", {"EmoDB": ("03",)}, NoInputError, "nothing to train"),
        ("holdout", {}, NoInputError, "no clip"),
    ],
)
def test_what_cannot_be_divided_is_refused(name, speakers, error, words):
    with pytest.raises(error, match=words):
        divide(name, clips(speakers))


def test_choosing_is_judged_by_the_validation_actors_of_the_same_folds():
    found, published = (divide(name, clips({"RAVDESS": ACTORS})) for name in ("ravdess-choosing", "ravdess-5fold"))
    assert "LEAKY" in found.caption
    for fold, other in zip(found.folds, published.folds, strict=True):
        assert fold.splits.train == other.splits.train
        assert fold.splits.test == fold.splits.validation == other.splits.validation


def test_refitted_folds_train_on_whom_they_were_chosen_by_and_test_the_same():
    protocol = divide("ravdess-5fold", clips({"RAVDESS": ACTORS}))
    again = refitted(protocol)
    for before, after in zip(protocol.folds, again.folds, strict=True):
        after.splits.prove()
        assert after.splits.test == before.splits.test
        assert after.splits.validation == ()
        assert set(after.splits.train) == {*before.splits.train, *before.splits.validation}
    assert again.notes[-1] == "the speakers to choose by are trained on too"


@pytest.mark.parametrize("name", LEAKY)
def test_protocols_that_test_whom_they_choose_by_are_not_refitted(name):
    with pytest.raises(ConfigError, match="tests whom it chooses by"):
        refitted(divide(name, clips({"RAVDESS": ACTORS})))

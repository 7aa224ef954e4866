"""Contracts of every registered corpus, and what is special in each."""

import shutil
from pathlib import Path

import pytest
from dummy_corpora import make_ravdess

from monitor.errors import ConfigError, NoInputError
from trainer.corpora import CORPORA, find, make_corpus
from trainer.labels import SCHEMES, VOCABULARY

NAMES = {
    "RAVDESS": ("03-01-02-02-01-02-13", "13", "m", "calm"),
    "EmoDB": ("16b10Wb", "16", "f", "angry"),
    "TESS": ("YAF_youth_ps", "YAF", "f", "surprise"),
    "nEMO": ("EB0_surprised_77", "EB0", "f", "surprise"),
}


def test_every_corpus_has_an_example_here():
    assert set(NAMES) == set(CORPORA)


@pytest.mark.parametrize("name", CORPORA)
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".opus"])
def test_names_are_parsed_whatever_the_file_type(name, suffix):
    stem, speaker, gender, emotion = NAMES[name]
    utterance = make_corpus(name).parse(Path(stem + suffix))
    assert (utterance.speaker, utterance.gender, utterance.emotion) == (speaker, gender, emotion)
    assert utterance.name == f"{name}/{stem}"
    assert utterance.emotion in VOCABULARY


@pytest.mark.parametrize("name", CORPORA)
@pytest.mark.parametrize("stem", ["", "README", "03-02-01-01-01-01-01", "03a01Xa", "OAF_word_bored", "EB0_boredom_1"])
def test_other_names_are_passed_over(name, stem):
    assert make_corpus(name).parse(Path(stem + ".wav")) is None


@pytest.mark.parametrize("name", CORPORA)
def test_cards_are_filled(name):
    card = make_corpus(name).card
    assert card.name == name
    assert all((card.language, card.about, card.licence, card.citation, card.url, card.n_clips, card.n_speakers))


@pytest.mark.parametrize("name", CORPORA)
def test_missing_folder_is_named(name, tmp_path):
    with pytest.raises(NoInputError, match=f"{name}: no such folder"):
        find(name, tmp_path)


def test_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "TESS").mkdir()
    (tmp_path / "TESS" / "song.wav").write_bytes(b"la")
    with pytest.raises(NoInputError, match="no clip named as in TESS among 1"):
        find("TESS", tmp_path)


def test_unknown_corpus_is_refused():
    with pytest.raises(ConfigError, match="RAVDES' is unknown"):
        make_corpus("RAVDES")


def test_tess_name_without_f_is_the_same_speaker():
    assert make_corpus("TESS").parse(Path("OA_bite_neutral.wav")).speaker == "OAF"


def test_same_bytes_are_taken_once(tmp_path):
    make_ravdess(tmp_path)
    folder = tmp_path / "RAVDESS" / "Actor_01"
    first, second = folder / "03-01-03-01-01-01-01.wav", folder / "03-01-03-01-02-01-01.wav"
    before = find("RAVDESS", tmp_path)
    shutil.copyfile(first, second)
    after = find("RAVDESS", tmp_path)
    assert not before.duplicates
    assert after.duplicates == ((second, first),)
    assert len(after.utterances) == len(before.utterances) - 1


def test_order_is_that_of_the_names(corpora_root):
    names = [utterance.name for utterance in find("EmoDB", corpora_root).utterances]
    assert names == sorted(names)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_schemes_map_into_their_labels(scheme):
    labels = {scheme.label_of(emotion) for emotion in VOCABULARY}
    assert labels - {None} == set(scheme.labels)
    assert set(scheme.affect()) == set(scheme.labels)


def test_calm_is_neutral_and_boredom_is_left_out():
    scheme = SCHEMES["emotion-7"]
    assert scheme.label_of("calm") == "neutral"
    assert scheme.label_of("boredom") is None

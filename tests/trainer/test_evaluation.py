"""Figures over speech levels, and whose clips they are of."""

import msgspec
import pytest

from monitor.errors import ModelError, NoInputError
from monitor.model import EmotionModel, shipped_model
from trainer.evaluation import CONDITIONS, level_spread, unheard_utterances
from trainer.labels import label_scheme

SCHEME = label_scheme("emotion-7")


@pytest.fixture(scope="module")
def card():
    return EmotionModel.load(shipped_model()).card


def test_the_spread_counts_the_clips_as_recorded():
    levels = {condition: {"uar": 0.6} for condition in CONDITIONS}
    assert level_spread(levels) == 0
    levels["original"] = {"uar": 0.58}
    assert level_spread(levels) == pytest.approx(2.0)
    levels["-50"] = {"uar": 0.61}
    assert level_spread(levels) == pytest.approx(3.0)


def test_a_card_without_speakers_is_refused(card, tmp_path):
    nobody = msgspec.structs.replace(card, provenance={})
    with pytest.raises(ModelError, match="names no validation speakers"):
        unheard_utterances(nobody, SCHEME, tmp_path, "validation")


def test_missing_corpora_are_named_and_nothing_left_is_an_error(card, tmp_path, capsys):
    with pytest.raises(NoInputError, match="no clip of the test speakers"):
        unheard_utterances(card, SCHEME, tmp_path, "test")
    assert "RAVDESS" in capsys.readouterr().err

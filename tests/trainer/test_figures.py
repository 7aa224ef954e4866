import json

import numpy as np
import pytest

from monitor.errors import ConfigError, NoInputError, RefusedError
from trainer.figures import Predictions, collapsed, emotion_of, figures_of, gender_of, joined, read_predictions
from trainer.metrics import NO_ANSWER

GENDERED = ("female_angry", "female_sad", "male_angry", "male_sad")


def predictions(**changes):
    """Six clips of three speakers in two corpora; the last clip is not answered."""
    fields = {
        "names": ("A/1", "A/2", "A/3", "A/4", "B/1", "B/2"),
        "corpus": ("A", "A", "A", "A", "B", "B"),
        "speakers": ("01", "01", "02", "02", "01", "01"),
        "genders": ("f", "f", "m", "m", "", ""),
        "truth": np.array([0, 1, 0, 1, 0, 1]),
        "posteriors": np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.5, 0.5], [0, 0]]),
        "labels": ("angry", "sad"),
    }
    return Predictions(**(fields | changes))


def test_figures_by_hand():
    figures = figures_of(predictions())
    assert figures["clips"] == 6
    assert figures["unanswered"] == 1
    assert figures["speakers"] == 3
    assert figures["war"] == pytest.approx(4 / 6)
    assert figures["uar"] == pytest.approx((1 + 1 / 3) / 2)
    assert figures["confusion"] == [[3, 0, 0], [1, 1, 1]]
    assert figures["recall"] == {"angry": 1.0, "sad": pytest.approx(1 / 3)}
    assert figures["per_speaker"]["A/02"] == {"clips": 2, "unanswered": 0, "uar": 1.0, "war": 1.0, "gender": "male"}
    assert figures["per_speaker"]["B/01"]["gender"] == "unknown"
    assert {name: part["uar"] for name, part in figures["per_gender"].items()} == {
        "female": 0.5,
        "male": 1.0,
        "unknown": 0.5,
    }
    assert figures["per_corpus"]["A"]["uar"] == pytest.approx(0.75)
    assert figures["per_corpus"]["B"]["uar_interval"] is None
    assert figures["per_fold"] == {}
    low, high = figures["uar_interval"]
    assert low <= figures["uar"] <= high


def test_speakers_of_two_corpora_with_one_name_are_two():
    assert set(figures_of(predictions())["per_speaker"]) == {"A/01", "A/02", "B/01"}


def test_figures_are_strict_json_and_labels_that_never_occur_have_no_recall():
    clips = predictions(labels=("angry", "sad", "calm"), posteriors=np.pad(predictions().posteriors, [(0, 0), (0, 1)]))
    figures = figures_of(clips)
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert figures["recall"]["calm"] is None
    assert figures["uar"] == figures_of(predictions())["uar"]
    assert None in figures["reliability"]["accuracy"]
    assert sum(figures["reliability"]["clips"]) == 5


def test_a_row_of_zeros_is_no_answer():
    np.testing.assert_array_equal(predictions().predicted, [0, 0, 0, 1, 0, NO_ANSWER])


def test_figures_per_fold():
    figures = figures_of(predictions(folds=np.array([0, 0, 1, 1, 1, 1])))
    assert figures["per_fold"]["0"]["uar"] == 0.5
    assert figures["per_fold"]["1"]["clips"] == 4


def test_no_clip_has_no_figures():
    with pytest.raises(NoInputError, match="no clip was judged"):
        figures_of(predictions().of(np.zeros(6, bool)))


@pytest.mark.parametrize("folds", [None, np.array([0, 0, 1, 1, 2, 2])])
def test_what_is_written_is_read(tmp_path, folds):
    before = predictions(folds=folds, names=("A/ä", *predictions().names[1:]))
    before.save(tmp_path / "predictions.npz")
    after = read_predictions(tmp_path / "predictions.npz")
    for name in ("names", "corpus", "speakers", "genders", "labels"):
        assert getattr(after, name) == getattr(before, name)
    np.testing.assert_array_equal(after.truth, before.truth)
    np.testing.assert_array_equal(after.posteriors, before.posteriors)
    assert (after.folds is None) == (folds is None)
    assert figures_of(after) == figures_of(before)


def test_files_that_are_no_predictions_are_refused(tmp_path):
    with pytest.raises(NoInputError, match="no such predictions"):
        read_predictions(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("not an archive")
    np.savez(tmp_path / "other.npz", weights=np.ones(3))
    np.save(tmp_path / "single.npy", np.ones(3))
    predictions().save(tmp_path / "whole.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:-200])
    (tmp_path / "empty.npz").write_bytes(b"")
    for name in ("text.npz", "other.npz", "single.npy", "cut.npz", "empty.npz"):
        with pytest.raises(RefusedError, match="make them again"):
            read_predictions(tmp_path / name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"speakers": ("01",)}, "6 clips, but 1 speakers"),
        ({"folds": np.zeros(2, np.int64)}, "2 folds"),
        ({"labels": ("angry", "sad", "calm")}, "shape"),
        ({"truth": np.array([0, 1, 0, 1, 0, 2])}, "truth from 0 to 2"),
        ({"truth": np.array([0, 1, 0, 1, 0, -1])}, "truth from -1"),
        ({"posteriors": np.full((6, 2), 0.4)}, "A/1: posteriors"),
        ({"posteriors": np.array([[0.5, 0.5]] * 5 + [[np.nan, 0.5]])}, "B/2: posteriors"),
        ({"posteriors": np.array([[0.5, 0.5]] * 5 + [[-0.5, 1.5]])}, "B/2: posteriors"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        predictions(**changes)


def test_folds_are_joined():
    clips = predictions()
    first, second = clips.of(np.arange(6) < 4), clips.of(np.arange(6) >= 4)
    whole = joined([first, second])
    assert whole.names == clips.names
    np.testing.assert_array_equal(whole.folds, [0, 0, 0, 0, 1, 1])
    with pytest.raises(ValueError, match="the same labels"):
        joined([clips, predictions(labels=("happy", "sad"))])
    with pytest.raises(ValueError, match="nothing"):
        joined([])


def test_gendered_labels_fall_into_two():
    assert gender_of("female_angry") == "female"
    assert emotion_of("male_pleasant_surprise") == "pleasant_surprise"
    for label in ("angry", "female", "female_", "calm_angry"):
        with pytest.raises(ConfigError, match="has no gender"):
            gender_of(label)


def test_emotion_and_gender_alone():
    posteriors = np.array([[0.4, 0.0, 0.1, 0.5], [0.1, 0.3, 0.35, 0.25], [0, 0, 0, 0]])
    clips = Predictions(
        names=("1", "2", "3"),
        corpus=("A",) * 3,
        speakers=("f", "m", "m"),
        genders=("f", "m", "m"),
        truth=np.array([0, 3, 2]),
        posteriors=posteriors,
        labels=GENDERED,
    )
    emotion, gender = collapsed(clips, "emotion"), collapsed(clips, "gender")
    assert emotion.labels == ("angry", "sad")
    np.testing.assert_allclose(emotion.posteriors, [[0.5, 0.5], [0.45, 0.55], [0, 0]])
    np.testing.assert_array_equal(emotion.truth, [0, 1, 0])
    # The highest single label of clip 2 is male_angry; both kinds of sad together outweigh it.
    np.testing.assert_array_equal(emotion.predicted, [0, 1, NO_ANSWER])
    assert gender.labels == ("female", "male")
    np.testing.assert_array_equal(gender.truth, [0, 1, 1])
    np.testing.assert_array_equal(gender.predicted, [1, 1, NO_ANSWER])
    with pytest.raises(ConfigError, match="has no gender"):
        collapsed(predictions(), "emotion")

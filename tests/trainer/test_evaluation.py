"""The figures of a model file on tiny corpora, whose clips they are of, and what people are shown of them."""

import copy

import msgspec
import numpy as np
import pytest
from dummy_corpora import make_spoken
from judged_model import JUDGED

from monitor.card import read_model_file, write_model_file
from monitor.errors import ModelError, NoInputError
from monitor.model import EmotionModel
from trainer.conditions import LEVELS, WORLD
from trainer.evaluation import JUDGED_SIBLING, RESULT, evaluation_of, level_spread, unheard_utterances
from trainer.evaluationpictures import PICTURES, draw_evaluation
from trainer.evaluationtables import tables_of, threshold_words
from trainer.labels import label_scheme
from trainer.modelcard import markdown
from trainer.pictures import Wanted, draw
from trainer.runs import write_json
from trainer.shortcomings import shortcomings

SCHEME = label_scheme("emotion-7")
TEMPERATURE = 1.5


@pytest.fixture(scope="module")
def card():
    return EmotionModel.load(JUDGED).card


@pytest.fixture(scope="module")
def spoken_root(corpora_root, tmp_path_factory):
    return make_spoken(corpora_root, tmp_path_factory.mktemp("spoken") / "corpora")


@pytest.fixture(scope="module")
def result(spoken_root, tmp_path_factory):
    """Of the shipped model, with a temperature in its card."""
    file = read_model_file(JUDGED)
    provenance = {**file.card.provenance, "temperature": TEMPERATURE, "committee": 1, "recordings_held_out": True}
    path = tmp_path_factory.mktemp("model") / "emotion.tflite"
    write_model_file(path, file.flatbuffer, msgspec.structs.replace(file.card, provenance=provenance), file.probe)
    return evaluation_of(path, path.with_suffix(".keras"), spoken_root)


def test_the_spread_counts_the_clips_as_recorded():
    levels = {condition: {"uar": 0.6} for condition in LEVELS}
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


def test_every_clip_is_judged_under_every_condition(result):
    assert {corpus: figures["speakers"] for corpus, figures in result["corpora"].items()} == {
        "RAVDESS": ["02"], "EmoDB": ["08"], "nEMO": ["EB0"],
    }  # fmt: skip
    assert result["all"]["speakers"] == ["EmoDB/08", "RAVDESS/02", "nEMO/EB0"]
    for figures, n_clips in [*((one, 10) for one in result["corpora"].values()), (result["all"], 30)]:
        assert set(figures["levels"]) == set(LEVELS)
        assert set(figures["world"]) == set(WORLD)
        for one in [*figures["levels"].values(), *figures["world"].values()]:
            assert one["clips"] == n_clips
        assert sum(map(sum, figures["confusion"])) == n_clips


def test_losses_are_differences_of_the_recalls(result):
    figures = result["all"]
    original = figures["levels"]["original"]
    assert original["loss_points"] == 0
    assert original["changed"] == 0
    for one in figures["world"].values():
        assert one["loss_points"] == pytest.approx(100 * (original["uar"] - one["uar"]))
        low, high = one["loss_interval_points"]
        assert low <= high
    assert any(one["changed"] for one in figures["world"].values())
    # One speaker says nothing about others.
    assert result["corpora"]["EmoDB"]["levels"]["original"]["uar_interval"] is None


def test_groups_add_up(result):
    together = result["all"]
    for groups in (together["per_gender"], together["per_language"], together["per_speaker"]):
        assert sum(one["clips"] for one in groups.values()) == 30
    assert set(together["per_language"]) == {"de", "en", "pl"}
    assert [figures["language"] for figures in result["corpora"].values()] == [
        {"RAVDESS": "en", "EmoDB": "de", "nEMO": "pl"}[corpus] for corpus in result["corpora"]
    ]


def test_the_temperature_of_the_card_is_taken_back(result):
    calibration = result["calibration"]
    assert calibration["temperature"] == TEMPERATURE
    before, after = (np.array(calibration[when]["reliability"]["clips"]) for when in ("before", "after"))
    assert 0 < before.sum() == after.sum() <= 30
    # Without the division answers are surer.
    assert before @ np.arange(15) > after @ np.arange(15)


def test_a_threshold_is_chosen_by_the_validation_speakers(result):
    chosen = result["selective"]["chosen_by"]
    if chosen is None:
        assert result["selective"]["chosen"] is None
    else:
        assert chosen["accuracy"] >= 0.8
        assert result["selective"]["chosen"]["threshold"] == chosen["threshold"]


def test_people_are_shown_all_of_it(result):
    printed = tables_of(result)
    for wanted in (*WORLD, "speech at -50 dBFS", "by gender", "by language", "recall in %", "calibration error",
                   "with the temperature 1.5", "answered %", "what it can not do", "| pl "):  # fmt: skip
        assert wanted in printed


def test_what_a_model_cannot_do_is_read_from_its_figures(result):
    changed = copy.deepcopy(result)
    changed["recordings_held_out"] = False
    for figures in (*changed["corpora"].values(), changed["all"]):
        figures["recall"] = dict.fromkeys(figures["recall"], 0.9)
        for one in [*figures["levels"].values(), *figures["world"].values(), *figures["per_gender"].values()]:
            one.update(uar=0.9, loss_points=0.0)
    for one in changed["all"]["per_language"].values():
        one["uar"] = 0.9
    changed["calibration"]["after"]["ece"] = 0.01
    changed["selective"].update(own={"accuracy": 0.8}, chosen=None)
    (line,) = shortcomings(changed)
    assert "may have been heard in training" in line
    changed["recordings_held_out"] = True
    assert shortcomings(changed) == []
    changed["corpora"]["nEMO"]["recall"].update(sad=0.4, disgust=None)
    changed["corpora"]["nEMO"]["world"]["telephone"].update(loss_points=6.5, loss_interval_points=[2.0, 9.0])
    changed["all"]["per_language"]["pl"]["uar"] = 0.5
    changed["calibration"]["after"]["ece"] = 0.2
    assert shortcomings(changed) == [
        "nEMO (pl): recognises less than 50 % of sad 40 %",
        "nEMO (pl): nobody spoke disgust: not judged there",
        "language pl: UAR 50.0 %, below 60 %",
        "nEMO, telephone: loses 6.5 points of UAR (95 % interval 2.0 to 9.0), wanted 6 at most",
        "confidence is 0.200 off accuracy on average (ECE), wanted 0.05 at most",
    ]


def test_no_threshold_is_said_to_be_none(result):
    changed = {**result, "selective": {**result["selective"], "own": None, "chosen": None}}
    assert threshold_words(changed) == "No threshold makes 80 % of the answers right on the test speakers."


def test_pictures_are_drawn_of_the_figures_alone(result, tmp_path):
    write_json(tmp_path / RESULT, result)
    read = msgspec.json.decode((tmp_path / RESULT).read_bytes())
    written = draw_evaluation(read, tmp_path)
    assert {path.stem for path in written} == {
        *PICTURES, "confusion-EmoDB", "confusion-RAVDESS", "confusion-nEMO", "reliability-without-temperature",
    }  # fmt: skip
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
    assert draw("conditions", Wanted([tmp_path], None, None), tmp_path / "again", "svg") == 0
    with pytest.raises(NoInputError, match="ser-train evaluate"):
        draw("coverage", Wanted([tmp_path / "again"], None, None), tmp_path, "png")


def test_the_card_names_every_training_that_a_network_went_through(result, card):
    begun = {"recipe": "second", "began_with": {"recipe": "first"}}
    on = {**card.provenance, "recipe": "third", "began_with": begun, JUDGED_SIBLING: "emotion@0"}
    text = markdown(msgspec.structs.replace(card, provenance=on), "emotion@0", result, "| form |")
    for command in (
        (
            "`ser-train train first`, `ser-train train second --begin-with runs/first`, "
            "`ser-train train third --begin-with runs/second`"
        ),
        (
            "`ser-train train first --everyone runs/first`, "
            "`ser-train train second --everyone runs/second --begin-with runs/first-everyone`, "
            "`ser-train train third --everyone runs/third --begin-with runs/second-everyone`"
        ),
    ):
        assert command in " ".join(text.split())


def test_the_card_for_people_carries_all_of_it(result, card, tmp_path):
    text = markdown(card, "emotion@0", result, "| form |")
    draw_evaluation(result, tmp_path)
    linked = [part.partition(")")[0] for part in text.split("](pictures/emotion/")[1:]]
    assert set(linked) <= {path.name for path in tmp_path.iterdir()}
    assert {f"{name}.png" for name in PICTURES} <= set(linked)
    for wanted in ("## What it can not do", "## By gender and by language", "## How far its confidence can be believed",
                   "## Licences of the corpora", "not trained with", "| room ", "| speech at -50 dBFS "):  # fmt: skip
        assert wanted in text
    sections = [part for part in text.split("\n## ") if part.startswith(("Loud", "By gender", "What is t", "How far"))]
    assert len(sections) == 4
    assert all("`ser-train evaluate models/held-out/emotion.tflite`" in part for part in sections)

"""The page of results: what it shows is what the files say."""

import json
import shutil
from pathlib import Path

import pytest
from stream_corpora import AS_WANTED

from monitor.errors import ConfigError, NoInputError
from monitor.model import EmotionModel
from trainer import resultspage
from trainer.resultspage import write_results


def crossval_file(runs, recipe, protocol, folds, *, n_parameters=302_000):
    """As `crossval` writes it, as far as the page reads it; folds: name to (UAR of the first seed, of the others)."""
    group = {"speakers": 4, "clips": 200}
    figures = [
        {
            **group,
            "uar": 0.61,
            "per_gender": {"female": {**group, "uar": 0.7 - 0.1 * seed, "uar_interval": None}},
            "per_corpus": {name: {**group, "uar_interval": limits} for name in folds},
            "labels": ["happy", "sad"],
            "recall": {"happy": 0.5, "sad": 0.3 + 0.2 * seed},
            "per_fold": {str(i): {"uar": both[seed > 0], "clips": 300} for i, both in enumerate(folds.values())},
            "uar_interval": limits,
        }
        for seed, limits in zip(range(2), ([0.5, 0.7], [0.6, 0.8]), strict=True)
    ]
    result = {
        "recipe": recipe,
        "protocol": protocol,
        "uar": sum(sum(both) for both in folds.values()) / 2 / len(folds),
        "uar_deviation": 0.012,
        "folds": list(folds),
        "notes": ["fold 5 left out"],
        "revisions": ["abc123"],
        "cost": {"n_parameters": n_parameters, "multiply_adds": n_parameters and 29_600_000},
        "seeds": {str(i): one for i, one in enumerate(figures)},
    }
    path = runs / recipe / protocol / "crossval.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(result))
    path.with_name("confusion.png").write_bytes(b"a picture")


def test_the_ladder_puts_our_recipes_where_they_stand(tmp_path):
    crossval_file(tmp_path / "runs", "small", "ravdess-5fold", {"fold-1": (0.66, 0.62), "fold-2": (0.7, 0.74)})
    crossval_file(tmp_path / "runs", "forest", "ravdess-5fold", {"fold-1": (0.4, 0.4)}, n_parameters=None)
    write_results(tmp_path / "runs", tmp_path / "models", tmp_path / "docs")
    page = (tmp_path / "docs/results.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    places = {name: next(i for i, row in enumerate(rows) if name in row) for name in ("ResLSTM-SA", "`small`", "CNN14")}
    assert places["ResLSTM-SA"] < places["`small`"] < places["CNN14"]
    own = rows[places["`small`"]]
    assert "2 seeds, folds 1 2" in own
    assert [cell.strip() for cell in own.split("|")[2:7]] == ["0.3", "29.6", "none", "68.0 +- 1.2", "55.0-75.0"]
    assert "`ser-train crossval small --protocol ravdess-5fold --seeds 2` (revisions abc123)" in page
    assert "fold 5 left out" in page
    assert "| female                |        4 |   200 |  65.0 |         - |" in page
    assert "| sad   |     40.0 |" in page
    assert "](small-confusion.png)" in page
    assert "`small`, first of 2 seeds](" in page
    assert "`small` has 302,000 parameters, of two bytes each as float16: 0.6 MB" in page
    assert "arXiv 2606.03359" in page
    assert (tmp_path / "docs/small-confusion.png").read_bytes() == b"a picture"
    assert "forest" not in page  # the monitor could not run it


def test_a_corpus_never_heard_has_the_mean_over_seeds(tmp_path):
    folds = {"RAVDESS": (0.4, 0.5), "EmoDB": (0.6, 0.6)}
    crossval_file(tmp_path / "runs", "small", "leave-one-corpus-out", folds)
    write_results(tmp_path / "runs", tmp_path / "models", tmp_path / "docs")
    page = (tmp_path / "docs/results.md").read_text()
    assert "| RAVDESS |   300 |        4 |  45.0 | 55.0-75.0 |" in page
    assert "## RAVDESS: eight emotions" not in page


def test_a_model_is_shown_as_it_was_evaluated(tmp_path, monkeypatch):
    """And no figures of another model, of other speakers or under other settings."""
    runs, models = tmp_path / "runs", Path("models")
    evaluation = runs / "evaluate-emotion/evaluation.json"
    evaluation.parent.mkdir(parents=True)
    part = {
        "levels": {"original": {"clips": 9, "uar": 0.5, "uar_interval": [0.4, 0.6], "war": 0.55}},
        "world": {},
        "recall": {"happy": 0.5},
        "per_gender": {},
    }
    shown = {"parts_of": lambda _: {"RAVDESS": part}, "bound_of": lambda *_: None}
    words = ("recall_table", "gender_table", "language_table", "calibration_words", "threshold_words")
    for name, function in {**shown, **{name: lambda _, name=name: name for name in words}}.items():
        monkeypatch.setattr(resultspage, name, function)
    monkeypatch.setattr(resultspage, "shortcomings", lambda _: ["it errs"])
    identity = EmotionModel.load(models / "held-out/emotion.tflite").identity
    result = {"identity": identity, "speakers": "test", "command": "ser-train evaluate emotion.tflite"}
    others = ({"identity": "emotion@12345678"}, {"speakers": "validation"}, {"command": "evaluate --tuned tune.json"})
    for other in others:
        evaluation.write_text(json.dumps({**result, **other}))
        with pytest.raises(ConfigError, match=f"wanted {identity}, test speakers"):
            write_results(runs, models, tmp_path / "docs")
    evaluation.write_text(json.dumps(result))
    write_results(runs, models, tmp_path / "docs")
    # Judged by `export`, before its card was complete: the same network.
    card = EmotionModel.load(models / "held-out/emotion.tflite").card
    of_export = runs / card.provenance["recipe"] / "export/evaluation.json"
    of_export.parent.mkdir(parents=True)
    of_export.write_text(json.dumps({**result, "identity": "emotion@12345678", "tflite_sha256": card.tflite_sha256}))
    # What `evaluate` found of an older model does not stand in its way.
    evaluation.write_text(json.dumps({**result, "identity": "emotion@87654321"}))
    (tmp_path / "docs/results.md").unlink()
    write_results(runs, models, tmp_path / "docs")
    page = (tmp_path / "docs/results.md").read_text()
    assert "| RAVDESS |     9 |  50.0 | 40.0-60.0 |  55.0 |" in page
    assert identity in page
    assert "`ser-train evaluate models/held-out/emotion.tflite`" in page
    assert "- it errs" in page
    # Of TESS nobody is left; ordinary speech has no emotion to be judged by.
    assert "- TESS: all of its speakers (OAF) were trained with; judged only where" in page
    assert "- PicovoiceS2I" not in page
    assert all(name in page for name in words)
    assert "RAVDESS (CC BY-NC-SA 4.0)" in page
    linked = [part.split(")")[0] for part in page.split("](../")[1:]]
    assert linked
    assert all(Path(link.partition("#")[0]).is_file() for link in linked)
    shutil.rmtree(runs)


def test_losses_have_the_interval_of_all(monkeypatch):
    def part(loss, interval):
        return {"levels": {"-50": {"loss_points": loss, "loss_interval_points": interval}}, "world": {}}

    parts = {"RAVDESS": part(1.0, [0.9, 1.1]), "all": part(0.5, [-0.5, 2.0])}
    monkeypatch.setattr(resultspage, "parts_of", lambda _: parts)
    monkeypatch.setattr(resultspage, "bound_of", lambda *_: 1.0)
    row = resultspage._losses({}).splitlines()[-1]
    assert [cell.strip() for cell in row.strip("|").split("|")][1:] == ["+1.0", "+0.5", "-0.5 to +2.0", "<= 1"]


def test_without_results_there_is_no_page(tmp_path):
    with pytest.raises(NoInputError, match="no results"):
        write_results(tmp_path / "runs", tmp_path / "models", tmp_path / "docs")
    assert not (tmp_path / "docs").exists()


def test_a_section_without_its_files_stays(tmp_path):
    """But not one of a model that has changed since."""
    runs, models, page = tmp_path / "runs", tmp_path / "models", tmp_path / "docs/results.md"
    crossval_file(runs, "small", "ravdess-5fold", {"fold-1": (0.66, 0.62)})
    write_results(runs, models, page.parent)
    before = page.read_text()
    shutil.rmtree(runs)
    page.write_text(before + "\n## `emotion` as a stream\n\nemotion@12345678: of a model that is gone\n")
    crossval_file(runs, "small", "leave-one-corpus-out", {"EmoDB": (0.6, 0.6)})
    write_results(runs, models, page.parent)
    after = page.read_text()
    assert after.startswith(before.rstrip())
    assert after.index("## RAVDESS") < after.index("## A corpus that was never heard")
    assert "gone" not in after
    write_results(runs, models, page.parent)
    assert page.read_text() == after


def test_cards_say_what_the_page_knows_of_their_kind(tmp_path):
    models, page = tmp_path / "models", tmp_path / "docs/results.md"
    (models / "held-out").mkdir(parents=True)
    for folder in (models, models / "held-out"):
        shutil.copyfile("models/held-out/emotion.tflite", folder / "emotion.tflite")
        (folder / "emotion.md").write_text("# emotion\n\nas it was exported\n\n## Speakers\n\nmany\n")
    identity = EmotionModel.load(models / "emotion.tflite").identity
    page.parent.mkdir()
    page.write_text(f"# Page\n\n## `emotion` as a stream\n\n{identity}\n\n![live](stream.png)\n")
    crossval_file(tmp_path / "runs", "small", "leave-one-corpus-out", {"EmoDB": (0.6, 0.6)})
    for _ in range(2):
        write_results(tmp_path / "runs", models, page.parent)
    for card, way in ((models / "emotion.md", "../docs"), (models / "held-out/emotion.md", "../../docs")):
        text = card.read_text()
        assert text.startswith("# emotion\n\nas it was exported\n\n## Speakers\n\nmany\n\n## As a stream\n\n")
        assert f"![live]({way}/stream.png)" in text
        assert f"]({way}/small-confusion.png)" in text
        assert text.count("| EmoDB  |") == text.count("## Corpora that were never heard") == 1


def stream_file(runs, identity, part, *, command="ser-train evaluate emotion.tflite --stream"):
    """As `evaluate --stream` writes it, as far as the page reads it; the tables are another's."""
    figures = {**AS_WANTED, "right_delay_median_s": 1.6}
    result = {
        "model": "emotion",
        "identity": identity,
        "speakers": part,
        "command": command,
        "revision": "abc123",
        "conditions": {"clean": figures, "room": figures},
        "noise": {"false_per_h": 0.0},
        "selective": {"wanted_accuracy": 0.8, "min_confidence": 0.62, "lowest": 0.62},
    }
    folder = runs / ("stream-emotion" if part == "test" else f"stream-emotion-{part}")
    folder.mkdir(parents=True)
    (folder / "stream.json").write_text(json.dumps(result))
    for picture in ("stream.png", "naming.png"):
        (folder / picture).write_bytes(f"{part} {picture}".encode())


def test_a_stream_is_shown_with_what_falls_short_and_how_its_threshold_was_chosen(tmp_path, monkeypatch):
    runs, models, docs = tmp_path / "runs", tmp_path / "models", tmp_path / "docs"
    (models / "held-out").mkdir(parents=True)
    shutil.copyfile("models/held-out/emotion.tflite", models / "held-out/emotion.tflite")
    monkeypatch.setattr(resultspage, "stream_tables", lambda _: "tables")
    identity = EmotionModel.load(models / "held-out/emotion.tflite").identity
    stream_file(runs, identity, "test")
    write_results(runs, models, docs)
    page = (docs / "results.md").read_text()
    assert "(revision abc123)" in page
    assert "of the clips that get one, s: clean 1.60, room 1.60; wanted 1.5 at most" in page
    assert "validation" not in page
    for picture in ("stream.png", "naming.png"):
        assert f"]({picture})" in page
        assert (docs / picture).read_text() == f"test {picture}"
    stream_file(runs, identity, "validation")
    write_results(runs, models, docs)
    page = (docs / "results.md").read_text()
    assert "`ser-train evaluate models/held-out/emotion.tflite --stream --speakers validation`" in page
    assert "`min_confidence` is chosen on the validation speakers" in page
    assert "under every condition on the validation speakers: 0.62. " in page
    assert "Right of the names from 0.62 on there, in %: clean 85.0, room 85.0." in page
    stream = runs / "stream-emotion-validation/stream.json"
    other = json.loads(stream.read_text())
    other["selective"]["lowest"] = None
    stream.write_text(json.dumps(other))
    write_results(runs, models, docs)
    page = (docs / "results.md").read_text()
    assert "`min_confidence` is 0.62, the monitor's default, and was not chosen on the validation speakers" in page
    assert "No min_confidence makes 80 % of the names right under every condition on the validation speakers." in page
    shutil.rmtree(runs / "stream-emotion-validation")
    (runs / "stream-emotion/naming.png").unlink()
    with pytest.raises(NoInputError, match=r"naming.png: no such file; run ser-train evaluate --stream again"):
        write_results(runs, models, docs)
    (runs / "stream-emotion/naming.png").write_bytes(b"a picture")
    stream_file(runs, "emotion@12345678", "validation")
    with pytest.raises(ConfigError, match=f"wanted {identity}, validation speakers"):
        write_results(runs, models, docs)

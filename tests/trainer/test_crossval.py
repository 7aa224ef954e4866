"""Cross-validation, comparison, pictures and questions: every verb on tiny corpora, as a user calls it."""

import importlib.util
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from dummy_corpora import make_tree

from trainer.baselines import Baseline
from trainer.cli import main
from trainer.compare import results_table
from trainer.figures import figures_of, read_predictions
from trainer.labels import label_scheme
from trainer.pictures import _OF, _warning
from trainer.plots import PLOTS, drawn
from trainer.plots.style import warned

pytestmark = pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed")
VECTORS = """
schema = 1
kind = "clip"
name = "vectors"
labels = { neutral = "calm", sad = "calm", happy = "lively", angry = "lively", fear = "lively" }
[corpora.RAVDESS]
[clip]
rate_hz = 16000
[[features]]
name = "mfcc"
n_mfcc = 13
[layout]
pooled = true
[baseline]
name = "svm"
[headline]
value = 0.9
source = "a test"
"""
PICTURES = """
schema = 1
kind = "clip"
name = "pictures"
labels = "gender-emotion-14"
augment = [[{ name = "inject" }]]
[corpora.RAVDESS]
[clip]
rate_hz = 16000
seconds = 1.0
[[features]]
name = "mel"
n_mels = 20
values = "db"
[layout]
scaling = "standard-global"
[architecture]
name = "conv1d"
convolutions = [{ filters = 8, kernel = 5, pool = 4 }]
[fit]
epochs = 3
batch_size = 8
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory, corpora_root):
    """A folder with recipes, in which results of earlier tests of this file are found again."""
    folder = tmp_path_factory.mktemp("experiments")
    (folder / "vectors.toml").write_text(VECTORS)
    (folder / "pictures.toml").write_text(PICTURES)
    return folder


@pytest.fixture
def call(worker, place, corpora_root):
    """Calls a verb in that folder; what it printed."""

    def called(verb, *words, code=0, corpora=True, how=call_verb):
        data = ["--data", str(corpora_root)] if corpora else []
        found, printed = worker(how, place, [verb, *map(str, words), *data])
        assert found == code, printed
        return printed

    return called


def call_verb(folder, arguments):
    """In another process: exit code, and what was printed."""
    printed, before = io.StringIO(), Path.cwd()
    os.chdir(folder)
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            return main(arguments), printed.getvalue()
    except SystemExit as end:
        return end.code, printed.getvalue()
    finally:
        os.chdir(before)


def call_interrupted(folder, arguments):
    """As `call_verb`, with Ctrl-C while the first classical model is fitted."""
    fit = Baseline.fit

    def interrupted(self, x, y):
        signal.raise_signal(signal.SIGINT)
        return fit(self, x, y)

    Baseline.fit = interrupted
    try:
        return call_verb(folder, arguments)
    finally:
        Baseline.fit = fit


def test_every_fold_is_trained_once_and_found_again(call, place):
    printed = call("crossval", "vectors.toml", "--protocol", "loso")
    assert "loso (speaker-independent), 4 folds" in printed
    result = json.loads((place / "runs/vectors/loso/crossval.json").read_text())
    assert result["leak"] == ""
    assert result["folds"] == [f"RAVDESS-{actor:02d}" for actor in range(1, 5)]
    predictions = read_predictions(place / "runs/vectors/loso/predictions-seed-0.npz")
    assert sorted(set(predictions.speakers)) == ["01", "02", "03", "04"]
    assert len(predictions.names) == len(set(predictions.names))
    figures = figures_of(predictions)
    assert result["seeds"]["0"]["uar"] == pytest.approx(figures["uar"])
    of_folds = [fold["uar"] for fold in figures["per_fold"].values()]
    assert result["uar"] == pytest.approx(np.mean(of_folds))
    trials = sorted((place / "runs/vectors/loso/seed-0").glob("*/predictions.npz"))
    before = [path.stat().st_mtime_ns for path in trials]
    assert len(trials) == 4
    call("crossval", "vectors.toml", "--protocol", "loso")
    assert [path.stat().st_mtime_ns for path in trials] == before


def test_figures_of_another_recipe_or_of_other_clips_are_never_shown(call, place, corpora_root, tmp_path):
    call("crossval", "vectors.toml", "--protocol", "loso", "--out", tmp_path / "kept")
    other = tmp_path / "other.toml"
    other.write_text(VECTORS.replace('name = "svm"', 'name = "knn"'))
    assert "another recipe" in call("crossval", other, "--protocol", "loso", "--out", tmp_path / "kept", code=78)
    # Other words for the same thing are no other recipe.
    other.write_text(VECTORS.replace("schema = 1", 'schema = 1\ndescription = "in other words"'))
    call("crossval", other, "--protocol", "loso", "--out", tmp_path / "kept")
    fewer = tmp_path / "corpora"
    shutil.copytree(corpora_root / "RAVDESS", fewer / "RAVDESS")
    next((fewer / "RAVDESS").rglob("*-01.wav")).unlink()
    words = ("--protocol", "loso", "--out", tmp_path / "kept", "--data", fewer)
    assert "other clips" in call("crossval", "vectors.toml", *words, code=78, corpora=False)


def test_variants_of_a_suite_do_not_share_a_folder(call, place, tmp_path):
    (tmp_path / "suite.toml").write_text(
        VECTORS.replace('[baseline]\nname = "svm"', "").replace('"vectors"', '"suite"')
        + '[variants.a]\nbaseline = { name = "svm" }\n[variants.b]\nbaseline = { name = "tree" }\n'
    )
    call("crossval", tmp_path / "suite.toml", "--protocol", "random", "--out", tmp_path / "out")
    assert sorted(path.parent.parent.name for path in tmp_path.glob("out/*/random/crossval.json")) == [
        "suite-a",
        "suite-b",
    ]
    call("train", tmp_path / "suite.toml", "--out", tmp_path / "trained")
    assert sorted(path.parent.name for path in tmp_path.glob("trained/*/metrics.json")) == ["suite-a", "suite-b"]


def test_ctrl_c_ends_classical_trainings_too(call, tmp_path):
    words = ("crossval", "vectors.toml", "--protocol", "loso", "--out", tmp_path)
    assert "interrupted; the same command goes on" in call(*words, code=130, how=call_interrupted)
    assert not list(tmp_path.rglob("predictions.npz"))
    call(*words)


def test_the_published_folds_say_who_is_not_here(call, place):
    printed = call("crossval", "vectors.toml", "--protocol", "ravdess-5fold")
    assert "fold 3 left out: actors" in printed
    notes = json.loads((place / "runs/vectors/ravdess-5fold/crossval.json").read_text())["notes"]
    assert any("fold 2 left out" in note for note in notes)


def test_a_leak_is_said_wherever_the_figure_is(call, place):
    printed = call("crossval", "vectors.toml", "--protocol", "random")
    assert printed.count("LEAKY: every speaker is on both sides") == 2
    folder = place / "runs/vectors/random"
    assert json.loads((folder / "crossval.json").read_text())["leak"]
    assert "LEAKY" in json.loads((folder / "seed-0/random/metrics.json").read_text())["protocol"]
    assert "LEAKY" in _warning([folder])
    figure = drawn("confusion", confusion=[[1]], labels=["calm"])
    assert [text.get_text() for text in warned(figure, _warning([folder])).texts if "LEAKY" in text.get_text()]
    assert not _warning([place / "runs/vectors/loso"])


def test_trials_side_by_side_give_what_one_after_the_other_gives(call, place):
    words = ("crossval", "vectors.toml", "--protocol", "loso")
    call(*words)
    printed = call(*words, "--jobs", "2", "--out", "apart")
    assert "seed 0, RAVDESS-01" not in printed
    one, other = (read_predictions(place / out / "vectors/loso/predictions-seed-0.npz") for out in ("runs", "apart"))
    assert one.names == other.names
    np.testing.assert_allclose(one.posteriors, other.posteriors, atol=1e-9)


def test_several_seeds_give_a_spread(call, place):
    call("crossval", "pictures.toml", "--protocol", "random", "--seeds", "2")
    result = json.loads((place / "runs/pictures/random/crossval.json").read_text())
    assert list(result["seeds"]) == ["0", "1"]
    assert result["uar"] == pytest.approx(np.mean([one["uar_fold_mean"] for one in result["seeds"].values()]))
    assert result["uar_deviation"] is not None
    # Gender and emotion apart.
    assert len(result["emotion_alone"]) == 2
    assert result["emotion_alone"][0]["labels"] == list(label_scheme("emotion-7").labels)


def test_a_recipe_for_the_daemon_is_cross_validated_through_its_own_windows(call, place, tiny_path, tmp_path):
    """And trained on whom it was chosen by, as its recipe asks."""
    refit = tmp_path / "tiny.toml"
    refit.write_text(tiny_path.read_text() + "refit = true\n")
    printed = call("crossval", refit, "--protocol", "holdout", "--out", "stream")
    assert "holdout (speaker-independent), 1 folds" in printed
    folder = place / "stream/tiny/holdout/seed-0/holdout"
    assert (folder / "model.keras").is_file()
    tested = json.loads((folder / "provenance.json").read_text())["speakers"]
    assert tested["RAVDESS"] == {"train": ["01", "03", "04"], "test": ["02"]}
    assert "the speakers to choose by are trained on too" in printed
    predictions = read_predictions(folder / "predictions.npz")
    assert set(predictions.speaker_keys) == {
        f"{corpus}/{speaker}" for corpus, parts in tested.items() for speaker in parts.get("test", [])
    }
    assert set(predictions.corpus) == {"RAVDESS", "EmoDB", "nEMO"}


def test_systems_side_by_side(call, place):
    printed = call("compare", "vectors.toml", "pictures.toml", "--protocol", "loso", "--docs", "docs")
    rows = json.loads((place / "runs/compare.json").read_text())["systems"]
    assert [row["name"] for row in rows] == ["vectors", "pictures"]
    assert rows[0]["headline"]["value"] == 0.9
    assert rows[0]["own"]["protocol"] == "random"
    page = (place / "docs/earlier.md").read_text()
    assert results_table(rows) in page
    assert results_table(rows) in printed
    assert "ser-train compare vectors.toml pictures.toml --protocol loso --seeds 1" in page
    assert (place / "docs/earlier.svg").read_text().startswith("<?xml")
    assert "**vectors** was stated at 90.0 %. Our recipe reaches" in page
    assert page.count("LEAKY") >= 2
    for row in rows:
        assert row["independent"]["cost"]["answer_ms"] > 0
        assert row["independent"]["cost"]["model_bytes"] > 1000
    # The same figures as by crossval alone.
    alone = json.loads((place / "runs/vectors/loso/crossval.json").read_text())
    assert rows[0]["independent"]["uar"] == alone["uar"]


def test_a_corpus_that_is_not_here_has_a_stand_in_and_says_so(call, place, tmp_path):
    path = tmp_path / "away.toml"
    path.write_text(VECTORS.replace("[corpora.RAVDESS]", "[corpora.CREMA-D]").replace("vectors", "away"))
    assert "no such folder" in call("crossval", path, code=66)
    path.write_text(path.read_text().replace("schema = 1", 'schema = 1\nstand_in = "RAVDESS"'))
    printed = call("crossval", path, "--protocol", "random")
    assert "on RAVDESS: the audio of CREMA-D is not here" in printed
    assert json.loads((place / "runs/away/random/crossval.json").read_text())["corpora"] == ["RAVDESS"]


def test_a_system_without_the_protocol_s_corpus_is_judged_by_another(call, place, tmp_path):
    """One owner has CREMA-D: the table must not end there."""
    emotions = ("ANG", "FEA", "HAP", "NEU", "SAD")
    make_tree(tmp_path, [f"CREMA-D/{number}_DFA_{word}_XX.wav" for number in range(1001, 1007) for word in emotions])
    path = tmp_path / "crema.toml"
    path.write_text(VECTORS.replace("[corpora.RAVDESS]", "[corpora.CREMA-D]").replace('"vectors"', '"crema"'))
    call("compare", path, "--out", tmp_path / "out", "--docs", tmp_path / "docs", "--data", tmp_path, corpora=False)
    row = json.loads((tmp_path / "out/compare.json").read_text())["systems"][0]
    assert row["independent"]["protocol"] == "group-5fold"
    assert "By group-5fold, as its corpora hold no RAVDESS" in (tmp_path / "docs/earlier.md").read_text()


def test_the_number_of_seeds_is_above_0(call):
    assert "found 0, wanted 1 or more" in call("crossval", "vectors.toml", "--seeds", "0", code=2)


def test_speakers_who_are_not_here_are_said(call, tmp_path):
    path = tmp_path / "absent.toml"
    path.write_text(VECTORS.replace("[corpora.RAVDESS]", '[corpora.RAVDESS]\ntest = ["02", "99"]\nvalidation = ["03"]'))
    assert "RAVDESS: speakers 99, whom the recipe holds out, are not here" in call(
        "train", path, "--out", tmp_path / "out"
    )
    path.write_text(VECTORS.replace("[corpora.RAVDESS]", '[corpora.RAVDESS]\ntest = ["98", "99"]'))
    assert "nothing to train or to test on" in call("train", path, "--out", tmp_path / "other", code=66)


@pytest.mark.parametrize("name", ["vectors", "pictures"])
def test_a_trained_run_answers_to_recordings(call, place, corpora_root, name):
    printed = call("train", f"{name}.toml", "--out", f"runs/{name}-alone")
    assert "never heard before" in printed
    pictures = {path.stem for path in (place / f"runs/{name}-alone").glob("*.png")}
    assert pictures == {"confusion", "reliability", "speakers"} | ({"training"} if name == "pictures" else set())
    clip = next((corpora_root / "RAVDESS").rglob("*.wav"))
    answer = call("evaluate", f"runs/{name}-alone", clip, corpora=False)
    shares = [float(cell) for cell in answer.splitlines()[-1].split("|")[3:-1]]
    assert clip.name in answer
    assert sum(shares) == pytest.approx(100, abs=1)
    assert "is finished" in call("train", f"{name}.toml", "--out", f"runs/{name}-alone")
    assert "cannot be decoded" in call("evaluate", f"runs/{name}-alone", f"{name}.toml", code=65, corpora=False)
    assert "no recording was named" in call("evaluate", f"runs/{name}-alone", code=66, corpora=False)
    assert "no such file" in call("evaluate", f"runs/{name}-alone", "nowhere.wav", code=66, corpora=False)
    assert "for whole clips" in call("export", f"runs/{name}-alone", code=78)


OF_JUDGED_MODELS = {"stream", "naming", "coverage", "conditions"}
"""Drawn where these are judged: in test_evaluation and test_stream."""


@pytest.mark.parametrize("name", [name for name in PLOTS if name not in {"rates", *OF_JUDGED_MODELS}])
def test_every_plot_is_drawn(call, place, name):
    sources = {
        "training": ["runs/pictures/random/seed-0/random"],
        "comparison": ["runs"],
        **{one: ["runs/pictures/random"] for one in ("confusion", "reliability", "speakers", "embedding")},
    }.get(name, [])
    call("plot", name, *sources, "--recipe", "pictures.toml", "--out", "plots")
    assert (place / f"plots/{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_plots_are_listed_with_what_they_need(call):
    printed = call("plot", "list", corpora=False)
    assert all(name in printed for name in PLOTS)
    assert set(_OF) == set(PLOTS)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["confusion"], 66, "found 0 sources, wanted one"),
        (["confusion", "docs"], 66, "no predictions here"),
        (["training", "docs"], 66, "log"),
        (["comparison", "docs"], 66, "ser-train compare"),
        (["nonsense"], 78, "known: classes"),
        (["rates"], 66, "--find-rate"),
    ],
)
def test_a_plot_that_cannot_be_drawn_says_what_it_wants(call, words, code, message):
    assert message in call("plot", *words, code=code)


def test_a_rate_is_found(call, place):
    printed = call("train", "pictures.toml", "--find-rate", "--out", "rate")
    assert "the loss falls fastest at a rate of" in printed
    assert (place / "rate/rates.png").is_file()
    assert "no network for whole clips" in call("train", "vectors.toml", "--find-rate", code=78)


@pytest.mark.parametrize("option", ["--begin-with", "--everyone"])
def test_a_rate_is_not_found_for_another_training_than_was_asked_for(call, place, option):
    assert f"leave {option} away" in call(
        "train", "pictures.toml", "--find-rate", option, "run", "--out", "none", code=2
    )
    assert not (place / "none").exists()


def test_killed_in_the_middle_and_called_again_it_gives_the_same_figures(call, place, corpora_root):
    """With SIGKILL, in the second epoch of the first trial."""
    (place / "long.toml").write_text(PICTURES.replace("epochs = 3", "epochs = 12").replace('"pictures"', '"long"'))
    words = ["crossval", "long.toml", "--protocol", "random", "--data", str(corpora_root)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd() if (Path.cwd() / "trainer").is_dir() else ROOT)}
    broken = subprocess.Popen(
        [sys.executable, "-m", "trainer.cli", *words, "--out", "broken"],
        cwd=place,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    log, deadline = place / "broken/long/random/seed-0/random/log.jsonl", time.monotonic() + 60
    while not (log.exists() and len(log.read_text().splitlines()) >= 2):
        assert time.monotonic() < deadline
        assert broken.poll() is None
        time.sleep(0.01)
    broken.send_signal(signal.SIGKILL)
    broken.wait()
    assert not (place / "broken/long/random/crossval.json").exists()
    call("crossval", "long.toml", "--protocol", "random", "--out", "broken")
    call("crossval", "long.toml", "--protocol", "random", "--out", "whole")
    first, second = (
        read_predictions(place / f"{folder}/long/random/predictions-seed-0.npz") for folder in ("broken", "whole")
    )
    np.testing.assert_allclose(first.posteriors, second.posteriors, atol=1e-5)
    assert figures_of(first)["uar"] == figures_of(second)["uar"]


ROOT = Path(__file__).parents[2]

"""The whole cycle on tiny corpora: train, interrupt, resume, export, evaluate, listen.

TensorFlow stays in processes of its own: it clashes with the small interpreter that other tests load here.
"""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from dummy_corpora import voice

from monitor.card import read_model_file
from monitor.errors import ModelError, MonitorError
from monitor.model import EmotionModel
from monitor.pipeline import Pipeline
from monitor.records import AudioBlock, EmotionEvent, Estimate
from trainer.everyone import train_everyone
from trainer.labels import label_scheme
from trainer.noises import LICENCES as NOISES
from trainer.rooms import LICENCES as ROOMS
from trainer.runs import write_json

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed"),
]
ROOT = Path(__file__).resolve().parents[2]
STOPPED = """
import sys
from pathlib import Path
from trainer.beginning import read_beginning
from trainer.experiment import train_recipe
from trainer.recipefile import read_recipe
at, recipe, root, out, *begun = sys.argv[1:]
beginning = read_beginning(Path(*begun)) if begun else None
try:
    train_recipe(
        read_recipe(Path(recipe)), Path(root), Path(out), should_stop=lambda step: step == int(at), beginning=beginning
    )
except KeyboardInterrupt:
    sys.exit(130)
"""
TINY = Path(__file__).parent / "tiny.toml"
WEIGHTS_APART = """
import json, sys
from pathlib import Path
import numpy as np
from trainer.adapter import is_adapter
from trainer.network import read_network
one, other = (read_network(Path(run) / "model.keras").weights for run in sys.argv[1:])
laid_on, adapters = ([w for w in other if is_adapter(w) is it] for it in (False, True))
before = [w for w in one if not is_adapter(w)]
apart = [float(np.abs(np.array(a) - np.array(b)).max()) for a, b in zip(before, laid_on, strict=True)]
own = [float(np.abs(np.array(w)).max()) for w in adapters]
between = [float(np.abs(np.array(a) - np.array(b)).max()) for a, b in zip([w for w in one if is_adapter(w)], adapters)]
print(json.dumps([apart, own, between]))
"""


def run(*command, cwd, code=0):
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(cwd), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stderr if code else done.stdout


def distance(one, other, what, *, cwd):
    """The largest between the networks of two runs, of `what` they hold."""
    printed = run(
        "-c",
        "import sys, json, numpy as np\nfrom pathlib import Path\nfrom trainer.network import read_network\n"
        f"a, b = (read_network(Path(p)).{what} for p in sys.argv[1:])\n"
        "print(json.dumps(max(float(np.abs(x - y).max()) for x, y in zip(a, b, strict=True))))",
        one / "model.keras",
        other / "model.keras",
        cwd=cwd,
    )
    return json.loads(printed.splitlines()[-1])


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def tiny_path(tmp_path_factory, tiny_path):
    """With a head for the gender, but none for speech: after twelve steps it is not sure that anybody speaks."""
    text = tiny_path.read_text()
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    tasks = "[tasks]\ngender = 0.1\n"
    path.write_text(text.replace("[non_speech]\nshare = 0.25\ncopies = 2\n", tasks))
    assert path.read_text() != text
    return path


@pytest.fixture(scope="module")
def trained(workplace, corpora_root, tiny_path):
    train = ("-m", "trainer.cli", "train", tiny_path, "--data", corpora_root)
    return train, run(*train, cwd=workplace)


@pytest.fixture(scope="module")
def resumed(trained, workplace, corpora_root, tiny_path):
    train, _ = trained
    run("-c", STOPPED, 7, tiny_path, corpora_root, "runs/resumed", cwd=workplace, code=130)
    assert (workplace / "runs/resumed/state.npz").exists()
    run(*train, "--out", "runs/resumed", cwd=workplace)
    return workplace / "runs/resumed"


@pytest.fixture(scope="module")
def exported(trained, workplace, corpora_root):
    return run("-m", "trainer.cli", "export", "runs/tiny", "--data", corpora_root, cwd=workplace)


@pytest.fixture(scope="module")
def everyones(exported, trained, workplace, corpora_root):
    """The model of a run that held nobody out, in a folder whose sibling is that of the judged run."""
    judged = ("-m", "trainer.cli", "export", "runs/tiny", "--models", "everyone/held-out", "--data", corpora_root)
    run(*judged, cwd=workplace)
    run(*trained[0], "--everyone", "runs/tiny", cwd=workplace)
    export = ("-m", "trainer.cli", "export", "runs/tiny-everyone", "--models", "everyone", "--data", corpora_root)
    run(*export, cwd=workplace)
    return workplace / "everyone/tiny.tflite"


def test_run_folder_tells_where_the_model_comes_from(trained, workplace):
    _, printed = trained
    folder = workplace / "runs/tiny"
    assert {path.name for path in folder.iterdir()} >= {"recipe.json", "provenance.json", "log.jsonl", "model.keras"}
    provenance = json.loads((folder / "provenance.json").read_text())
    assert provenance["seed"] == 3
    assert provenance["speakers"]["EmoDB"] == {"train": ["03"], "validation": ["09"], "test": ["08"]}
    assert "RAVDESS: train 01 04; validation 03; test 02" in printed
    steps = [json.loads(line)["step"] for line in (folder / "log.jsonl").read_text().splitlines()]
    assert steps == [6, 12]
    assert json.loads((folder / "metrics.json").read_text())["steps"] == 12


def test_finished_run_is_left_alone(trained, workplace):
    train, _ = trained
    before = (workplace / "runs/tiny/model.keras").stat().st_mtime_ns
    assert "is finished" in run(*train, cwd=workplace)
    assert (workplace / "runs/tiny/model.keras").stat().st_mtime_ns == before


def test_interrupted_and_resumed_equals_unbroken(resumed, workplace):
    """Losses and validation to 1e-4, weights to 1e-4: threads add floats in varying order."""
    looks = [
        [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        for folder in (workplace / "runs/tiny", resumed)
    ]
    assert [look["step"] for look in looks[1]] == [6, 12]
    assert looks[0][0]["loss"] == pytest.approx(looks[1][0]["loss"], abs=1e-4)
    assert distance(workplace / "runs/tiny", resumed, "get_weights()", cwd=workplace) < 1e-4


def test_run_of_another_recipe_is_refused(trained, workplace, corpora_root, tiny_path):
    other = workplace / "other.toml"
    other.write_text(tiny_path.read_text().replace("steps = 12", "steps = 13"))
    run("-m", "trainer.cli", "train", other, "--data", corpora_root, "--out", "runs/tiny", cwd=workplace, code=78)


def test_exported_model_listens(exported, workplace):
    model = EmotionModel.load(workplace / "models/tiny.tflite")
    samples = np.concatenate([np.rint(voice("happy", 1, seconds=4) * 20000), np.zeros(16000)]).astype(np.int16)
    pipeline = Pipeline(model)
    events = [*pipeline.push(AudioBlock(samples, 0)), *pipeline.flush()]
    assert any(isinstance(event, Estimate) for event in events)
    assert [event.type for event in events if isinstance(event, EmotionEvent)][-1] == "end"


def test_every_form_loads_here(exported, workplace):
    forms = json.loads((workplace / "runs/tiny/export/forms.json").read_text())
    assert [form["form"] for form in forms["forms"]] == ["float32", "float16", "dynamic", "int8"]
    for form in forms["forms"]:
        model = EmotionModel.load(workplace / f"runs/tiny/export/tiny-{form['form']}.tflite")
        assert model.card.quantisation == form["form"]
        assert form["agreement"] > 0.5
    assert forms["forms"][0]["agreement"] == 1.0


def test_card_carries_figures_licences_and_notice(exported, workplace):
    card = read_model_file(workplace / "models/tiny.tflite").card
    assert {metric.name for metric in card.metrics} >= {"uar", "war", "keras_tflite_agreement", "window_ms"}
    assert {licence.source for licence in card.licences} == {
        "RAVDESS",
        "EmoDB",
        "nEMO",
        *(licence.source for licence in (*NOISES, *ROOMS)),
    }
    assert "not a reading of what someone feels" in card.notice
    text = (workplace / "models/tiny.md").read_text()
    for wanted in ("## Speakers", "| RAVDESS |", "Art. 5(1)(f)", "CC BY-NC-SA 4.0", "ser-train evaluate"):
        assert wanted in text


def test_evaluation_counts_every_test_clip(exported, workplace, corpora_root):
    printed = run(
        "-m", "trainer.cli", "evaluate", "models/tiny.tflite", "--data", corpora_root, "--out", "judged", cwd=workplace
    )
    result = json.loads((workplace / "judged/evaluation.json").read_text())
    assert {corpus: figures["speakers"] for corpus, figures in result["corpora"].items()} == {
        "RAVDESS": ["02"], "EmoDB": ["08"], "nEMO": ["EB0"],
    }  # fmt: skip
    for figures in result["corpora"].values():
        assert set(figures["levels"]) == {"original", "-50", "-35", "-20", "-10"}
        assert sum(map(sum, figures["confusion"])) == 10
    assert result["parity"]["keras_tflite_clips"] == 1.0
    assert result["parity"]["batch_streaming_clips"] == 1.0
    assert "parity over 30 clips" in printed


def test_the_whole_cycle_from_corpora_to_a_recording(exported, workplace, corpora_root, tiny_path):
    """Corpora, training, cross-validation, export, and what the monitor says of a recording; in the same folder."""
    listed = run("-m", "trainer.cli", "corpora", "--data", corpora_root, cwd=workplace)
    assert all(name in listed for name in ("RAVDESS", "EmoDB", "nEMO"))
    words = ("--protocol", "holdout", "--data", corpora_root)
    judged = run("-m", "trainer.cli", "crossval", tiny_path, *words, cwd=workplace)
    assert "tiny, holdout (speaker-independent): UAR" in judged
    clip = next((corpora_root / "RAVDESS").rglob("*.wav"))
    model = workplace / "models/tiny.tflite"
    said = json.loads(run("-m", "monitor.cli", "analyze", "--json", "--model", model, clip, cwd=workplace))
    labels = json.loads((workplace / "runs/tiny/recipe.json").read_text())["labels"]
    assert labels == "emotion-7"
    assert said["emotion"] is None or said["emotion"] in label_scheme(labels).labels
    assert said["duration_s"] > 1


def test_everyones_model_heard_all_and_quotes_its_sibling(everyones, workplace):
    sibling, own = read_model_file(workplace / "everyone/held-out/tiny.tflite"), read_model_file(everyones)
    assert own.card.provenance["speakers"] == {
        "RAVDESS": {"train": ["01", "02", "03", "04"]},
        "EmoDB": {"train": ["03", "08", "09"]},
        "nEMO": {"train": ["EB0", "KD0", "MP0"]},
    }
    assert own.card.tflite_sha256 != sibling.card.tflite_sha256
    assert own.card.quantisation == sibling.card.quantisation
    assert own.card.provenance["temperature"] == sibling.card.provenance["temperature"]
    assert own.card.provenance["judged_sibling"] == sibling.identity
    assert [metric.value for metric in own.card.metrics] == [metric.value for metric in sibling.card.metrics]
    assert all(sibling.identity in metric.on for metric in own.card.metrics)
    text = everyones.with_suffix(".md").read_text()
    assert f"all figures below are those of its sibling** [`{sibling.identity}`](held-out/tiny.md)" in text
    assert "`ser-train evaluate everyone/held-out/tiny.tflite`" in text
    assert "`ser-train export runs/tiny --models everyone/held-out`" in text
    assert EmotionModel.load(everyones).identity in text
    assert {path.name for path in (everyones.parent / "pictures/tiny").iterdir()} == {
        path.name for path in (workplace / "models/pictures/tiny").iterdir()
    }


def test_everyones_model_is_not_judged_by_whom_it_heard(everyones, workplace, corpora_root):
    judge = (sys.executable, "-m", "trainer.cli", "evaluate", str(everyones), "--data", str(corpora_root))
    done = subprocess.run(judge, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == ModelError("").exit_code
    assert "models/held-out/tiny.tflite" in done.stderr


def test_everyone_can_be_trained_beside_the_judged_run_and_waits_for_its_end(trained, workplace):
    judged, command = workplace / "runs/late", (*trained[0], "--everyone", "runs/late", "--out", "runs/early")
    shutil.copytree(workplace / "runs/tiny", judged)
    (judged / "metrics.json").rename(judged / "later.json")
    printed = run(*command, cwd=workplace, code=66)
    assert "runs/late: is not finished" in printed
    assert not (workplace / "runs/early/model.keras").exists()
    (judged / "later.json").rename(judged / "metrics.json")
    steps = (workplace / "runs/early/log.jsonl").read_text()
    run(*command, cwd=workplace)
    assert (workplace / "runs/early/log.jsonl").read_text() == steps  # nothing was trained twice
    found, wanted = (json.loads((workplace / f"runs/{name}/metrics.json").read_text()) for name in ("early", "late"))
    assert found["temperature"] == wanted["temperature"]
    assert found["gender_temperature"] == wanted["gender_temperature"] != 1


def test_labels_by_gender_come_from_the_same_run(exported, workplace, corpora_root, tiny_path):
    path = workplace / "seeing.toml"
    text = tiny_path.read_text().replace('name = "tiny"', 'name = "seeing"', 1)
    path.write_text(text.replace("gender = 0.1\n", "gender = 0.1\nspeech_activity = 0.2\n"))
    run("-m", "trainer.cli", "train", path, "--data", corpora_root, cwd=workplace)
    export = ("-m", "trainer.cli", "export", "runs/seeing", "--by-gender", "--models", "gendered")
    run(*export, "--data", corpora_root, cwd=workplace)
    file = read_model_file(workplace / "gendered/gender-seeing.tflite")
    assert file.card.labels[:2] == ("female_neutral", "female_happy")
    assert len(file.card.labels) == 14
    assert file.card.activity_steps == 30
    metrics = json.loads((workplace / "runs/seeing/metrics.json").read_text())
    assert file.card.provenance["gender_temperature"] == metrics["gender_temperature"]
    assert "gender_temperature" not in read_model_file(workplace / "models/tiny.tflite").card.provenance
    model = EmotionModel(file)
    answer = model.answer(file.probe.features)
    assert answer.posteriors.sum() == pytest.approx(1)
    assert answer.activity.shape == (30,)
    assert ((answer.activity > 0) & (answer.activity < 1)).all()
    assert (workplace / "gendered/gender-seeing.md").is_file()


@pytest.fixture(scope="module")
def further(trained, workplace, tiny_path):
    """A recipe that goes on with the network of `tiny` and changes next to nothing of it."""
    path = workplace / "further.toml"
    text = tiny_path.read_text().replace('name = "tiny"', 'name = "tiny-further"\nmodel = "tiny"', 1)
    rate = 'begins_with = "tiny"\nlearning_rate = 1e-9\nsteps = 2'
    path.write_text(text.replace("steps = 12", rate).replace("averaging = 0.9", "averaging = 0.0"))
    return path


def test_a_training_goes_on_with_the_network_of_another(further, workplace, corpora_root):
    train = ("-m", "trainer.cli", "train", further, "--data", corpora_root)
    run(*train, "--begin-with", "runs/tiny", cwd=workplace)
    again = further.with_name("again.toml")
    text = further.read_text().replace('"tiny-further"', '"tiny-again"', 1)
    again.write_text(text.replace('begins_with = "tiny"', 'begins_with = "tiny-further"'))
    runs = workplace / "runs/tiny", workplace / "runs/tiny-further"
    assert distance(*runs, "trainable_variables", cwd=workplace) < 1e-6
    run("-m", "trainer.cli", "export", "runs/tiny-further", "--models", "on", "--data", corpora_root, cwd=workplace)
    provenance = read_model_file(workplace / "on/tiny.tflite").card.provenance
    network = (workplace / "runs/tiny/model.keras").read_bytes()
    assert provenance["recipe"] == "tiny-further"
    assert provenance["began_with"]["recipe"] == "tiny"
    assert provenance["began_with"]["sha256"] == hashlib.sha256(network).hexdigest()
    card = (workplace / "on/tiny.md").read_text()
    assert "`ser-train train tiny`, `ser-train train tiny-further --begin-with runs/tiny`" in card
    # What goes on with that tells of both.
    train = ("-m", "trainer.cli", "train", again, "--data", corpora_root)
    run(*train, "--begin-with", "on/tiny.tflite", cwd=workplace)
    told = json.loads((workplace / "runs/tiny-again/beginning.json").read_bytes())
    assert told["recipe"] == "tiny-further"
    assert told["began_with"] == provenance["began_with"]
    run(*train, "--begin-with", "runs/tiny-further", "--out", "runs/again", cwd=workplace)
    assert json.loads((workplace / "runs/again/beginning.json").read_bytes())["began_with"] == told["began_with"]


def test_it_begins_with_nobody_who_knows_its_judges(further, everyones, workplace, corpora_root, tiny_path):
    def refusal(recipe, *words):
        command = ("-m", "trainer.cli", "train", recipe, "--data", corpora_root, "--out", "runs/refused", *words)
        return run(*command, cwd=workplace, code=78)

    assert "EmoDB 08 09, by whom 'tiny-further' is judged" in refusal(further, "--begin-with", "runs/tiny-everyone")
    assert "EmoDB 08 09, by whom 'tiny-further' is judged" in refusal(further, "--begin-with", everyones)
    assert "begins with the network of 'tiny', found chance" in refusal(further)
    assert "begins with chance, found the network of 'tiny'" in refusal(tiny_path, "--begin-with", "runs/tiny")
    assert not (workplace / "runs/refused").exists()


@pytest.fixture(scope="module")
def sounds(workplace, corpora_root, tmp_path_factory):
    """A network with all heads, and a recipe that teaches an adapter on it."""
    folder = tmp_path_factory.mktemp("sounds")
    text = TINY.read_text().replace("[augment]", "[tasks]\ngender = 0.1\nspeech_activity = 0.2\n[augment]", 1)
    speech, sounds = folder / "speech.toml", folder / "sounds.toml"
    speech.write_text(text.replace('name = "tiny"', 'name = "tiny-speech"', 1))
    adapter = 'begins_with = "tiny-speech"\nlabel_smoothing = 0.0\n[adapter]\nunits = 4\n'
    sounds.write_text(text.replace('name = "tiny"', 'name = "tiny-sounds"', 1) + adapter)
    run("-m", "trainer.cli", "train", speech, "--data", corpora_root, cwd=workplace)
    train = ("-m", "trainer.cli", "train", sounds, "--begin-with", "runs/tiny-speech", "--data", corpora_root)
    run(*train, cwd=workplace)
    return sounds, train


def test_only_the_adapter_is_taught(sounds, workplace):
    """The network that it is laid on, batch statistics too, is the same to the last bit."""
    told = run("-c", WEIGHTS_APART, "runs/tiny-speech", "runs/tiny-sounds", cwd=workplace)
    apart, own, _ = json.loads(told.splitlines()[-1])
    assert len(apart) > 40
    assert set(apart) == {0.0}
    assert len(own) == 16, "kernel and bias of four layers, for each of two members"
    assert min(own) > 1e-5, "last layers begin with zeros"


def test_the_teaching_of_an_adapter_goes_on_where_it_was_stopped(sounds, workplace, corpora_root):
    recipe, train = sounds
    run("-c", STOPPED, 4, recipe, corpora_root, "runs/stopped", "runs/tiny-speech", cwd=workplace, code=130)
    assert (workplace / "runs/stopped/state.npz").exists()
    run(*train, "--out", "runs/stopped", cwd=workplace)
    told = run("-c", WEIGHTS_APART, "runs/tiny-sounds", "runs/stopped", cwd=workplace)
    apart, _, between = json.loads(told.splitlines()[-1])
    assert len(between) == 16
    assert {*apart, *between} == {0.0}


def test_everyone_wants_a_run_of_the_same_recipe(tmp_path, corpora_root, tiny):
    thirteen = tiny.replaced(training=msgspec.structs.replace(tiny.training, steps=13))
    best = tiny.replaced(training=msgspec.structs.replace(tiny.training, keep="best"))
    for name, recipe in (("same", tiny), ("thirteen", thirteen), ("best", best)):
        (tmp_path / name).mkdir()
        write_json(tmp_path / name / "recipe.json", recipe)
    write_json(tmp_path / "best/metrics.json", {"temperature": 1.0})
    refused = (
        (tiny, "nowhere", "no run here"),
        (tiny, "thirteen", "another recipe"),
        (best, "best", "nobody has to be held out"),
    )
    for recipe, judged, wanted in refused:
        with pytest.raises(MonitorError, match=wanted):
            train_everyone(recipe, corpora_root, tmp_path / "out", tmp_path / judged)
    assert not (tmp_path / "out").exists()
    # The folder of another run is not marked as one on everybody.
    write_json(tmp_path / "same/metrics.json", {"temperature": 1.0})
    with pytest.raises(MonitorError, match="another recipe"):
        train_everyone(tiny, corpora_root, tmp_path / "thirteen", tmp_path / "same")
    assert not (tmp_path / "thirteen/judged.json").exists()

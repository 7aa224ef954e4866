"""Both verbs over the shipped model and tiny corpora; worth; settings."""

import json
import tomllib
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from judged_model import JUDGED
from stream_corpora import make_stream_root

from monitor.card import read_model_file
from monitor.config import load_configuration
from monitor.errors import ConfigError
from monitor.pipeline import GateRule
from monitor.pipeline.smoother import DecisionRule
from monitor.pipeline.windows import WindowRule
from trainer import streamsettings, tuning
from trainer.cli import main
from trainer.conversations import CONDITIONS, Stage, scene_of
from trainer.streamaims import keeps_aims, worth
from trainer.streamevaluation import cut_out
from trainer.streamsettings import GateSetting, StreamSetting, drawn_decisions, drawn_gates, read_setting
from trainer.streamtasks import stream_tasks

OWN = WindowRule(300, 50, 1.0, 0.5)


@pytest.fixture(scope="module")
def root(corpora_root, tmp_path_factory):
    return make_stream_root(corpora_root, tmp_path_factory.mktemp("stream") / "data")


N_PER_SPEAKER = 3


@pytest.fixture(autouse=True)
def _little_work(monkeypatch):
    # Starting other processes takes longer than the work.
    monkeypatch.setattr("trainer.workers.MAX_WORKERS", 1)
    monkeypatch.setattr("trainer.streamevaluation.stream_tasks", lambda *given: stream_tasks(*given, N_PER_SPEAKER))


@pytest.fixture(scope="module")
def tuned(root, tmp_path_factory):
    out = tmp_path_factory.mktemp("tune")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainer.workers.MAX_WORKERS", 1)
        assert run_tune(root, out) == 0
    return out


def run_tune(root, out, settings=4):
    words = ["--settings", str(settings), "--clips", str(N_PER_SPEAKER), "--data", str(root), "--out", str(out)]
    return main(["tune", str(JUDGED), *words])


def evaluate(root, out, *words):
    places = ["--data", str(root), "--out", str(out)]
    return main(["evaluate", str(JUDGED), "--stream", "--speakers", "validation", *places, *words])


def test_a_stream_is_judged_under_every_condition(root, tmp_path, capsys):
    assert evaluate(root, tmp_path) == 0
    printed = capsys.readouterr()
    result = json.loads((tmp_path / "stream.json").read_text())
    assert list(result["conditions"]) == ["clean", "noise 20 dB", "noise 10 dB", "room", "levels"]
    assert set(result["corpora"]) == {"RAVDESS", "nEMO"}
    assert result["clips"]["answers"] == 2 * N_PER_SPEAKER
    for figures in result["conditions"].values():
        assert figures["clips"] == 2 * N_PER_SPEAKER
        assert 0 <= figures["uar"] <= 1
        assert 0 <= figures["missed"] <= 1
        assert figures["loss_points"] == pytest.approx(100 * (result["clips"]["uar"] - figures["uar"]))
        assert figures["stream_loss_points"] == pytest.approx(100 * (figures["alone_uar"] - figures["uar"]))
    assert result["noise"]["hours"] * 3600 == pytest.approx(2, abs=1.1)
    assert 0 <= result["noise_held_out_s"] <= result["noise"]["hours"] * 3600 + 0.1
    assert "were left out of every training" in printed.out
    for figures in result["conditions"].values():
        for name in ("loss_points", "stream_loss_points", "right_delay_median_s", "selective_accuracy"):
            interval = figures[f"{name}_interval"]
            assert interval is None or interval[0] <= interval[1]
        low, high = figures["loss_points_interval"]
        assert low <= figures["loss_points"] <= high
    assert result["command"] == "ser-train evaluate emotion.tflite --stream --speakers validation"
    assert all((tmp_path / name).read_bytes()[:4] == b"\x89PNG" for name in ("stream.png", "naming.png"))
    assert result["together"]["clips"] == len(CONDITIONS) * 2 * N_PER_SPEAKER
    assert "| all together |" in printed.out
    assert set(result["languages"]) == {"en", "pl"}
    assert set(result["genders"]) <= {"female", "male"}
    assert sum(one["clips"] for one in result["genders"].values()) == 2 * N_PER_SPEAKER
    # As judged, the curve says what the figures say.
    at = result["selective"]["curves"]["clean"]["thresholds"].index(DecisionRule().min_confidence)
    for name, figures in result["conditions"].items():
        curve = result["selective"]["curves"][name]
        assert (curve["coverage"][at], curve["accuracy"][at]) == (figures["coverage"], figures["selective_accuracy"])
    assert main(["plot", "naming", str(tmp_path), "--out", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again/naming.png").is_file()
    assert "| noise 10 dB |" in printed.out
    assert "| the same, clips heard in the same sounds and room, points " in printed.out
    assert "| median delay to the first right label, of the clips that get one, s |" in printed.out
    assert f"| {DecisionRule().min_confidence:.2f}, as judged |" in printed.out
    assert "left out: noise" not in printed.err


def test_validation_speakers_have_a_folder_of_their_own(root, tmp_path, monkeypatch):
    """That of the test speakers' figures is not overwritten, and is where the page of results looks."""
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", str(JUDGED), "--stream", "--data", str(root)]
    assert main([*words, "--speakers", "validation"]) == main(words) == 0
    for folder, part in (("stream-emotion", "test"), ("stream-emotion-validation", "validation")):
        assert json.loads((tmp_path / "runs" / folder / "stream.json").read_text())["speakers"] == part


def test_a_search_can_draw_what_is_shipped():
    card = read_model_file(JUDGED).card
    window = WindowRule(card.window_frames, card.hop_frames, card.min_speech_s, card.min_final_speech_s)
    shipped = {
        **msgspec.to_builtins(GateRule()),
        **{name: getattr(window, name) for name in streamsettings._WINDOW},
        **msgspec.to_builtins(DecisionRule()),
    }
    choices = {**streamsettings._GATE, **streamsettings._WINDOW, **streamsettings._DECISION}
    assert {name: shipped[name] for name in choices if shipped[name] not in choices[name]} == {}


def test_a_clip_is_cut_out_of_its_scene_without_its_neighbours(root):
    task = next(task for task in stream_tasks(read_model_file(JUDGED).card, root, "validation") if task.conversation)
    stage = Stage.opened(root, "validation", 16_000)
    scene = scene_of(task.conversation, CONDITIONS[0], stage)
    spans = [(spoken.start_sample, spoken.end_sample) for spoken in scene.spoken]
    for n, (start, end) in enumerate(spans):
        cut = cut_out(scene, scene.spoken[n], 16_000)
        assert np.array_equal(cut, scene.samples[start - 4_000 : end + 4_000])
        assert all(other_end <= start - 4_000 for _, other_end in spans[:n])
        assert all(other_start >= end + 4_000 for other_start, _ in spans[n + 1 :])


def test_missing_noise_and_ordinary_speech_are_named_and_left_out(corpora_root, tmp_path, capsys):
    assert evaluate(corpora_root, tmp_path) == 0
    printed = capsys.readouterr()
    assert "left out: ordinary speech: nothing of the validation half is here" in printed.err
    assert "left out: noise beds" in printed.err
    result = json.loads((tmp_path / "stream.json").read_text())
    assert list(result["conditions"]) == ["clean", "room", "levels"]
    assert result["neutral"]["intense"] is None


def test_a_model_without_intense_labels_hears_no_ordinary_speech(root):
    card = msgspec.structs.replace(read_model_file(JUDGED).card, affect={})
    assert "neutral" not in {task.group for task in stream_tasks(card, root, "validation")}


def test_test_speakers_and_recordings_are_others(root):
    card = read_model_file(JUDGED).card
    heard = {}
    for part in ("test", "validation"):
        tasks = stream_tasks(card, root, part)
        turns = [turn.path for task in tasks if task.conversation for turn in task.conversation.turns]
        heard[part] = {*turns, *(sound.path for task in tasks for sound in task.sounds)}
    assert heard["test"]
    assert not heard["test"] & heard["validation"]


def test_tuning_leaves_its_figures_and_a_configuration(tuned):
    result = json.loads((tuned / "tune.json").read_text())
    assert len(result["settings"]) == 4
    assert result["defaults"] == result["settings"][0]
    best, defaults = result["best"], result["defaults"]
    assert best["worth"] >= defaults["worth"]
    for name, figures in best["conditions"].items():
        own_s = defaults["conditions"][name]["right_delay_median_s"]
        assert own_s is None or figures["right_delay_median_s"] <= max(1.5, own_s)
    assert "segment UAR" in result["objective"]
    configured = load_configuration(tuned / "tuned.toml", environment={}).settings
    best = read_setting(tuned / "tune.json")
    assert configured.vad.hangover_ms == best.gate.rule.hangover_ms
    assert configured.decision.smoothing_s == best.decision.smoothing_s


def test_the_defaults_of_a_search_are_what_evaluate_finds(tuned, root, tmp_path):
    assert evaluate(root, tmp_path) == 0
    judged = json.loads((tmp_path / "stream.json").read_text())
    defaults = json.loads((tuned / "tune.json").read_text())["defaults"]
    for name, figures in defaults["conditions"].items():
        wanted = judged["conditions"][name]
        assert {key: wanted[key] for key in figures if key != "uar_interval"} == {
            key: value for key, value in figures.items() if key != "uar_interval"
        }
    assert defaults["noise"] == judged["noise"]
    assert defaults["neutral"] == judged["neutral"]
    assert defaults["worth"] == judged["worth"]


def test_a_search_draws_and_shows_every_setting(tuned, root, capsys):
    assert run_tune(root, tuned) == 0
    setting = json.loads((tuned / "tune.json").read_text())["best"]["setting"]
    windows = ("hop_frames", "settled_hops", "min_speech_s", "min_final_speech_s")
    assert set(setting["gate"]) == {"rule", *windows}
    fields = [*setting["gate"]["rule"], *windows, *setting["decision"]]
    lines = capsys.readouterr().out.splitlines()
    heading = next(line for line in lines if line.startswith("| setting "))
    assert heading.count("|") == len(fields) + 2
    single = next(i for i, line in enumerate(lines) if line.startswith("| value "))
    assert lines[single + 2].split("=")[0].strip("| ") in fields
    assert any(line.startswith("Chosen: ") for line in lines)
    drawn = drawn_gates(400, OWN, seed=0)
    never = {"floor_dbfs"}  # who speaks softly, or far away, would not be heard
    for name in set(setting["gate"]["rule"]) - never:
        assert len({getattr(gate.rule, name) for gate in drawn}) > 1, name
    for name in windows:
        assert len({getattr(gate, name) for gate in drawn}) > 1, name


@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ({"rule": {"min_speech_posterior": 0.5}}, "best.setting.rule"),
        ({"gate": {"mode": 1}}, "best.setting.gate.mode"),
        ({"gate": {"rule": {"hangover": 1}}}, "best.setting.gate.rule.hangover"),
        ({"decision": {"confidence": 0.5}}, "best.setting.decision.confidence"),
    ],
)
def test_a_setting_that_there_is_not_is_refused(tmp_path, setting, named):
    path = tmp_path / "tune.json"
    path.write_text(json.dumps({"best": {"setting": setting}}))
    with pytest.raises(ConfigError, match=f"no such setting: {named};"):
        read_setting(path)


def test_a_tuned_setting_can_be_judged(tuned, root, tmp_path):
    assert evaluate(root, tmp_path, "--tuned", str(tuned / "tune.json")) == 0
    result = json.loads((tmp_path / "stream.json").read_text())
    assert result["setting"] == json.loads((tuned / "tune.json").read_text())["best"]["setting"]
    assert result["command"].endswith("--tuned tune.json")


def test_an_interrupted_search_goes_on(tuned, root, monkeypatch):
    before = (tuned / "tune.json").read_bytes()
    places = sorted((tuned / "heard").iterdir())
    places[0].unlink()
    (tuned / "tune.json").unlink()
    heard = []
    real = tuning._Worker.counts
    monkeypatch.setattr(tuning._Worker, "counts", lambda worker, task: heard.append(task) or real(worker, task))
    assert run_tune(root, tuned) == 0
    assert len(heard) == 1
    assert sorted((tuned / "heard").iterdir()) == places
    assert (tuned / "tune.json").read_bytes() == before


def test_another_search_in_the_same_folder_is_refused(tuned, root, capsys):
    assert run_tune(root, tuned, settings=9) == 78
    assert "holds a search that differs in search" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--stream", "--tuned", "nothing.json"], 66, "no such file: nothing.json"),
        (["--tuned", "nothing.json"], 2, "wanted it with --stream"),
    ],
)
def test_errors_say_what_to_do(words, code, message, root, capsys):
    assert main(["evaluate", str(JUDGED), "--data", str(root), *words]) == code
    assert message in capsys.readouterr().err


def test_a_file_without_a_setting_is_refused(tmp_path, root, capsys):
    path = tmp_path / "other.json"
    path.write_text('{"best": {"setting": {"gate": 3}}}')
    assert evaluate(root, tmp_path, "--tuned", str(path)) == 78
    assert "wanted a tune.json made by ser-train tune" in capsys.readouterr().err


@pytest.mark.parametrize("field", ["hop_frames", "settled_hops"])
def test_windows_that_never_move_on_are_no_setting(field, tmp_path):
    (tmp_path / "tune.json").write_text(json.dumps({"best": {"setting": {"gate": {field: 0}}}}))
    with pytest.raises(ConfigError, match=field):
        read_setting(tmp_path / "tune.json")


def test_draws_begin_with_the_defaults_and_differ():
    gates, decisions = drawn_gates(30, OWN, 1), drawn_decisions(30, 1)
    everything = drawn_decisions(100_000, 1)
    assert len(everything) == len(set(everything)) < 1000
    assert gates[0] == GateSetting(hop_frames=50, settled_hops=3, min_speech_s=1.0, min_final_speech_s=0.5)
    assert gates[0].window(OWN) == OWN
    assert decisions[0] == DecisionRule()
    assert len(set(gates)) == len(set(decisions)) == 30
    assert drawn_gates(30, OWN, 1) == gates
    assert all(gate.window(OWN).min_final_speech_s <= gate.window(OWN).min_speech_s for gate in gates)
    assert len(drawn_decisions(1, 1)) == 1


def test_a_search_tries_each_value_alone():
    gates = drawn_gates(200, OWN, 1)
    for field in ("hop_frames", "settled_hops"):
        for value in streamsettings._WINDOW[field]:
            assert msgspec.structs.replace(gates[0], **{field: value}) in gates
    for field, values in streamsettings._GATE.items():
        assert all(msgspec.structs.replace(gates[0], rule=replace(GateRule(), **{field: v})) in gates for v in values)
    # Others too: what is better together need not be so alone.
    assert any(gate.rule != GateRule() and gate.hop_frames == 25 for gate in gates)


def test_a_setting_without_its_own_windows_takes_the_models():
    assert GateSetting().window(OWN) == OWN
    assert GateSetting(settled_hops=1).window(OWN) == replace(OWN, settled_hops=1)
    assert GateSetting(hop_frames=25).window(OWN) == replace(OWN, hop_frames=25)
    chosen = StreamSetting(GateSetting(hop_frames=25, min_speech_s=1.0, settled_hops=1)).to_toml(OWN)
    comments = [line for line in chosen.splitlines() if line.startswith("#")]
    assert comments == [
        "# With hop_frames = 25: [window] of the model's recipe.",
        "# With settled_hops = 1: WindowRule of monitor/pipeline/windows.py.",
    ]
    assert set(tomllib.loads(chosen)) == {"vad", "decision"}
    assert tomllib.loads(StreamSetting().to_toml(OWN))["vad"]["mode"] == 2
    assert "#" not in StreamSetting(drawn_gates(1, OWN, 1)[0]).to_toml(OWN)


GOOD = {
    "uar": 0.6,
    "never_right": 0.2,
    "missed": 0.1,
    "right_delay_median_s": 1.2,
    "changes_per_min": 2.0,
    "false_per_h": 5.0,
}
QUIET = {"hours": 1.0, "false_per_h": 5.0}


@pytest.mark.parametrize(
    ("changes", "noise", "intense", "less"),
    [
        ({}, {}, 0.0, 0.0),
        ({"uar": 0.5}, {}, 0.0, 10.0),
        ({"right_delay_median_s": 3.0}, {}, 0.0, 5.0),
        ({"right_delay_median_s": None}, {}, 0.0, 15.0),
        ({"changes_per_min": 16.0}, {}, 0.0, 10.0),
        ({"never_right": 0.6}, {}, 0.0, 10.0),
        ({"false_per_h": 20.0}, {}, 0.0, 10.0),
        ({"false_per_h": 2.0}, {}, 0.0, 0.0),
        ({}, {"false_per_h": 40.0}, 0.0, 15.0),
        ({}, {}, 0.4, 10.0),
        ({}, {"hours": 0.0, "false_per_h": None}, None, 0.0),
    ],
)
def test_worth_falls_with_what_is_not_wanted(changes, noise, intense, less):
    best = worth({"clean": GOOD}, {"intense": 0.0}, QUIET)
    assert best == pytest.approx(60 - 25 * 0.3)
    assert best - worth({"clean": GOOD | changes}, {"intense": intense}, QUIET | noise) == pytest.approx(less)


def test_what_is_false_in_gaps_counts_over_all_conditions():
    """One in the ten minutes of a condition is six an hour: that says little."""
    best = worth({"clean": GOOD, "noise": GOOD}, {"intense": 0.0}, QUIET)
    loud = [GOOD | {"false_per_h": per_h} for per_h in (0.0, 10.0, 20.0)]
    assert worth({"clean": loud[0], "noise": loud[1]}, {"intense": 0.0}, QUIET) == best
    assert worth({"clean": loud[0], "noise": loud[2]}, {"intense": 0.0}, QUIET) == pytest.approx(best - 5.0)


@pytest.mark.parametrize(
    ("changes", "noise", "kept"),
    [
        ({}, {}, True),
        ({"right_delay_median_s": 1.5, "changes_per_min": 4.0, "false_per_h": 5.0}, {}, True),
        ({"right_delay_median_s": 1.6}, {}, False),
        ({"right_delay_median_s": None}, {}, False),
        ({"changes_per_min": 4.1}, {}, False),
        ({"false_per_h": 8.0}, {}, True),
        ({"false_per_h": 12.0}, {}, False),
        ({"uar": 0.1, "missed": 0.9}, {}, True),
        ({}, {"false_per_h": 6.0}, False),
    ],
)
def test_aims_are_kept_where_none_is_missed_further(changes, noise, kept):
    """Under each condition; `slow` misses the delay already, and may not be slower."""
    slow = GOOD | {"right_delay_median_s": 1.7, "false_per_h": 2.0}
    defaults = {"conditions": {"clean": GOOD, "slow": slow}, "noise": QUIET}
    found = {"conditions": {"clean": GOOD | changes, "slow": slow}, "noise": QUIET | noise}
    assert keeps_aims(found, defaults) is kept
    slower = {"clean": GOOD, "slow": slow | {"right_delay_median_s": 1.71}}
    assert not keeps_aims({"conditions": slower, "noise": QUIET}, defaults)
    unheard = {"hours": 0.0, "false_per_h": None}
    assert keeps_aims(defaults | {"noise": unheard}, defaults | {"noise": unheard})


@pytest.mark.parametrize(("gained", "slower", "chosen"), [(0.2, 0.0, 0), (0.7, 0.0, 1), (9.0, 0.4, 0)])
def test_defaults_stay_unless_something_as_good_by_every_aim_is_clearly_worth_more(gained, slower, chosen):
    rows = [
        {"worth": 40.0 + more, "conditions": {"clean": GOOD | {"right_delay_median_s": delay}}, "noise": QUIET}
        for more, delay in ((0.0, 1.2), (gained, 1.2 + slower))
    ]
    assert tuning._chosen(rows) is rows[chosen]

"""The command line without TensorFlow: help, errors, exit codes, corpora."""

import json
import subprocess
import sys
import time

import pytest

from trainer.cli import main

VERBS = ("corpora", "train", "evaluate", "tune", "export")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([verb, "--help"] for verb in VERBS)])
def test_help_and_version_end_with_0(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert "ser-train" in capsys.readouterr().out


def test_help_is_instant_and_loads_nothing_heavy():
    code = (
        "import sys, trainer.cli\ntry: trainer.cli.main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'numpy', 'scipy'} & set(sys.modules)\nsys.exit(bool(heavy))"
    )
    started = time.monotonic()
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
    assert time.monotonic() - started < 3


def test_corpora_are_listed_with_what_is_missing(corpora_root, tmp_path, capsys):
    assert main(["corpora", "--data", str(corpora_root), "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert "| RAVDESS |" in printed.out
    assert "CC BY-NC-SA 4.0" in printed.out
    assert "missing:" in printed.err
    assert "TESS" in printed.err
    records = json.loads((tmp_path / "corpora.json").read_text())
    assert {record["corpus"]["name"]: record["clips"] for record in records} == {"RAVDESS": 40, "EmoDB": 30, "nEMO": 30}


@pytest.fixture
def data_variable(corpora_root, monkeypatch):
    monkeypatch.setenv("SER_DATA", str(corpora_root))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["corpora", "--data", "/nowhere"], 66, "/nowhere: no such folder"),
        (["train", "nothing"], 66, "no recipe 'nothing'"),
        (["evaluate", "nothing.tflite"], 66, "no such model: nothing.tflite"),
        (["export", "nothing"], 66, "nothing: no run here"),
    ],
)
def test_errors_are_one_line_with_their_exit_code(arguments, code, message, data_variable, capsys):
    assert main(arguments) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ser-train: ")
    assert message in line


def test_missing_corpus_stops_training_before_work(tmp_path, capsys, tiny_path):
    (tmp_path / "RAVDESS").mkdir()
    assert main(["train", str(tiny_path), "--data", str(tmp_path), "--out", str(tmp_path / "run")]) == 66
    assert "RAVDESS: no clip named as in RAVDESS" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_usage_errors_end_with_2():
    with pytest.raises(SystemExit) as ended:
        main(["trian"])
    assert ended.value.code == 2

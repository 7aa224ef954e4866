"""What people would use instead: each runs, and one that cannot is told of."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import alternatives
from benchmarks.alternatives import ALTERNATIVES, Alternative, chosen_windows, measure
from benchmarks.alternatives import __main__ as child
from benchmarks.alternatives.psf_tflite import cepstra
from benchmarks.measurement import PER_WINDOW, NotAvailableError
from benchmarks.recording import Recording, unbroken_speech
from benchmarks.stages import WINDOWS
from monitor.model import EmotionModel, shipped_model
from monitor.pipeline.frames import features_of

LENGTH_SAMPLES = 48_240


@pytest.fixture
def short() -> Recording:
    """Two windows of the bundled clip."""
    speech = np.resize(unbroken_speech(), 80_000)
    return Recording(speech, np.array([50_000, 80_000]), LENGTH_SAMPLES, stretch_s=1.0, n_rounds=2)


def skip_without(name: str) -> None:
    absent = [package for package in ALTERNATIVES[name].packages if importlib.util.find_spec(package) is None]
    if absent:
        pytest.skip(f"{', '.join(absent)} not installed (extras {ALTERNATIVES[name].extra})")


@pytest.mark.parametrize("name", ALTERNATIVES)
def test_it_answers_and_its_cost_is_measured(name, short):
    skip_without(name)
    cost, start, memory = measure(short, {name: ALTERNATIVES[name]})
    assert (cost.name, cost.group, cost.unit) == (ALTERNATIVES[name].title, WINDOWS, PER_WINDOW)
    assert len(cost.values) == short.n_rounds
    assert min(cost.values) > 0
    assert start.median > 0
    assert memory.median > 10  # a Python with numpy


@pytest.mark.parametrize("name", ALTERNATIVES)
def test_its_scores_depend_on_the_window(name, tmp_path, short):
    skip_without(name)
    # In a process of its own, as it is measured: TensorFlow and the interpreter do not go together in one.
    script = (
        "import sys, numpy as np; from pathlib import Path; from benchmarks.alternatives import way\n"
        "folder = Path(sys.argv[1]); classify = way(sys.argv[2]).classifier(folder)\n"
        "print('scores', *(classify(w).tolist() for w in np.load(folder / 'windows.npy')), sep='|')"
    )
    np.save(tmp_path / "windows.npy", chosen_windows(short))
    prepared = [sys.executable, "-m", "benchmarks.alternatives", name, "prepare", str(tmp_path)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    subprocess.run(prepared, check=True, env=environment, capture_output=True)
    command = [sys.executable, "-c", script, str(tmp_path), name]
    said = subprocess.run(command, check=True, env=environment, capture_output=True, text=True).stdout
    _, first, second = next(line for line in said.splitlines() if line.startswith("scores")).split("|")
    assert first != second


def test_python_speech_features_anew_are_our_features():
    spec = EmotionModel.load(shipped_model()).spec
    noise = np.random.default_rng(0).integers(-3000, 3000, LENGTH_SAMPLES).astype(np.int16)
    anew = cepstra(noise, spec)
    assert anew.shape == (300, 40)
    assert np.allclose(anew, features_of(noise, spec), atol=1e-3)


def test_a_package_that_is_missing_is_named_with_its_extra(short):
    (row,) = measure(short, {"psf_tflite": Alternative("a way", ("no_such_package",), (), "train")})
    assert not row.is_measured
    assert "no_such_package not installed; pip install 'ser-monitor[train]'" in row.note


def test_a_way_that_fails_leaves_the_others_measured(monkeypatch, short):
    found = alternatives._started

    def started(name: str, alternative: Alternative, windows: Path) -> object:
        if alternative.title == "broken":
            worker = found(name, alternative, windows)
            worker._process.kill()
            return worker
        return found(name, alternative, windows)

    monkeypatch.setattr(alternatives, "_started", started)
    ways = {"psf_tflite": Alternative("broken", (), (), "")}
    (row,) = measure(short, ways)
    assert "psf_tflite ended" in row.note


def test_why_it_cannot_be_prepared_is_said(tmp_path):
    with pytest.raises(NotAvailableError, match=r"no_such_way cannot be prepared: .*no_such_way"):
        alternatives.run_prepare("no_such_way", tmp_path)


def test_windows_are_spread_evenly_and_none_is_taken_twice(short):
    assert np.array_equal(chosen_windows(short, 40), np.stack([short.window(50_000), short.window(80_000)]))
    many = Recording(short.samples, np.arange(50_000, 80_000, 1000), LENGTH_SAMPLES)
    ends = chosen_windows(many, 3)
    assert [np.array_equal(ends[i], many.window(end)) for i, end in ((0, 50_000), (2, 79_000))] == [True, True]


def test_cpu_time_is_that_of_the_mean_window():
    def busy(window: np.ndarray) -> None:
        sum(range(100_000))

    windows = np.zeros((3, 10), dtype=np.int16)
    assert 0.1 < child.cpu_ms(busy, windows) < 100

"""What people would use instead: each runs, and one that cannot is told of."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.alternatives import ALTERNATIVES, OUR_WAYS, Alternative, contest, worker
from benchmarks.alternatives import __main__ as child
from benchmarks.alternatives.chosen import chosen_windows
from benchmarks.alternatives.contest import measure
from benchmarks.alternatives.excerpt import Excerpt
from benchmarks.alternatives.psf_tflite import cepstra
from benchmarks.measurement import OURS, PER_WINDOW, WINDOWS, NotAvailableError
from benchmarks.recording import Recording, quiet_room, unbroken_speech, windows
from monitor.model import EmotionModel, shipped_model
from monitor.pipeline.frames import features_of

LENGTH_SAMPLES = 48_240


@pytest.fixture
def short() -> Recording:
    """Two windows of the bundled clip, and a moment of quiet behind them."""
    samples = np.concatenate([np.resize(unbroken_speech(), 80_000), quiet_room(20_000)])
    return Recording(samples, windows(samples)[[2, 6]], LENGTH_SAMPLES, stretch_s=1.0, n_rounds=2)


def skip_without(name: str) -> None:
    absent = [package for package in ALTERNATIVES[name].packages if importlib.util.find_spec(package) is None]
    if absent:
        pytest.skip(f"{', '.join(absent)} not installed (extras {ALTERNATIVES[name].extra})")


@pytest.mark.parametrize("name", ALTERNATIVES)
def test_it_answers_and_its_cost_is_measured(name, short):
    skip_without(name)
    *_, cost, start, memory = measure(short, {name: ALTERNATIVES[name]})
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
    row = measure(short, {"psf_tflite": Alternative("a way", ("no_such_package",), (), "train")})[-1]
    assert not row.is_measured
    assert "no_such_package not installed; pip install 'ser-monitor[train]'" in row.note


def test_a_way_that_fails_leaves_the_others_measured(monkeypatch, short):
    found = contest._started

    def started(name: str, alternative: Alternative, excerpt: Excerpt) -> worker.Worker:
        process = found(name, alternative, excerpt)
        if alternative.title == "broken":
            process._process.kill()
            process._process.wait()
        return process

    monkeypatch.setattr(contest, "_started", started)
    rows = measure(short, {"psf_tflite": Alternative("broken")})
    assert "psf_tflite ended" in rows[-1].note
    assert all(row.is_measured for row in rows[:-1])


def test_ours_takes_its_turn_in_every_round(monkeypatch, short):
    turns = []
    run_round = worker.Worker.run_round
    monkeypatch.setattr(worker.Worker, "run_round", lambda self: turns.append(self._name) or run_round(self))
    rows = measure(short, {"psf_tflite": ALTERNATIVES["psf_tflite"]})
    assert turns == ["ours", "ours_bare", "psf_tflite"] * short.n_rounds
    ours, bare = (row for row in rows if row.name in {way.title for way in OUR_WAYS.values()})
    assert (ours.name, ours.group, ours.unit) == (OURS, WINDOWS, PER_WINDOW)
    assert (bare.name, bare.group, bare.unit) == (f"{OURS}, features and model only", WINDOWS, PER_WINDOW)
    assert len(ours.values) == len(bare.values) == short.n_rounds
    assert min(*ours.values, *bare.values) > 0
    assert "a window every hop" in ours.note


def test_why_it_cannot_be_prepared_is_said(tmp_path):
    with pytest.raises(NotAvailableError, match=r"no_such_way cannot be prepared: .*no_such_way"):
        worker.run_prepare("no_such_way", tmp_path)


def test_windows_are_spread_evenly_and_none_is_taken_twice(short):
    both = np.stack([short.window(int(end)) for end in short.window_ends])
    assert np.array_equal(chosen_windows(short, 40), both)
    many = Recording(short.samples, np.arange(50_000, 80_000, 1000), LENGTH_SAMPLES)
    ends = chosen_windows(many, 3)
    assert [np.array_equal(ends[i], many.window(end)) for i, end in ((0, 50_000), (2, 79_000))] == [True, True]


def test_cpu_time_is_that_of_all_windows_together():
    def busy(window: np.ndarray) -> None:
        sum(range(100_000))

    assert 0.0003 < child.cpu_s(busy, np.zeros((3, 10), dtype=np.int16)) < 0.3

"""Networks trained on clips: schedules against Keras, results against what was put in, interruptions.

TensorFlow stays in processes of its own: it clashes with the small interpreter that other tests load here.
"""

import importlib.util
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import pytest

from monitor.errors import ConfigError, ModelError, NoInputError
from trainer.cliprecipe import ClipRecipe, FitTable, LayoutTable, ScheduleTable
from trainer.examples import Examples
from trainer.recipe import CorpusUse
from trainer.schedules import momentum_at, rate_at

needs_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed"
)
pytestmark = pytest.mark.timeout(300)
HERE = Path(__file__).resolve()
N_LABELS = 3
SMALL_NETWORK = {
    "name": "conv1d",
    "convolutions": [{"filters": 8, "pool": 2, "dropout": 0.2}],
    "batch_norm": True,
    "head": "mean",
}
FINISHED_OR_KILLED = """
import sys
import test_fitting
print("begun", flush=True)
test_fitting.fitted(sys.argv[1], {}, {"epochs": 20, "mixup": 0.3, "time_mask": 3, "windows": 8})
"""


def recipe(*, layout=None, network=None, **fit):
    fit = {"epochs": 4, "batch_size": 16, "learning_rate": 0.01, **fit}
    fit["schedule"] = ScheduleTable(name=fit.pop("schedule", "one-cycle"))
    return ClipRecipe(
        name="tiny-clips",
        seed=5,
        corpora={"EmoDB": CorpusUse()},
        features=({"name": "mfcc"},),
        layout=LayoutTable(**(layout or {"window_frames": 10})),
        architecture=network or SMALL_NETWORK,
        fit=FitTable(**fit),
    )


def clips(layout, n, seed, noise=1.0):
    """Clips of 8 to 40 frames, 6 coefficients, with means that depend on the label; every third has two versions."""
    rng = np.random.default_rng(seed)
    means = np.random.default_rng(99).normal(0, 1, (N_LABELS, 6))
    labels = rng.integers(0, N_LABELS, n)
    clip = [*range(n), *range(0, n, 3)]
    lengths = rng.integers(8, 41, len(clip))
    made = [
        (means[labels[c]] + noise * rng.normal(size=(k, 6))).astype(np.float32)
        for c, k in zip(clip, lengths, strict=True)
    ]
    return made, clip, labels


def sets(own, noise=1.0):
    train = Examples(*clips(own.layout, 60, 1, noise), own.layout)
    return train, train.alike(*clips(own.layout, 30, 2, noise))


def fitted(out, layout, fit, *, stops=(), validated=True, noise=1.0):
    """Train, going on after each of `stops`; figures, posteriors before and after reading, labels, log."""
    from trainer.fitting import fit_network, read_fitted

    fit = dict(fit)
    windows = fit.pop("windows", 2)
    own = recipe(layout={"window_frames": 10, "windows_per_clip": windows, **layout}, **fit)
    train, validation = sets(own, noise)
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            fit_network(own, train, validation, N_LABELS, Path(out), lambda step, stop=stop: step == stop)
    found = fit_network(own, train, validation if validated else None, N_LABELS, Path(out))
    return {
        "figures": msgspec.to_builtins(found.figures),
        "posteriors": found.posteriors(validation),
        "read": read_fitted(Path(out)).posteriors(validation),
        "labels": validation.labels,
        "n_frames": found.n_frames,
        "log": [json.loads(line) for line in (Path(out) / "log.jsonl").read_text().splitlines()],
    }


def refused(out, fit, *, validated=True):
    from trainer.fitting import fit_network

    own = recipe(**fit)
    train, validation = sets(own)
    fit_network(own, train, validation if validated else None, N_LABELS, Path(out))


def range_tested(**settings):
    from trainer.ratefinder import range_finder

    own = recipe(optimizer="sgd")
    found = range_finder(own, sets(own)[0], N_LABELS, **settings)
    return found.rates, found.losses, found.suggestion


def keras_cosine(first, highest, last, n_warmup, n_steps):
    import keras

    table = keras.optimizers.schedules.CosineDecay(
        first, n_steps - n_warmup, alpha=last / highest, warmup_target=highest, warmup_steps=n_warmup
    )
    return [float(table(step)) for step in range(n_steps + 1)]


def difference_in_steps(optimizer):
    """How far weights lie after three steps from those that a plain Keras optimiser makes."""
    import keras
    import tensorflow as tf

    from trainer.clipbatches import ClipBatches
    from trainer.stepping import Stepper

    own = recipe(optimizer=optimizer, network={"name": "mlp", "hidden": [4], "dropout": 0.0}, momentum=0.8)
    train, _ = sets(own)
    batches = ClipBatches(train, own.fit, 1, N_LABELS)
    ours, theirs = (Stepper(own, own.fit, train.input_shape, N_LABELS) for _ in range(2))
    plain = {
        "sgd": lambda: keras.optimizers.SGD(0.02, momentum=0.8),
        "adam": lambda: keras.optimizers.Adam(0.02, beta_1=0.8),
        "adamw": lambda: keras.optimizers.AdamW(0.02, beta_1=0.8, weight_decay=0.0),
        "rmsprop": lambda: keras.optimizers.RMSprop(0.02),
    }[optimizer]()
    for i in range(3):
        batch = batches.batch(i)
        ours.step(batch, 0.02, 0.8)
        with tf.GradientTape() as tape:
            logits = theirs.body(batch.maps, training=True)
            loss = keras.losses.CategoricalCrossentropy(from_logits=True)(batch.targets, logits)
        plain.apply(tape.gradient(loss, theirs.body.trainable_variables), theirs.body.trainable_variables)
    pairs = ours.body.variables, theirs.body.variables
    return [np.abs(np.array(a) - np.array(b)).max() for a, b in zip(*pairs, strict=True)]


@pytest.fixture(scope="module")
def worker():
    quiet = {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    before = {name: os.environ.get(name) for name in quiet}
    os.environ.update(quiet)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield lambda function, *args, **settings: pool.submit(function, *args, **settings).result()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


def assert_same(one, other):
    np.testing.assert_array_equal(one["posteriors"], other["posteriors"])
    ends = [{**result["figures"], "training_s": 0} for result in (one, other)]
    assert ends[0] == ends[1]
    logs = [[{**line, "seconds": 0} for line in result["log"]] for result in (one, other)]
    assert logs[0] == logs[1]


def test_one_cycle_rises_and_falls_with_the_momentum_against_it():
    table = ScheduleTable(name="one-cycle")
    rates = [rate_at(table, 0.1, step, 101) for step in range(101)]
    momenta = [momentum_at(table, 0.9, step, 101) for step in range(101)]
    assert int(np.argmax(rates)) == int(np.argmin(momenta)) == 30
    assert (rates[0], rates[30], rates[-1]) == pytest.approx((0.004, 0.1, 1e-6))
    assert (momenta[0], momenta[30], momenta[-1]) == pytest.approx((0.95, 0.85, 0.95))
    assert (np.diff(rates[:31]) > 0).all()
    assert (np.diff(rates[30:]) < 0).all()
    # Half way up a cosine is half of the height.
    assert rates[15] == pytest.approx((0.004 + 0.1) / 2)


def test_constant_stays():
    table = ScheduleTable()
    assert {rate_at(table, 0.1, step, 9) for step in range(9)} == {0.1}
    assert {momentum_at(table, 0.9, step, 9) for step in range(9)} == {0.9}


@pytest.mark.parametrize("name", ["constant", "one-cycle", "cosine"])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("n_steps", [1, 2, 7])
def test_schedules_stay_in_their_range(name, share, n_steps):
    table = ScheduleTable(name=name, warmup_share=share)
    for step in range(n_steps):
        assert 0 < rate_at(table, 0.1, step, n_steps) <= 0.1
        assert 0 <= momentum_at(table, 0.97, step, n_steps) < 1
    assert momentum_at(table, 0.0, 0, n_steps) == 0


@needs_tensorflow
def test_cosine_is_that_of_keras(worker):
    table = ScheduleTable(name="cosine", warmup_share=0.2, first_factor=0.1, last_factor=0.01)
    wanted = worker(keras_cosine, 0.005, 0.05, 0.0005, 20, 100)
    np.testing.assert_allclose([rate_at(table, 0.05, step, 101) for step in range(101)], wanted, rtol=1e-4)


@needs_tensorflow
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
def test_the_step_is_that_of_keras(worker, optimizer):
    assert max(worker(difference_in_steps, optimizer)) < 1e-5


@needs_tensorflow
@pytest.mark.parametrize(
    ("layout", "fit"),
    [
        ({}, {"optimizer": "adamw", "weight_decay": 1e-3, "class_weights": True, "label_smoothing": 0.1}),
        ({}, {"optimizer": "sgd", "balanced": True, "schedule": "cosine", "keep": "last", "learning_rate": 0.1}),
        ({"pooled": True}, {"mixup": 0.2, "frequency_mask": 1, "schedule": "constant", "epochs": 8}),
        ({"window_frames": 0}, {"optimizer": "rmsprop"}),
    ],
)
def test_a_network_learns_what_the_clips_hold(worker, tmp_path, layout, fit):
    if layout.get("window_frames") == 0:
        layout = {**layout, "window_frames": 40}
    found = worker(fitted, str(tmp_path), layout, fit, noise=0.5)
    posteriors = found["posteriors"]
    assert posteriors.dtype == np.float64
    assert posteriors.sum(axis=1) == pytest.approx(np.ones(30), abs=1e-6)
    assert np.mean(posteriors.argmax(axis=1) == found["labels"]) > 0.8
    np.testing.assert_allclose(found["read"], posteriors, atol=1e-6)
    assert {path.name for path in tmp_path.iterdir()} == {"log.jsonl", "scaler.npz", "model.keras", "fit.json"}
    losses = [line["loss"] for line in found["log"]]
    assert losses[-1] < losses[0]
    assert found["log"][-1]["train_accuracy"] > found["log"][0]["train_accuracy"]


@needs_tensorflow
def test_the_best_epoch_is_kept_and_patience_ends_the_training(worker, tmp_path):
    table = {"epochs": 30, "patience": 2, "schedule": "constant", "learning_rate": 0.05}
    found = worker(fitted, str(tmp_path), {}, table, noise=1.5)
    uars = [line["validation_uar"] for line in found["log"]]
    figures = found["figures"]
    assert figures["n_epochs"] == len(uars) < 30
    assert figures["kept_epoch"] == int(np.argmax(uars)) + 1 == len(uars) - 2
    assert figures["validation_uar"] == max(uars)


@needs_tensorflow
def test_an_interrupted_training_ends_as_the_unbroken_one(worker, tmp_path):
    """Stopped within an epoch, at the end of one, and one step later; dropout, mixup, masks and momenta go on."""
    table = {"epochs": 4, "mixup": 0.3, "time_mask": 3, "frequency_mask": 2}
    unbroken = worker(fitted, str(tmp_path / "unbroken"), {}, table)
    resumed = worker(fitted, str(tmp_path / "resumed"), {}, table, stops=(3, 16, 17))
    assert len(unbroken["log"]) == 4
    assert_same(unbroken, resumed)


@needs_tensorflow
def test_a_killed_training_ends_as_the_unbroken_one(worker, tmp_path):
    table = {"epochs": 20, "mixup": 0.3, "time_mask": 3, "windows": 8}
    out = tmp_path / "killed"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parents[2]), str(HERE.parent)])}
    command = [sys.executable, "-c", FINISHED_OR_KILLED, str(out)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 120
        while n_lines(out / "log.jsonl") < 2 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert (out / "state.npz").exists()
    assert not (out / "fit.json").exists()
    assert_same(worker(fitted, str(tmp_path / "unbroken"), {}, table), worker(fitted, str(out), {}, table))


def n_lines(path):
    return len(path.read_bytes().splitlines()) if path.exists() else 0


@needs_tensorflow
def test_a_finished_training_is_read_and_another_one_is_refused(worker, tmp_path):
    first = worker(fitted, str(tmp_path), {}, {"epochs": 1})
    written = (tmp_path / "model.keras").stat().st_mtime_ns
    assert_same(first, worker(fitted, str(tmp_path), {}, {"epochs": 1}))
    assert (tmp_path / "model.keras").stat().st_mtime_ns == written
    with pytest.raises(ConfigError, match="another recipe or of other clips"):
        worker(fitted, str(tmp_path), {}, {"epochs": 2})


@needs_tensorflow
def test_what_needs_validation_clips_is_refused_without_them(worker, tmp_path):
    with pytest.raises(ConfigError, match="there are no validation clips"):
        worker(refused, str(tmp_path), {}, validated=False)
    with pytest.raises(ConfigError, match="there are no validation clips"):
        worker(refused, str(tmp_path), {"keep": "last", "patience": 3}, validated=False)
    found = worker(fitted, str(tmp_path / "last"), {}, {"epochs": 2, "keep": "last"}, validated=False)
    assert found["figures"]["validation_uar"] is None
    assert found["figures"]["kept_epoch"] == 2


@needs_tensorflow
def test_a_loss_that_is_no_number_is_an_error(worker, tmp_path):
    with pytest.raises(ModelError, match=r"lower fit\.learning_rate"):
        worker(refused, str(tmp_path), {"optimizer": "sgd", "learning_rate": 1e30, "schedule": "constant"})


@needs_tensorflow
def test_a_folder_without_a_training_is_no_network(worker, tmp_path):
    with pytest.raises(NoInputError, match="no finished training"):
        worker(read, str(tmp_path))
    (tmp_path / "fit.json").write_text("{}")
    with pytest.raises(ModelError):
        worker(read, str(tmp_path))


def read(out):
    from trainer.fitting import read_fitted

    read_fitted(Path(out))


@needs_tensorflow
def test_the_range_test_finds_rates_that_learn(worker):
    rates, losses, suggestion = worker(range_tested, lowest=1e-5, highest=1e4, n_steps=60)
    assert len(rates) == len(losses) < 60, "it ends where the loss breaks out"
    assert np.isfinite(losses).all()
    np.testing.assert_allclose(np.diff(np.log(rates)), np.log(1e9) / 59)
    assert 1e-3 < suggestion < rates[int(np.argmin(losses))]
    assert losses.min() < 0.6 * losses[0]
    assert losses[0] == pytest.approx(np.log(N_LABELS), rel=0.5)
    with pytest.raises(ConfigError, match="wanted rising ones"):
        worker(range_tested, lowest=1.0, highest=0.1)

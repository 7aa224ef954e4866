"""The network that is trained, and the one that is deployed: in a process of its own, as it is TensorFlow's."""

import importlib.util
import itertools
from pathlib import Path

import msgspec
import numpy as np
import pytest

from monitor.errors import ConfigError
from trainer.recipe import AdapterTable
from trainer.recipefile import read_recipe, recipe_path

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed"),
]


def both_sides(recipe, temperature):
    import keras

    from trainer import network

    keras.utils.set_random_seed(2)
    body = network.trained(recipe)
    features = np.random.default_rng(0).normal(-8, 2, (3, *network.deployed(body, recipe).input_shape[1:]))
    maps = network.front_end(recipe.front_end, cepstra=recipe.features.name == "mfcc")(features.astype(np.float32))
    logits = np.asarray(body(maps, training=False), np.float64)
    deployed = network.deployed(body, recipe, network.Temperatures(temperature, 3.0))
    return logits, network.posteriors_of(deployed, features.astype(np.float32)), body.count_params()


@pytest.fixture
def sides(worker, tiny):
    return worker(both_sides, tiny.replaced(committee=3), 1.7)


def test_members_are_networks_of_their_own(sides, worker, tiny):
    logits, _, n_parameters = sides
    assert logits.shape == (3, 3, 8)  # seven labels and no speech
    assert np.abs(logits[:, 0] - logits[:, 1]).max() > 1e-3
    assert np.abs(logits[:, 1] - logits[:, 2]).max() > 1e-3
    assert n_parameters == 3 * worker(both_sides, tiny.replaced(committee=1), 1.0)[2]


def test_deployed_is_the_mean_of_the_members_posteriors_at_the_temperature(sides):
    logits, posteriors, _ = sides
    powers = np.exp(logits / 1.7)
    np.testing.assert_allclose(posteriors, (powers / powers.sum(axis=2, keepdims=True)).mean(axis=1), atol=1e-6)


SMALL = {"name": "residual", "stem_channels": 4, "stages": [{"channels": 6, "strides": [1, 2]}], "width": 8}


def tasks_of(tiny, **weights):
    return tiny.replaced(tasks=msgspec.convert(weights, type(tiny.tasks)))


def by_gender(recipe):
    import keras

    from trainer import network

    keras.utils.set_random_seed(2)
    body = network.trained(recipe)
    features = np.random.default_rng(0).normal(-8, 2, (3, 300, 40)).astype(np.float32)
    maps = network.front_end(recipe.front_end, cepstra=True)(features)
    of_both = [
        network.posteriors_of(network.deployed(body, recipe, network.Temperatures(1.7, 0.4), by_gender=it), features)
        for it in (False, True)
    ]
    return np.asarray(body(maps, training=False), np.float64), *of_both


def test_heads_lie_behind_the_posteriors(worker, tiny):
    recipe = tasks_of(tiny, gender=0.1, speech_activity=0.2).replaced(architecture=SMALL)
    logits, plain, gendered = worker(by_gender, recipe)
    emotion, gender, activity = logits[..., :8], logits[..., 8:10], logits[..., 10:]
    posteriors, shares = (
        np.exp(logits / temperature) / np.exp(logits / temperature).sum(axis=2, keepdims=True)
        for logits, temperature in ((emotion, 1.7), (gender, 0.4))
    )
    steps = (1 / (1 + np.exp(-activity))).mean(axis=1)
    assert steps.shape[1] == 75
    np.testing.assert_allclose(plain, np.hstack([posteriors.mean(axis=1), steps]), atol=1e-6)
    women, men = ((shares[..., i : i + 1] * posteriors[..., :7]).mean(axis=1) for i in (0, 1))
    np.testing.assert_allclose(gendered, np.hstack([women, men, posteriors.mean(axis=1)[:, 7:], steps]), atol=1e-6)


def with_adapter(plain, adapted):
    """Answers of a network, and of the same with an adapter: at first, and with all that can learn moved."""
    import keras

    from trainer import network
    from trainer.adapter import is_adapter

    keras.utils.set_random_seed(2)
    one, other = network.trained(plain), network.trained(adapted)
    laid_on = [weight for weight in other.weights if not is_adapter(weight)]
    for weight, value in zip(laid_on, one.get_weights(), strict=True):
        weight.assign(value)
    maps = np.random.default_rng(0).normal(0, 1, (3, *one.input_shape[1:])).astype(np.float32)
    answers = [np.asarray(net(maps, training=False)) for net in (one, other)]
    learning = other.trainable_weights
    for weight in learning:
        weight.assign(np.array(weight) + 0.1)
    own = [is_adapter(weight) for weight in learning]
    return *answers, np.asarray(other(maps, training=False)), own, len(other.weights) - len(laid_on)


@pytest.mark.parametrize("gender", [0.0, 0.1])
def test_an_adapter_alone_learns_and_begins_with_nothing(worker, tiny, gender):
    plain = tasks_of(tiny, gender=gender, speech_activity=0.2).replaced(architecture=SMALL)
    adapted = plain.replaced(adapter=AdapterTable(units=4))
    before, at_first, moved, own, n_own = worker(with_adapter, plain, adapted)
    np.testing.assert_allclose(at_first, before, rtol=0, atol=1e-6)
    assert all(own)
    assert len(own) == n_own == 16, "kernel and bias of four layers, for each of two members"
    changed = np.abs(moved - before).max(axis=(0, 1)) > 1e-4
    n_genders = 2 if gender else 0
    assert not changed[:7].any(), "what is said of labels, given that it is speech, stays"
    assert changed[7]
    assert not changed[8 : 8 + n_genders].any()
    assert changed[8 + n_genders :].all()


def test_the_shipped_models_adapter_lies_on_the_network_it_goes_on_with(worker):
    plain, adapted = (read_recipe(recipe_path(name)) for name in ("emotion-world", "emotion-sounds"))
    before, at_first, *_ = worker(with_adapter, plain, adapted)
    np.testing.assert_allclose(at_first, before, rtol=0, atol=1e-5)


def lossy(recipe, targets, logits):
    from trainer.training import HeadsLoss

    return float(HeadsLoss(recipe)(np.float32(targets), np.float32(logits)))


def test_the_loss_is_that_of_each_head_by_its_weight(worker, tiny):
    """One window of four frames, two members, two time steps; worked out by hand."""
    recipe = tasks_of(tiny, gender=0.5, speech_activity=0.25).replaced(
        labels="emotion-7", training=msgspec.structs.replace(tiny.training, consistency=0.0, label_smoothing=0.0)
    )
    targets = np.zeros((2, 8 + 2 + 4))
    targets[0, [2, 9]], targets[1, 7] = 1, 1  # a man speaks, and nobody does
    targets[0, 10:] = [0, 1, 1, 1]
    logits = np.zeros((2, 2, 8 + 2 + 2))
    logits[0, 0, 2], logits[0, 0, 9], logits[0, 0, 10:] = 3, 2, [1, -1]
    emotion = np.log(8) * 3 + np.log(7 + np.exp(3)) - 3
    gender = np.log(2) + np.log(1 + np.exp(2)) - 2
    sigmoid = 1 / (1 + np.exp(-1))
    sure = -0.5 * np.log(sigmoid) - 0.5 * np.log(1 - sigmoid) - np.log(1 - sigmoid)
    wanted = emotion / 4 + 0.5 * gender / 4 + 0.25 * (sure + 6 * np.log(2)) / 8
    assert worker(lossy, recipe, targets, logits) == pytest.approx(wanted, rel=1e-5)


def moved(recipe):
    """How far each kind of variable moves when emotion has no loss: its targets are what it says anyway."""
    import keras
    import tensorflow as tf

    from trainer import network

    keras.utils.set_random_seed(2)
    body = network.trained(recipe)
    with tf.GradientTape() as tape:
        _, gender, activity = network.Heads.of(recipe).split(body(np.ones((2, 300, 40), np.float32), training=True))
        loss = tf.reduce_sum(gender**2) + tf.reduce_sum(activity**2)
    gradients = tape.gradient(loss, body.trainable_variables)
    both = zip(body.trainable_variables, gradients, strict=True)
    return [(tuple(v.shape), g is not None and bool(np.any(g))) for v, g in both]


def test_what_the_emotion_is_told_from_does_not_learn_from_the_other_heads(worker, tiny):
    recipe = tasks_of(tiny, gender=0.1, speech_activity=0.2).replaced(architecture=SMALL, committee=1)
    found = worker(moved, recipe)
    own = {(16, 2), (2,), (8, 1), (1,)}  # of gender, from mean and deviation of 8 channels, and of activity
    assert {shape for shape, moves in found if moves} == own


def test_speech_activity_needs_time_steps(worker, tiny):
    recipe = tasks_of(tiny, speech_activity=0.2).replaced(architecture={"name": "lightsernet"})
    with pytest.raises(ConfigError, match="no time steps"):
        worker(both_sides, recipe, 1.0)
    odd = recipe.replaced(architecture={**SMALL, "stem_strides": [8, 2]})
    with pytest.raises(ConfigError, match="300 frames of a window become 38 time steps"):
        worker(both_sides, odd, 1.0)


def counted():
    import keras

    from trainer import network

    features = keras.Input((10, 8))
    x = keras.layers.Conv1D(6, 3, padding="same", use_bias=False)(features)
    x = keras.layers.Dense(5, use_bias=False)(keras.layers.Flatten()(x))
    return network.multiply_adds(keras.Model(features, x))


def test_multiply_adds_are_counted(worker):
    assert worker(counted) == 10 * 6 * 3 * 8 + 60 * 5


def test_committee_changes_the_digest(tiny):
    assert tiny.replaced(committee=1).digest() != tiny.replaced(committee=2).digest()
    with pytest.raises(msgspec.ValidationError, match="committee"):
        msgspec.convert({**msgspec.to_builtins(tiny), "committee": 0}, type(tiny))


N_CLIPS = 600


def fitted(recipe, letters, of_gender):
    """Temperatures by clips of one window, whose speakers have the genders `letters`, behind logits `of_gender`."""
    from trainer.corpora import Utterance
    from trainer.material import HeardWindows
    from trainer.training import Validation

    clips = [Utterance("RAVDESS", Path(str(i)), "01", letter, "sad", "en", "") for i, letter in enumerate(letters)]
    windows = np.zeros((N_CLIPS, 1, recipe.features.n_coefficients), np.float32)
    heard = HeardWindows(windows, np.arange(N_CLIPS), np.ones(N_CLIPS))
    logits = np.zeros((N_CLIPS, 1, 10), np.float32)
    logits[:, 0, 8:] = of_gender
    parts = itertools.cycle([logits[i : i + 256] for i in range(0, N_CLIPS, 256)])
    return Validation(clips, heard, recipe).temperatures(lambda maps, training: next(parts))


def test_the_genders_temperature_is_fitted_to_clips_whose_gender_is_known(worker, tiny):
    recipe = tasks_of(tiny, gender=0.1)
    rng = np.random.default_rng(5)
    likely = rng.normal(0, 2, N_CLIPS)
    is_male = rng.random(N_CLIPS) < 1 / (1 + np.exp(-likely))
    letters = ["m" if it else "f" for it in is_male]
    # Half as sure as they might be.
    logits = np.stack([np.zeros(N_CLIPS), likely / 2], axis=1)
    found = worker(fitted, recipe, letters, logits)
    assert found.gender == pytest.approx(0.5, rel=0.15)
    assert found.emotion == pytest.approx(1, abs=1e-3)
    # Those that nobody knows the gender of are not asked, whatever is said of them.
    some = [letter if i % 3 else "" for i, letter in enumerate(letters)]
    known = np.array([bool(letter) for letter in some])
    wild = np.where(known[:, None], logits, 50 * logits[:, ::-1])
    assert worker(fitted, recipe, some, wild).gender == pytest.approx(0.5, rel=0.2)
    assert worker(fitted, recipe, [""] * N_CLIPS, logits).gender == 1

"""The network that is trained, and the one that is deployed: in a process of its own, as it is TensorFlow's."""

import importlib.util

import msgspec
import numpy as np
import pytest

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
    deployed = network.deployed(body, recipe, temperature)
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

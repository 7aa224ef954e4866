"""The contract over the registry of architectures, and what each of the known ones has to be.

TensorFlow stays in a process of its own: it clashes with the small interpreter that other tests load here.
"""

import importlib.util

import pytest

from monitor.errors import ConfigError
from trainer.architectures import ARCHITECTURES

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed"),
]
SMALL = {
    "timeconv": {"stem_channels": [4, 8], "width": 8, "blocks": 1, "dropout": 0.1},
    "residual": {"stem_channels": 8, "width": 16},
    "mlp": {"hidden": [32, 16], "batch_norm": True},
    "conv1d": {
        "convolutions": [{"filters": 16, "pool": 2, "dropout": 0.1}, {"filters": 16, "kernel": 3}],
        "dense": [8],
    },
    "conv2d": {"convolutions": [{"filters": 4, "pool": [2, 2]}, {"filters": 8, "strides": [2, 2]}], "dense": [16]},
    "resnet18": {"width": 8, "side": 32},
    "lightsernet": {"path_filters": 4, "width": 32},
}
SHAPE = (24, 20)
N_LABELS = 5


def described(name, params, shape, n_labels):
    import keras

    from trainer.architectures import build_architecture

    keras.utils.set_random_seed(1)
    model = build_architecture({"name": name, **params}, shape, n_labels)
    return {
        "input": model.input_shape,
        "output": model.output_shape,
        "trainable": sum(int(variable.value.shape.num_elements()) for variable in model.trainable_variables),
        "negative": bool((model(keras.random.normal((4, *shape)), training=False).numpy() < 0).any()),
        "activation": getattr(getattr(model.layers[-1], "activation", None), "__name__", ""),
    }


def losses_of_toy(name, params):
    import keras
    import numpy as np
    import tensorflow as tf

    from trainer.architectures import build_architecture

    keras.utils.set_random_seed(1)
    labels = np.arange(20) % N_LABELS
    means = np.random.default_rng(0).normal(0, 2, (N_LABELS, 1, SHAPE[1]))
    maps = (means[labels] + np.random.default_rng(1).normal(0, 0.3, (20, *SHAPE))).astype(np.float32)
    model = build_architecture({"name": name, **params}, SHAPE, N_LABELS)
    optimizer = keras.optimizers.Adam(3e-3)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels, model(tf.constant(maps), training=True))
            )
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return loss, tf.stack([tf.norm(gradient) for gradient in gradients])

    steps = [step() for _ in range(15)]
    return [float(loss) for loss, _ in steps], steps[0][1].numpy().tolist()


def difference_in_tflite(name, params):
    import keras
    import numpy as np
    import tensorflow as tf

    from trainer.architectures import build_architecture
    from trainer.convert import flatbuffer

    keras.utils.set_random_seed(1)
    model = build_architecture({"name": name, **params}, SHAPE, N_LABELS)
    maps = np.random.default_rng(0).normal(size=(1, *SHAPE)).astype(np.float32)
    interpreter = tf.lite.Interpreter(model_content=flatbuffer(model, "float32", maps))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], maps)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return float(np.abs(found - model(maps, training=False).numpy()).max())


def differences_when_read(name, params, path):
    """Of answers before and after storing, and of those where nobody says that it is not training."""
    import keras
    import numpy as np

    from trainer.architectures import build_architecture
    from trainer.network import read_network

    model = build_architecture({"name": name, **params}, SHAPE, N_LABELS)
    maps = keras.random.normal((2, *SHAPE))
    wanted = model(maps, training=False).numpy()
    model.save(path)
    read = read_network(path)(maps, training=False).numpy()
    return float(np.abs(read - wanted).max()), float(np.abs(model(maps).numpy() - wanted).max())


def pooled_by(statistics):
    """Of frames in which attention has nothing to choose by: 0, 1 and 5 in one channel, all alike in the other."""
    import keras
    import numpy as np

    from trainer.architectures.layers import AttentiveStatistics

    frames = np.array([[[0.0, 2.0], [1.0, 2.0], [5.0, 2.0]]], np.float32)
    keras.utils.set_random_seed(1)
    layer = AttentiveStatistics(statistics=statistics)
    layer(frames)
    layer.set_weights([np.zeros_like(weights) for weights in layer.get_weights()])
    return layer(frames).numpy().tolist()


def test_statistics_are_those_that_are_asked_for(worker):
    ((mean, mean_2, deviation, _, maximum, maximum_2),) = worker(pooled_by, ["mean", "deviation", "maximum"])
    assert (mean, mean_2, maximum, maximum_2) == pytest.approx((2.0, 2.0, 5.0, 2.0), abs=1e-5)
    assert deviation == pytest.approx(2.160, abs=0.01)
    ((mean, _),) = worker(pooled_by, ["mean"])
    assert mean == pytest.approx(2.0)


@pytest.mark.parametrize("statistics", [["maximum"], ["mean", "mean"], [], ["median"]])
def test_statistics_that_make_no_sense_are_refused(worker, statistics):
    with pytest.raises(ConfigError, match="statistics"):
        worker(refusal, "residual", {"statistics": statistics})


def refusal(name, params):
    from trainer.architectures import build_architecture

    build_architecture({"name": name, **params}, SHAPE, N_LABELS)


def test_every_architecture_is_tested_here():
    assert set(SMALL) == set(ARCHITECTURES)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_maps_become_logits(worker, name):
    found = worker(described, name, SMALL[name], SHAPE, N_LABELS)
    assert found["input"] == (None, *SHAPE)
    assert found["output"] == (None, N_LABELS)
    assert found["negative"], "no softmax gives anything below 0"
    assert found["activation"] in {"", "linear"}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_it_learns_a_toy_batch(worker, name):
    losses, gradients = worker(losses_of_toy, name, SMALL[name])
    assert min(losses[-3:]) < 0.7 * losses[0]
    assert sum(norm > 0 for norm in gradients) > 0.7 * len(gradients)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_tflite_answers_alike(worker, name):
    assert worker(difference_in_tflite, name, SMALL[name]) < 1e-4


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_stored_network_answers_alike(worker, tmp_path, name):
    read, unsaid = worker(differences_when_read, name, SMALL[name], tmp_path / "model.keras")
    assert read < 1e-5
    assert unsaid < 1e-5


@pytest.mark.parametrize("name", ["mlp", "conv1d"])
def test_pooled_vectors_are_taken(worker, name):
    assert worker(described, name, SMALL[name], (180, 1), 4)["output"] == (None, 4)


@pytest.mark.parametrize("name", ["conv2d", "resnet18", "lightsernet"])
def test_small_maps_do_not_vanish(worker, name):
    assert worker(described, name, {}, (5, 3), 2)["output"] == (None, 2)


def test_resnet18_has_the_weights_of_the_paper(worker):
    """11,689,512 with three channels and 1,000 labels, as in every known implementation."""
    of_pictures = 11_689_512
    two_channels_less = 2 * 7 * 7 * 64
    found = worker(described, "resnet18", {}, (64, 128), 1000)
    assert found["trainable"] == of_pictures - two_channels_less
    assert worker(described, "resnet18", {}, (64, 128), 7)["trainable"] == 11_173_831


def test_lightsernet_is_as_small_as_its_authors_say(worker):
    """They state 0.46 million."""
    assert worker(described, "lightsernet", {}, (187, 40), 4)["trainable"] == pytest.approx(460_000, rel=0.01)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("nothing", {}),
        ("mlp", {"hidden": [0]}),
        ("conv1d", {"head": "median"}),
        ("conv2d", {"convolutions": [{"kernel": [3, 3]}]}),
        ("resnet18", {"depth": 34}),
        ("lightsernet", {"dropout": 1.5}),
    ],
)
def test_settings_that_are_not_valid_are_refused(worker, name, params):
    with pytest.raises(ConfigError):
        worker(refusal, name, params)

"""Classical models: the contract over the registry, with scikit-learn's own answers as the oracle."""

import numpy as np
import pytest

from monitor.errors import ConfigError
from trainer.baselines import BASELINES, make_baseline

pytest.importorskip("sklearn")
QUICK = {
    "forest": {"n_trees": 20},
    "boosting": {"max_iter": 15, "min_leaf": 3},
    "mlp": {"max_iter": 80, "hidden": [32]},
}
N_LABELS = 6
SEEN = (0, 2, 3, 5)


@pytest.fixture(autouse=True)
def _one_thread():
    """Threads of OpenMP wait for each other in busy loops: on a busy machine seconds become minutes."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def quick(name, **settings):
    return {"name": name, **QUICK.get(name, {}), **settings}


def blobs(labels, n=40, seed=0):
    y = np.resize(np.array(labels), n * len(labels))
    centres = np.random.default_rng(7).normal(0, 3, (N_LABELS, 8))
    return (centres[y] + np.random.default_rng(seed).normal(size=(len(y), 8))).astype(np.float32), y


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", BASELINES)
def test_posteriors_of_all_labels_even_of_unseen_ones(name):
    x, y = blobs(SEEN)
    found = make_baseline(quick(name), 0, N_LABELS).fit(x, y).posteriors(blobs(SEEN, seed=1)[0])
    assert found.dtype == np.float64
    assert found.shape == (len(y), N_LABELS)
    assert found.sum(axis=1) == pytest.approx(np.ones(len(y)), abs=1e-12)
    assert (found >= 0).all()
    assert not found[:, [1, 4]].any()
    assert np.mean(found.argmax(axis=1) == y) > 0.85


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("labels", [(1, 4), SEEN])
def test_the_likeliest_label_is_what_scikit_learn_predicts(name, labels):
    baseline = make_baseline(quick(name), 3, N_LABELS).fit(*blobs(labels))
    others = 1.5 * blobs(labels, seed=2)[0]
    predicted = baseline.estimator.predict(others)
    assert np.mean(baseline.posteriors(others).argmax(axis=1) == predicted) > 0.99


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", BASELINES)
def test_the_same_seed_gives_the_same_model(name):
    x, y = blobs(SEEN)
    first, second = (make_baseline(quick(name), 5, N_LABELS).fit(x, y).posteriors(x + 1) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", ["svm", "tree", "forest", "logistic", "boosting"])
def test_balanced_models_find_more_of_a_rare_label(name):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [600, 30])
    x = rng.normal(size=(630, 4)) + y[:, None]
    limits = {"tree": {"max_depth": 3}, "forest": {"max_depth": 3}}.get(name, {})
    recalls = [
        np.mean(make_baseline(quick(name, balanced=balanced, **limits), 0, 2).fit(x, y).posteriors(x)[600:, 1] > 0.5)
        for balanced in (False, True)
    ]
    assert recalls[1] >= recalls[0]
    assert recalls[1] > 0.6


def test_settings_reach_scikit_learn():
    own = {"alpha": 0.02, "batch_size": 64, "hidden": [30, 20], "learning_rate": "constant", "solver": "sgd"}
    found = make_baseline({"name": "mlp", **own, "max_iter": 7}, 9, 2).estimator.get_params()
    wanted = {"alpha": 0.02, "batch_size": 64, "hidden_layer_sizes": (30, 20), "solver": "sgd", "max_iter": 7}
    assert wanted.items() <= found.items()
    assert found["random_state"] == 9
    svm = make_baseline({"name": "svm", "kernel": "linear", "c": 10, "gamma": 0.5, "balanced": True}, 0, 2).estimator
    assert (svm.C, svm.kernel, svm.gamma, svm.class_weight) == (10, "linear", 0.5, "balanced")


@pytest.mark.parametrize(
    "settings",
    [{"name": "naive"}, {}, {"name": "svm", "kernel": "cosine"}, {"name": "knn", "k": 3}, {"name": "mlp", "alpha": -1}],
)
def test_settings_that_are_not_valid_are_refused(settings):
    with pytest.raises(ConfigError):
        make_baseline(settings, 0, 3)


def test_one_label_alone_is_refused():
    with pytest.raises(ConfigError, match="1 label, wanted at least 2"):
        make_baseline({"name": "svm"}, 0, 3).fit(np.zeros((4, 2)), np.ones(4, dtype=int))


@pytest.mark.filterwarnings("error:Got `batch_size`")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_few_vectors_make_no_noise_about_batches():
    make_baseline({"name": "mlp", "max_iter": 3, "batch_size": 256}, 0, N_LABELS).fit(*blobs(SEEN, n=2))

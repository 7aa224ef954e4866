"""What every entry of a registry promises, so that a new one is tested at once."""

import numpy as np
import pytest

from monitor.cli import VERBS, module_of
from monitor.pipeline.features import FEATURES, make_feature
from monitor.pipeline.features.spec import FeatureSpec
from monitor.registry import resolve
from monitor.sources import SOURCES


@pytest.mark.parametrize("name", FEATURES)
def test_features_have_their_shape_and_no_memory(name):
    spec = FeatureSpec(name=name, n_cepstra=13)
    feature = make_feature(spec)
    frames = np.random.default_rng(0).standard_normal((7, spec.frame_samples)) * 1000
    values = feature.extract(frames)
    assert values.shape == (7, spec.n_coefficients)
    assert values.dtype == np.float64
    np.testing.assert_array_equal(feature.extract(frames), values)
    np.testing.assert_allclose(feature.extract(frames[3:4]), values[3:4], atol=1e-9)


@pytest.mark.parametrize("name", FEATURES)
def test_features_are_finite_for_any_samples(name):
    spec = FeatureSpec(name=name)
    feature = make_feature(spec)
    extremes = [
        np.zeros(400),
        np.full(400, 32767.0),
        np.full(400, -32768.0),
        np.eye(1, 400)[0],
        np.tile([32767, -32768], 200),
    ]
    assert np.isfinite(feature.extract(np.array(extremes, dtype=np.float64))).all()


@pytest.mark.parametrize("name", FEATURES)
def test_a_gain_moves_features_and_not_their_differences(name):
    """Log energies of a louder signal lie higher by a constant: what the model's level normalisation counts on."""
    spec = FeatureSpec(name=name)
    feature = make_feature(spec)
    frames = np.random.default_rng(0).standard_normal((5, spec.frame_samples)) * 100
    shift = feature.extract(frames * 10) - feature.extract(frames)
    np.testing.assert_allclose(shift - shift[0], 0, atol=1e-9)
    assert shift[0].max() == pytest.approx(np.log(100) * (np.sqrt(spec.n_filters) if name == "mfcc" else 1))


@pytest.mark.parametrize("name", SOURCES)
def test_sources_can_be_named_and_stopped(name):
    source = resolve(SOURCES[name])
    for member in ("blocks", "stop", "name"):
        assert hasattr(source, member)


@pytest.mark.parametrize("verb", VERBS)
def test_verbs_run(verb):
    assert callable(resolve(f"{module_of(verb)}:run"))

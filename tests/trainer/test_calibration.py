"""Temperature taken back, and calibration with it and without."""

import numpy as np
import pytest

from trainer.calibration import calibration_figures, ece_interval, without_temperature
from trainer.evaluationtables import calibration_words
from trainer.figures import Predictions
from trainer.metrics import reliability


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def predictions(truth, posteriors, n_speakers=10):
    n, labels = posteriors.shape
    return Predictions(
        names=tuple(f"A/{i}" for i in range(n)),
        corpus=("A",) * n,
        speakers=tuple(str(i % n_speakers) for i in range(n)),
        genders=("",) * n,
        truth=truth,
        posteriors=posteriors,
        labels=tuple(f"l{i}" for i in range(labels)),
    )


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
def test_the_temperature_can_be_taken_back(temperature):
    logits = 3 * np.random.default_rng(0).standard_normal((50, 7))
    scaled = softmax(logits / temperature).astype(np.float32)
    np.testing.assert_allclose(without_temperature(scaled, temperature), softmax(logits), atol=1e-5)


def test_certainty_bears_it():
    np.testing.assert_allclose(without_temperature(np.array([[1.0, 0.0]]), 2.0), [[1.0, 0.0]], atol=1e-9)


@pytest.fixture(scope="module")
def calibrated():
    rng = np.random.default_rng(1)
    posteriors = rng.dirichlet([0.5] * 4, 3000)
    return predictions(np.array([rng.choice(4, p=p) for p in posteriors]), posteriors)


def test_the_temperature_shows_in_the_calibration_error(calibrated):
    boasting = predictions(calibrated.truth, without_temperature(calibrated.posteriors, 3.0))
    figures = calibration_figures(calibrated, boasting, 3.0)
    assert figures["after"]["ece"] < 0.03
    assert figures["before"]["ece"] > 0.1
    assert figures["temperature"] == 3.0
    assert sum(figures["after"]["reliability"]["clips"]) == 3000
    assert calibration_figures(calibrated, None, None)["before"] is None


def test_the_interval_is_of_the_same_error(calibrated):
    """One draw in which every clip counts once is the figure itself; so the interval is near it."""
    error = reliability(calibrated.truth, calibrated.posteriors).ece
    low, high = ece_interval(calibrated)
    assert low - 0.01 < error < high
    assert high - low < 0.05
    everyone_alike = predictions(np.zeros(20, int), np.tile([[0.75, 0.25]], (20, 1)))
    assert ece_interval(everyone_alike) == (pytest.approx(0.25), pytest.approx(0.25))


def test_one_speaker_gives_no_interval(calibrated):
    alone = predictions(calibrated.truth[:50], calibrated.posteriors[:50], 1)
    assert ece_interval(alone) is None
    assert calibration_figures(alone, None, None)["after"]["ece_interval"] is None


def test_words_tell_the_temperatures_of_a_graph(calibrated):
    figures = calibration_figures(calibrated, None, 1.5, 0.25)
    assert "with the temperature 1.5, the gender's 0.25, in the graph; wanted" in calibration_words(
        {"calibration": figures}
    )
    del figures["gender_temperature"]  # as files of before
    assert "with the temperature 1.5 in the graph; wanted" in calibration_words({"calibration": figures})

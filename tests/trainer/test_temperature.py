import numpy as np
import pytest
from scipy.special import softmax

from trainer.temperature import AnsweredWindows, fitted_temperature

N_LABELS = 5


def answered(temperature, *, n_clips=4000, n_windows=3, n_silent=0):
    """Clips whose true labels are as likely as their posteriors say, behind logits that are `temperature` too sure."""
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 1.5, (n_clips, N_LABELS))
    truth = np.array([rng.choice(N_LABELS, p=p) for p in softmax(logits, axis=1)])
    of_windows = np.repeat(logits * temperature, n_windows, axis=0)[:, None, :]
    return AnsweredWindows(
        np.concatenate([of_windows, of_windows], axis=1).astype(np.float32),
        np.repeat(np.arange(n_clips), n_windows),
        np.tile(np.linspace(0.2, 1.0, n_windows), n_clips),
        N_LABELS,
        np.concatenate([truth, np.zeros(n_silent, np.int64)]),
    )


@pytest.mark.parametrize("temperature", [1.5, 3.0])
def test_the_temperature_that_made_them_too_sure_is_found(temperature):
    assert fitted_temperature(answered(temperature)) == pytest.approx(temperature, rel=0.06)


def test_nobody_is_made_surer_than_the_network_is():
    assert fitted_temperature(answered(0.5)) == 1.0
    assert 1.0 <= fitted_temperature(answered(1.0)) < 1.06


@pytest.mark.parametrize(("needed", "found"), [(0.5, 0.5), (0.1, 0.25)])
def test_what_these_clips_did_not_choose_may_be_made_surer(needed, found):
    assert fitted_temperature(answered(needed), lowest=0.25) == pytest.approx(found, rel=0.06)


def test_clips_without_a_window_do_not_count():
    assert fitted_temperature(answered(2.0, n_silent=3000)) == pytest.approx(fitted_temperature(answered(2.0)))


def test_clips_count_alike_however_many_windows_they_have():
    few, many = answered(1.0, n_clips=300, n_windows=1), answered(3.0, n_clips=300, n_windows=5)
    both = AnsweredWindows(
        np.concatenate([few.logits, many.logits]),
        np.concatenate([few.clip, many.clip + 300]),
        np.concatenate([few.weights, many.weights]),
        N_LABELS,
        np.concatenate([few.truth, many.truth]),
    )
    alike = AnsweredWindows(
        np.concatenate([few.logits, many.logits[::5]]),
        np.arange(600),
        np.ones(600),
        N_LABELS,
        both.truth,
    )
    assert fitted_temperature(both) == pytest.approx(fitted_temperature(alike))
    assert 1.0 < fitted_temperature(both) < 3.0


def test_posteriors_are_means_of_members_and_windows():
    logits = np.array([[[2.0, 0.0], [0.0, 0.0]], [[0.0, 4.0], [0.0, 0.0]]], np.float32)
    one = AnsweredWindows(logits, np.array([1, 1]), np.array([3.0, 1.0]), 2, np.array([0, 0]))
    sure, surer = 1 / (1 + np.exp(-1.0)), 1 / (1 + np.exp(-2.0))
    first = (3 * (sure + 0.5) / 2 + (1 - surer + 0.5) / 2) / 4
    np.testing.assert_allclose(one.posteriors(2.0), [[0, 0], [first, 1 - first]])

"""Where the pipeline's processor time goes."""

import signal

import pytest

from benchmarks.hotspots import spots
from benchmarks.recording import RATE_HZ, unbroken_speech
from monitor.model import EmotionModel, shipped_model


def test_every_interruption_is_counted_and_the_network_is_among_them():
    found, percent = spots(EmotionModel.load(shipped_model()), unbroken_speech()[: 10 * RATE_HZ], 50)
    assert sum(spot.share for spot in found) == pytest.approx(1)
    assert 0 < percent < 100
    # Not the first where other tests have left BLAS its threads: they spin.
    (network,) = [spot for spot in found if "invoke()" in spot.source]
    assert network.place.startswith("monitor/model.py:")
    assert [spot.share for spot in found] == sorted((spot.share for spot in found), reverse=True)


def test_the_timer_is_stopped_and_its_handler_taken_back():
    before = signal.getsignal(signal.SIGPROF)
    spots(EmotionModel.load(shipped_model()), unbroken_speech()[:RATE_HZ], 1)
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGPROF) == before

"""The state that the status tells, by what has come and what was to come."""

import pytest

from monitor.health import Health, OutputStatus
from monitor.sources import SourceStatus


class Live:
    live = True

    def status(self):
        return SourceStatus(device="mic")


class Told:
    """A health that is asked every two seconds, as the main thread does."""

    def __init__(self):
        self._now_s = 1000.0
        self.health = Health(16_000, lambda: self._now_s)

    def after(self, seconds, *, muted=False):
        for _ in range(max(round(seconds / 2), 1)):
            self._now_s += min(seconds, 2.0)
            state = self.health.status(Live(), OutputStatus(), None, muted=muted).state
        return state


@pytest.mark.parametrize(("has_heard", "state"), [(True, "listening"), (False, "starting")])
def test_an_input_that_was_muted_for_long_has_time_to_be_opened_again(has_heard, state):
    told = Told()
    if has_heard:
        told.health.heard(1600)
    assert told.after(60, muted=True) == "muted"
    assert told.after(0.1) == state
    assert told.after(10) == "no_audio"


def test_an_input_that_brings_nothing_is_said_to_be_silent():
    told = Told()
    assert told.after(2) == "starting"
    assert told.after(4) == "no_audio"
    told.health.heard(1600)
    assert told.after(2) == "listening"
    assert told.after(6) == "no_audio"

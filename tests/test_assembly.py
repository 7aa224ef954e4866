"""The parts of a monitor, and what a reload makes of them."""

import gc
import weakref

from msgspec.structs import replace

from monitor.assembly import Assembly
from monitor.config import Settings
from monitor.sources import SourceStatus


class Quiet:
    name, live, waits = "quiet", True, True

    def status(self):
        return SourceStatus(device=self.name)


class Listening:
    """A daemon that goes over at once to what it is to listen with."""

    def __init__(self, assembly):
        self.hearing, self.sinks = assembly.hearing, assembly.sinks

    def meanwhile(self):
        return True

    def hear(self, hearing):
        self.hearing = hearing

    def settle(self):
        """It has."""

    def report_to(self, sinks):
        self.sinks = list(sinks)


def test_what_a_reload_replaces_is_let_go_at_once():
    """A model more in memory until the end: what was there at the start is seen by no garbage collector before."""
    settings = Settings()
    assembly = Assembly(settings, lambda _settings, _rate_hz: Quiet(), stdout=True)
    daemon = Listening(assembly)
    before = weakref.ref(assembly.hearing.pipeline)
    gc.disable()
    try:
        assembly.reload(replace(settings, vad=replace(settings.vad, hangover_ms=600)), daemon)
        assert assembly.hearing is daemon.hearing
        assert before() is None
    finally:
        gc.enable()

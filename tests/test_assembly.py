"""The parts of a monitor, and what a reload makes of them."""

import gc
import weakref
from dataclasses import asdict

import pytest
from msgspec.structs import replace

from monitor.assembly import Assembly, rules_of
from monitor.config import Settings
from monitor.pipeline import GateRule, PipelineRules
from monitor.pipeline.smoother import DecisionRule
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


@pytest.mark.parametrize(
    ("table", "field", "rule"), [("vad", "gate", GateRule), ("decision", "decision", DecisionRule)]
)
def test_each_setting_of_the_pipeline_is_taken_from_the_configuration(table, field, rule):
    of_table = getattr(Settings(), table)
    for name, default in asdict(rule()).items():
        assert getattr(of_table, name) == default
        other = default + 1 if isinstance(default, int) else default / 2 + 0.1
        settings = replace(Settings(), **{table: replace(of_table, **{name: other})})
        assert asdict(getattr(rules_of(settings), field)) == {**asdict(rule()), name: other}


def test_a_recordings_reader_wants_every_event():
    settings = replace(Settings(), decision=replace(Settings().decision, max_events_per_min=7))
    assert rules_of(settings).max_events_per_min == 7
    assert rules_of(settings, limit_events=False).max_events_per_min == PipelineRules().max_events_per_min == 0

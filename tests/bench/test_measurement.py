"""Figures, how they are compared, and how they are told: table and JSON."""

import msgspec
import pytest

from benchmarks import groups
from benchmarks.measurement import OURS, PER_WINDOW, Measurement, NotAvailableError, Target
from benchmarks.results import Results
from benchmarks.table import goal, number, row, table
from monitor.registry import resolve


def window(name, *values, **more):
    return Measurement(name=name, group="window", unit=PER_WINDOW, values=values, **more)


def results(*measurements):
    return Results(
        taken="2026-11-28T12:00:00+00:00", machine="a machine", recording="a recording", measurements=measurements
    )


def test_the_figure_is_the_median_and_the_spread_is_over_all_rounds():
    one = window("other", 9.0, 1.0, 2.0, 40.0)
    assert one.median == 5.5
    assert one.spread == (1.0, 40.0)


@pytest.mark.parametrize(
    ("side", "bound", "met"),
    [("at most", 2.0, True), ("at most", 1.9, False), ("at least", 2.0, True), ("at least", 2.1, False)],
)
def test_a_target_is_met_at_its_bound_and_on_its_side(side, bound, met):
    assert window("other", 1.0, 2.0, 3.0, target=Target(bound, side)).is_met is met


def test_what_was_not_measured_has_a_reason_and_neither_meets_nor_misses():
    one = Measurement.missing("other", "window", "mosquitto is not installed", PER_WINDOW)
    assert not one.is_measured
    assert one.is_met is None
    assert row(results(one), one)[-1] == "not measured: mosquitto is not installed"
    assert "not measured: mosquitto is not installed" in table(results(one))


def test_others_are_compared_with_ours_of_the_same_round():
    # A machine that is slow in one round is so for both.
    ours, other = window(OURS, 0.5, 2.0, 1.0), window("other", 50.0, 160.0, 80.0, times_ours=50.0)
    found = results(ours, other)
    assert found.times_ours(other) == (100.0, 80.0, 80.0)
    assert found.times_ours(ours) == ()
    assert found.goal(other) == (80.0, Target(50.0, "at least"))
    assert goal(found, other) == ">= 50.0 times ours: met"
    slow = window("other", 10.0, 20.0, 30.0, times_ours=50.0)
    assert "MISSED" in goal(results(ours, slow), slow)


def test_the_ratio_is_told_with_its_spread():
    ours, other = window(OURS, 1.0, 1.0, 4.0), window("other", 50.0, 60.0, 160.0)
    assert row(results(ours, other), other)[4] == "50.0 (40.0 .. 60.0)"
    assert row(results(window(OURS, 2.0), window("other", 50.0)), window("other", 50.0))[4] == "25.0"


@pytest.mark.parametrize(
    "ours", [[], [Measurement.missing(OURS, "window", "ended", PER_WINDOW)], [window(OURS, 1.0, 2.0)]]
)
def test_without_ours_in_the_same_rounds_nothing_is_compared(ours):
    other = window("other", 75.0, times_ours=50.0)
    assert results(*ours, other).times_ours(other) == ()
    assert results(*ours, other).goal(other) is None


def test_the_table_has_a_line_for_each_figure_below_its_group():
    live = Measurement(name="start to READY", group="live", unit="s", values=(0.4, 0.6, 0.7), target=Target(0.5))
    lines = table(results(window(OURS, 1.0), live, window("other", 2.0))).splitlines()
    told = [" ".join(line.split()) for line in lines[4:]]
    assert told[0] == "window"
    assert told[1].startswith("ours 1.00 ms a window")
    assert told[2].startswith("other 2.00 ms a window 2.00")
    assert told[3] == "live"
    assert told[4] == "start to READY 0.600 0.400 .. 0.700 s <= 0.500: MISSED"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.01234, "0.0123"),
        (1.0, "1.00"),
        (73.65, "73.7"),
        (1234.5, "1,234"),
        (-2.5, "-2.50"),
        (1.07e-5, "0.0000"),
    ],
)
def test_numbers_have_three_digits_and_at_most_four_decimals(value, text):
    assert number(value) == text


def test_json_gives_back_what_it_was_made_of():
    found = results(
        window(OURS, 0.5, 1.0),
        window("other", 75.0, times_ours=50.0, note="of librosa"),
        Measurement(name="READY", group="live", unit="s", values=(0.4,), target=Target(0.5)),
        Measurement.missing("all", "microphone", "no PulseAudio"),
    )
    text = found.to_json()
    assert Results.from_json(text) == found
    assert msgspec.json.decode(text)["measurements"][2]["target"] == {"bound": 0.5, "side": "at most"}


class Groups:
    """Stand for modules."""

    @staticmethod
    def lacks(_recording):
        raise NotAvailableError("mosquitto is not installed")

    @staticmethod
    def fails(_recording):
        raise ValueError("nonsense")

    @staticmethod
    def works(_recording):
        return [window(OURS, 1.0)]


@pytest.mark.parametrize(
    ("entry", "note", "is_sound"),
    [
        (Groups.lacks, "mosquitto is not installed", True),
        (Groups.fails, "failed: ValueError: nonsense", False),
        (None, "No module named 'benchmarks.nowhere'", True),
    ],
)
def test_a_group_that_cannot_be_measured_is_a_row_and_the_others_go_on(monkeypatch, entry, note, is_sound):
    entries = {"first": entry, "second": Groups.works}
    monkeypatch.setattr(groups, "GROUPS", {"first": "first", "second": "second"})
    monkeypatch.setattr(groups, "resolve", lambda name: entries[name] or resolve("benchmarks.nowhere:measure"))
    found, sound = groups.measure_all(None, ["first", "second"])
    assert sound is is_sound
    assert [(one.group, one.note) for one in found if not one.is_measured] == [("first", note)]
    assert found[-1].name == OURS

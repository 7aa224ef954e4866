"""Which numbers of microphones the benchmark tries, and what it makes of their figures; nothing is measured here."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

import pytest

from benchmarks.many.course import Course, carried, first_late
from benchmarks.many.figures import LoadFigures, StepFigures, step_of
from benchmarks.many.page import BEGIN, END, figures_text, put
from benchmarks.many.scene import LOADS

DOCS = Path(__file__).parents[2] / "docs"


def load(late, cpu_percent=1.0):
    return LoadFigures(cpu_percent, 0.1, 50.0, 10, 0, 5.0, 900.0 if late else 6.0, 0.0)


def step(way, n, loads, *, mb_each=40.0):
    return StepFigures(way, n, 0.1 * n, mb_each * n, 60.0 * n, 0, 0.1, loads)


class Machine:
    """Late from given numbers on."""

    def __init__(self, late_from, *, mb_each=40.0, hiccups=(), cpu_each=1.0):
        self.late_from, self.mb_each, self.hiccups, self.cpu_each = late_from, mb_each, list(hiccups), cpu_each
        self.asked = []

    def measure(self, way, n, loads):
        self.asked.append((way, n, tuple(loads)))
        busy = n in self.hiccups
        if busy:
            self.hiccups.remove(n)
        found = {one: load(busy or n >= self.late_from[one], self.cpu_each * n) for one in loads}
        return step(way, n, found, mb_each=self.mb_each)

    def course(self, numbers, *, seconds=1000.0):
        return Course(self.measure, lambda _: None, numbers, 2, 20.0, time.monotonic() + seconds).run()


def numbers_of(steps):
    return [one.n for one in steps]


def test_it_goes_on_until_events_are_late_and_looks_between():
    machine = Machine({"usual": 1000, "speech": 6}, cpu_each=30.0)
    steps, reason = machine.course({"processes": (1, 2, 4, 8, 16)})
    assert numbers_of(steps) == [1, 2, 4, 6, 8, 16]
    assert (carried(steps, "processes", "speech"), first_late(steps, "processes", "speech")) == (4, 6)
    assert (carried(steps, "processes", "usual"), first_late(steps, "processes", "usual")) == (16, None)
    # What is late already is played no more.
    assert ("processes", 16, ("usual",)) in machine.asked
    assert "all numbers" in reason


def test_it_ends_when_both_loads_are_late():
    machine = Machine({"usual": 4, "speech": 2}, cpu_each=100.0)
    steps, _ = machine.course({"processes": (1, 2, 4, 8, 16)})
    assert max(numbers_of(steps)) == 4


def test_both_ways_take_turns():
    machine = Machine({"usual": 1000, "speech": 1000})
    machine.course({"processes": (1, 2, 4), "together": (1, 4)})
    assert [(way, n) for way, n, _ in machine.asked] == [
        ("processes", 1),
        ("together", 1),
        ("processes", 2),
        ("processes", 4),
        ("together", 4),
    ]


def test_what_came_late_for_another_reason_is_tried_again():
    machine = Machine({"usual": 1000, "speech": 1000}, hiccups=[2])
    steps, _ = machine.course({"processes": (1, 2, 4)})
    assert [n for _, n, _ in machine.asked] == [1, 2, 2, 4]
    assert not any(one.late for one in steps)


def test_what_fills_all_cores_is_not_tried_again():
    machine = Machine({"usual": 1000, "speech": 2}, cpu_each=95.0)
    machine.course({"processes": (1, 2)})
    assert [n for _, n, _ in machine.asked] == [1, 2]


def test_it_begins_nothing_that_would_be_over_too_late():
    steps, reason = Machine({"usual": 1000, "speech": 1000}).course({"processes": (1, 2)}, seconds=10.0)
    assert steps == []
    assert "time" in reason


def test_it_takes_no_memory_that_is_not_there():
    machine = Machine({"usual": 1000, "speech": 1000}, mb_each=1e9)
    steps, reason = machine.course({"processes": (1, 2)})
    assert numbers_of(steps) == [1]
    assert "memory" in reason


@pytest.mark.parametrize("latency_ms", [math.nan, math.inf, 500.1])
def test_no_event_a_missing_one_and_a_slow_one_are_late(latency_ms):
    assert LoadFigures(1.0, 0.1, 50.0, 0, 0, math.nan, latency_ms, 0.0).late


def test_lost_audio_is_late():
    assert LoadFigures(1.0, 0.1, 50.0, 10, 0, 5.0, 6.0, 0.03).late
    assert not LoadFigures(1.0, 0.1, 50.0, 10, 0, 5.0, 6.0, 0.0).late


def test_figures_survive_the_file():
    missing = LoadFigures(1.0, 0.1, 50.0, 10, 5, 5.0, math.inf, 0.0)
    one = step("processes", 4, {"usual": load(late=False), "speech": missing})
    assert step_of(json.loads(json.dumps(one.as_json(), allow_nan=False))) == one


def test_only_the_part_between_the_marks_is_written(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    put(page, "new")
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="place for the figures"):
        put(page, "new")


def test_the_page_says_what_was_measured():
    result = json.loads((DOCS / "many-microphones.json").read_text(encoding="utf-8"))
    steps = [step_of(fields) for fields in result["steps"]]
    assert {name for one in steps for name in one.loads} == set(LOADS)
    assert figures_text(result, steps) in (DOCS / "many-microphones.md").read_text(encoding="utf-8")

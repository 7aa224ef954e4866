"""Which numbers of microphones the benchmark tries, and what it makes of their figures; nothing is measured here."""

from __future__ import annotations

import json
import math
import subprocess
import time
from pathlib import Path

import pytest

from benchmarks.many.course import Course
from benchmarks.many.figures import LoadFigures, StepFigures, step_of
from benchmarks.many.limit import carried, first_late
from benchmarks.many.page import BEGIN, END, figures_text, put
from benchmarks.many.scene import LOADS

DOCS = Path(__file__).parents[2] / "docs"
RESULT = {"machine": "a machine, 2 cores", "date": "2026-01-02", "cores": 2}


def load(late, cpu_percent=1.0):
    return LoadFigures(cpu_percent, 0.1, 50.0, 10, 0, 5.0, 900.0 if late else 6.0, 0.0)


def step(way, n, loads, *, mb_each=40.0):
    return StepFigures(way, n, 0.1 * n, mb_each * n, 60.0 * n, 0, 0.1, loads)


class Machine:
    """Late from given numbers on."""

    def __init__(self, late_from, *, mb_each=40.0, hiccups=(), cpu_each=1.0, failures=None):
        self.late_from, self.mb_each, self.hiccups, self.cpu_each = late_from, mb_each, list(hiccups), cpu_each
        self.failures = failures or {}
        self.asked = []

    def measure(self, way, n, loads):
        self.asked.append((way, n, tuple(loads)))
        if (way, n) in self.failures:
            raise self.failures[way, n]
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
    assert numbers_of(steps) == [1, 2, 4, 5, 6, 8, 16]
    assert (carried(steps, "processes", "speech"), first_late(steps, "processes", "speech")) == (5, 6)
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


@pytest.mark.parametrize(
    "failure",
    [
        RuntimeError("a monitor ended with 1"),
        TimeoutError("found 3 of 4 monitors not connected"),
        subprocess.TimeoutExpired("player", 60),
        OSError(24, "Too many open files"),
    ],
)
def test_a_step_that_fails_is_not_carried_and_the_others_are_kept(failure):
    machine = Machine({"usual": 1000, "speech": 1000}, failures={("processes", 4): failure})
    steps, reason = machine.course({"processes": (1, 2, 4, 8), "together": (1, 8)})
    assert [(one.way, one.n) for one in steps if not one.failure] == [
        ("processes", 1),
        ("together", 1),
        ("processes", 2),
        ("processes", 3),
        ("together", 8),
    ]
    (failed,) = (one for one in steps if one.failure)
    assert (failed.way, failed.n, failed.loads) == ("processes", 4, {})
    assert str(failure) in failed.failure
    for load in LOADS:
        assert (carried(steps, "processes", load), first_late(steps, "processes", load)) == (3, 4)
    assert "all numbers" in reason


def test_a_failed_step_stands_in_the_file_and_on_the_page_with_its_reason():
    failed = StepFigures.failed("processes", 4, "a monitor ended\nwith 1")
    assert failed.late
    fields = json.loads(json.dumps(failed.as_json(), allow_nan=False))
    assert fields == {"way": "processes", "n": 4, "failure": "a monitor ended\nwith 1"}
    assert step_of(fields) == failed
    text = figures_text(RESULT, [step("processes", 2, {one: load(late=False) for one in LOADS}), failed])
    assert "| 4 | a process each | - | - | - | **failed** | **failed** | - |" in text
    assert "all speak at once, a process each: **2** in time, failed with 4." in text.lower()
    assert "a monitor ended with 1" in text


def test_the_page_says_what_one_core_carries():
    machine = Machine({"usual": 1000, "speech": 6}, mb_each=1e-3)
    steps, _ = machine.course({"processes": (1, 2, 4, 8, 16), "together": (1, 4)})
    text = figures_text({**RESULT, "cores": 2, "placement": "monitors on 2 of them"}, steps)
    assert text.startswith("a machine, 2 cores; monitors on 2 of them; 2026-01-02.\n")
    assert "One core carries **2** microphones (a process each) when all speak at once, " in text
    # The usual load was never late: more than these may be carried.
    assert "8 or more when each speaks a tenth of the time." in text
    # Of one process, which Python holds to one core, it is not known.
    assert "(one for all)" not in text.split("One core carries")[1].split("\n")[0]


def test_what_one_core_carries_is_not_divided_for_one_process():
    steps, _ = Machine({"usual": 4, "speech": 4}, mb_each=1e-3).course({"together": (1, 2, 4)})
    text = figures_text(RESULT, steps)
    assert "One core carries **3** microphones (one for all) when all speak at once, 3 when each" in text


def test_it_begins_nothing_that_would_be_over_too_late():
    steps, reason = Machine({"usual": 1000, "speech": 1000}).course({"processes": (1, 2)}, seconds=10.0)
    assert steps == []
    assert "time" in reason


def test_it_takes_no_memory_that_is_not_there():
    machine = Machine({"usual": 1000, "speech": 1000}, mb_each=1e9)
    steps, reason = machine.course({"processes": (1, 2)})
    assert numbers_of(steps) == [1]
    assert "memory" in reason


def test_where_memory_ends_one_way_as_many_as_it_allows_are_tried_and_the_other_goes_on(monkeypatch):
    monkeypatch.setattr("benchmarks.many.course.available_mb", lambda: 1000.0)
    machine = Machine({"usual": 1000, "speech": 1000})
    steps, reason = machine.course({"processes": (1, 8, 16, 32, 64)})
    # 40 MB each, and four fifths of it may be taken.
    assert numbers_of(steps) == [1, 8, 16, 20]
    assert reason == "there is no memory for 32 (processes)"
    machine.mb_each = 50.0
    steps, _ = machine.course({"processes": (1, 8, 15, 32), "together": (1, 8)})
    assert [one.n for one in steps if one.way == "processes"] == [1, 8, 15]
    assert [one.n for one in steps if one.way == "together"] == [1, 8]


def test_a_limit_is_told_to_a_quarter_with_either_way_and_load():
    machine = Machine({"usual": 700, "speech": 300}, cpu_each=1.0)
    machine.mb_each = 1e-3
    steps, _ = machine.course({"processes": (1, 64, 256, 512, 1024), "together": (1, 512, 1024)})
    for way in ("processes", "together"):
        for name, limit in machine.late_from.items():
            most, late = carried(steps, way, name), first_late(steps, way, name)
            assert most < limit <= late <= 1.25 * most


def test_one_process_is_full_with_one_core():
    machine = Machine({"usual": 1000, "speech": 2}, cpu_each=47.5)
    machine.course({"together": (1, 2)})
    assert [n for _, n, _ in machine.asked] == [1, 2]


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


def test_a_picture_is_drawn_where_steps_failed_too(tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    from benchmarks.many.picture import draw

    known = step("processes", 2, {one: load(late=False) for one in LOADS})
    draw([known, StepFigures.failed("processes", 4, "no")], 1, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_says_what_was_measured():
    result = json.loads((DOCS / "many-microphones.json").read_text(encoding="utf-8"))
    steps = [step_of(fields) for fields in result["steps"]]
    assert {name for one in steps for name in one.loads} == set(LOADS)
    assert figures_text(result, steps) in (DOCS / "many-microphones.md").read_text(encoding="utf-8")

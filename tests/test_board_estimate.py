"""What boards would need is estimated from counted instructions: the arithmetic of it."""

import numpy as np
import pytest

from benchmarks import instructions
from benchmarks.forms import a_window
from benchmarks.instructions import LENGTHS_S, Board, Cost, cost, print_estimate
from benchmarks.listeningcost import WAYS, measured_extra
from benchmarks.measurement import Measurement
from benchmarks.results import Results


class Counted:
    """A counter of instructions: so many for the start, so many for a byte that is read, or for each window."""

    def __init__(self, start, each):
        self.start, self.each = start, each

    def count(self, *arguments, stdin=b"", **_):
        return self.start + self.each * (len(stdin) or int(arguments[-1]))


def test_a_faster_clock_and_more_instructions_a_cycle_take_less():
    board = Board("a board", "a processor", clocks_ghz=(1.0, 2.0), instructions_per_cycle=(0.5, 1.5))
    assert board.seconds(3e9) == pytest.approx((1.0, 6.0))


def test_the_start_is_told_from_the_audio():
    audio = np.zeros(max(LENGTHS_S) * 16_000, dtype=np.int16)
    found = cost(Counted(start=2_000_000_000, each=1000), audio)
    assert (found.per_second, found.start) == pytest.approx((32_000_000, 2_000_000_000))


def test_the_start_is_told_from_the_windows(tmp_path):
    assert a_window(Counted(start=2_000_000_000, each=20_000_000), tmp_path / "model", "cortex-a72") == 20_000_000


def measured(*figures):
    """A file as `make bench-write` leaves it."""
    rows = tuple(Measurement(group=group, name=name, unit="", values=values) for group, name, values in figures)
    return Results(taken="", machine="", recording="", measurements=rows).to_json()


def test_what_listening_takes_beyond_the_pipeline_is_told_by_the_pipeline_in_silence(tmp_path):
    (tmp_path / "bench.json").write_bytes(
        measured(
            ("pipeline alone", "speech", (0.1, 0.1, 0.4)),
            ("pipeline alone", "silence", (0.01,)),
            ("live: pipe to MQTT", "speech: CPU", (0.3, 0.2, 0.9)),
            ("live: pipe to MQTT", "silence: CPU", (0.08,)),
            ("live: microphone to MQTT", "speech: CPU", ()),
            ("floor", "speech: CPU", (7.0,)),
        )
    )
    pipe, _ = WAYS
    assert measured_extra("speech", tmp_path / "bench.json") == {pipe: pytest.approx(20)}
    assert measured_extra("silence", tmp_path / "bench.json") == {pipe: pytest.approx(7)}


def test_where_nothing_was_measured_nothing_is_known(tmp_path):
    assert measured_extra("speech", tmp_path / "bench.json") == {}
    (tmp_path / "bench.json").write_bytes(measured(("live: pipe to MQTT", "speech: CPU", (0.3,))))
    assert measured_extra("speech", tmp_path / "bench.json") == {}


def test_the_figures_of_this_repository_have_both_ways():
    extra = {audio: measured_extra(audio) for audio in ("speech", "silence")}
    assert all(set(found) == set(WAYS) and min(found.values()) > 1 for found in extra.values())


def test_the_estimate_says_what_is_arithmetic_alone_and_what_listening_adds(monkeypatch, capsys):
    monkeypatch.setattr(instructions, "measured_extra", lambda audio: {"a way": 4.0} if audio == "speech" else {})
    monkeypatch.setattr(instructions, "BOARDS", (Board("a board", "a processor", (1.0, 1.0), (0.5, 1.0)),))
    print_estimate({"speech": Cost(20e6, 1e9), "silence": Cost(1e6, 1e9)})
    lines = capsys.readouterr().out.splitlines()
    assert [" ".join(line.split()) for line in lines if line.startswith("speech")] == [
        "speech, arithmetic and Python alone 2.0 - 4.0 % of a core",
        "speech, a way 2.4 - 4.8 % of a core",
    ]
    assert sum(line.startswith("silence") for line in lines) == 1

"""The pipeline in this process, whole and by stage."""

import numpy as np
import pytest

from benchmarks import stages
from benchmarks.everyhop import EVERY_HOP
from benchmarks.recording import RATE_HZ, Recording
from benchmarks.stageruns import STAGE_RUNS, Heard, run

N_ROUNDS = 3


@pytest.fixture(scope="module")
def recording():
    return Recording.compose(8, 4, n_rounds=N_ROUNDS)


@pytest.fixture
def turns(monkeypatch):
    """Nothing is timed: the whole takes 1 s and each stage as much as its turn says; what had a turn."""
    taken = []

    def cpu_s(work):
        taken.append(work.func)
        return 1.0 if work.func is run else 0.05 * len(taken)

    monkeypatch.setattr(stages, "cpu_s", cpu_s)
    return taken


def test_the_whole_and_its_stages_take_turns(recording, turns):
    stages.measure(recording)
    in_a_round = len(STAGE_RUNS) + 2
    rounds = [turns[at : at + in_a_round] for at in range(0, len(turns), in_a_round)]
    assert len(rounds) == 2 * N_ROUNDS, "speech, and silence"
    assert all(one == rounds[0] for one in rounds)
    assert rounds[0][:2] == [run, run]
    assert len(set(rounds[0][2:])) == len(STAGE_RUNS)


def test_the_rest_is_what_is_left_of_the_whole_in_the_same_round(recording, turns):
    (rest,) = (one for one in stages.measure(recording) if one.name == "speech: rest")
    seconds = [max(1.0 - 0.05 * sum(range(at + 3, at + 7)), 0.0) for at in (0, 6, 12)]
    assert rest.values == pytest.approx([100 * one * RATE_HZ / len(recording.speech) for one in seconds])
    assert rest.values[-1] == 0


def test_what_has_a_window_at_every_hop_says_so(recording, turns):
    rows = stages.measure(recording)
    assert {one.group for one in rows if one.name.endswith("model")} == {f"pipeline, by stage, {EVERY_HOP}"}
    assert {one.name for one in rows if one.group == stages.GROUP} == {
        "speech",
        f"speech, {EVERY_HOP}",
        "silence",
        "onset of speech to first event",
    }


@pytest.mark.parametrize(
    ("votes", "is_open", "silent"),
    [
        ([False, False, False], [False, False, False], True),
        ([False, False, True], [False, False, False], False),
        ([True, False, False], [False, False, False], False),
        ([False, False, False], [True, True, False], False),
    ],
)
def test_a_block_is_silent_when_nobody_spoke_before_it_nor_in_it(votes, is_open, silent):
    heard = Heard(np.zeros((3, 480), dtype=np.int16), votes, [None] * 3, is_open, [], [])
    assert heard.is_silent(1, 3) is silent

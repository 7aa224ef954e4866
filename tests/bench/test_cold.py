"""The same blocks, one after the other and with time in between, by stage."""

import time

import numpy as np
import pytest

from benchmarks import cold
from benchmarks.recording import RATE_HZ, quiet_room, unbroken_speech
from benchmarks.stageclock import DECISIONS, FEATURES, FRAMES, MODEL, STAGES, VOTES, StageClock, TimedPipeline
from benchmarks.timed_worker import READING
from monitor.model import EmotionModel, shipped_model
from monitor.pipeline import Pipeline
from monitor.records import AudioBlock
from monitor.sources import LONGEST_BLOCK_S


@pytest.fixture(scope="module")
def model():
    return EmotionModel.load(shipped_model())


def burn(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_a_moment_counts_for_the_innermost_stage_alone():
    clock = StageClock()

    def outer():
        burn(0.02)
        clock.during("inner", lambda: burn(0.04))
        return "given"

    start_s = time.thread_time()
    assert clock.during("outer", outer) == "given"
    passed_s = time.thread_time() - start_s
    outer_s, inner_s = (clock.stage_ns[stage] / 1e9 for stage in ("outer", "inner"))
    assert (outer_s, inner_s) >= (0.02, 0.04)
    assert outer_s + inner_s <= passed_s
    assert inner_s == pytest.approx(0.04, rel=0.4)


def test_a_stage_that_fails_is_over():
    clock = StageClock()
    with pytest.raises(ZeroDivisionError):
        clock.during("outer", lambda: clock.during("inner", lambda: 1 / 0))
    counted = dict(clock.stage_ns)
    burn(0.01)
    clock.during("next", lambda: None)
    assert (clock.stage_ns["outer"], clock.stage_ns["inner"]) == (counted["outer"], counted["inner"])


def test_a_pipeline_that_is_timed_says_what_any_other_says(model):
    timed, plain = TimedPipeline(StageClock(), model), Pipeline(model)
    plain.tells_levels = False
    samples = np.concatenate([unbroken_speech()[: 5 * RATE_HZ], quiet_room(2 * RATE_HZ)])
    said = [pipeline.push(AudioBlock(samples, 0)) + pipeline.flush() for pipeline in (timed, plain)]
    assert [type(event) for event in said[0]] == [type(event) for event in said[1]]
    assert said[0][-1] == said[1][-1]
    assert timed._clock.stage_ns.keys() >= set(STAGES)


def test_in_silence_there_are_votes_and_little_else(model):
    silence, speech = (
        cold.hear(model, samples) for samples in (quiet_room(6 * RATE_HZ), unbroken_speech()[: 6 * RATE_HZ])
    )
    assert silence.percent[MODEL] == 0
    assert silence.percent[DECISIONS] < 0.1 * silence.percent[VOTES], "webrtcvad votes for a frame or two at first"
    assert silence.percent[VOTES] > 3 * (silence.percent[FRAMES] + silence.percent[FEATURES])
    assert min(speech.percent.values()) > 0
    assert speech.whole_percent == pytest.approx(sum(speech.percent.values()))


def test_blocks_are_as_long_as_the_programs_and_none_is_left_out(model):
    pipeline, heard = TimedPipeline(StageClock(), model), []
    for block in cold.blocks(pipeline, quiet_room(4 * RATE_HZ)):
        pipeline.push(block)
        heard.append(block)
    assert [block.start_sample for block in heard[1:]] == [block.end_sample for block in heard[:-1]]
    assert heard[-1].end_sample == 4 * RATE_HZ
    lengths_s = [len(block.samples) / RATE_HZ for block in heard]
    assert lengths_s[0] == pytest.approx(0.03)
    assert max(lengths_s) == lengths_s[2] == pytest.approx(LONGEST_BLOCK_S)


@pytest.mark.parametrize("way", ["asleep in between", "awake in between"])
def test_no_block_comes_before_it_was_heard(model, way):
    start_s = time.monotonic()
    found = cold.hear(model, quiet_room(RATE_HZ), cold.WAYS[way])
    assert time.monotonic() - start_s >= 1
    assert 0 < found.whole_percent < 50


def test_the_table_has_a_column_for_each_way_and_times_the_first(capsys):
    assert cold.main(["--seconds", "1", "--way", "one after the other", "--way", "caches displaced"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("| %")] == [
        "| % of a core | one after the other | caches displaced |"
    ] * 2
    cells = next(line for line in lines if line.startswith("| whole")).split(" | ")
    first, (value, times) = float(cells[1]), cells[2].rstrip("| ").removesuffix(" times").split(", ")
    assert float(times) == pytest.approx(float(value) / first, rel=0.1)


def test_what_a_way_does_not_have_is_no_number(capsys):
    hot, live = cold.Heard({VOTES: 0.01, MODEL: 0.02}, 2.0), cold.Heard({VOTES: 0.03, READING: 0.04}, 2.0)
    cold.print_table("Speech", {"hot": hot, "live": live})
    lines = capsys.readouterr().out.splitlines()
    assert f"| {VOTES} | 0.0100 | 0.0300, 3.0 times |" in lines
    assert f"| {MODEL} | 0.0200 | - |" in lines
    assert f"| {READING} | - | 0.0400 |" in lines
    assert "| whole | 0.0300 | 0.0700, 2.3 times |" in lines
    assert not any(DECISIONS in line for line in lines), "nobody has it"

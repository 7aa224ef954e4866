"""Where long blocks end, against the pipeline's own windows."""

from fake_classifier import FeatureHash, LoudIsSpeech, talk
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.pipeline import GateRule, Pipeline, PipelineRules
from monitor.pipeline.windows import WindowRule
from monitor.records import AudioBlock, EmotionEvent, Estimate, Rhythm, SpeechEnded
from monitor.sources import LONGEST_BLOCK_AHEAD_S, LONGEST_BLOCK_S
from monitor.sources.blockreading import block_s

LONGEST = 4_320
FRAME = 480


@given(
    origin=st.integers(0, 10**6),
    since=st.integers(0, 10**6),
    grid=st.tuples(st.integers(-50, 50), st.integers(FRAME, 20_000)),
    longest=st.integers(FRAME, 10_000),
    turn=st.none() | st.integers(-(10**4), 10**4),
)
def test_a_block_ends_at_a_frame_after_its_beginning_and_never_goes_past_what_is_due(
    origin, since, grid, longest, turn
):
    hops, hop = grid
    turn = None if turn is None else since + turn
    rhythm = Rhythm(origin, origin + hops * hop, hop, FRAME, True, None if turn is None else origin + turn)
    end = rhythm.block_end(origin + since, longest) - origin
    assert since < end <= since + longest + FRAME
    assert end % FRAME == 0
    due = [-(-k * hop // FRAME) * FRAME for k in range(since // hop, since // hop + 3)]
    due += [] if turn is None else [-(-turn // FRAME) * FRAME]
    assert not [at for at in due if since < at < end]


@given(origin=st.integers(0, 10**6), since=st.integers(0, 10**6), n_frames=st.integers(1, 40))
def test_blocks_in_silence_are_as_long_as_they_may_wherever_they_begin(origin, since, n_frames):
    """A resampler's blocks do not begin with a VAD frame."""
    rhythm = Rhythm(origin, origin, 8_000, FRAME, speaking=False)
    end = rhythm.block_end(origin + since, n_frames * FRAME) - origin
    assert end % FRAME == 0
    assert since < end
    assert end - since > (n_frames - 1) * FRAME


def test_blocks_go_on_to_exactly_what_is_due():
    rhythm = Rhythm(1_000, 1_000, 8_000, FRAME, speaking=True)
    ends, at = [], 1_000
    for _ in range(6):
        at = rhythm.block_end(at, LONGEST)
        ends.append(at - 1_000)
    assert ends == [3_840, 8_160, 12_000, 16_320, 20_160, 24_000]


def test_two_blocks_in_a_row_are_over_before_the_gate_closes():
    """Whoever falls silent in the first is heard to do so after the second at the latest: half a second, 17 frames."""
    rhythm, at = Rhythm(0, 0, 8_000, FRAME, speaking=True), 0
    ends = [at := rhythm.block_end(at, LONGEST) for _ in range(200)]
    assert max(later - earlier for earlier, later in zip(ends, ends[2:], strict=False)) <= 17 * FRAME


def test_estimates_come_with_the_frame_that_completes_them_as_with_short_blocks():
    samples = talk(-1.3, 4, -2)

    def hear(next_end):
        pipeline, at, found = Pipeline(FeatureHash(), detector=LoudIsSpeech), 0, []
        while at < len(samples):
            end = min(next_end(pipeline, at), len(samples))
            events = pipeline.push(AudioBlock(samples[at:end], at))
            found += [(event.end_sample, end) for event in events if isinstance(event, Estimate)]
            at = end
        return found

    short = hear(lambda _, at: at + FRAME)
    assert len(short) > 6
    for n_frames in (5, 17, 40):

        def long(pipeline, at, n=n_frames):
            return pipeline.rhythm.block_end(at, FRAME * n)

        assert hear(long) == short


@given(
    word_s=st.floats(0.05, 1.0),
    onset_ms=st.sampled_from([0, 30, 90, 400]),
    hangover_ms=st.sampled_from([0, 30, 100, 300, 500]),
    begins_s=st.floats(1.0, 1.6),
)
@settings(max_examples=120, deadline=None)
def test_no_event_of_a_short_word_waits_for_the_rest_of_a_block_in_silence(word_s, onset_ms, hangover_ms, begins_s):
    """Wherever in a block it begins, and however soon the gate closes behind it."""
    rules = PipelineRules(gate=GateRule(onset_ms=onset_ms, hangover_ms=hangover_ms))
    samples = talk(-begins_s, word_s, -1.0)

    def events(next_end):
        pipeline, at, found = Pipeline(FeatureHash(), rules, LoudIsSpeech), 0, []
        while at < len(samples):
            end = min(next_end(pipeline, at), len(samples))
            found += [(e, end) for e in pipeline.push(AudioBlock(samples[at:end], at)) if isinstance(e, EmotionEvent)]
            at = end
        return found

    long = events(lambda pipeline, at: pipeline.rhythm.block_end(at, 40 * FRAME))
    assert long == events(lambda _, at: at + FRAME)


def test_blocks_in_silence_are_no_shorter_than_a_word_and_the_hangover_ask_for():
    """What a shorter one costs is another wake-up."""
    rhythm = Pipeline(FeatureHash(), PipelineRules(gate=GateRule(hangover_ms=0)), LoudIsSpeech).rhythm
    # A tenth of a second is four frames; the gate closes with the next one.
    assert rhythm.block_end(0, 20 * FRAME) == 5 * FRAME
    assert block_s(rhythm, 0, 16_000, exact=True, ahead=True) * 16_000 == 3 * FRAME


def test_blocks_are_as_long_as_they_may_with_the_settings_that_come_with_the_program():
    shipped = type("Shipped", (FeatureHash,), {"window": WindowRule(window_frames=150, hop_frames=25)})
    rhythm = Pipeline(shipped(), detector=LoudIsSpeech).rhythm
    assert block_s(rhythm, 0, 16_000, exact=True, ahead=False) == LONGEST_BLOCK_S
    assert block_s(rhythm, 0, 16_000, exact=True, ahead=True) == LONGEST_BLOCK_AHEAD_S


@given(turns=st.lists(st.floats(0.05, 1.5), min_size=2, max_size=8))
@settings(max_examples=40, deadline=None)
def test_ends_come_with_the_frame_that_decides_them_as_with_short_blocks(turns):
    """Whatever the block's length while somebody speaks: none goes on behind the moment in which the gate may close."""
    samples = talk(*(seconds * (1 if number % 2 else -1) for number, seconds in enumerate(turns)), -1.5)

    def ends(next_end):
        pipeline, at, found = Pipeline(FeatureHash(), detector=LoudIsSpeech), 0, []
        while at < len(samples):
            end = min(next_end(pipeline, at), len(samples))
            events = pipeline.push(AudioBlock(samples[at:end], at))
            found += [(event, end) for event in events if isinstance(event, SpeechEnded)]
            at = end
        return found

    def next_end(pipeline, at):
        # While nobody speaks, and for the first frames of speech, blocks are short here: only ends are judged.
        return pipeline.rhythm.block_end(at, 40 * FRAME) if pipeline.rhythm.speaking else at + FRAME

    assert ends(next_end) == ends(lambda _, at: at + FRAME)
